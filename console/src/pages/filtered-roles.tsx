import { MultiSelect, Text } from '@mantine/core'
import { useQueries, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { answer, api } from '../api/client.ts'
import { filterQuery } from '../api/filters.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import type { Whose } from '../api/open.ts'
import { FormDialog } from '../parts/form.tsx'
import { namesOf, onWhat } from '../parts/grants.tsx'
import { filters as filterSource, roles as roleSource } from '../parts/pickers.ts'
import { ruleText, Selected } from '../parts/rule.tsx'
import { ChooseMany, type Option } from '../parts/searched.tsx'

type Named = { readonly uid: string; readonly name: string }
/** Roles, given in projects on what any of the filters selects. */
export type OnFilters = {
  readonly uid: string
  readonly roles: readonly Named[]
  readonly projectUids: readonly Named[]
  readonly filterRefs: readonly Named[]
}
type Subject = {
  readonly who: string
  readonly whose: Whose
  /** Of a team: how many gain and lose with it. */
  readonly members?: number | undefined
  readonly close: () => void
}
/** What a dialog about roles shows and does. */
export type OfDialog = {
  readonly fields: ReactNode
  readonly isReady: boolean
  readonly run: () => Promise<void>
}

/** Changes what was given on what filters select. */
export function ChangeOnFilters({ who, whose, members, close, before }: Subject & { readonly before: OnFilters }) {
  const { fields, isReady, run } = useOnFilters({ whose, members, before })
  return (
    <FormDialog
      title={`What ${who} holds through filters`}
      act="Save"
      size="lg"
      close={close}
      ready={isReady}
      run={run}
    >
      {fields}
    </FormDialog>
  )
}

type Asked = Pick<Subject, 'whose' | 'members'> & {
  /** What is changed; without it a new one is given. */
  readonly before?: OnFilters
}

/** Roles, projects and filters to choose, and to give as one. */
export function useOnFilters({ whose, members, before }: Asked): OfDialog {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const [roles, setRoles] = useState<readonly Option[]>(optionsOf(before?.roles))
  const [filters, setFilters] = useState<readonly Option[]>(optionsOf(before?.filterRefs))
  const [places, setPlaces] = useState<string[]>(before?.projectUids.map(({ uid }) => uid) ?? [])
  const names = new Map([...(before?.projectUids ?? []), ...projects].map(({ uid, name }) => [uid, name] as const))
  const isReady = roles.length > 0 && filters.length > 0 && places.length > 0
  const text = `${listed(roles)} in ${places.length === 1 ? 'project' : 'projects'} ${listed(places.map((uid) => ({ text: names.get(uid) ?? uid })))}, ${onWhat(filters.map((one) => ({ name: one.text })))}`
  const body = { roles: uidsOf(roles), filterRefs: uidsOf(filters), projectUids: places }
  const fields = (
    <>
      <ChooseMany
        {...roleSource('resource')}
        label="Roles"
        known={optionsOf(before?.roles)}
        value={uidsOf(roles)}
        onChange={(_, options) => setRoles(options)}
      />
      <MultiSelect
        label="Projects"
        searchable
        data={[...names].map(([value, label]) => ({ value, label }))}
        value={places}
        onChange={setPlaces}
      />
      <ChooseMany
        {...filterSource}
        label="Filters"
        description="Any of them selects"
        known={optionsOf(before?.filterRefs)}
        value={uidsOf(filters)}
        onChange={(_, options) => setFilters(options)}
      />
      <Rules of={filters} />
      <Text size="sm" role="status">
        {!isReady
          ? 'It takes at least one role, one project and one filter.'
          : before
            ? `Holds ${text}, in place of ${wordsOf(before)}.`
            : `Gains ${text}.`}
        {isReady && members !== undefined && ` ${withMembers(members)}`}
      </Text>
    </>
  )
  return { fields, isReady, run: () => write(whose, before?.uid, body) }
}

/** Who gains and loses with a team. */
export const withMembers = (members: number): string =>
  `So ${members === 1 ? 'does its 1 member' : `do its ${members.toLocaleString('en')} members`}.`

/** What each of the chosen filters compares and selects now, for who may read filters. */
function Rules({ of }: { readonly of: readonly Option[] }) {
  const mayRead = useMay()('filter.get') === true
  const read = useQueries({ queries: of.map(({ uid }) => ({ ...filterQuery(uid), enabled: mayRead })) })
  return read.map(
    ({ data }) =>
      data && (
        <div key={data.uid}>
          <Text size="sm" className="quiet said">
            {data.name}: {ruleText(data)}.
          </Text>
          <Selected rule={data} name={data.name} />
        </div>
      ),
  )
}

/** Takes away what was given on what filters select. */
export function TakeOnFilters({ who, whose, members, close, before }: Subject & { readonly before: OnFilters }) {
  const path = { uid: whose.uid, resourceRoleUid: before.uid }
  return (
    <FormDialog
      title={`Take from ${who}`}
      act="Take away"
      danger
      close={close}
      run={async (): Promise<void> => {
        if (whose.kind === 'user')
          await answer(api.DELETE('/v1/users/{uid}/resourceRoles/{resourceRoleUid}', { params: { path } }))
        else await answer(api.DELETE('/v1/teams/{uid}/resourceRoles/{resourceRoleUid}', { params: { path } }))
      }}
    >
      <Text size="sm" role="status">
        Loses {wordsOf(before)}; what rests on it ends within a second.
        {members !== undefined && ` ${withMembers(members)}`}
      </Text>
    </FormDialog>
  )
}

/** `Resource Cluster Viewer in project payments, on what filter prod selects` */
export const wordsOf = ({ roles, projectUids, filterRefs }: OnFilters): string =>
  `${namesOf(roles, 'and')} in ${projectUids.length === 1 ? 'project' : 'projects'} ${namesOf(projectUids, 'and')}, ${onWhat(filterRefs)}`

type Body = { roles: string[]; filterRefs: string[]; projectUids: string[] }

async function write({ kind, uid }: Whose, resourceRoleUid: string | undefined, body: Body): Promise<void> {
  if (resourceRoleUid === undefined) {
    const path = { params: { path: { uid } } }
    if (kind === 'user') await answer(api.POST('/v1/users/{uid}/resourceRoles', { ...path, body }))
    else await answer(api.POST('/v1/teams/{uid}/resourceRoles', { ...path, body }))
    return
  }
  const path = { params: { path: { uid, resourceRoleUid } } }
  if (kind === 'user') await answer(api.PATCH('/v1/users/{uid}/resourceRoles/{resourceRoleUid}', { ...path, body }))
  else await answer(api.PATCH('/v1/teams/{uid}/resourceRoles/{resourceRoleUid}', { ...path, body }))
}

const optionsOf = (named: readonly Named[] = []): readonly Option[] =>
  named.map(({ uid, name }) => ({ uid, text: name }))
const uidsOf = (options: readonly Option[]): string[] => options.map(({ uid }) => uid)
const listed = (named: readonly { readonly text: string }[]): string =>
  namesOf(
    named.map(({ text }) => ({ name: text })),
    'and',
  )
