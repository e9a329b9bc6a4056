import type { ProjectUid, TeamUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { permissions, systemPermissions } from '../../contract/permissions.ts'
import {
  type Assignment,
  assignmentsHeldBy,
  type CompiledAccess,
  compile,
  type ReadableMap,
  recompile,
  type SharedMap,
  sharedMap,
  type Terms,
} from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Changes, readChanges } from './change-log.ts'
import {
  type Head,
  readAssignments,
  readDefinitions,
  readHead,
  readOwnDefinitions,
  readProjectNames,
  readTeamNames,
  readUsers,
  type StoredUser,
  type TenantState,
  type UserFacts,
} from './facts-store.ts'

/** Everything that decides in one tenant, as one database snapshot saw it. A value: never changed. */
export type Snapshot = {
  readonly tenant: TenantUid
  /** Newest epoch at which this was known to hold. */
  readonly epoch: bigint
  /** The epoch that last changed what is compiled here. */
  readonly factsEpoch: bigint
  readonly tenantState: TenantState
  readonly orgName: string
  readonly users: ReadableMap<UserUid, UserFacts>
  /** Names, for people to read; a rename alone does not make them newer. */
  readonly teamNames: ReadableMap<TeamUid, string>
  readonly projectNames: ReadableMap<ProjectUid, string>
  /** Of assignments that do not count for good and for every request, by id. */
  readonly terms: ReadableMap<string, Terms>
  readonly compiled: CompiledAccess
}

/** A snapshot that can be brought up to date. */
export type Loaded = Snapshot & {
  /** The epoch at which it was read: `epoch` may have moved on without a look at the facts. */
  readonly readAt: bigint
  readonly users: SharedMap<UserUid, StoredUser>
  readonly teamNames: SharedMap<TeamUid, string>
  readonly projectNames: SharedMap<ProjectUid, string>
  readonly terms: SharedMap<string, Terms>
}

/**
 * Reads a tenant's access data. Run it in a `repeatable read` transaction: all statements must see one snapshot.
 *
 * @param before what is known from earlier: then only what changed since is read and compiled, as far as the log of changes
 *   tells; the answer is the same as without
 */
export async function loadSnapshot(tx: Tx, before?: Loaded): Promise<Loaded> {
  const head = await readHead(tx)
  const changes = before && (await readChanges(tx, { since: before.readAt, now: head.epoch }))
  return before && changes ? bringUpToDate(tx, head, before, changes) : loadAll(tx, head)
}

async function loadAll(tx: Tx, head: Head): Promise<Loaded> {
  const { tenant } = tx
  const isSystem = tenant === 'system'
  const people = await readUsers(tx)
  const teams = await readTeamNames(tx)
  const projects = await readProjectNames(tx)
  const assignments = await readAssignments(tx)
  const users = sharedMap(people, people.length)
  const terms = termsOf(assignments)
  return {
    ...{ tenant, ...head, readAt: head.epoch, users },
    teamNames: sharedMap(teams, teams.length),
    projectNames: sharedMap(projects, projects.length),
    terms: sharedMap(terms, terms.length),
    compiled: compile({
      ...{ tenantUid: tenant, epoch: head.epoch.toString(), users, assignments },
      permissions: isSystem ? systemPermissions : permissions,
      roles: await readDefinitions(tx),
    }),
  }
}

async function bringUpToDate(tx: Tx, head: Head, before: Loaded, changes: Changes): Promise<Loaded> {
  const { users, teams, roles, projects } = changes
  const people = users.length === 0 ? before.users : before.users.with(changed(users, await readUsers(tx, users)))
  const subjects = [
    ...users.map((uid) => ({ kind: 'user' as const, uid })),
    ...teams.map((uid) => ({ kind: 'team' as const, uid })),
  ]
  const assignments = subjects.length === 0 ? [] : await readAssignments(tx, { users, teams })
  const held = Map.groupBy(assignments, ({ subject: { kind, uid } }) => `${kind} ${uid}`)
  const gone = subjects.flatMap((subject) => termsOf(assignmentsHeldBy(before.compiled, subject)))
  const terms = termsOf(assignments)
  return {
    ...{ tenant: tx.tenant, ...head, readAt: head.epoch, users: people },
    teamNames:
      teams.length === 0 ? before.teamNames : before.teamNames.with(changed(teams, await readTeamNames(tx, teams))),
    projectNames:
      projects.length === 0
        ? before.projectNames
        : before.projectNames.with(changed(projects, await readProjectNames(tx, projects))),
    terms:
      gone.length + terms.length === 0
        ? before.terms
        : before.terms.with([...gone.map(([id]) => [id, undefined] as const), ...terms]),
    compiled: recompile(before.compiled, {
      ...{ epoch: head.epoch.toString(), users: people },
      held: subjects.map((subject) => ({
        subject,
        assignments: held.get(`${subject.kind} ${subject.uid}`) ?? [],
      })),
      roles: await readOwnDefinitions(tx, roles),
    }),
  }
}

/** What was found, and undefined for what was not. */
function changed<K extends string, V>(uids: readonly string[], found: readonly (readonly [K, V])[]) {
  // Cast: UIDs of the log of changes are of the tables that they name.
  return new Map<K, V | undefined>([...uids.map((uid) => [uid as K, undefined] as const), ...found])
}

function termsOf(assignments: readonly Assignment[]): (readonly [string, Terms])[] {
  return assignments.flatMap(({ id, endsAt, conditions }) => {
    if (endsAt === undefined && conditions === undefined) return []
    const terms = { ...(endsAt === undefined ? {} : { endsAt }), ...(conditions === undefined ? {} : { conditions }) }
    return [[id, terms] as const]
  })
}
