import { Checkbox, Group, Select, Stack, Textarea, TextInput } from '@mantine/core'
import type { RequestConditions } from '../../../contract/request-conditions.ts'
import { lengthOf } from './lengths.ts'

type Day = NonNullable<RequestConditions['timeWindow']>['days'][number]

/** As the API takes them. */
type Conditions = {
  timeWindow?: { timeZone: string; days: Day[]; from: string; to: string }
  networks?: string[]
  signInWithinSeconds?: number
}

/** As it is typed. */
type Draft = {
  readonly days: readonly Day[]
  readonly from: string
  readonly to: string
  readonly timeZone: string
  readonly networks: string
  readonly seconds: string
}

/** For which requests a role is to count: as it is, for every one, or for some alone. */
export type Only = { readonly kind: 'kept' } | { readonly kind: 'every' } | ({ readonly kind: 'some' } & Draft)

const week: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const ages = [300, 900, 3_600, 8 * 3_600]
const anyAge = 'any'

/** The conditions as the API takes them, `null` for every request; undefined where nothing is named that a request could miss. */
export function conditionsOf(only: Exclude<Only, { kind: 'kept' }>): Conditions | null | undefined {
  if (only.kind === 'every') return null
  const { days, from, to, timeZone } = only
  const networks = only.networks.split(/[\s,;]+/).filter((one) => one !== '')
  const conditions: Conditions = {
    ...(days.length > 0 ? { timeWindow: { timeZone, days: week.filter((day) => days.includes(day)), from, to } } : {}),
    ...(networks.length > 0 ? { networks } : {}),
    ...(only.seconds === anyAge ? {} : { signInWithinSeconds: Number(only.seconds) }),
  }
  const isSound = days.length === 0 || (from !== '' && to !== '')
  return isSound && Object.keys(conditions).length > 0 ? conditions : undefined
}

type Props = {
  /** What is held, for the fields' names. */
  readonly name: string
  /** What holds now, in words; undefined where it is given anew. */
  readonly held: string | undefined
  readonly value: Only
  readonly onChange: (only: Only) => void
}

/** For which requests one role counts. */
export function OnlyWhen({ name, held, value, onChange }: Props) {
  const change = (part: Partial<Draft>) => value.kind === 'some' && onChange({ ...value, ...part })
  return (
    <>
      <Select
        size="xs"
        label={`${name}, for which requests`}
        allowDeselect={false}
        data={[
          ...(held === undefined ? [] : [{ value: 'kept', label: held }]),
          { value: 'every', label: 'Every request' },
          { value: 'some', label: 'Only some' },
        ]}
        value={value.kind}
        onChange={(chosen) => onChange(chosen === 'some' ? blank() : { kind: chosen === 'kept' ? 'kept' : 'every' })}
      />
      {value.kind === 'some' && (
        <Stack gap="xs" component="fieldset" className="only-when" aria-label={`${name}, only`}>
          <Checkbox.Group
            label="On"
            value={[...value.days]}
            onChange={(days) => change({ days: week.filter((day) => days.includes(day)) })}
          >
            <Group gap="sm">
              {week.map((day) => (
                <Checkbox key={day} size="xs" value={day} label={day.charAt(0).toUpperCase() + day.slice(1)} />
              ))}
            </Group>
          </Checkbox.Group>
          <Group gap="xs" grow>
            <TextInput
              size="xs"
              type="time"
              label="From"
              value={value.from}
              onChange={({ currentTarget }) => change({ from: currentTarget.value })}
            />
            <TextInput
              size="xs"
              type="time"
              label="To"
              value={value.to}
              onChange={({ currentTarget }) => change({ to: currentTarget.value })}
            />
            <Select
              size="xs"
              label="On the clocks of"
              searchable
              allowDeselect={false}
              data={zones}
              value={value.timeZone}
              onChange={(timeZone) => timeZone !== null && change({ timeZone })}
            />
          </Group>
          <Textarea
            size="xs"
            autosize
            minRows={1}
            label="From networks"
            description="Such as 10.0.0.0/8 or 2001:db8::/32; none: from anywhere"
            value={value.networks}
            onChange={({ currentTarget }) => change({ networks: currentTarget.value })}
          />
          <Select
            size="xs"
            label="After signing in"
            description="An API key never signs in"
            allowDeselect={false}
            data={[
              { value: anyAge, label: 'However long ago' },
              ...ages.map((seconds) => ({ value: String(seconds), label: `Within ${lengthOf(seconds)}` })),
            ]}
            value={value.seconds}
            onChange={(seconds) => change({ seconds: seconds ?? anyAge })}
          />
        </Stack>
      )}
    </>
  )
}

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone
const zones = [...new Set(['UTC', ownZone(), ...Intl.supportedValuesOf('timeZone')])]

const blank = (): Only => ({
  kind: 'some',
  ...{ days: week.slice(0, 5), from: '08:00', to: '18:00', timeZone: ownZone(), networks: '', seconds: anyAge },
})
