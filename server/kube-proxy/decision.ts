import {
  type AccessRequest,
  countsUntil,
  type Decision,
  decide,
  type Reason,
  type ResourceRef,
  settledUntil,
} from '../../core/access/index.ts'
import { type Level, levelRows, nextLevel, permissionFor } from '../../core/kube/index.ts'
import type { Snapshot } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import type { DoorCluster } from './ports.ts'

/** What a caller may do on a cluster, and why, as one snapshot says it. */
export type Standing = {
  readonly levels: readonly Level[]
  readonly teams: readonly { readonly uid: string; readonly name: string }[]
  /** Reasons of the highest level. */
  readonly because: readonly Reason[]
  /** When the first of the levels ends by itself, in milliseconds; infinity for none. */
  readonly endsAt: number
  /** Until then at least the answer to a request like this stays the same. */
  readonly changesAt: number
  /** The refusal of the lowest level, where none is held. */
  readonly denial: Extract<Decision, { effect: 'deny' }> | undefined
  readonly epoch: bigint
}

/** Decides the three levels on one cluster, in the cluster's own project, for the caller's request. `now` in milliseconds. */
export function standingOf(
  snapshot: Snapshot,
  { user, origin }: Pick<Principal, 'user' | 'origin'>,
  cluster: Pick<DoorCluster, 'uid' | 'project' | 'tags'>,
  now: number,
): Standing {
  const request: Omit<AccessRequest, 'permission'> = {
    subject: { userUid: user },
    resource: resourceOf(cluster),
    ...{ now, origin },
  }
  const levels: Level[] = []
  let because: readonly Reason[] = []
  let denial: Standing['denial']
  let endsAt = Number.POSITIVE_INFINITY
  for (const { level, permission } of levelRows) {
    const decision = decide({ ...request, permission }, snapshot.compiled)
    if (decision.effect === 'deny') {
      denial ??= decision
      continue
    }
    levels.push(level)
    because = decision.because
    const ends = decision.because.map(({ assignment }) => {
      const terms = snapshot.terms.get(assignment)
      return terms === undefined ? Number.POSITIVE_INFINITY : countsUntil(terms, request)
    })
    // A level lasts as long as the last of the grants that give it.
    endsAt = Math.min(endsAt, Math.max(...ends))
  }
  // Keys of a snapshot are branded; this is only a look-up.
  const teams = snapshot.users.get(user as Parameters<typeof snapshot.users.get>[0])?.teams ?? []
  return {
    levels,
    teams: teams.map((uid) => ({ uid, name: snapshot.teamNames.get(uid) ?? uid })),
    because,
    endsAt,
    changesAt: settledUntil(snapshot.compiled, request.subject, now, origin),
    denial: levels.length === 0 ? denial : undefined,
    epoch: snapshot.epoch,
  }
}

/** A cluster as what is decided about. */
export const resourceOf = ({ uid, project, tags }: Pick<DoorCluster, 'uid' | 'project' | 'tags'>): ResourceRef => ({
  ...{ kind: 'spectrocluster', uid, tags },
  scope: { kind: 'project', projectUid: project },
})

/** Whether a call that was made with `before` may go on with `now`: nothing that the cluster was told has been taken away. */
export function stillCovers(now: Standing, before: Standing): boolean {
  const levels = new Set(now.levels)
  const teams = new Set(now.teams.map((team) => team.uid))
  return before.levels.every((level) => levels.has(level)) && before.teams.every((team) => teams.has(team.uid))
}

/**
 * What a person reads (as a `Warning`, which kubectl prints) when the cluster itself refuses: which level they have, where
 * it comes from and what a higher one needs.
 */
export function explainLevel(standing: Standing, snapshot: Snapshot, cluster: DoorCluster): string {
  const held = standing.levels.at(-1) ?? 'none'
  const from = standing.because.slice(0, 3).map((reason) => grantInWords(reason, snapshot))
  const higher = nextLevel(standing.levels)
  const needs = higher
    ? `level "${higher}" needs ${permissionFor(higher)} on it`
    : 'there is no higher level; the cluster itself has the last word'
  return `your level on cluster ${cluster.name} is "${held}" (${from.join('; ')}); ${needs}`
}

function grantInWords({ roleName, via, scope }: Reason, snapshot: Snapshot): string {
  const where =
    scope.kind === 'project'
      ? // A look-up by a branded key.
        `project ${snapshot.projectNames.get(scope.projectUid as never) ?? scope.projectUid}`
      : scope.kind === 'workspace'
        ? `workspace ${scope.workspaceUid}`
        : `the ${scope.kind}`
  const through =
    via.kind === 'team' ? ` through team ${snapshot.teamNames.get(via.teamUid as never) ?? via.teamUid}` : ''
  return `role ${roleName} in ${where}${through}`
}
