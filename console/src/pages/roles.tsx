import { Select, Text } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { findRoles, roleScopes } from '../api/lists.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'

export function Roles() {
  const { org } = useParams({ from: '/t/$org' })
  const { q, offset, sort, search, change } = useListState()
  const list = useQuery({
    queryKey: ['roles', 'list', q, search.scope, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: () => findRoles({ q, scope: search.scope, limit: pageSize, offset, sort }),
  })
  const navigate = useNavigate()
  const create = (
    <Act needs="role.create" onClick={() => void navigate({ to: '/t/$org/roles/new', params: { org } })}>
      New role
    </Act>
  )
  return (
    <Page title="Roles" acts={create}>
      <div className="filters">
        <Filter
          label="Filter roles by name or permission"
          placeholder="Filter by name, or a permission such as cluster.delete"
        />
        <Select
          size="xs"
          aria-label="Scope"
          placeholder="Any scope"
          clearable
          clearButtonProps={{ 'aria-label': 'Any scope' }}
          data={[...roleScopes]}
          value={search.scope ?? null}
          onChange={(value) => change({ scope: value ?? undefined })}
        />
        <Count data={kept(list)} one="role" many="roles" />
      </div>
      <DataTable
        label="Roles"
        list={list}
        rowKey={({ uid }) => uid}
        empty={<Text>No role here.</Text>}
        filtered={search.scope !== undefined}
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ uid, name }) => (
              <To to="/t/$org/roles/$uid" params={{ org, uid }}>
                {name}
              </To>
            ),
          },
          { title: 'Given in', cell: ({ scope }) => <InScope kind={scope} /> },
          {
            title: 'Kind',
            wide: true,
            cell: ({ isPredefined, isEnabled }) =>
              isPredefined ? <span className="quiet">predefined</span> : isEnabled ? 'own' : 'own, switched off',
          },
          { title: 'Permissions', sort: 'permissions', end: true, cell: ({ permissions }) => permissions },
          { title: 'What for', wide: true, cell: ({ description }) => <span className="quiet">{description}</span> },
        ]}
      />
    </Page>
  )
}
