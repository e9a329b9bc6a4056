import { Select, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Assignment, type Held, inPlaces, type OnWorkspace } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { projectNamesQuery, useMay, workspaceNamesQuery } from '../api/me.ts'
import { openText, useOpen, type Whose } from '../api/open.ts'
import { FormDialog } from '../parts/form.tsx'
import { roles as roleSource } from '../parts/pickers.ts'
import { ChooseMany, type Option } from '../parts/searched.tsx'
import {
  areSound,
  asItIs,
  changedTerms,
  changesText,
  forGood,
  isKept,
  newTerms,
  type Terms,
  TermsFields,
  termsText,
} from '../parts/terms.tsx'
import { type OfDialog, useOnFilters, withMembers } from './filtered-roles.tsx'

type Props = {
  readonly who: string
  readonly whose: Whose
  /** Of a team: how many gain and lose with it. */
  readonly members?: number | undefined
  /** What is held as one's own now, with ends. */
  readonly assignments: readonly Held[]
  readonly close: () => void
}

const tenant = 'tenant'
const filtered = 'filtered'
/** A workspace among the places. */
const onWorkspace = 'workspace '

type InPlace = Assignment | OnWorkspace
const placeOf = (one: InPlace): string =>
  one.kind === 'role' ? (one.project?.uid ?? tenant) : onWorkspace + one.workspace.uid

/** Gives and takes roles in one place, or on what filters select. */
export function ChangeRoles({ who, whose, members, assignments, close }: Props) {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const mayList = useMay()('workspace.list') === true
  const { data: listed = [] } = useQuery({ ...workspaceNamesQuery, enabled: mayList })
  const names = new Map(projects.map(({ uid, name }) => [uid, name]))
  const workspaces = new Map([
    ...assignments.flatMap((one) =>
      one.kind === 'workspace-role'
        ? [[one.workspace.uid, `${one.workspace.name} in ${one.project.name}`] as const]
        : [],
    ),
    ...listed.map(({ uid, name, project }) => [uid, `${name} in ${names.get(project) ?? project}`] as const),
  ])
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
          ...[...workspaces].map(([uid, name]) => ({ value: onWorkspace + uid, label: `Workspace ${name}` })),
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

type Chosen = Option & Terms

/**
 * Roles are given, taken and given another end one by one: what nobody changes here stays as it is, its end too, whatever others
 * do meanwhile.
 */
function useRolesIn({ whose, members, assignments, where }: Asked): OfDialog & { readonly forget: () => void } {
  const queries = useQueryClient()
  const isWorkspace = where.startsWith(onWorkspace)
  const open = useOpen(whose, where === tenant || isWorkspace ? undefined : where)
  const held = new Map(
    inPlaces(assignments)
      .filter((one) => one.subject.uid === whose.uid && placeOf(one) === where)
      .map((one) => [one.role.uid, one] as const),
  )
  const known: readonly Option[] = [...held.values()].map(({ role }) => ({ uid: role.uid, text: role.name }))
  const [changed, setChosen] = useState<readonly Chosen[]>()
  const chosen = changed ?? known.map((one) => ({ ...one, ...asItIs }))
  const gained = chosen.filter(({ uid }) => !held.has(uid))
  const lost = [...held.values()].filter(({ role }) => !chosen.some(({ uid }) => uid === role.uid))
  const moved = chosen.filter((one) => held.has(one.uid) && !isKept(one))
  const isSound = chosen.every(areSound)
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
      {chosen.map((one) => (
        <TermsFields
          key={one.uid}
          name={one.text}
          held={held.get(one.uid)}
          value={one}
          onChange={(terms) => setTerms(one.uid, terms)}
        />
      ))}
      <Text size="sm" role="status">
        {gained.length + lost.length + moved.length === 0
          ? 'Nothing changes yet.'
          : [
              ...(gained.length > 0 ? [`Gains ${gained.map((one) => one.text + termsText(one)).join(', ')}.`] : []),
              ...(lost.length > 0
                ? [
                    `Loses ${lost.map(({ role }) => role.name).join(', ')}; what rests on it ends within a second${open && !isWorkspace ? `, of ${openText({ streams: open.streams })} that ${open.streams === 1 ? 'is' : 'are'} open there now` : ''}.`,
                  ]
                : []),
              ...moved.flatMap((one) => {
                const before = held.get(one.uid)
                return before ? changesText(one.text, one, before) : []
              }),
              ...(members === undefined ? [] : [withMembers(members)]),
            ].join(' ')}
      </Text>
    </>
  )
  const isReady = isSound && gained.length + lost.length + moved.length > 0
  return { fields, isReady, run: save, forget: () => setChosen(undefined) }
}

type Asked = Pick<Props, 'whose' | 'members' | 'assignments'> & { readonly where: string }

async function give({ kind, uid }: Whose, where: string, { uid: role, ...terms }: Chosen): Promise<void> {
  const subject = kind === 'user' ? { user: uid } : { team: uid }
  const place = where.startsWith(onWorkspace) ? { workspace: where.slice(onWorkspace.length) } : { project: where }
  const body = { ...subject, ...(where === tenant ? {} : place), role, ...newTerms(terms) }
  await answer(api.POST('/v1/palisade/access/assignments', { body }))
}

async function changeTerms(assignment: InPlace | undefined, terms: Terms): Promise<void> {
  if (!assignment) throw new Error('a role that is not held')
  const path = { params: { path: { uid: assignment.uid } } }
  await answer(api.PATCH('/v1/palisade/access/assignments/{uid}', { ...path, body: changedTerms(terms) }))
}
