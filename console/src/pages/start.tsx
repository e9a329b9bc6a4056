import { Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { answer, api, inProject } from '../api/client.ts'
import { clusterSearchBody, needsAttention } from '../api/clusters.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { answered } from '../parts/answered.tsx'
import { Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { healthOf, stateOf } from './cluster-state.tsx'

// What few of those who come here see is loaded for them alone: the first page stays small.
const FirstSteps = lazy(async () => ({ default: (await import('./first-steps.tsx')).FirstSteps }))
const NoCluster = lazy(async () => ({ default: (await import('./no-cluster.tsx')).NoCluster }))

/** How many clusters each list here names; the others are a link away. */
const shown = 8

/** What needs attention, what one can reach, and in an empty tenant the first three steps. */
export function Start() {
  const { org } = useParams({ from: '/t/$org' })
  const { project } = useSearch({ from: '/t/$org' })
  const { user } = currentSession()
  const may = useMay()
  const all = answered(useClusters(undefined, project))
  const attention = answered(useClusters(needsAttention, project))
  const projects = useQuery(projectNamesQuery)
  const users = useQuery({
    queryKey: ['users', 'count'],
    enabled: may('user.list') === true,
    queryFn: async () => (await answer(api.GET('/v1/users', { params: { query: { limit: 1 } } }))).listmeta.count,
  })
  const done = {
    invited: (users.data ?? 2) > 1,
    grouped: (projects.data?.length ?? 2) > 1,
    imported: (all.data?.count ?? 1) > 0,
  }
  // Of one project nothing follows about the tenant.
  const isNew = project === undefined && all.data && users.data !== undefined && Object.values(done).includes(false)
  return (
    <Page title={`Hello ${user.firstName || user.email}`}>
      {all.failure ?? attention.failure}
      <Suspense fallback={null}>{isNew && <FirstSteps org={org} {...done} />}</Suspense>
      {all.data && all.data.count > 0 && attention.data && (
        <section className="sheet pad" aria-labelledby="attention">
          <div className="head">
            <Title order={2} size="h5" id="attention">
              Needs attention
            </Title>
            <More what="clusters need attention" found={attention.data} search={{ project, state: needsAttention }} />
          </div>
          {attention.data.count === 0 ? (
            <>
              <State tone="good">Nothing</State>
              <Text size="sm" className="quiet">
                Every cluster is ready and answered last time.
              </Text>
            </>
          ) : (
            <ul className="steps reach">
              {attention.data.items.map(({ metadata: { uid, name }, status }) => (
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
          )}
        </section>
      )}
      {(all.data || !all.failure) && (
        <section className="sheet pad" aria-labelledby="reach">
          <div className="head">
            <Title order={2} size="h5" id="reach">
              What you can reach
            </Title>
            {all.data && <More what="clusters" found={all.data} search={{ project }} />}
          </div>
          <Suspense fallback={null}>{all.data?.count === 0 && <NoCluster org={org} project={project} />}</Suspense>
          <ul className="steps reach">
            {all.data?.items.map(({ metadata: { uid, name }, specSummary, status }) => (
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
      )}
    </Page>
  )
}

/** The first clusters by name, and how many there are: both are the server's word, however many there may be. */
function useClusters(state: string | undefined, project: string | undefined) {
  return useQuery({
    queryKey: ['clusters', 'start', state, project],
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const { items, listmeta } = await answer(
        api.POST('/v1/dashboard/spectroclusters/search', {
          params: { query: { limit: shown, offset: 0 }, ...inProject(project) },
          body: clusterSearchBody({ state, sort: { field: 'clusterName', descending: false } }),
        }),
      )
      return { items, count: listmeta.count }
    },
  })
}

type MoreProps = {
  readonly what: string
  readonly found: { readonly count: number }
  readonly search: { readonly project: string | undefined; readonly state?: string }
}

/** The way to those that are not named here; nothing where all are. */
function More({ what, found: { count }, search }: MoreProps) {
  const { org } = useParams({ from: '/t/$org' })
  if (count <= shown) return null
  return (
    <To to="/t/$org/clusters" params={{ org }} search={search} size="sm">
      All {count.toLocaleString('en')} {what}
    </To>
  )
}
