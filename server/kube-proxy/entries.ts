import type { EntryUid } from '../../contract/ids.ts'
import {
  allParameters,
  firstParameter,
  type Level,
  permissionFor,
  type RequestInfo,
  type Target,
} from '../../core/kube/index.ts'
import type { Principal } from '../gateway/index.ts'
import { actorOf, type NewEntry } from '../ledger/index.ts'
import type { Standing } from './decision.ts'
import type { DoorCluster } from './ports.ts'
import type { Proof } from './proofs.ts'
import type { CallEnd } from './transport/index.ts'

/** A call as the audit log knows it. */
export type Described = {
  readonly principal: Principal
  readonly requestId: string
  readonly address: string
  readonly userAgent: string | undefined
  readonly cluster: DoorCluster
  readonly method: string
  readonly info: RequestInfo
  readonly target: Target
  readonly upgrade: string | undefined
}

/**
 * How a call is recorded.
 *
 * - `before`: changes, exec, attach, port-forward, Secrets and tokens. The intent is durable before the cluster is asked.
 * - `stream`: watches and followed logs. The intent overlaps the call, the first byte of the answer waits for it.
 * - `read`: any other read. One entry, which overlaps the call likewise; a second one only where it did not succeed (docs/adr/0003).
 */
export type Recording = 'before' | 'stream' | 'read'

const executes: ReadonlySet<string> = new Set([
  'exec',
  'attach',
  'portforward',
  'proxy',
  'token',
  'ephemeralcontainers',
])
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head'])

export function recordingOf({ info, upgrade }: Described, isLong: boolean): Recording {
  if (upgrade !== undefined || executes.has(info.subresource) || info.verb === 'proxy') return 'before'
  if (!reads.has(info.verb)) return 'before'
  if (info.apiGroup === '' && info.resource === 'secrets') return 'before'
  return isLong ? 'stream' : 'read'
}

export function callEntry(
  call: Described,
  outcome: 'done' | 'intended',
  { standing, proof }: { readonly standing: Standing; readonly proof: Pick<Proof, 'tokenId'> },
): NewEntry {
  const highest = standing.levels.at(-1)
  return {
    ...common(call),
    event: 'cluster.call',
    outcome,
    details: {
      ...details(call),
      levels: standing.levels,
      ...(proof.tokenId === undefined ? {} : { token: proof.tokenId }),
      decision: {
        ...(highest ? { permission: permissionFor(highest) } : {}),
        epoch: standing.epoch.toString(),
        because: standing.because.slice(0, 10).map((reason) => reason.assignment),
      },
    },
  }
}

/** A call that never was made: what Palisade itself refused, and by which rule. */
export function refusedEntry(
  call: Described,
  why: { readonly rule: string; readonly permission?: string; readonly levels: readonly Level[] },
): NewEntry {
  return { ...common(call), event: 'cluster.call', outcome: 'refused', details: { ...details(call), ...why } }
}

export function endEntry(call: Described, intent: EntryUid, end: CallEnd, ms: number): NewEntry {
  return {
    ...common(call),
    event: 'cluster.call.ended',
    outcome: 'ended',
    intent,
    details: {
      verb: call.info.verb,
      reason: end.detail ?? end.reason,
      cause: end.reason,
      status: end.status,
      bytesIn: end.bytesIn,
      bytesOut: end.bytesOut,
      milliseconds: Math.round(ms),
    },
  }
}

function common({ principal, cluster, requestId, address }: Described) {
  return {
    actor: actorOf(principal),
    resource: { uid: cluster.uid, name: cluster.name },
    project: cluster.project,
    request: requestId,
    ...(principal.credential.kind === 'session' ? { session: principal.credential.session } : {}),
    address,
  }
}

function details({ method, info, target, upgrade, userAgent }: Described): Record<string, unknown> {
  const command = info.subresource === 'exec' ? allParameters(target, 'command') : []
  return {
    method,
    verb: info.verb,
    ...(info.isResourceRequest
      ? {
          group: info.apiGroup,
          resource: info.resource,
          ...(info.subresource === '' ? {} : { subresource: info.subresource }),
          ...(info.namespace === '' ? {} : { namespace: info.namespace }),
          ...(info.name === '' ? {} : { name: info.name }),
        }
      : { path: info.path }),
    ...(command.length > 0 ? { command: command.slice(0, 50) } : {}),
    ...(firstParameter(target, 'container') === undefined ? {} : { container: firstParameter(target, 'container') }),
    ...(firstParameter(target, 'dryRun') === undefined ? {} : { dryRun: true }),
    ...(upgrade === undefined ? {} : { upgrade }),
    ...(userAgent === undefined ? {} : { userAgent }),
  }
}
