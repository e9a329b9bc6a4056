import { Text, Title } from '@mantine/core'
import { IconCircle, IconCircleCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { answer, api, inProject } from '../api/client.ts'
import { clusterSearchBody } from '../api/clusters.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { Failure } from '../parts/failure.tsx'
import { Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { To, ToButton } from '../parts/to.tsx'
import { healthOf, stateOf } from './cluster-state.tsx'

/** What needs attention, what one can reach, and in an empty tenant the first three steps. */
export function Start() {
  const { org } = useParams({ from: '/t/$org' })
  const { project } = useSearch({ from: '/t/$org' })
  const { user } = currentSession()
  const may = useMay()
  const clusters = useQuery({
    queryKey: ['clusters', 'start', project],
    refetchInterval: 30_000,
    queryFn: () =>
      answer(
        api.POST('/v1/dashboard/spectroclusters/search', {
          params: { query: { limit: 50, offset: 0 }, ...inProject(project) },
          body: clusterSearchBody({ sort: { field: 'clusterName', descending: false } }),
        }),
      ),
  })
  const projects = useQuery(projectNamesQuery)
  const users = useQuery({
    queryKey: ['users', 'count'],
    enabled: may('user.list') === true,
    queryFn: async () => (await answer(api.GET('/v1/users', { params: { query: { limit: 1 } } }))).listmeta.count,
  })
  if (clusters.error)
    return (
      <Page title="Start">
        <Failure error={clusters.error} retry={() => void clusters.refetch()} />
      </Page>
    )
  const items = clusters.data?.items ?? []
  const attention = items.filter(({ status }) => status.state !== 'Running' || status.health.state === 'UnHealthy')
  const invited = (users.data ?? 2) > 1
  const grouped = (projects.data?.length ?? 2) > 1
  const imported = (clusters.data?.listmeta.count ?? 1) > 0
  const isNew = clusters.data !== undefined && users.data !== undefined && !(invited && grouped && imported)
  return (
    <Page title={`Hello ${user.firstName || user.email}`}>
      {isNew && (
        <section className="sheet pad" aria-labelledby="first">
          <Title order={2} size="h5" id="first">
            First steps
          </Title>
          <ol className="steps">
            <Step done={invited} what="Invite somebody" why="They set a password with the link that you send them.">
              <ToButton to="/t/$org/users" params={{ org }} search={{ panel: 'new' }} variant="default">
                Invite
              </ToButton>
            </Step>
            <Step done={grouped} what="Make a project" why="Clusters live in projects, and roles are given there.">
              <ToButton to="/t/$org/projects" params={{ org }} variant="default">
                Projects
              </ToButton>
            </Step>
            <Step done={imported} what="Import a cluster" why="With a kubeconfig, which is thrown away afterwards.">
              <ToButton to="/t/$org/clusters/import" params={{ org }} search={{ project }} variant="default">
                Import
              </ToButton>
            </Step>
          </ol>
        </section>
      )}
      <section className="sheet pad" aria-labelledby="attention">
        <Title order={2} size="h5" id="attention">
          Needs attention
        </Title>
        {clusters.data && attention.length === 0 && <State tone="good">Nothing</State>}
        <ul className="steps reach">
          {attention.map(({ metadata: { uid, name }, status }) => (
            <li key={uid}>
              {status.state === 'Running' ? healthOf(status.health.state) : stateOf(status.state)}
              <div>
                <To to="/t/$org/clusters/$uid" params={{ org, uid }}>
                  {name}
                </To>
              </div>
            </li>
          ))}
        </ul>
      </section>
      <section className="sheet pad" aria-labelledby="reach">
        <div className="head">
          <Title order={2} size="h5" id="reach">
            What you can reach
          </Title>
          <To to="/t/$org/clusters" params={{ org }} search={{ project }} size="sm">
            All clusters
          </To>
        </div>
        {clusters.data && items.length === 0 && <Text size="sm">No cluster yet.</Text>}
        <ul className="steps reach">
          {items.slice(0, 8).map(({ metadata: { uid, name }, specSummary, status }) => (
            <li key={uid}>
              {stateOf(status.state)}
              <div>
                <To to="/t/$org/clusters/$uid" params={{ org, uid }}>
                  {name}
                </To>{' '}
                <span className="quiet">{specSummary.projectMeta.name}</span>
              </div>
            </li>
          ))}
        </ul>
      </section>
    </Page>
  )
}

type StepProps = { readonly done: boolean; readonly what: string; readonly why: string; readonly children: ReactNode }

function Step({ done, what, why, children }: StepProps) {
  return (
    <li>
      {done ? <IconCircleCheck size={20} aria-hidden /> : <IconCircle size={20} aria-hidden />}
      <div>
        <Text size="sm" fw={600}>
          {what}
          <span className="visually-hidden">{done ? ' (done)' : ' (to do)'}</span>
        </Text>
        <Text size="sm" className="quiet">
          {why}
        </Text>
      </div>
      {!done && children}
    </li>
  )
}
