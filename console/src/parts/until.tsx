import { Select, TextInput } from '@mantine/core'
import { lengthOf } from './lengths.ts'
import { localOf } from './moments.ts'
import { exactly } from './when.tsx'

/** Until when a role is to be held: as it is, for good, for a time from now on, or until a moment in the reader's zone. */
export type Until =
  | { readonly kind: 'kept' }
  | { readonly kind: 'good' }
  | { readonly kind: 'for'; readonly seconds: number }
  | { readonly kind: 'at'; readonly local: string }

const presets = [3_600, 8 * 3_600, 7 * 86_400]

/** The moment as the API takes it, `null` for good; undefined where it is no moment that is still to come. */
export function endOf(until: Exclude<Until, { kind: 'kept' }>, now = Date.now()): string | null | undefined {
  if (until.kind === 'good') return null
  const at = until.kind === 'for' ? new Date(now + until.seconds * 1000) : new Date(until.local)
  return Number.isNaN(at.getTime()) || at.getTime() <= now ? undefined : at.toISOString()
}

/** ` for 1 hour`, ` until 23 Nov 2026, 05:00:00 CET`, or nothing where it is for good. */
export function untilText(until: Until): string {
  if (until.kind === 'for') return ` for ${lengthOf(until.seconds)}`
  const at = until.kind === 'at' ? endOf(until) : undefined
  return at ? ` until ${exactly(at)}` : ''
}

type Props = {
  /** What is held, for the fields' names. */
  readonly name: string
  /** Its end now, where it is held; undefined where it is given anew. */
  readonly held: string | null | undefined
  readonly value: Until
  readonly onChange: (until: Until) => void
}

/** For how long one role is given. */
export function UntilWhen({ name, held, value, onChange }: Props) {
  const isLate = value.kind === 'at' && value.local !== '' && endOf(value) === undefined
  return (
    <div className="until">
      <Select
        size="xs"
        label={`${name}, until when`}
        allowDeselect={false}
        data={[
          ...(held === undefined
            ? []
            : [{ value: 'kept', label: held === null ? 'For good, as it is' : `Until ${exactly(held)}, as it is` }]),
          ...(held === null ? [] : [{ value: 'good', label: 'For good' }]),
          ...presets.map((seconds) => ({ value: String(seconds), label: `For ${lengthOf(seconds)}` })),
          { value: 'at', label: 'Until a moment' },
        ]}
        value={value.kind === 'for' ? String(value.seconds) : value.kind}
        onChange={(chosen) => {
          if (chosen === 'kept' || chosen === 'good') onChange({ kind: chosen })
          else if (chosen === 'at') onChange({ kind: 'at', local: localOf(inADay()).slice(0, 16) })
          else onChange({ kind: 'for', seconds: Number(chosen) })
        }}
      />
      {value.kind === 'at' && (
        <TextInput
          size="xs"
          type="datetime-local"
          label={`${name}, the moment`}
          description="In your time zone"
          error={isLate ? 'A moment that has not come yet' : undefined}
          value={value.local}
          onChange={({ currentTarget }) => onChange({ kind: 'at', local: currentTarget.value })}
        />
      )}
    </div>
  )
}

const inADay = () => new Date(Date.now() + 86_400_000)
