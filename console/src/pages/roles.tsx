import { Select, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { rolesQuery } from '../api/lists.ts'
import { Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'

export function Roles() {
  const { org } = useParams({ from: '/t/$org' })
  const { q, sort, search, change } = useListState()
  const all = useQuery(rolesQuery)
  const items = all.data
    ?.filter(({ name, permissions }) => {
      const wanted = q.toLowerCase()
      return name.toLowerCase().includes(wanted) || [...permissions].some((one) => one.toLowerCase() === wanted)
    })
    .filter(({ scope }) => search.scope === undefined || scope === search.scope)
    .sort((a, b) => {
      const order =
        sort.field === 'permissions' ? a.permissions.size - b.permissions.size : a.name.localeCompare(b.name)
      return sort.descending ? -order : order
    })
  const list = { ...all, data: items && { items, count: items.length } }
  return (
    <Page title="Roles">
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
          data={['tenant', 'project', 'resource']}
          value={search.scope ?? null}
          onChange={(value) => change({ scope: value ?? undefined })}
        />
        <Count data={list.data} one="role" many="roles" />
      </div>
      <DataTable
        label="Roles"
        list={list}
        rowKey={({ uid }) => uid}
        empty={<Text>Nothing matches. Clear the filter to see everything.</Text>}
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
          { title: 'Permissions', sort: 'permissions', end: true, cell: ({ permissions }) => permissions.size },
          { title: 'What for', wide: true, cell: ({ description }) => <span className="quiet">{description}</span> },
        ]}
      />
    </Page>
  )
}
