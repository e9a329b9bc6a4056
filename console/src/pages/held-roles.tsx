import { Select, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { Assignment, Grant } from '../api/access.ts'
import { projectNamesQuery } from '../api/me.ts'
import { openText, useOpen, type Whose } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Grants, namesOf, onWhat } from '../parts/grants.tsx'
import { roles as roleSource } from '../parts/pickers.ts'
import { ChooseMany, type Option } from '../parts/searched.tsx'
import { InScope } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'

/** Who can hold roles. */
type Holder = Whose & { readonly kind: 'user' | 'team' }
type Named = { readonly uid: string; readonly name: string }
type InProject = Named & { readonly roles: readonly Named[]; readonly inheritedRoles: readonly Named[] }
type OnFilters = {
  readonly uid: string
  readonly roles: readonly Named[]
  readonly projectUids: readonly Named[]
  readonly filterRefs: readonly Named[]
}
type Props = {
  readonly who: string
  /** Whose roles these are. */
  readonly whose: Holder
  readonly needs: string
  readonly tenant: { readonly roles: readonly Named[]; readonly inheritedRoles?: readonly Named[] }
  readonly projects: readonly InProject[]
  /** Given in projects on what filters select. */
  readonly onFilters: readonly OnFilters[]
  /** Of a user: the same, held through teams; undefined where the reader may not ask. */
  readonly inheritedOnFilters?: readonly Grant[] | undefined
  /** With their ends; undefined while they are not known. */
  readonly assignments: readonly Assignment[] | undefined
  readonly putTenant: (roles: string[]) => Promise<unknown>
  readonly putProjects: (projects: { projectUid: string; roles: string[] }[]) => Promise<unknown>
}

/** The roles of a user or a team, in the tenant and in each project, with where they come from; and the way to change them. */
export function HeldRoles(props: Props) {
  const {
    who,
    whose,
    needs,
    tenant,
    projects,
    onFilters,
    inheritedOnFilters = [],
    assignments = [],
    putTenant,
    putProjects,
  } = props
  const [editing, setEditing] = useState<string>()
  const inTenant = { uid: 'tenant', name: '', roles: tenant.roles, inheritedRoles: tenant.inheritedRoles ?? [] }
  const change = (where: string, roles: string[]) =>
    where === 'tenant'
      ? putTenant(roles)
      : putProjects([
          ...projects
            .filter(({ uid, roles: own }) => uid !== where && own.length > 0)
            .map(({ uid, roles: own }) => ({ projectUid: uid, roles: own.map((role) => role.uid) })),
          { projectUid: where, roles },
        ])
  return (
    <section className="sheet pad" aria-labelledby="roles">
      <div className="head">
        <Title order={2} size="h5" id="roles">
          Roles
        </Title>
        <Act needs={needs} variant="default" onClick={() => setEditing('')}>
          Change roles
        </Act>
      </div>
      {[inTenant, ...projects].map((place) => (
        <div key={place.uid}>
          <InScope kind={place.uid === 'tenant' ? 'tenant' : 'project'}>
            {place.uid === 'tenant' ? 'Whole tenant' : place.name}
          </InScope>
          {place.roles.length + place.inheritedRoles.length === 0 ? (
            <Text size="sm" className="quiet">
              None
            </Text>
          ) : (
            <ul className="steps">
              {place.roles.map((role) => (
                <RoleLine
                  key={role.uid}
                  role={role}
                  from="given here"
                  endsAt={endOf(assignments, role.uid, place.uid, whose.kind)}
                />
              ))}
              {place.inheritedRoles.map((role) => (
                <RoleLine
                  key={`team-${role.uid}`}
                  role={role}
                  from="through a team"
                  endsAt={endOf(assignments, role.uid, place.uid, 'team')}
                />
              ))}
            </ul>
          )}
        </div>
      ))}
      {onFilters.length + inheritedOnFilters.length > 0 && (
        <div>
          <InScope kind="resource">On what filters select</InScope>
          <ul className="steps">
            {onFilters.map(({ uid, roles, projectUids, filterRefs }) => (
              <li key={uid}>
                <div>
                  {namesOf(roles, 'and')} in {projectUids.length === 1 ? 'project' : 'projects'}{' '}
                  {namesOf(projectUids, 'and')}, {onWhat(filterRefs)} <span className="quiet">← given here</span>
                </div>
              </li>
            ))}
          </ul>
          <Grants grants={inheritedOnFilters} />
        </div>
      )}
      {editing !== undefined && (
        <ChangeRoles
          who={who}
          whose={whose}
          held={(where) => [inTenant, ...projects].find(({ uid }) => uid === where)?.roles ?? []}
          close={() => setEditing(undefined)}
          change={change}
        />
      )}
    </section>
  )
}

/** When a role ends that is held there like this; null where one of the ways has no end. */
function endOf(assignments: readonly Assignment[], role: string, place: string, kind: 'user' | 'team'): string | null {
  const ends = assignments
    .filter((one) => one.role.uid === role && (one.project?.uid ?? 'tenant') === place && one.subject.kind === kind)
    .map(({ endsAt }) => endsAt)
  return ends.includes(null) ? null : (ends.toSorted().at(-1) ?? null)
}

type LineProps = { readonly role: Named; readonly from: string; readonly endsAt: string | null }

function RoleLine({ role, from, endsAt }: LineProps) {
  const { org = '' } = useParams({ strict: false })
  return (
    <li>
      <div>
        <To to="/t/$org/roles/$uid" params={{ org, uid: role.uid }}>
          {role.name}
        </To>{' '}
        {endsAt !== null && (
          <>
            until <When at={endsAt} />{' '}
          </>
        )}
        <span className="quiet">← {from}</span>
      </div>
    </li>
  )
}

type ChangeProps = {
  readonly who: string
  readonly whose: Holder
  readonly held: (where: string) => readonly Named[]
  readonly close: () => void
  readonly change: (where: string, roles: string[]) => Promise<unknown>
}

function ChangeRoles({ who, whose, held, close, change }: ChangeProps) {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const [where, setWhere] = useState('tenant')
  const open = useOpen(whose, where === 'tenant' ? undefined : where)
  const uidsIn = (place: string) => held(place).map(({ uid }) => uid)
  const [chosen, setChosen] = useState(uidsIn('tenant'))
  /** What every role that was chosen meanwhile is called. */
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map())
  const known: readonly Option[] = held(where).map(({ uid, name }) => ({ uid, text: name }))
  const before = uidsIn(where)
  const nameOf = (uid: string) => known.find((one) => one.uid === uid)?.text ?? names.get(uid) ?? uid
  const gained = chosen.filter((uid) => !before.includes(uid))
  const lost = before.filter((uid) => !chosen.includes(uid))
  return (
    <FormDialog
      title={`Roles of ${who}`}
      act="Save"
      size="lg"
      close={close}
      ready={gained.length + lost.length > 0}
      run={() => change(where, chosen)}
    >
      <Select
        label="In"
        allowDeselect={false}
        searchable
        data={[
          { value: 'tenant', label: 'The whole tenant' },
          ...projects.map(({ uid, name }) => ({ value: uid, label: `Project ${name}` })),
        ]}
        value={where}
        onChange={(value) => {
          setWhere(value ?? 'tenant')
          setChosen(uidsIn(value ?? 'tenant'))
        }}
      />
      <ChooseMany
        key={where}
        {...roleSource(where === 'tenant' ? 'tenant' : 'project')}
        label="Roles"
        known={known}
        value={chosen}
        onChange={(uids, options) => {
          setNames(new Map(options.map(({ uid, text }) => [uid, text])))
          setChosen(uids)
        }}
      />
      <Text size="sm" role="status">
        {gained.length + lost.length === 0
          ? 'Nothing changes yet.'
          : [
              ...(gained.length > 0 ? [`Gains ${gained.map(nameOf).join(', ')}.`] : []),
              ...(lost.length > 0
                ? [
                    `Loses ${lost.map(nameOf).join(', ')}; what rests on it ends within a second${open ? `, of ${openText({ streams: open.streams })} that ${open.streams === 1 ? 'is' : 'are'} open there now` : ''}.`,
                  ]
                : []),
            ].join(' ')}
      </Text>
    </FormDialog>
  )
}
