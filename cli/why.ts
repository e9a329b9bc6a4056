import { auditRequest } from '../contract/audit-queries.ts'
import type { Audit } from '../contract/wire/audits.ts'
import type { Api } from './api.ts'
import { actorOf } from './audit-log.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { Failure, wrongUse } from './failure.ts'
import { projectOf } from './named.ts'
import { printJson, printSides, shownTime } from './output.ts'

export type WhyOptions = ServerAndOutput & { readonly project?: string; readonly sinceMs: number }

/** `palisade why REQUEST-ID`: what the audit log says about a request, which is looked for from the log's newest entry on. */
export async function why(requestId: string, options: WhyOptions, edges: CliEdges): Promise<void> {
  if (!/^[0-9a-f]{24}$/.test(requestId))
    throw wrongUse(
      'this is no request id',
      'It stands in every refusal, and in the x-request-id header of every answer: 24 hex digits.',
    )
  await withApi(options, edges, async (api) => {
    const project = await projectOf(api, options.project)
    const since = new Date(edges.now().getTime() - options.sinceMs)
    const found = await entriesOf(api, requestId, { project, since }, (looked) => {
      if (edges.isTerminal.err) edges.err(`\r${looked} entries searched `)
    })
    if (edges.isTerminal.err) edges.err('\r')
    if (found.length === 0)
      throw new Failure(`the log has no entry of request ${requestId} since ${shownTime(since.toISOString())}`, {
        hints: [
          'Look further back: --since 30d. Plain reads are not in the log, unless they were refused.',
          'Without audit.list in the tenant, name a project: --project NAME.',
        ],
      })
    if (options.output === 'json') return printJson(edges, found)
    for (const [at, entry] of found.entries()) {
      if (at > 0) edges.out('\n')
      printSides(edges, sidesOf(entry))
    }
  })
}

type Within = { readonly project: string | undefined; readonly since: Date }

/** In the order in which they happened. The server opens so much of the log at a time. */
async function entriesOf(
  api: Api,
  requestId: string,
  { project, since }: Within,
  tell: (looked: number) => void,
): Promise<readonly Audit[]> {
  let looked = 0
  for (let below: number | undefined; ; ) {
    const query = { request: requestId, below }
    const answer = auditRequest.parse(await api.call('GET', '/v1/palisade/audit/requests', { project, query }))
    if (answer.items.length > 0) return answer.items.toReversed()
    looked += answer.looked
    tell(looked)
    if (answer.next === null || (answer.back !== null && new Date(answer.back) < since)) return []
    below = answer.next
  }
}

function sidesOf(entry: Audit): [string, string][] {
  const { metadata, spec } = entry
  const { annotations } = metadata
  const details = detailsOf(spec.contentMsg)
  const scope = details.scope as { kind?: unknown; uid?: unknown } | undefined
  const decision = details.decision as { epoch?: unknown; because?: unknown } | undefined
  const sides: [string, string | undefined][] = [
    ['when', shownTime(metadata.creationTimestamp)],
    ['who', `${actorOf(entry)}${annotations.actor === undefined ? '' : ` (${annotations.actor})`}`],
    ['with', annotations.credential],
    ['from', annotations.address],
    ['what', spec.actionMsg],
    ['on', `${spec.resource.kind} ${spec.resource.name} ${spec.resource.uid}`.replaceAll(/ +/g, ' ').trim()],
    ['in project', spec.actor.project?.uid],
    ['outcome', annotations.outcome],
    ['needed', textOf(details.permission)],
    ['in scope', scope === undefined ? undefined : [textOf(scope.kind), textOf(scope.uid)].filter(Boolean).join(' ')],
    ['refused', textOf(details.refusal) ?? textOf(details.rule)],
    ['reason', textOf(details.reason)],
    ['allowed by', Array.isArray(decision?.because) ? decision.because.map(String).join(', ') : undefined],
    ['as of epoch', textOf(decision?.epoch)],
    ['entry', annotations.index === undefined ? undefined : `${annotations.index} (${metadata.uid})`],
    ['details', otherDetails(details)],
  ]
  return sides.filter((side): side is [string, string] => side[1] !== undefined && side[1] !== '')
}

function detailsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {} // an entry whose content is gone says so in `what`
  }
}

function otherDetails(details: Record<string, unknown>): string | undefined {
  const { permission: _p, scope: _s, refusal: _r, rule: _u, reason: _n, decision: _d, ...others } = details
  return Object.keys(others).length > 0 ? JSON.stringify(others) : undefined
}

const textOf = (value: unknown) => (value === undefined || value === null ? undefined : String(value))
