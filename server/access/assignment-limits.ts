import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TeamUid, UserUid } from '../../contract/ids.ts'
import { assignmentsPerSubject, assignmentsPerTenant } from '../../contract/limits.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

type Subject = { readonly user: UserUid } | { readonly team: TeamUid }
type Change = {
  readonly added: readonly { readonly subject: Subject }[]
  readonly removed: readonly { readonly subject: Subject }[]
}
type Limits = { readonly perSubject: number; readonly perTenant: number }

/** More than one request can add: a body of a mebibyte has room for fewer than 40,000 UIDs. */
const mostAtOnce = 100_000

/**
 * Refuses what gives a user, a team or all of a tenant more roles than they may have, in the tenant, in projects and on workspaces
 * together. What has ended is in nobody's way: where a tenant's rows have no room, the oldest of those are forgotten. A change that gives nobody more is never refused, however many there are. Asked under the
 * lock of changes of access, so that nobody else adds meanwhile.
 */
export async function hasRoomForRoles(
  tx: Tx,
  { stored }: { readonly stored: RequestAccess['assignments'] },
  { added, removed }: Change,
  { perSubject, perTenant }: Limits = { perSubject: assignmentsPerSubject, perTenant: assignmentsPerTenant },
): Promise<Result<undefined, Refusal>> {
  const more = new Map<string, number>()
  for (const { subject } of added) more.set(uidOf(subject), (more.get(uidOf(subject)) ?? 0) + 1)
  for (const { subject } of removed) more.set(uidOf(subject), (more.get(uidOf(subject)) ?? 0) - 1)
  const growing = added.filter(({ subject }) => (more.get(uidOf(subject)) ?? 0) > 0)
  const held = await countOf(tx, growing)
  for (const [uid, count] of held)
    if (count + (more.get(uid) ?? 0) > perSubject) {
      const why = `One user or team holds at most ${perSubject} roles in the tenant, in projects and on workspaces. Take one away`
      return err(refuse('resource_limit', why, { limit: perSubject, subject: uid }))
    }
  const inAll = added.length - removed.length
  // To count a million rows at each change would be most of its cost.
  if (inAll <= 0 || stored + mostAtOnce <= perTenant) return ok(undefined)
  const tooMany = (await countAll(tx)) + inAll - perTenant
  if (tooMany <= 0 || (await forgetEnded(tx, tooMany)) === tooMany) return ok(undefined)
  const why = `All users and teams of a tenant together hold at most ${perTenant} roles without filters. Take one away`
  return err(refuse('resource_limit', why, { limit: perTenant }))
}

/** As in assignments.ts, which asks here. */
const notEnded = '(a.ends_at is null or a.ends_at > now())'

const uidOf = (subject: Subject): string => ('user' in subject ? subject.user : subject.team)

/** How many roles each of these holds now; nobody who holds none. */
async function countOf(tx: Tx, growing: Change['added']): Promise<ReadonlyMap<string, number>> {
  if (growing.length === 0) return new Map()
  const users = new Set(growing.flatMap(({ subject }) => ('user' in subject ? [subject.user] : [])))
  const teams = new Set(growing.flatMap(({ subject }) => ('team' in subject ? [subject.team] : [])))
  const rows = await tx.query<{ uid: string; held: string }>(
    `select uid, count(*) as held from (
       select coalesce(a.user_id, a.team_id) as uid from role_assignments a
        where a.tenant_id = $1 and (a.user_id = any($2) or a.team_id = any($3)) and ${notEnded}
       union all
       select coalesce(a.user_id, a.team_id) from workspace_roles a
        where a.tenant_id = $1 and (a.user_id = any($2) or a.team_id = any($3)) and ${notEnded}) as one group by uid`,
    [tx.tenant, [...users], [...teams]],
  )
  const held = new Map(rows.map((row) => [row.uid, Number(row.held)]))
  return new Map([...users, ...teams].map((uid) => [uid, held.get(uid) ?? 0]))
}

/** Ended ones too: each is kept in memory until it is forgotten. */
async function countAll(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ stored: string }>(
    `select (select count(*) from role_assignments where tenant_id = $1)
          + (select count(*) from workspace_roles where tenant_id = $1) as stored`,
    [tx.tenant],
  )
  return Number(row?.stored)
}

/**
 * Makes room: forgets so many of what has ended, what ended first before all else.
 *
 * @returns how many; fewer where there are no more
 */
async function forgetEnded(tx: Tx, count: number): Promise<number> {
  const [row] = await tx.query<{ forgotten: string }>(
    `with ended as (
       select a.assignment_id, a.ends_at from role_assignments a where a.tenant_id = $1 and not ${notEnded}
       union all
       select a.assignment_id, a.ends_at from workspace_roles a where a.tenant_id = $1 and not ${notEnded}
       order by ends_at, assignment_id limit $2),
     plain as (delete from role_assignments a using ended
                where a.tenant_id = $1 and a.assignment_id = ended.assignment_id returning 1),
     on_workspaces as (delete from workspace_roles a using ended
                        where a.tenant_id = $1 and a.assignment_id = ended.assignment_id returning 1)
     select (select count(*) from plain) + (select count(*) from on_workspaces) as forgotten`,
    [tx.tenant, count],
  )
  return Number(row?.forgotten)
}
