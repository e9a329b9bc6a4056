import { Button, Skeleton, Text } from '@mantine/core'
import { IconArrowUp } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { answer, api, inProject } from '../api/client.ts'
import { useMay } from '../api/me.ts'
import { kept } from '../parts/answered.tsx'
import { momentOf } from '../parts/moments.ts'
import { DataTable, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { EntryPanel, headingOf, kindOf, outcomeOf, shortUid, whoOf } from './audit-entry.tsx'
import type { Narrowed } from './filter-by.tsx'
import { useNewEntries } from './new-entries.ts'

export const actions = ['create', 'update', 'delete', 'publish', 'deploy', 'activity', 'action'] as const
const outcomes = ['done', 'refused', 'intended', 'ended', 'unknown'] as const

export type AuditFilter = {
  readonly user?: string | undefined
  readonly object?: string | undefined
  readonly kind?: string | undefined
  readonly session?: string | undefined
  readonly action?: string | undefined
  readonly project?: string | undefined
  readonly outcome?: string | undefined
  /** Moments as an address writes them. */
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** Entries of the log that fit, newest first, a page at a time. Nothing moves under the reader: what is new waits above the first page. */
export function useAudit(filter: AuditFilter) {
  const { offset } = useListState()
  const queryKey = ['audit', 'list', filter, offset]
  const queryFn = async () => {
    const query = { limit: pageSize, offset, ...wireFilter(filter) }
    const { items, listmeta } = await answer(api.GET('/v1/audits', { params: { query, ...inProject(filter.project) } }))
    return { items, count: listmeta.count }
  }
  const list = useQuery({ queryKey, placeholderData: keepPreviousData, refetchOnWindowFocus: false, queryFn })
  return { ...list, data: kept(list), news: useNewEntries({ queryKey, ask: queryFn, isFirstPage: offset === 0 }) }
}

/** The same entries over time. */
export function useAuditOverTime(filter: AuditFilter) {
  return useQuery({
    queryKey: ['audit', 'over time', filter],
    placeholderData: keepPreviousData,
    // A session's entries are opened to be found, which costs the server more than any other filter.
    refetchInterval: filter.session ? false : 10_000,
    queryFn: () =>
      answer(
        api.GET('/v1/palisade/audit/histogram', {
          params: { query: { ...wireFilter(filter), buckets: 60 }, ...inProject(filter.project) },
        }),
      ),
  })
}

function wireFilter({ user, kind, object, session, action, outcome, from, to }: AuditFilter) {
  const [startTime, endTime] = [momentOf(from), momentOf(to)]
  const actionType = actions.find((one) => one === action)
  const wanted = outcomes.find((one) => one === outcome)
  return {
    ...(user ? { userUid: user } : {}),
    ...(kind ? { resourceKind: kind } : {}),
    ...(object ? { resourceUid: object } : {}),
    ...(session ? { sessionUid: session } : {}),
    ...(actionType ? { actionType } : {}),
    ...(wanted ? { outcome: wanted } : {}),
    ...(startTime ? { startTime } : {}),
    ...(endTime ? { endTime } : {}),
  }
}

type Shown = {
  readonly list: ReturnType<typeof useAudit>
  /** What the list is narrowed to by where it stands, beside what is in the address. */
  readonly within?: Narrowed
}

/** The list, and the open entry beside it. */
export function AuditTable({ list, within = {} }: Shown) {
  const { search, change } = useListState()
  const { news } = list
  return (
    <>
      <div role="status">
        {news.count > 0 && (
          <Button
            fullWidth
            size="compact-sm"
            variant="light"
            leftSection={<IconArrowUp size={14} aria-hidden />}
            onClick={news.show}
          >
            {news.count >= pageSize ? `${pageSize} or more new` : `${news.count} new`}
          </Button>
        )}
      </div>
      <DataTable
        label="Audit"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
        empty={<Text>No entry fits.</Text>}
        columns={[
          {
            title: 'What',
            cell: ({ metadata, spec }) => (
              <To to="." search={(before) => ({ ...before, panel: metadata.uid })}>
                {headingOf(spec)}
              </To>
            ),
          },
          { title: 'Outcome', cell: ({ metadata }) => outcomeOf(metadata.annotations.outcome ?? '') },
          { title: 'Who', cell: ({ spec }) => whoOf(spec.actor) },
          {
            title: 'On',
            wide: true,
            cell: ({ spec: { resource } }) =>
              // What has no uid yet, such as a cluster whose import begins, may have its name already.
              resource.uid === 'none' && resource.name === '' ? (
                <span className="quiet">–</span>
              ) : (
                <>
                  <span className="quiet">{kindOf(resource.kind)}</span> {resource.name || shortUid(resource.uid)}
                </>
              ),
          },
          { title: 'When', wide: true, cell: ({ metadata }) => <When at={metadata.creationTimestamp} /> },
          { title: 'Index', end: true, wide: true, cell: ({ metadata }) => metadata.annotations.index },
        ]}
      />
      {search.panel && search.panel !== 'verify' && (
        <EntryPanel uid={search.panel} within={within} close={() => change({ panel: undefined, page: search.page })} />
      )}
    </>
  )
}

type Of = Pick<Narrowed, 'user' | 'object'> & {
  /** Where it lives: who may read the log there alone sees what the log has of that project. */
  readonly project?: string | undefined
}

/** What the log has of one object, or of what one person did: a tab of its page. */
export function AuditOf({ project, ...of }: Of) {
  const mayInTenant = useMay()('audit.list')
  if (project === undefined) return <ListOf of={of} project={undefined} />
  // Asked in the wrong place first, it would be refused, and the refusal recorded.
  if (mayInTenant === undefined) return <Skeleton height={120} />
  return <ListOf of={of} project={mayInTenant ? undefined : project} />
}

function ListOf({ of, project }: { readonly of: Omit<Of, 'project'>; readonly project: string | undefined }) {
  return <AuditTable list={useAudit({ ...of, project })} within={project === undefined ? of : { ...of, project }} />
}
