import { MultiSelect, Select, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { Grant } from '../api/access.ts'
import { useRoles } from '../api/lists.ts'
import { projectNamesQuery } from '../api/me.ts'
import { Act } from '../parts/act.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Grants, namesOf } from '../parts/grants.tsx'
import { InScope } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'

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
  readonly needs: string
  readonly tenant: { readonly roles: readonly Named[]; readonly inheritedRoles?: readonly Named[] }
  readonly projects: readonly InProject[]
  /** Given in projects on what filters select. */
  readonly onFilters: readonly OnFilters[]
  /** Of a user: the same, held through teams; undefined where the reader may not ask. */
  readonly inheritedOnFilters?: readonly Grant[] | undefined
  readonly putTenant: (roles: string[]) => Promise<unknown>
  readonly putProjects: (projects: { projectUid: string; roles: string[] }[]) => Promise<unknown>
}

/** The roles of a user or a team, in the tenant and in each project, with where they come from; and the way to change them. */
export function HeldRoles(props: Props) {
  const { who, needs, tenant, projects, onFilters, inheritedOnFilters = [], putTenant, putProjects } = props
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
                <RoleLine key={role.uid} role={role} from="given here" />
              ))}
              {place.inheritedRoles.map((role) => (
                <RoleLine key={`team-${role.uid}`} role={role} from="through a team" />
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
                  {namesOf(projectUids, 'and')}, on what {namesOf(filterRefs, 'or')} selects{' '}
                  <span className="quiet">← given here</span>
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
          held={(where) => [inTenant, ...projects].find(({ uid }) => uid === where)?.roles.map(({ uid }) => uid) ?? []}
          close={() => setEditing(undefined)}
          change={change}
        />
      )}
    </section>
  )
}

function RoleLine({ role, from }: { readonly role: Named; readonly from: string }) {
  const { org = '' } = useParams({ strict: false })
  return (
    <li>
      <div>
        <To to="/t/$org/roles/$uid" params={{ org, uid: role.uid }}>
          {role.name}
        </To>{' '}
        <span className="quiet">← {from}</span>
      </div>
    </li>
  )
}

type ChangeProps = {
  readonly who: string
  readonly held: (where: string) => string[]
  readonly close: () => void
  readonly change: (where: string, roles: string[]) => Promise<unknown>
}

function ChangeRoles({ who, held, close, change }: ChangeProps) {
  const { data: roles = [] } = useRoles()
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const [where, setWhere] = useState('tenant')
  const [chosen, setChosen] = useState<string[]>(held('tenant'))
  const before = held(where)
  const nameOf = (uid: string) => roles.find((role) => role.uid === uid)?.name ?? uid
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
          setChosen(held(value ?? 'tenant'))
        }}
      />
      <MultiSelect
        label="Roles"
        searchable
        data={roles
          .filter(({ scope }) => scope === (where === 'tenant' ? 'tenant' : 'project'))
          .map(({ uid, name }) => ({ value: uid, label: name }))}
        value={chosen}
        onChange={setChosen}
      />
      <Text size="sm" role="status">
        {gained.length + lost.length === 0
          ? 'Nothing changes yet.'
          : [
              ...(gained.length > 0 ? [`Gains ${gained.map(nameOf).join(', ')}.`] : []),
              ...(lost.length > 0
                ? [`Loses ${lost.map(nameOf).join(', ')}; what rests on it ends within a second.`]
                : []),
            ].join(' ')}
      </Text>
    </FormDialog>
  )
}
