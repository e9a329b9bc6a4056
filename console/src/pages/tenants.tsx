import { Select, Text } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { findTenants } from '../api/tenants.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { tenantStateOf } from './tenant-state.tsx'

// The first page of a system administrator: what opens on it is fetched when it does.
const NewTenant = lazy(() => import('./new-tenant.tsx').then((page) => ({ default: page.NewTenant })))
const TenantPanel = lazy(() => import('./tenant-panel.tsx').then((page) => ({ default: page.TenantPanel })))

/** For system administrators: the tenants, and the first person of each. Nobody here sees into a tenant. */
export function Tenants() {
  const { q, offset, sort, search, change } = useListState()
  const list = useQuery({
    queryKey: ['tenants', 'list', q, search.state, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: () => findTenants({ q, state: search.state, limit: pageSize, offset, sort }),
  })
  const create = (
    <Act needs="tenant.create" onClick={() => change({ panel: 'new' })}>
      New tenant
    </Act>
  )
  return (
    <Page title="Tenants" acts={create}>
      <div className="filters">
        <Filter label="Filter tenants by name" placeholder="Filter by name" />
        <Select
          size="xs"
          aria-label="State"
          placeholder="Any state"
          clearable
          clearButtonProps={{ 'aria-label': 'Any state' }}
          data={[
            { value: 'active', label: 'Active' },
            { value: 'pending', label: 'Pending' },
            { value: 'inactive', label: 'Switched off' },
            { value: 'deleting', label: 'Being deleted' },
          ]}
          value={search.state ?? null}
          onChange={(value) => change({ state: value ?? undefined })}
        />
        <Count data={kept(list)} one="tenant" many="tenants" />
      </div>
      <DataTable
        label="Tenants"
        list={list}
        rowKey={({ uid }) => uid}
        empty={
          <>
            <Text fw={600}>No tenant yet</Text>
            <Text className="quiet">A tenant has its own people, projects, clusters, key and audit log.</Text>
            {create}
          </>
        }
        filtered={search.state !== undefined}
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
          { title: 'Scope', icon: true, cell: () => <InScope kind="system" /> },
          { title: 'State', cell: ({ state }) => tenantStateOf(state) },
          { title: 'Created', sort: 'createdAt', cell: ({ createdAt }) => <When at={createdAt} /> },
          { title: 'Uid', wide: true, cell: ({ uid }) => <Copyable text={uid} /> },
        ]}
      />
      <Suspense>
        {search.panel === 'new' && (
          <NewTenant close={() => change({ panel: undefined })} done={(uid) => change({ panel: uid })} />
        )}
        {search.panel !== undefined && search.panel !== 'new' && (
          <TenantPanel uid={search.panel} close={() => change({ panel: undefined })} />
        )}
      </Suspense>
    </Page>
  )
}
