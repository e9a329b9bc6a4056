import { failure, refusedByPalisade, type Status } from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type EndReason, requestAccess, type Snapshot } from '../access/index.ts'
import { unmetConditions } from '../gateway/index.ts'
import type { RequestLog } from '../platform/log/index.ts'
import { createCallers } from './callers.ts'
import { resourceOf, type Standing, standingOf, stillCovers } from './decision.ts'
import { type Described, refusedEntry } from './entries.ts'
import type { DoorPorts } from './ports.ts'
import { createProofs, type Proof } from './proofs.ts'
import type { RequestHead } from './transport/index.ts'

/** A call that passed every check, before its intent is durable. */
export type Admitted = {
  readonly described: Described
  readonly snapshot: Snapshot
  readonly standing: Standing
  /** When its credential or what it may do ends by itself or is to be asked about again, in milliseconds since 1970; infinity for never. */
  readonly endsAt: number
  readonly proof: Proof
}

/** What is known of a call when it is to be decided. */
export type Asked = Omit<Described, 'cluster'> & {
  readonly clusterUid: string
  readonly head: RequestHead
  readonly log: RequestLog
}

/** May this call be made? Everything that may refuse it before it is recorded. */
export type Admission = {
  admit(asked: Asked): Promise<Result<Admitted, Status>>
  /** Decides again, on data at least as new as `epoch`: what was admitted on such data stays as it is. */
  again(before: Admitted, asked: Asked, epoch: bigint): Promise<Result<Admitted, Status>>
  /** Whether a call under way may go on, and until when at most without being asked again. */
  goesOn(admitted: Admitted, snapshot: Snapshot): Promise<{ readonly end: EndReason } | { readonly recheckAt: number }>
}

export function createAdmission(ports: DoorPorts): Admission {
  const { access, ledger, clock } = ports
  const callerOf = createCallers()
  const proofOf = createProofs(ports)
  const protectedNamespaces = new Set(ports.protectedNamespaces)

  async function admitOn(snapshot: Snapshot, asked: Asked): Promise<Result<Admitted, Status>> {
    const { clusterUid, head, log: _log, ...about } = asked
    const { principal, requestId } = about
    const credential = await ports.recheck(principal, snapshot)
    if (!credential.ok) return err(failure(401, `the session or key has ended (request ${requestId})`))
    const cluster = await ports.findCluster(principal.tenant, clusterUid, snapshot)
    // Another tenant's cluster and none at all are the same answer.
    if (!cluster) return err(notFound(clusterUid, requestId))
    const described: Described = { ...about, cluster }
    const known = callerOf(snapshot, principal, cluster, clock.now())
    const { standing, identity } = known
    if (standing.denial) {
      const scope = `project ${cluster.project}`
      const mayDo = requestAccess(snapshot, principal, clock.now())
      const held = unmetConditions(mayDo, principal, standing.denial.missing, resourceOf(cluster))
      await ledger.record(
        principal.tenant,
        refusedEntry(described, { rule: 'no-level', permission: standing.denial.missing, levels: [] }),
      )
      return err(
        failure(
          403,
          // No name: to see it is what the caller lacks.
          `this needs permission ${standing.denial.missing} on cluster ${clusterUid} in ${scope}${held?.inWords ?? ''} (request ${requestId})`,
        ),
      )
    }
    const refusal = refusedByPalisade(about.info, {
      levels: standing.levels,
      readOnly: cluster.readOnly,
      protectedNamespaces,
      upgrade: about.upgrade !== undefined,
      method: about.method,
      headers: head.names,
    })
    if (refusal) {
      await ledger.record(
        principal.tenant,
        refusedEntry(described, {
          rule: refusal.rule,
          ...(refusal.permission ? { permission: refusal.permission } : {}),
          levels: standing.levels,
        }),
      )
      const where = refusal.permission ? ` in project ${cluster.project}` : ''
      return err(failure(refusal.status, `${refusal.message}${where} (request ${requestId})`))
    }
    if (!cluster.upstream)
      return err(
        failure(
          503,
          `cluster ${cluster.name} waits for its bindings: an administrator finishes the import (request ${requestId})`,
        ),
      )
    if (!identity.ok) {
      await ledger.record(principal.tenant, refusedEntry(described, { rule: 'identity', levels: standing.levels }))
      return err(
        failure(403, `this caller cannot be named on a cluster: ${identity.error.problem} (request ${requestId})`),
      )
    }
    const endsAt = Math.min(credential.value.settledUntil ?? credential.value.endsAt, standing.endsAt)
    const proof = await proofOf({ known, lines: identity.value, tenant: principal.tenant, cluster, requestId })
    return ok({ described, snapshot, standing, endsAt, proof })
  }

  return {
    admit: async (asked) => admitOn(await access.current(asked.principal.tenant), asked),
    async again(before, asked, epoch) {
      if (epoch <= before.snapshot.epoch) return ok(before)
      return admitOn(await access.atLeast(asked.principal.tenant, epoch), asked)
    },
    async goesOn({ described, standing: before }, snapshot) {
      const { principal, cluster: known } = described
      const credential = await ports.recheck(principal, snapshot)
      if (!credential.ok) return { end: credential.error.reason }
      const cluster = await ports.findCluster(principal.tenant, known.uid, snapshot)
      if (!cluster) return { end: 'cluster-removed' }
      const standing = standingOf(snapshot, principal, cluster, clock.now())
      if (!stillCovers(standing, before)) return { end: 'right-withdrawn' }
      return { recheckAt: Math.min(credential.value.settledUntil ?? credential.value.endsAt, standing.endsAt) }
    },
  }
}

const notFound = (uid: string, requestId: string) =>
  failure(404, `clusters "${uid}" not found (request ${requestId})`, { name: uid, kind: 'clusters' })
