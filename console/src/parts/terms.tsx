import { Stack } from '@mantine/core'
import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import type { RequestConditions } from '../../../contract/request-conditions.ts'
import { conditionsOf, type Only, OnlyWhen } from './only-when.tsx'
import { endOf, type Until, UntilWhen, untilText } from './until.tsx'
import { exactly } from './when.tsx'

/** Until when something is to be held, and for which requests it is to count, as a dialog has it. */
export type Terms = { readonly until: Until; readonly only: Only }
/** The same as the API has it. */
export type HeldTerms = { readonly endsAt: string | null; readonly conditions: RequestConditions | null }

export const asItIs: Terms = { until: { kind: 'kept' }, only: { kind: 'kept' } }
export const forGood: Terms = { until: { kind: 'good' }, only: { kind: 'every' } }
export const isKept = ({ until, only }: Terms): boolean => until.kind === 'kept' && only.kind === 'kept'

/** Whether the API would take them: an end that is to come, and conditions that name something. */
export const areSound = ({ until, only }: Terms): boolean =>
  (until.kind === 'kept' || endOf(until) !== undefined) && (only.kind === 'kept' || conditionsOf(only) !== undefined)

/** For what is given anew. */
export function newTerms({ until, only }: Terms) {
  const endsAt = until.kind === 'kept' ? null : endOf(until)
  const conditions = only.kind === 'kept' ? null : conditionsOf(only)
  if (endsAt === undefined || conditions === undefined) throw new Error('a moment that has passed')
  return { endsAt, conditions }
}

/** For what is held: what is left out stays. */
export function changedTerms({ until, only }: Terms) {
  const endsAt = until.kind === 'kept' ? undefined : endOf(until)
  const conditions = only.kind === 'kept' ? undefined : conditionsOf(only)
  return { ...(endsAt === undefined ? {} : { endsAt }), ...(conditions === undefined ? {} : { conditions }) }
}

/** Whether something would be held for longer than it is, or might count for more requests. */
export function widens({ until, only }: Terms, held: HeldTerms): boolean {
  const end = until.kind === 'kept' ? held.endsAt : (endOf(until) ?? null)
  const isLonger = held.endsAt !== null && (end === null || Date.parse(end) > Date.parse(held.endsAt))
  return isLonger || (only.kind !== 'kept' && held.conditions !== null)
}

/** ` for 1 hour, only from 10.0.0.0/8`, or nothing where it is for good and for every request. */
export function termsText({ until, only }: Terms): string {
  const conditions = only.kind === 'kept' ? null : conditionsOf(only)
  return untilText(until) + (conditions ? `, only ${conditionsInWords(conditions)}` : '')
}

/** What changes of what is held, as sentences. */
export const changesText = (name: string, { until, only }: Terms, held: HeldTerms): readonly string[] => [
  ...(until.kind === 'kept'
    ? []
    : [`${name} is held${untilText(until) || ' for good'}, in place of ${heldText(held.endsAt)}.`]),
  ...(only.kind === 'kept'
    ? []
    : [
        `${name} counts for ${countsFor(conditionsOf(only) ?? null).toLowerCase()}, in place of ${countsFor(held.conditions).toLowerCase()}.`,
      ]),
]

const heldText = (endsAt: string | null) => (endsAt ? `until ${exactly(endsAt)}` : 'for good')
const countsFor = (conditions: RequestConditions | null): string =>
  conditions === null ? 'Every request' : `Only ${conditionsInWords(conditions)}`

type Props = {
  /** What is held, for the fields' names. */
  readonly name: string
  /** As it is held now; undefined where it is given anew. */
  readonly held: HeldTerms | undefined
  readonly value: Terms
  readonly onChange: (changed: Partial<Terms>) => void
}

/** For how long, and for which requests. */
export const TermsFields = ({ name, held, value: { until, only }, onChange }: Props) => (
  <Stack gap="xs">
    <UntilWhen name={name} held={held?.endsAt} value={until} onChange={(next) => onChange({ until: next })} />
    <OnlyWhen
      name={name}
      held={held && `${countsFor(held.conditions)}, as it is`}
      value={only}
      onChange={(next) => onChange({ only: next })}
    />
  </Stack>
)
