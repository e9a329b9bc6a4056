import { Select, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import type { Assignment } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { projectNamesQuery } from '../api/me.ts'
import { openText, useOpen, type Whose } from '../api/open.ts'
import { FormDialog } from '../parts/form.tsx'
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

type Chosen = Option & { readonly until: Until }
const asItIs: Until = { kind: 'kept' }

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
  const chosen = changed ?? known.map((one) => ({ ...one, until: asItIs }))
  const gained = chosen.filter(({ uid }) => !held.has(uid))
  const lost = [...held.values()].filter(({ role }) => !chosen.some(({ uid }) => uid === role.uid))
  const moved = chosen.filter(({ uid, until }) => held.has(uid) && until.kind !== 'kept')
  const isSound = chosen.every(({ until }) => until.kind === 'kept' || endOf(until) !== undefined)
  const setUntil = (uid: string, until: Until) =>
    setChosen((before) => (before ?? chosen).map((one) => (one.uid === uid ? { ...one, until } : one)))

  async function save(): Promise<void> {
    try {
      // What is given comes first: who is the last administrator stays one until another is there.
      for (const { uid, until } of gained) {
        await give(whose, where, uid, until)
        setUntil(uid, asItIs)
      }
      for (const { uid, until } of moved) {
        await moveEnd(held.get(uid), until)
        setUntil(uid, asItIs)
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
              const until: Until = held.has(one.uid) ? asItIs : { kind: 'good' }
              return chosen.find(({ uid }) => uid === one.uid) ?? { ...one, until }
            }),
          )
        }
      />
      {chosen.map(({ uid, text, until }) => (
        <UntilWhen
          key={uid}
          name={text}
          held={held.get(uid)?.endsAt}
          only={onlyOf(held.get(uid))}
          value={until}
          onChange={(next) => setUntil(uid, next)}
        />
      ))}
      <Text size="sm" role="status">
        {gained.length + lost.length + moved.length === 0
          ? 'Nothing changes yet.'
          : [
              ...(gained.length > 0
                ? [`Gains ${gained.map(({ text, until }) => text + untilText(until)).join(', ')}.`]
                : []),
              ...(lost.length > 0
                ? [
                    `Loses ${lost.map(({ role }) => role.name).join(', ')}; what rests on it ends within a second${open ? `, of ${openText({ streams: open.streams })} that ${open.streams === 1 ? 'is' : 'are'} open there now` : ''}.`,
                  ]
                : []),
              ...moved.map(
                ({ uid, text, until }) =>
                  `${text} is held${untilText(until) || ' for good'}, in place of ${heldText(held.get(uid)?.endsAt)}.`,
              ),
              ...(members === undefined ? [] : [withMembers(members)]),
            ].join(' ')}
      </Text>
    </>
  )
  const isReady = isSound && gained.length + lost.length + moved.length > 0
  return { fields, isReady, run: save, forget: () => setChosen(undefined) }
}

type Asked = Pick<Props, 'whose' | 'members' | 'assignments'> & { readonly where: string }

const onlyOf = (assignment: Assignment | undefined): string | undefined =>
  assignment?.conditions ? conditionsInWords(assignment.conditions) : undefined

const heldText = (endsAt: string | null | undefined) => (endsAt ? `until ${exactly(endsAt)}` : 'for good')

async function give({ kind, uid }: Whose, where: string, role: string, until: Until): Promise<void> {
  const endsAt = until.kind === 'kept' ? null : endOf(until)
  if (endsAt === undefined) throw new Error('a moment that has passed')
  const subject = kind === 'user' ? { user: uid } : { team: uid }
  const place = where === tenant ? {} : { project: where }
  await answer(api.POST('/v1/palisade/access/assignments', { body: { ...subject, ...place, role, endsAt } }))
}

async function moveEnd(assignment: Assignment | undefined, until: Until): Promise<void> {
  const endsAt = until.kind === 'kept' ? undefined : endOf(until)
  if (!assignment || endsAt === undefined) throw new Error('a moment that has passed')
  const path = { params: { path: { uid: assignment.uid } } }
  await answer(api.PATCH('/v1/palisade/access/assignments/{uid}', { ...path, body: { endsAt } }))
}
