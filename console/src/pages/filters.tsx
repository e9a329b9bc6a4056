import { Text } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { findFilters } from '../api/filters.ts'
import { Act } from '../parts/act.tsx'
import { Page } from '../parts/page.tsx'
import { ruleText } from '../parts/rule.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { FilterForm } from './filter-form.tsx'
import { FilterPanel } from './filter-panel.tsx'
import { WhoCan } from './who-can.tsx'

/** Tag filters, and who may see or change them: a right in the tenant, which is about all of them. */
export function Filters() {
  const { search, change } = useListState()
  const navigate = useNavigate()
  const close = () => change({ panel: undefined })
  const create = (
    <Act needs="filter.create" onClick={() => change({ panel: 'new' })}>
      New filter
    </Act>
  )
  return (
    <Page title="Filters" acts={create}>
      <ObjectTabs
        label="Filters"
        tabs={[
          { name: 'filters', title: 'Filters', content: () => <FilterList create={create} /> },
          { name: 'who-can', title: 'Who can', content: () => <WhoCan kind="filter" /> },
        ]}
      />
      {search.panel === 'new' && <FilterForm close={close} />}
      {search.panel !== undefined && search.panel !== 'new' && (
        <FilterPanel
          uid={search.panel}
          close={close}
          left={() => navigate({ to: '.', search: (before) => ({ ...before, panel: undefined }), replace: true })}
        />
      )}
    </Page>
  )
}

/** What each compares, and how many resource roles act through it. */
function FilterList({ create }: { readonly create: ReactNode }) {
  const { q, offset, sort } = useListState()
  const list = useQuery({
    queryKey: ['filters', 'list', q, offset, sort.descending],
    placeholderData: keepPreviousData,
    queryFn: () => findFilters({ q, limit: pageSize, offset, descending: sort.descending }),
  })
  return (
    <>
      <div className="filters">
        <Filter label="Filter filters by name" placeholder="Filter by name" />
        <Count data={list.data} one="filter" many="filters" />
      </div>
      <DataTable
        label="Filters"
        list={list}
        rowKey={({ uid }) => uid}
        empty={
          <>
            <Text fw={600}>No filter yet</Text>
            <Text className="quiet">
              A filter selects objects by their tags. Roles that are given through it act on those alone.
            </Text>
            {create}
          </>
        }
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ uid, name }) => (
              <To to="." search={(before) => ({ ...before, panel: uid })}>
                {name}
              </To>
            ),
          },
          { title: 'Scope', icon: true, cell: () => <InScope kind="tenant" /> },
          { title: 'Selects what has', cell: (filter) => <span className="said">{ruleText(filter)}</span> },
          {
            title: 'Used by',
            end: true,
            cell: ({ uses }) => (uses === 0 ? <span className="quiet">nobody</span> : counted(uses)),
          },
        ]}
      />
    </>
  )
}

const counted = (uses: number) => `${uses.toLocaleString('en')} resource ${uses === 1 ? 'role' : 'roles'}`
