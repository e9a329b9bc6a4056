import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { TeamUid, type UserUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import type { newUser } from '../../contract/wire/users.ts'
import { differences } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { describeChange, firstUnknown, type Giver, type RoleChange, replaceTenantRoles } from '../access/index.ts'
import type { Principal, RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import type { PeoplePorts } from './ports.ts'
import { joinTeams } from './team-store.ts'
import {
  countUsers,
  deleteUser,
  insertUser,
  type Person,
  type PersonChanges,
  setUserState,
  updateUser,
} from './user-store.ts'

/** Who acts, on which access data, when: what every change of a person needs beside the change. */
export type Acting = {
  readonly tx: Tx
  readonly principal: Principal
  readonly access: RequestAccess
  readonly now: Date
}

/** The acting user as the giver of roles. */
export const giverOf = ({ principal, access, now }: Acting): Giver => ({
  by: principal.user,
  covers: access.coversRoles,
  stored: access.assignments,
  now,
})

/**
 * Creates a pending user with tenant roles and teams, and the link by which they set a password.
 *
 * @returns refuses roles, and teams with roles, that the caller does not hold
 */
export async function createUser(
  { keys, links }: PeoplePorts,
  acting: Acting,
  { metadata, spec }: z.output<typeof newUser>,
): Promise<Result<{ readonly uid: UserUid; readonly details: Record<string, unknown> }, Refusal>> {
  const { tx, access, now } = acting
  const room = await hasRoom(tx, 'user', () => countUsers(tx))
  if (!room.ok) return room
  const inserted = await insertUser(
    tx,
    { sealer: await keys.of(tx.tenant), directoryIndex: keys.directoryIndex },
    {
      email: spec.emailId,
      firstName: spec.firstName,
      lastName: spec.lastName,
      state: 'pending',
      ...(spec.loginMode ? { loginMode: spec.loginMode } : {}),
      labels: metadata?.labels ?? {},
      annotations: clientAnnotations(metadata?.annotations ?? {}),
    },
    now,
  )
  if (!inserted.ok) return inserted
  const uid = inserted.value

  const given = await replaceTenantRoles(tx, giverOf(acting), { user: uid }, spec.roles)
  if (!given.ok) return given
  const teams = [...new Set(spec.teams)]
  const unknown = await firstUnknown(tx, 'team', teams)
  if (unknown !== undefined) return err(refuse('not_found', `No team ${unknown} in this tenant`))
  for (const team of teams) {
    const covered = access.coversTeam(team)
    if (!covered.ok) return covered
  }
  await joinTeams(
    tx,
    uid,
    teams.map((team) => TeamUid.parse(team)),
  )
  await links.create(tx, uid, 'activate')
  return ok({ uid, details: { roles: describeChange(given.value).added, teams } })
}

/** What of a user may be changed by their update and patch; absent stays. */
export type UserChanges = PersonChanges & { readonly isActive?: boolean; readonly roles?: readonly string[] }

/**
 * Changes a user. What is sent as it already is counts as no change.
 *
 * People without `user.update` change the names and the login mode of themselves, nothing else. To change the e-mail of
 * somebody else, or to switch them on again, takes every right that they hold: either would be a way to their rights.
 *
 * @param mayUpdate whether the caller holds `user.update`, rather than just being this user
 * @returns what changed, for the audit entry
 */
export async function changeUser(
  { keys, links, endLinks }: PeoplePorts,
  acting: Acting,
  person: Person,
  changes: UserChanges,
  mayUpdate: boolean,
): Promise<Result<Record<string, unknown>, Refusal>> {
  const { tx, principal, access, now } = acting
  const { isActive, roles, ...wanted } = changes
  const written = differing(person, wanted)
  const isSelf = person.uid === principal.user
  const switches = isActive !== undefined && isActive !== (person.state === 'active')

  const needsRight = Object.keys(written).some((name) => !ownToChange.has(name)) || switches || roles !== undefined
  if (needsRight && !mayUpdate)
    return err(
      refuse('forbidden', `This needs user.update in tenant ${tx.tenant}; yours are the names and the login mode`, {
        permission: 'user.update',
        scope: { kind: 'tenant', uid: tx.tenant },
      }),
    )
  if (!isSelf && (written.email !== undefined || (switches && isActive))) {
    const covered = access.coversUser(person.uid)
    if (!covered.ok) return covered
  }

  if (Object.keys(written).length > 0) {
    const sealing = { sealer: await keys.of(tx.tenant), directoryIndex: keys.directoryIndex }
    const updated = await updateUser(tx, sealing, person.uid, written, now)
    if (!updated.ok) return updated
    if (written.email !== undefined) {
      await endLinks(tx, person.uid)
      if (person.state === 'pending') await links.create(tx, person.uid, 'activate')
    }
  }
  let change: RoleChange | undefined
  if (roles !== undefined) {
    const replaced = await keepingAnAdministrator(tx, () =>
      replaceTenantRoles(tx, giverOf(acting), { user: person.uid }, roles),
    )
    if (!replaced.ok) return replaced
    change = replaced.value
  }
  if (switches) {
    const switched = isActive ? await switchOn(tx, person, now) : await switchOff(tx, person, isSelf, now)
    if (!switched.ok) return switched
  }
  const { email: _, ...named } = written
  return ok({
    changed: [...Object.keys(written), ...(switches ? ['isActive'] : [])],
    // Addresses are in no details: who reads an export of the log need not be told them.
    ...differences<PersonChanges>(person, named),
    ...(switches ? { isActive: { before: !isActive, after: isActive } } : {}),
    ...(change ? { roles: describeChange(change) } : {}),
  })
}

const ownToChange: ReadonlySet<string> = new Set(['firstName', 'lastName', 'loginMode'])

/** Those of the wanted values that are not there yet. */
function differing(person: Person, wanted: PersonChanges): PersonChanges {
  const before: Required<PersonChanges> = person
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => {
      const known = before[name as keyof PersonChanges] // Cast: the keys of `wanted` are these.
      return value !== undefined && JSON.stringify(sortedEntries(known)) !== JSON.stringify(sortedEntries(value))
    }),
  )
}

/** The database keeps the members of an object in an order of its own. */
const sortedEntries = (value: unknown) =>
  typeof value === 'object' && value !== null ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value

async function switchOn(tx: Tx, person: Person, now: Date): Promise<Result<undefined, Refusal>> {
  if (person.state === 'pending')
    return err(refuse('conflict', 'The user becomes active by setting a password with the activation link'))
  await setUserState(tx, person.uid, 'active', now)
  return ok(undefined)
}

async function switchOff(tx: Tx, person: Person, isSelf: boolean, now: Date): Promise<Result<undefined, Refusal>> {
  if (isSelf) return err(refuse('conflict', 'Nobody switches themselves off; ask another administrator'))
  return keepingAnAdministrator(tx, async () => {
    await setUserState(tx, person.uid, 'inactive', now)
    return ok(undefined)
  })
}

/** Removes a user with everything that is theirs. Taking away lifts nobody, so it takes no more than the permission. */
export async function removeUser({ tx, principal }: Acting, uid: UserUid): Promise<Result<undefined, Refusal>> {
  if (uid === principal.user) return err(refuse('conflict', 'Nobody deletes themselves; ask another administrator'))
  return keepingAnAdministrator(tx, async () => {
    await deleteUser(tx, uid)
    return ok(undefined)
  })
}
