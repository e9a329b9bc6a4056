import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { type TeamUid, UserUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import type { newTeam } from '../../contract/wire/teams.ts'
import { differences } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { describeChange, firstUnknown, replaceTenantRoles } from '../access/index.ts'
import { hasRoom } from '../settings/index.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import { countTeams, deleteTeam, insertTeam, membersOf, readTeam, replaceMembers, updateTeam } from './team-store.ts'
import { type Acting, giverOf } from './users.ts'

/** Creates a team with users and tenant roles; who gives roles must hold them. */
export async function createTeam(
  acting: Acting,
  { metadata, spec }: z.output<typeof newTeam>,
): Promise<Result<{ readonly uid: TeamUid; readonly details: Record<string, unknown> }, Refusal>> {
  const { tx, now } = acting
  const room = await hasRoom(tx, 'team', () => countTeams(tx))
  if (!room.ok) return room
  const { name, labels, annotations } = metadata
  const inserted = await insertTeam(tx, { name, labels, annotations: clientAnnotations(annotations) }, now)
  if (!inserted.ok) return inserted
  const uid = inserted.value
  const changed = await changeTeam(acting, uid, { users: spec.users, roles: spec.roles })
  return changed.ok ? ok({ uid, details: changed.value }) : changed
}

/** What of a team may change; absent stays. */
export type TeamChanges = {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** All members, in order. */
  readonly users?: readonly string[]
  /** All tenant roles. */
  readonly roles?: readonly string[]
}

/**
 * Changes a team. Whoever becomes a member gets what the team holds, so the caller must hold that too; members who stay or
 * go need nothing.
 *
 * @returns what changed, for the audit entry
 */
export async function changeTeam(
  acting: Acting,
  uid: TeamUid,
  { users, roles, ...written }: TeamChanges,
): Promise<Result<Record<string, unknown>, Refusal>> {
  const { tx, now } = acting
  const before = await readTeam(tx, uid)
  const updated = await updateTeam(tx, uid, written, now)
  if (!updated.ok) return updated
  return keepingAnAdministrator(tx, async () => {
    const details: Record<string, unknown> = before ? differences<TeamChanges>(before, written) : {}
    if (users !== undefined) {
      const joined = await changeMembers(acting, uid, users)
      if (!joined.ok) return joined
      details.members = joined.value
    }
    if (roles !== undefined) {
      const replaced = await replaceTenantRoles(tx, giverOf(acting), { team: uid }, roles)
      if (!replaced.ok) return replaced
      details.roles = describeChange(replaced.value)
    }
    return ok(details)
  })
}

async function changeMembers(
  { tx, access }: Acting,
  team: TeamUid,
  users: readonly string[],
): Promise<Result<{ readonly added: readonly string[]; readonly removed: readonly string[] }, Refusal>> {
  const unknown = await firstUnknown(tx, 'user', users)
  if (unknown !== undefined) return err(refuse('not_found', `No user ${unknown} in this tenant`))
  const wanted = new Set(users.map((user) => UserUid.parse(user)))
  const had = new Set((await membersOf(tx, [team])).get(team))
  const added = [...wanted].filter((user) => !had.has(user))
  if (added.length > 0) {
    const covered = access.coversTeam(team)
    if (!covered.ok) return covered
  }
  await replaceMembers(tx, team, [...wanted])
  return ok({ added, removed: [...had].filter((user) => !wanted.has(user)) })
}

/** Removes a team; its members lose what it gave them. */
export async function removeTeam({ tx }: Acting, uid: TeamUid): Promise<Result<undefined, Refusal>> {
  return keepingAnAdministrator(tx, async () => {
    await deleteTeam(tx, uid)
    return ok(undefined)
  })
}
