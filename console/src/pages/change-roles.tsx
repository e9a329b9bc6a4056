import { Select, Stack, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import type { RequestConditions } from '../../../contract/request-conditions.ts'
import type { Assignment } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { projectNamesQuery } from '../api/me.ts'
import { openText, useOpen, type Whose } from '../api/open.ts'
import { FormDialog } from '../parts/form.tsx'
import { conditionsOf, type Only, OnlyWhen } from '../parts/only-when.tsx'
import { roles as roleSource } from '../parts/pickers.ts'
import { ChooseMany, type Option } from '../parts/searched.tsx'
import { endOf, type Until, UntilWhen, untilText } from '../parts/until.tsx'
import { exactly } from '../parts/when.tsx'
import { type OfDialog, useOnFilters, withMembers } from './filtered-roles.tsx'

type Props = {
  readonly who: string
  readonly whose: Whose
  /** Of a team: how many gain and lose with it. */
  readonly members?: number | undefined
  /** What is held as one's own now, with ends. */
  readonly assignments: readonly Assignment[]
  readonly close: () => void
}

const tenant = 'tenant'
const filtered = 'filtered'

/** Gives and takes roles in one place, or on what filters select. */
export function ChangeRoles({ who, whose, members, assignments, close }: Props) {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const [where, setWhere] = useState(tenant)
  const inPlace = useRolesIn({ whose, members, assignments, where: where === filtered ? tenant : where })
  const onFilters = useOnFilters({ whose, members })
  const { fields, isReady, run } = where === filtered ? onFilters : inPlace
  return (
    <FormDialog
      title={`Roles of ${who}`}
      act={where === filtered ? 'Give' : 'Save'}
      size="lg"
      close={close}
      ready={isReady}
      run={run}
    >
      <Select
        label="In"
        allowDeselect={false}
        searchable
        data={[
          { value: tenant, label: 'The whole tenant' },
          ...projects.map(({ uid, name }) => ({ value: uid, label: `Project ${name}` })),
          { value: filtered, label: 'Projects, on what filters select' },
        ]}
        value={where}
        onChange={(value) => {
          setWhere(value ?? tenant)
          inPlace.forget()
        }}
      />
      {fields}
    </FormDialog>
  )
}

type Terms = { readonly until: Until; readonly only: Only }
type Chosen = Option & Terms
const asItIs: Terms = { until: { kind: 'kept' }, only: { kind: 'kept' } }
const forGood: Terms = { until: { kind: 'good' }, only: { kind: 'every' } }
const isKept = ({ until, only }: Terms) => until.kind === 'kept' && only.kind === 'kept'

/**
 * Roles are given, taken and given another end one by one: what nobody changes here stays as it is, its end too, whatever others
 * do meanwhile.
 */
function useRolesIn({ whose, members, assignments, where }: Asked): OfDialog & { readonly forget: () => void } {
  const queries = useQueryClient()
  const open = useOpen(whose, where === tenant ? undefined : where)
  const held = new Map(
    assignments
      .filter(({ subject, project }) => subject.uid === whose.uid && (project?.uid ?? tenant) === where)
      .map((one) => [one.role.uid, one] as const),
  )
  const known: readonly Option[] = [...held.values()].map(({ role }) => ({ uid: role.uid, text: role.name }))
  const [changed, setChosen] = useState<readonly Chosen[]>()
  const chosen = changed ?? known.map((one) => ({ ...one, ...asItIs }))
  const gained = chosen.filter(({ uid }) => !held.has(uid))
  const lost = [...held.values()].filter(({ role }) => !chosen.some(({ uid }) => uid === role.uid))
  const moved = chosen.filter((one) => held.has(one.uid) && !isKept(one))
  const isSound = chosen.every(
    ({ until, only }) =>
      (until.kind === 'kept' || endOf(until) !== undefined) &&
      (only.kind === 'kept' || conditionsOf(only) !== undefined),
  )
  const setTerms = (uid: string, terms: Partial<Terms>) =>
    setChosen((before) => (before ?? chosen).map((one) => (one.uid === uid ? { ...one, ...terms } : one)))

  async function save(): Promise<void> {
    try {
      // What is given comes first: who is the last administrator stays one until another is there.
      for (const one of gained) {
        await give(whose, where, one)
        setTerms(one.uid, asItIs)
      }
      for (const one of moved) {
        await changeTerms(held.get(one.uid), one)
        setTerms(one.uid, asItIs)
      }
      for (const { uid } of lost)
        await answer(api.DELETE('/v1/palisade/access/assignments/{uid}', { params: { path: { uid } } }))
    } catch (error) {
      // What was done before the refusal holds: the dialog goes on from there.
      await queries.invalidateQueries({ queryKey: ['access', 'assignments'] })
      throw error
    }
  }

  const fields = (
    <>
      <ChooseMany
        key={where}
        {...roleSource(where === tenant ? 'tenant' : 'project')}
        label="Roles"
        known={known}
        value={chosen.map(({ uid }) => uid)}
        onChange={(_, options) =>
          setChosen(
            options.map((one) => {
              const terms = held.has(one.uid) ? asItIs : forGood
              return chosen.find(({ uid }) => uid === one.uid) ?? { ...one, ...terms }
            }),
          )
        }
      />
      {chosen.map(({ uid, text, until, only }) => (
        <Stack key={uid} gap="xs">
          <UntilWhen
            name={text}
            held={held.get(uid)?.endsAt}
            value={until}
            onChange={(next) => setTerms(uid, { until: next })}
          />
          <OnlyWhen
            name={text}
            held={held.has(uid) ? `${countsFor(held.get(uid)?.conditions ?? null)}, as it is` : undefined}
            value={only}
            onChange={(next) => setTerms(uid, { only: next })}
          />
        </Stack>
      ))}
      <Text size="sm" role="status">
        {gained.length + lost.length + moved.length === 0
          ? 'Nothing changes yet.'
          : [
              ...(gained.length > 0
                ? [
                    `Gains ${gained.map(({ text, until, only }) => text + untilText(until) + onlyText(only)).join(', ')}.`,
                  ]
                : []),
              ...(lost.length > 0
                ? [
                    `Loses ${lost.map(({ role }) => role.name).join(', ')}; what rests on it ends within a second${open ? `, of ${openText({ streams: open.streams })} that ${open.streams === 1 ? 'is' : 'are'} open there now` : ''}.`,
                  ]
                : []),
              ...moved.flatMap(({ uid, text, until, only }) => [
                ...(until.kind === 'kept'
                  ? []
                  : [
                      `${text} is held${untilText(until) || ' for good'}, in place of ${heldText(held.get(uid)?.endsAt)}.`,
                    ]),
                ...(only.kind === 'kept'
                  ? []
                  : [
                      `${text} counts for ${countsFor(conditionsOf(only) ?? null).toLowerCase()}, in place of ${countsFor(held.get(uid)?.conditions ?? null).toLowerCase()}.`,
                    ]),
              ]),
              ...(members === undefined ? [] : [withMembers(members)]),
            ].join(' ')}
      </Text>
    </>
  )
  const isReady = isSound && gained.length + lost.length + moved.length > 0
  return { fields, isReady, run: save, forget: () => setChosen(undefined) }
}

type Asked = Pick<Props, 'whose' | 'members' | 'assignments'> & { readonly where: string }

const countsFor = (conditions: RequestConditions | null): string =>
  conditions === null ? 'Every request' : `Only ${conditionsInWords(conditions)}`

function onlyText(only: Only): string {
  const conditions = only.kind === 'kept' ? null : conditionsOf(only)
  return conditions ? `, only ${conditionsInWords(conditions)}` : ''
}

const heldText = (endsAt: string | null | undefined) => (endsAt ? `until ${exactly(endsAt)}` : 'for good')

async function give({ kind, uid }: Whose, where: string, { uid: role, until, only }: Chosen): Promise<void> {
  const endsAt = until.kind === 'kept' ? null : endOf(until)
  const conditions = only.kind === 'kept' ? null : conditionsOf(only)
  if (endsAt === undefined || conditions === undefined) throw new Error('a moment that has passed')
  const subject = kind === 'user' ? { user: uid } : { team: uid }
  const place = where === tenant ? {} : { project: where }
  await answer(
    api.POST('/v1/palisade/access/assignments', { body: { ...subject, ...place, role, endsAt, conditions } }),
  )
}

async function changeTerms(assignment: Assignment | undefined, { until, only }: Terms): Promise<void> {
  if (!assignment) throw new Error('a role that is not held')
  const endsAt = until.kind === 'kept' ? undefined : endOf(until)
  const conditions = only.kind === 'kept' ? undefined : conditionsOf(only)
  const path = { params: { path: { uid: assignment.uid } } }
  // What is left out stays.
  const body = { ...(endsAt === undefined ? {} : { endsAt }), ...(conditions === undefined ? {} : { conditions }) }
  await answer(api.PATCH('/v1/palisade/access/assignments/{uid}', { ...path, body }))
}
