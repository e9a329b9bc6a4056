import { Select, Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api, inProject } from '../api/client.ts'
import { clusterSearchBody, needsAttention } from '../api/clusters.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { Labels } from '../parts/labels.tsx'
import { Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { healthOf, stateOf } from './cluster-state.tsx'

/** Taken when it is left or entered: half a tag is another one. */
function TagFilter({ tag, change }: { readonly tag: string; readonly change: (tag: string) => void }) {
  const [typed, setTyped] = useState(tag)
  const apply = () => typed.trim() !== tag && change(typed.trim())
  return (
    <TextInput
      size="xs"
      type="search"
      aria-label="Tag"
      placeholder="Tag, or tag:value"
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value)
        if (currentTarget.value === '') change('')
      }}
      onBlur={apply}
      onKeyDown={({ key }) => key === 'Enter' && apply()}
    />
  )
}

export function Clusters() {
  const { org } = useParams({ from: '/t/$org' })
  const navigate = useNavigate()
  const { q, offset, sort, search, change } = useListState()
  const { project, state, tag } = search
  const list = useQuery({
    queryKey: ['clusters', 'list', q, state, tag, project, offset, sort],
    placeholderData: keepPreviousData,
    refetchInterval: 15_000,
    queryFn: async () => {
      const { items, listmeta } = await answer(
        api.POST('/v1/dashboard/spectroclusters/search', {
          params: { query: { limit: pageSize, offset }, ...inProject(project) },
          body: clusterSearchBody({
            q,
            state,
            tag,
            sort: sort.field ? sort : { field: 'clusterName', descending: false },
          }),
        }),
      )
      return { items, count: listmeta.count }
    },
  })
  const importing = (
    <Act
      needs="cluster.import"
      project={project}
      onClick={() => void navigate({ to: '/t/$org/clusters/import', params: { org }, search: { project } })}
    >
      Import cluster
    </Act>
  )
  return (
    <Page title="Clusters" acts={importing}>
      <div className="filters">
        <Filter label="Filter clusters by name" placeholder="Filter by name" />
        <Select
          size="xs"
          aria-label="State"
          placeholder="Any state"
          clearable
          clearButtonProps={{ 'aria-label': 'Any state' }}
          data={[
            { value: 'Running', label: 'Ready' },
            { value: 'Importing', label: 'Needs bindings' },
            { value: 'Pending', label: 'Waits to be joined' },
            { value: needsAttention, label: 'Needs attention' },
          ]}
          value={state ?? null}
          onChange={(value) => change({ state: value ?? undefined })}
        />
        <TagFilter key={tag} tag={tag ?? ''} change={(next) => change({ tag: next === '' ? undefined : next })} />
        <Count data={kept(list)} one="cluster" many="clusters" />
      </div>
      <DataTable
        label="Clusters"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
        empty={
          <>
            <Text fw={600}>No cluster here that you may see</Text>
            <Text className="quiet">
              Import one with a kubeconfig. Palisade makes its own account and forgets the file.
            </Text>
            {importing}
          </>
        }
        filtered={state !== undefined || tag !== undefined}
        columns={[
          {
            title: 'Name',
            sort: 'clusterName',
            cell: ({ metadata: { uid, name } }) => (
              <To to="/t/$org/clusters/$uid" params={{ org, uid }} search={{ project }}>
                {name}
              </To>
            ),
          },
          {
            title: 'Scope',
            icon: true,
            cell: ({ specSummary }) => <InScope kind="project">{specSummary.projectMeta.name}</InScope>,
          },
          { title: 'State', sort: 'clusterState', cell: ({ status }) => stateOf(status.state) },
          { title: 'API server', sort: 'healthState', wide: true, cell: ({ status }) => healthOf(status.health.state) },
          { title: 'Version', wide: true, cell: ({ status }) => status.kubeMeta.kubernetesVersion },
          {
            title: 'Tags',
            wide: true,
            cell: ({ metadata: { labels } }) => Object.keys(labels).length > 0 && <Labels labels={labels} />,
          },
          {
            title: 'Last contact',
            cell: ({ status }) => <When at={status.health.lastHeartBeatTimestamp} />,
          },
        ]}
      />
    </Page>
  )
}
