import { MultiSelect, Text } from '@mantine/core'
import { useQueries, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { OnFilters } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { filterQuery } from '../api/filters.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import type { Whose } from '../api/open.ts'
import { FormDialog } from '../parts/form.tsx'
import { namesOf, onWhat } from '../parts/grants.tsx'
import { filters as filterSource, roles as roleSource } from '../parts/pickers.ts'
import { ruleText, Selected } from '../parts/rule.tsx'
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
  widens,
} from '../parts/terms.tsx'

type Named = { readonly uid: string; readonly name: string }
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
  const [filters, setFilters] = useState<readonly Option[]>(optionsOf(before?.filters))
  const [places, setPlaces] = useState<string[]>(before?.projects.map(({ uid }) => uid) ?? [])
  const [terms, setTerms] = useState<Terms>(before ? asItIs : forGood)
  const names = new Map([...(before?.projects ?? []), ...projects].map(({ uid, name }) => [uid, name] as const))
  const isWhole = roles.length > 0 && filters.length > 0 && places.length > 0
  const text = `${listed(roles)} in ${places.length === 1 ? 'project' : 'projects'} ${listed(places.map((uid) => ({ text: names.get(uid) ?? uid })))}, ${onWhat(filters.map((one) => ({ name: one.text })))}`
  const given = { roles: uidsOf(roles), filters: uidsOf(filters), projects: places }
  const isOther = before !== undefined && JSON.stringify(given) !== JSON.stringify(uidsIn(before))
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
        known={optionsOf(before?.filters)}
        value={uidsOf(filters)}
        onChange={(_, options) => setFilters(options)}
      />
      <Rules of={filters} />
      <TermsFields
        name="All of it"
        held={before}
        value={terms}
        onChange={(changed) => setTerms((was) => ({ ...was, ...changed }))}
      />
      <Text size="sm" role="status">
        {!isWhole
          ? 'It takes at least one role, one project and one filter.'
          : before
            ? [
                ...(isOther ? [`Holds ${text}, in place of ${wordsOf(before)}.`] : []),
                ...changesText('It', terms, before),
                ...(isOther || !isKept(terms) ? [] : ['Nothing changes yet.']),
              ].join(' ')
            : `Gains ${text}${termsText(terms)}.`}
        {isWhole && members !== undefined && ` ${withMembers(members)}`}
      </Text>
    </>
  )
  const isReady = isWhole && areSound(terms) && (before === undefined || isOther || !isKept(terms))
  const run = async () => {
    if (before === undefined) return give(whose, given, terms)
    const parts = async () => isOther && change(whose, before.uid, given)
    const ends = async () => !isKept(terms) && changeTerms(before.uid, terms)
    // What narrows comes first: nothing wide is held in between, or for good where the second call is refused.
    for (const step of widens(terms, before) ? [parts, ends] : [ends, parts]) await step()
  }
  return { fields, isReady, run }
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
export function TakeOnFilters({ who, members, close, before }: Subject & { readonly before: OnFilters }) {
  return (
    <FormDialog
      title={`Take from ${who}`}
      act="Take away"
      danger
      close={close}
      run={async (): Promise<void> => {
        const path = { params: { path: { uid: before.uid } } }
        await answer(api.DELETE('/v1/palisade/access/assignments/{uid}', path))
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
export const wordsOf = ({ roles, projects, filters }: Pick<OnFilters, 'roles' | 'projects' | 'filters'>): string =>
  `${namesOf(roles, 'and')} in ${projects.length === 1 ? 'project' : 'projects'} ${namesOf(projects, 'and')}, ${onWhat(filters)}`

type Given = { readonly roles: string[]; readonly filters: string[]; readonly projects: string[] }

async function give({ kind, uid }: Whose, given: Given, terms: Terms): Promise<void> {
  const subject = kind === 'user' ? { user: uid } : { team: uid }
  await answer(api.POST('/v1/palisade/access/assignments', { body: { ...subject, ...given, ...newTerms(terms) } }))
}

/** What it is made of; until when and for which requests it is held stays. */
async function change({ kind, uid }: Whose, resourceRoleUid: string, given: Given): Promise<void> {
  const path = { params: { path: { uid, resourceRoleUid } } }
  const body = { roles: given.roles, filterRefs: given.filters, projectUids: given.projects }
  if (kind === 'user') await answer(api.PATCH('/v1/users/{uid}/resourceRoles/{resourceRoleUid}', { ...path, body }))
  else await answer(api.PATCH('/v1/teams/{uid}/resourceRoles/{resourceRoleUid}', { ...path, body }))
}

async function changeTerms(uid: string, terms: Terms): Promise<void> {
  const path = { params: { path: { uid } } }
  await answer(api.PATCH('/v1/palisade/access/assignments/{uid}', { ...path, body: changedTerms(terms) }))
}

/** In the order of the fields of a dialog. */
const uidsIn = ({ roles, filters, projects }: OnFilters): Given => {
  const uids = (named: readonly Named[]) => named.map(({ uid }) => uid)
  return { roles: uids(roles), filters: uids(filters), projects: uids(projects) }
}

const optionsOf = (named: readonly Named[] = []): readonly Option[] =>
  named.map(({ uid, name }) => ({ uid, text: name }))
const uidsOf = (options: readonly Option[]): string[] => options.map(({ uid }) => uid)
const listed = (named: readonly { readonly text: string }[]): string =>
  namesOf(
    named.map(({ text }) => ({ name: text })),
    'and',
  )
