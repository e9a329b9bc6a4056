import { Alert, Autocomplete, Text } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { answer, api, Refused } from '../api/client.ts'
import { kubeFetch, kubeUrl } from '../api/kube.ts'
import { type KubeRow, useTable } from '../api/table-watch.ts'
import { kept } from '../parts/answered.tsx'
import { Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { OnCluster } from '../parts/why.tsx'

/** The pods of a cluster, as it lists them for the one who looks, and as they change. */
export function Pods() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const { search, q, offset, change } = useListState()
  const namespace = search.ns ?? ''
  const cluster = useQuery({
    queryKey: ['clusters', uid, 'name'],
    queryFn: () => answer(api.GET('/v1/palisade/clusters/{uid}', { params: { path: { uid } } })),
  })
  const path = namespace === '' ? '/api/v1/pods' : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`
  const { columns, rows, more, error, again } = useTable(uid, path)
  const cell = (row: KubeRow, name: string) => String(row.cells[columns?.indexOf(name) ?? -1] ?? '')
  const found = rows.filter(({ object: { metadata } }) => `${metadata.namespace}/${metadata.name}`.includes(q))
  const list = {
    data: columns && { items: found.slice(offset, offset + pageSize), count: found.length },
    error,
    isFetching: columns === undefined,
    refetch: again,
  }
  return (
    <OnCluster value={{ uid, permissions: [] }}>
      <Page
        title={cluster.data ? `Pods on ${cluster.data.name}` : 'Pods'}
        above={
          <To to="/t/$org/clusters/$uid" params={{ org, uid }} size="sm">
            {cluster.data?.name ?? 'Cluster'}
          </To>
        }
      >
        <div className="filters">
          <Filter label="Filter pods by name" placeholder="Filter by name" />
          <Namespace cluster={uid} value={namespace} choose={(ns) => change({ ns: ns === '' ? undefined : ns })} />
          <Count data={kept(list)} one="pod" many="pods" />
        </div>
        {more && <Alert color="yellow">There are more pods than are shown here. Choose a namespace.</Alert>}
        {error instanceof Refused && error.status === 403 && namespace === '' && (
          <Text size="sm">Perhaps you may see those of one namespace: name it above.</Text>
        )}
        <DataTable
          label="Pods"
          list={list}
          rowKey={({ object }) => object.metadata.uid}
          empty={<Text>No pod here.</Text>}
          columns={[
            {
              title: 'Pod',
              cell: ({ object: { metadata } }) => (
                <To
                  to="/t/$org/clusters/$uid/pods/$namespace/$pod"
                  params={{ org, uid, namespace: metadata.namespace ?? '', pod: metadata.name }}
                >
                  {metadata.name}
                </To>
              ),
            },
            { title: 'Namespace', cell: ({ object: { metadata } }) => metadata.namespace },
            { title: 'State', cell: (row) => statusOf(cell(row, 'Status')) },
            { title: 'Ready', wide: true, cell: (row) => cell(row, 'Ready') },
            { title: 'Restarts', wide: true, cell: (row) => cell(row, 'Restarts') },
            { title: 'Made', wide: true, cell: ({ object }) => <When at={object.metadata.creationTimestamp} /> },
          ]}
        />
      </Page>
    </OnCluster>
  )
}

function statusOf(status: string) {
  if (status === 'Running' || status === 'Completed') return <State tone="good">{status}</State>
  if (/Pending|Creating|Initializing|Terminating/.test(status)) return <State tone="quiet">{status}</State>
  return <State tone="bad">{status === '' ? 'Unknown' : status}</State>
}

type Namespaces = { readonly items: readonly { readonly metadata: { readonly name: string } }[] }

/** By name; those that one may list are offered. */
function Namespace({
  cluster,
  value,
  choose,
}: {
  readonly cluster: string
  readonly value: string
  readonly choose: (namespace: string) => void
}) {
  const [typed, setTyped] = useState(value)
  const apply = useDebouncedCallback(choose, 300)
  useEffect(() => setTyped(value), [value])
  const { data = [] } = useQuery({
    queryKey: ['kube', cluster, 'namespaces'],
    staleTime: 60_000,
    retry: false,
    queryFn: async () => {
      const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
      const response = await kubeFetch(kubeUrl(cluster, '/api/v1/namespaces', [['limit', '500']]), { accept })
      return ((await response.json()) as Namespaces).items.map(({ metadata }) => metadata.name) // Kubernetes' own shape
    },
  })
  return (
    <Autocomplete
      size="xs"
      aria-label="Namespace"
      placeholder="All namespaces"
      data={data}
      limit={50}
      value={typed}
      onChange={(next) => {
        setTyped(next)
        apply(next.trim())
      }}
    />
  )
}
