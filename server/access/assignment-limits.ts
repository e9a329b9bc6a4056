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
 * together; what has ended does not count. A change that gives nobody more is never refused, however many there are. Asked under the
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
  if ((await countAll(tx)) + inAll <= perTenant) return ok(undefined)
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
        where a.tenant_id = $1 and (a.user_id = any($2) or a.team_id = any($3))) as one group by uid`,
    [tx.tenant, [...users], [...teams]],
  )
  const held = new Map(rows.map((row) => [row.uid, Number(row.held)]))
  return new Map([...users, ...teams].map((uid) => [uid, held.get(uid) ?? 0]))
}

async function countAll(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ held: string }>(
    `select (select count(*) from role_assignments a where a.tenant_id = $1 and ${notEnded})
          + (select count(*) from workspace_roles a where a.tenant_id = $1) as held`,
    [tx.tenant],
  )
  return Number(row?.held)
}
