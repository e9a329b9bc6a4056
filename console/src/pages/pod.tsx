import { Select, Skeleton, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { kubeFetch, kubeUrl, podPath } from '../api/kube.ts'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { OnCluster } from '../parts/why.tsx'
import { Logs } from './logs.tsx'

// The terminal is as large as the rest of the console; who reads logs does not load it.
const Terminal = lazy(async () => ({ default: (await import('./terminal.tsx')).Terminal }))

/** What is read of a pod. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly creationTimestamp: string }
  readonly spec: {
    readonly nodeName?: string
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[]
    readonly ephemeralContainers?: readonly Container[]
  }
  readonly status: { readonly phase?: string; readonly podIP?: string }
}
type Container = { readonly name: string; readonly image: string }

/** One pod: what it is, its logs, a terminal in it. */
export function PodPage() {
  const { org = '', uid = '', namespace = '', pod: name = '' } = useParams({ strict: false })
  const { search, change } = useListState()
  const pod = useQuery({
    queryKey: ['kube', uid, 'pod', namespace, name],
    queryFn: async () => (await (await kubeFetch(kubeUrl(uid, podPath(namespace, name)))).json()) as Pod,
  })
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.data?.spec ?? {}
  const all = [...containers, ...initContainers, ...ephemeralContainers]
  const container = all.find((one) => one.name === search.container)?.name ?? all[0]?.name
  const tab = search.tab === 'terminal' || search.tab === 'about' ? search.tab : 'logs'
  return (
    <OnCluster value={{ uid, permissions: [] }}>
      <Page
        title={name}
        above={
          <To to="/t/$org/clusters/$uid/pods" params={{ org, uid }} search={{ ns: namespace }} size="sm">
            Pods in {namespace}
          </To>
        }
        acts={
          all.length > 1 && (
            <Select
              size="xs"
              aria-label="Container"
              data={all.map((one) => one.name)}
              value={container ?? null}
              allowDeselect={false}
              onChange={(chosen) => change({ container: chosen ?? undefined })}
            />
          )
        }
      >
        {pod.error && <Failure error={pod.error} retry={() => void pod.refetch()} />}
        {!pod.error && !pod.data && <Skeleton height={220} />}
        {pod.data && container !== undefined && (
          <Tabs value={tab} onChange={(next) => change({ tab: next === 'logs' ? undefined : (next ?? undefined) })}>
            <Tabs.List aria-label="About this pod">
              <Tabs.Tab value="logs">Logs</Tabs.Tab>
              <Tabs.Tab value="terminal">Terminal</Tabs.Tab>
              <Tabs.Tab value="about">Overview</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="logs" pt="sm">
              {tab === 'logs' && (
                <Logs
                  key={container}
                  cluster={uid}
                  namespace={namespace}
                  pod={name}
                  container={container}
                  since={search.since ?? 'tail'}
                  changeSince={(since) => change({ since })}
                />
              )}
            </Tabs.Panel>
            <Tabs.Panel value="terminal" pt="sm">
              {tab === 'terminal' && (
                <Suspense fallback={<Skeleton height={320} />}>
                  <Terminal key={container} cluster={uid} namespace={namespace} pod={name} container={container} />
                </Suspense>
              )}
            </Tabs.Panel>
            <Tabs.Panel value="about" pt="sm">
              <section className="sheet pad" aria-label="Overview">
                <Facts rows={factsOf(pod.data, namespace, all)} />
              </section>
            </Tabs.Panel>
          </Tabs>
        )}
      </Page>
    </OnCluster>
  )
}

const factsOf = ({ metadata, spec, status }: Pod, namespace: string, all: readonly Container[]) =>
  [
    ['Namespace', namespace],
    ['Phase', status.phase ?? 'unknown'],
    ['Node', spec.nodeName ?? 'none yet'],
    ['Address', status.podIP ?? 'none yet'],
    ['Made', <When key="made" at={metadata.creationTimestamp} />],
    [
      'Containers',
      <ul key="containers" className="steps">
        {all.map(({ name, image }) => (
          <li key={name}>
            {name} <span className="mono quiet">{image}</span>
          </li>
        ))}
      </ul>,
    ],
    ['Uid', <Copyable key="uid" text={metadata.uid} />],
  ] as const
