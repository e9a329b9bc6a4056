import { ActionIcon, Button, Group, Select, TagsInput, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import type { Expression, Filter, Rule } from '../api/filters.ts'
import { FormDialog } from '../parts/form.tsx'
import { Preview } from '../parts/preview.tsx'
import { operators, ruleText, Selected } from '../parts/rule.tsx'

type Props = {
  /** What is changed; without it a new one is made. */
  readonly filter?: Omit<Filter, 'uses'>
  readonly close: () => void
}
/** With a key of its own, so that a line that goes takes no other's text with it. */
type Line = Expression & { readonly line: number }

const mostLines = 50
const fresh = { key: '', operator: 'eq', negation: false, values: [] as string[] } as const

/** Makes or changes a tag filter: a line for each comparison, in words, with what it selects and who gains and loses by it. */
export function FilterForm({ filter, close }: Props) {
  const [name, setName] = useState(filter?.name ?? '')
  const [conjunction, setConjunction] = useState<Rule['conjunction']>(filter?.conjunction ?? 'and')
  const [lines, setLines] = useState<readonly Line[]>(
    (filter?.expressions ?? [{ ...fresh, values: [] }]).map((one, line) => ({ ...one, line })),
  )
  const [next, setNext] = useState(lines.length)
  const rule: Rule = { conjunction, expressions: lines.map(({ line, ...one }) => ({ ...one, key: one.key.trim() })) }
  const isWhole = lines.length > 0 && rule.expressions.every(isSound)
  // What is typed settles first: every answer is about a rule that somebody means.
  const [text] = useDebouncedValue(JSON.stringify(rule), 300)
  const isSettled = text === JSON.stringify(rule)
  const isOther =
    filter !== undefined &&
    text !== JSON.stringify({ conjunction: filter.conjunction, expressions: filter.expressions })
  const set = (line: number, changes: Partial<Expression>) =>
    setLines(lines.map((one) => (one.line === line ? { ...one, ...changes } : one)))
  const body = { name: name.trim(), ...rule }
  return (
    <FormDialog
      title={filter ? `Change filter ${filter.name}` : 'New filter'}
      act={filter ? 'Save' : 'Make'}
      size="xl"
      close={close}
      ready={name.trim() !== '' && isWhole}
      run={async (): Promise<void> => {
        if (filter) await answer(api.PUT('/v1/palisade/filters/{uid}', { params: { path: { uid: filter.uid } }, body }))
        else await answer(api.POST('/v1/palisade/filters', { body }))
      }}
    >
      <TextInput
        data-autofocus
        label="Name"
        required
        maxLength={128}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      {lines.length > 1 && (
        <Select
          label="Selects an object where"
          allowDeselect={false}
          data={[
            { value: 'and', label: 'all of these hold' },
            { value: 'or', label: 'any of these holds' },
          ]}
          value={conjunction}
          onChange={(value) => setConjunction(value === 'or' ? 'or' : 'and')}
        />
      )}
      {lines.map((one, at) => (
        <Comparison
          key={one.line}
          at={at + 1}
          expression={one}
          set={(changes) => set(one.line, changes)}
          remove={lines.length > 1 ? () => setLines(lines.filter(({ line }) => line !== one.line)) : undefined}
        />
      ))}
      {lines.length < mostLines && (
        <Group>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => {
              setLines([...lines, { ...fresh, values: [], line: next }])
              setNext(next + 1)
            }}
          >
            Another comparison
          </Button>
        </Group>
      )}
      {isWhole && (
        <Text size="sm" className="said">
          Selects what has: {ruleText(rule)}.
        </Text>
      )}
      {isWhole && isSettled && <Selected rule={rule} />}
      {isWhole && isSettled && isOther && (
        <Preview key={text} change={{ kind: 'filter', filter: filter.uid, rule }} replay="on demand" />
      )}
    </FormDialog>
  )
}

type ComparisonProps = {
  readonly at: number
  readonly expression: Expression
  readonly set: (changes: Partial<Expression>) => void
  readonly remove: (() => void) | undefined
}

/** One line: which tag, how it is compared, with what. */
function Comparison({ at, expression, set, remove }: ComparisonProps) {
  const { key, operator, negation, values } = expression
  const kind = operators[operator].values
  const wrong = values.find((one) => !isValue(kind, one))
  return (
    <fieldset className="rule">
      <legend className="visually-hidden">Comparison {at}</legend>
      <div className="row">
        <TextInput
          size="xs"
          label={`Tag ${at}`}
          placeholder="env"
          maxLength={256}
          value={key}
          onChange={({ currentTarget }) => set({ key: currentTarget.value })}
        />
        <Select
          size="xs"
          label={`Comparison ${at}`}
          allowDeselect={false}
          maxDropdownHeight={320}
          data={choices}
          value={`${negation ? 'not ' : ''}${operator}`}
          onChange={(value) => {
            const chosen = choices.find((one) => one.value === value)
            if (!chosen) return
            const { values: takes } = operators[chosen.operator]
            set({ ...chosen.changes, ...(takes === 'none' ? { values: [] } : {}) })
          }}
        />
        {kind !== 'none' && (
          <TagsInput
            size="xs"
            label={`Values ${at}`}
            placeholder={values.length === 0 ? examples[kind] : ''}
            // A value may hold a comma; Enter and leaving the field end one.
            splitChars={[]}
            acceptValueOnBlur
            maxTags={100}
            error={wrong === undefined ? undefined : `${wrong}: ${expected[kind]}`}
            value={[...values]}
            onChange={(next) => set({ values: next })}
          />
        )}
        {remove && (
          <ActionIcon
            className="narrow"
            variant="default"
            size={30}
            aria-label={`Remove comparison ${at}`}
            onClick={remove}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        )}
      </div>
    </fieldset>
  )
}

// The keys of this table are the operators.
const choices = (Object.keys(operators) as Expression['operator'][]).flatMap((operator) =>
  [false, true].map((negation) => ({
    value: `${negation ? 'not ' : ''}${operator}`,
    label: negation ? operators[operator].isNot : operators[operator].is,
    operator,
    changes: { operator, negation },
  })),
)

type Kind = (typeof operators)[Expression['operator']]['values']

const examples: Readonly<Record<Kind, string>> = {
  text: 'prod, then Enter',
  number: '5',
  time: '2026-01-31',
  none: '',
}
const expected: Readonly<Record<Kind, string>> = {
  text: '',
  number: 'a number such as 5, -5 or 5.25',
  time: 'a time such as 2026-01-31 or 2026-01-31T08:00:00Z',
  none: '',
}

const isSound = ({ key, operator, values }: Expression): boolean => {
  const kind = operators[operator].values
  return key.trim() !== '' && (kind === 'none' || values.length > 0) && values.every((one) => isValue(kind, one))
}

/** As the server reads them (`core/access/tag-comparison.ts`); it looks again. */
function isValue(kind: Kind, value: string): boolean {
  if (kind === 'number') return /^-?\d{1,9}(\.\d{1,6})?$/.test(value)
  if (kind === 'time') return /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(value) && !Number.isNaN(Date.parse(value))
  return true
}
