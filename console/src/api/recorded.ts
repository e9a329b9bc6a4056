import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { answer, api, inProject, type Scope } from './client.ts'
import { useMay, useWhereMay } from './me.ts'
import type { paths } from './schema.gen.ts'
import { currentSession } from './session.ts'

export type Entry = paths['/v1/audits']['get']['responses'][200]['content']['application/json']['items'][number]

/** The kind by which the API calls clusters. */
export const clusterKind = 'spectrocluster'

/** What an entry says was decided, and about what. */
export type Recorded = {
  readonly effect: 'allow' | 'deny'
  /** The right that decided; nothing where it was refused for another reason. */
  readonly permission: string | undefined
  readonly scope: Scope
  readonly cluster: { readonly uid: string; readonly name: string } | undefined
  /** Of an allowed one: the assignments that gave the right, by their ids. */
  readonly because: readonly string[]
  /** Of a refused one that lacked no right: which rule refused it. */
  readonly rule: string | undefined
  /** Of one that would have given more than its author held: what they lacked. */
  readonly exceeds: readonly string[]
}

/** Nothing where the entry is neither a refusal nor has the right by which it was allowed. */
export function recordedIn({ metadata, spec }: Entry): Recorded | undefined {
  const details = parsed(spec.contentMsg) ?? {}
  const decision = isRecord(details.decision) ? details.decision : {}
  const isRefused = metadata.annotations.outcome === 'refused'
  const missing = text(details.permission) ?? text(details.missing)
  const permission = isRefused ? missing : text(decision.permission)
  if (!isRefused && permission === undefined) return undefined
  const { resource } = spec
  const exceeds = Array.isArray(details.missing) ? details.missing : []
  return {
    effect: isRefused ? 'deny' : 'allow',
    permission,
    scope: scopeIn(details.scope) ?? scopeOf(spec.actor.project?.uid),
    cluster:
      resource.kind === clusterKind && resource.uid !== 'none' ? { uid: resource.uid, name: resource.name } : undefined,
    because: Array.isArray(decision.because) ? decision.because.map(String) : [],
    rule: text(details.rule) ?? text(details.refusal) ?? text(details.why),
    exceeds: exceeds.flatMap((one) => (isRecord(one) ? (text(one.permission) ?? []) : [])),
  }
}

/** The log's own details are an object; what was cut to fit is none any more. */
export function parsed(details: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(details) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const scopeOf = (project: string | undefined): Scope =>
  project ? { kind: 'project', uid: project } : { kind: 'tenant', uid: currentSession().tenant.uid }

function scopeIn(scope: unknown): Scope | undefined {
  if (!isRecord(scope)) return undefined
  const [kind, uid] = [text(scope.kind), text(scope.uid)]
  return kind === undefined || uid === undefined ? undefined : { kind, uid }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** The right that reading the log takes. */
export const readsLog = 'audit.list'

/**
 * Where the caller may look for a request: in the whole log (no project), in one project's part of it, or nowhere (null); undefined while
 * that is not known.
 *
 * @param chosen the project in the address
 */
export function useWhereLogIsRead(
  chosen: string | undefined,
): { readonly project: string | undefined } | null | undefined {
  const where = useWhereMay()(readsLog)
  const may = useMay()
  // What system administrators hold, the server says at the call.
  if (currentSession().isSystem) return { project: undefined }
  if (!where || where.project === undefined || chosen === undefined) return where
  return may(readsLog, chosen) ? { project: chosen } : where
}

/** Answers of the server that are asked for by themselves before the reader is asked whether to go on: 100,000 entries. */
const byItself = 20

/**
 * What the log has of a request, by its id or by the uid of an entry. An entry is there at once; for the id of a request the log is read from
 * its newest entry on, a part at a time.
 */
export function useOfRequest(id: string, where: { readonly project: string | undefined } | null | undefined) {
  const search = useInfiniteQuery({
    queryKey: ['audit', 'request', id, where?.project],
    enabled: where !== undefined && where !== null,
    staleTime: Number.POSITIVE_INFINITY,
    initialPageParam: undefined as number | undefined,
    queryFn: ({ pageParam }) => {
      const query = { request: id, ...(pageParam === undefined ? {} : { below: pageParam }) }
      return answer(api.GET('/v1/palisade/audit/requests', { params: { query, ...inProject(where?.project) } }))
    },
    getNextPageParam: ({ next }) => next ?? undefined,
  })
  const { data, error, hasNextPage, isFetching, fetchNextPage } = search
  const answers = data?.pages ?? []
  const goesOn = hasNextPage && !error && answers.length % byItself !== 0
  useEffect(() => {
    if (goesOn && !isFetching) void fetchNextPage()
  }, [goesOn, isFetching, fetchNextPage])
  return {
    error,
    retry: () => void search.refetch(),
    /** Oldest first, as it happened. */
    entries: answers.flatMap(({ items }) => items).toReversed(),
    looked: answers.reduce((sum, { looked }) => sum + looked, 0),
    back: answers.at(-1)?.back ?? undefined,
    isLooking: data === undefined || goesOn || isFetching,
    lookOn: hasNextPage && !goesOn ? () => void fetchNextPage() : undefined,
  }
}
