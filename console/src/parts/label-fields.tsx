import { ActionIcon, Button, Group, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { bareTag } from '../api/clusters.ts'

type Texts = Readonly<Record<string, string>>

/** With a key of its own, so that a line that goes takes no other's text with it. */
type Line = { readonly line: number; readonly key: string; readonly value: string }

/**
 * Labels that somebody changes, a line each.
 *
 * @returns labels: as they are to be sent, whole; isSound: each line has a name, and no two the same
 */
export function useLabelLines(labelled: Texts) {
  // What somebody saw when they began: the page below goes on to be asked.
  const [before] = useState(labelled)
  const [lines, setLines] = useState<readonly Line[]>(() =>
    Object.entries(before).map(([key, value], line) => ({ line, key, value: value === bareTag ? '' : value })),
  )
  const [next, setNext] = useState(lines.length)
  const names = lines.map(({ key }) => key.trim())
  const isSound = names.every((name, at) => name !== '' && names.indexOf(name) === at)
  // What had no value for a client of the published API still has none for it.
  const valued = (name: string, value: string) => (value === '' && before[name] === bareTag ? bareTag : value)
  const labels = Object.fromEntries(lines.map(({ key, value }) => [key.trim(), valued(key.trim(), value)]))
  return {
    lines,
    /** Lines from here on were added: one types into them next. */
    addedFrom: Object.keys(before).length,
    labels,
    isSound,
    isOther: !isSame(labels, before),
    set: (line: number, changes: Partial<Line>) =>
      setLines(lines.map((one) => (one.line === line ? { ...one, ...changes } : one))),
    remove: (line: number) => setLines(lines.filter((one) => one.line !== line)),
    add() {
      setLines([...lines, { line: next, key: '', value: '' }])
      setNext(next + 1)
    },
  }
}

const isSame = (one: Texts, other: Texts) =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([key, value]) => Object.hasOwn(other, key) && other[key] === value)

type Props = {
  /** What one is called here: `Tag` of a cluster, `Label` of a project. */
  readonly what: 'Tag' | 'Label'
  readonly of: ReturnType<typeof useLabelLines>
}

/** A line for each label: its name, and its value if it has one. */
export function LabelFields({ what, of: { lines, addedFrom, set, remove, add } }: Props) {
  const names = lines.map(({ key }) => key.trim())
  const thing = what.toLowerCase()
  return (
    <>
      {lines.map(({ line, key, value }, at) => (
        <fieldset className="rule" key={line}>
          <legend className="visually-hidden">{`${what} ${at + 1}`}</legend>
          <div className="row">
            <TextInput
              size="xs"
              label={`${what} ${at + 1}`}
              placeholder="env"
              autoFocus={line >= addedFrom}
              maxLength={256}
              value={key}
              error={
                names.indexOf(key.trim()) < at && key.trim() !== '' ? `There is a ${thing} of this name` : undefined
              }
              onChange={({ currentTarget }) => set(line, { key: currentTarget.value })}
            />
            <TextInput
              size="xs"
              label={`Value ${at + 1}`}
              placeholder="prod, or nothing"
              maxLength={4096}
              value={value}
              onChange={({ currentTarget }) => set(line, { value: currentTarget.value })}
            />
            <ActionIcon
              className="narrow"
              variant="default"
              size={30}
              aria-label={`Remove ${thing} ${at + 1}`}
              onClick={() => remove(line)}
            >
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          </div>
        </fieldset>
      ))}
      <Group>
        <Button size="xs" variant="default" leftSection={<IconPlus size={14} aria-hidden />} onClick={add}>
          {lines.length === 0 ? `Add a ${thing}` : `Another ${thing}`}
        </Button>
      </Group>
    </>
  )
}
