import { Select, Skeleton, Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'

import { permissionsQuery, toAskWho, useLacking, whoCan } from '../api/access.ts'
import { currentSession } from '../api/session.ts'

import { kept } from '../parts/answered.tsx'

import { Grants } from '../parts/grants.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { WhyButton } from '../parts/why.tsx'

type Kind = 'cluster' | 'project' | 'team' | 'user' | 'role' | 'filter' | 'apiKey'

type Props = {
  /** What the page is about. */
  readonly kind: Kind
  /** Where it is asked: without either, in the tenant. */
  readonly project?: string
  readonly cluster?: string
}

/** The right that is asked about until somebody chooses another: the one that shows most of an object. */
const first: Readonly<Record<Kind, string>> = {
  cluster: 'cluster.get',
  // A project is where clusters are; who sees nothing but its name has not much of it.
  project: 'cluster.list',
  team: 'team.get',
  user: 'user.get',
  role: 'role.get',
  filter: 'filter.get',
  apiKey: 'apiKey.list',
}

/** Who may without any right, which no list of holders shows. */
const besides: Readonly<Partial<Record<Kind, string>>> = {
  user: 'Everybody sees, and in part changes, their own account, whatever they hold.',
  apiKey: 'Everybody makes, sees, changes and deletes their own keys, whatever they hold.',
}

type Component = { readonly name: string; readonly scope: string; readonly permissions: readonly string[] }

/** Rights that can be about such an object, by component. What makes one is not about one that is there. */
function rightsOn(kind: Kind, catalogue: readonly Component[]) {
  const isAbout = (permission: string) =>
    kind === 'apiKey' || !/\.(?:create|import)$/.test(permission) ? permission.startsWith(`${kind}.`) : false
  return catalogue.flatMap(({ name, scope, permissions }) => {
    if (scope !== (kind === 'project' ? 'project' : 'tenant')) return []
    // In a project everything may be asked that a role may give there.
    const items = kind === 'project' ? permissions : permissions.filter(isAbout)
    return items.length === 0 ? [] : [{ group: name, items: [...items] }]
  })
}

/** Everybody who may do something, a page at a time, each with every way in which: roles of the tenant, teams and filters included. */
export function WhoCan({ kind, project, cluster }: Props) {
  const { search, change } = useListState()
  const { tenant } = currentSession()
  const catalogue = useQuery(permissionsQuery)
  const rights = rightsOn(kind, catalogue.data ?? [])
  const isOne = rights.some(({ items }) => items.some((one) => one === search.permission))
  const permission = isOne && search.permission !== undefined ? search.permission : first[kind]
  const lacking = useLacking(toAskWho)
  const inTenant = { kind: 'tenant', uid: tenant.uid }
  return (
    <section className="stack" aria-labelledby="who-can">
      <div className="head">
        <Title order={2} size="h5" id="who-can">
          Who can
        </Title>
        <WhyButton
          label="Can I, and why?"
          permission={permission}
          scope={project === undefined ? inTenant : { kind: 'project', uid: project }}
        />
      </div>
      {besides[kind] && <Text size="sm">{besides[kind]}</Text>}
      {lacking === undefined && <Skeleton height={120} />}
      {typeof lacking === 'string' && (
        <div className="filters">
          <Text size="sm">
            Who else can is for those to see who hold user.list and role.get in the tenant: usually tenant
            administrators.
          </Text>
          <WhyButton label="Why may I not ask?" permission={lacking} scope={inTenant} />
        </div>
      )}
      {lacking === null && (
        <>
          <Select
            maw={360}
            size="xs"
            label="Permission"
            searchable
            allowDeselect={false}
            maxDropdownHeight={320}
            nothingFoundMessage="No such permission here"
            data={rights}
            value={permission}
            onChange={(value) => change({ permission: value === first[kind] ? undefined : (value ?? undefined) })}
          />
          {/* An address may name what is no right here: that shows as soon as the catalogue is there. */}
          {catalogue.data && <Everybody permission={permission} project={project} cluster={cluster} />}
        </>
      )}
    </section>
  )
}

type Asked = {
  readonly permission: string
  readonly project: string | undefined
  readonly cluster: string | undefined
}

function Everybody({ permission, project, cluster }: Asked) {
  const { org = '' } = useParams({ strict: false })
  const { offset } = useListState()
  const list = useQuery({
    queryKey: ['access', 'who-can', permission, project, cluster, offset],
    placeholderData: keepPreviousData,
    queryFn: () => whoCan({ permission, project, cluster, isFiltered: true, limit: pageSize, offset }),
  })
  return (
    <>
      <div className="filters">
        <Count data={kept(list)} one="person" many="people" />
      </div>
      <DataTable
        label={`Who can ${permission}`}
        list={list}
        rowKey={({ user }) => user.uid}
        empty={<Text>Nobody.</Text>}
        columns={[
          {
            title: 'Who',
            cell: ({ user }) => (
              <To to="/t/$org/users/$uid" params={{ org, uid: user.uid }}>
                {user.name || user.uid}
              </To>
            ),
          },
          {
            title: 'Because of',
            cell: ({ because, becauseCount }) => <Grants grants={because} count={becauseCount} />,
          },
        ]}
      />
    </>
  )
}
