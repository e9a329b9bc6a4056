import { TeamUid, UserUid } from '../../contract/ids.ts'
import type { Endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administratorEndpoints } from './administrator-routes.ts'
import { assignmentEndpoints } from './assignment-routes.ts'
import { createDirectory } from './directory.ts'
import { meEndpoints } from './me-routes.ts'
import { peopleEndpoints } from './people-routes.ts'
import type { PeoplePorts } from './ports.ts'
import { resourceRoleEndpoints } from './resource-role-routes.ts'
import { roleEndpoints } from './role-routes.ts'
import { teamListEndpoint } from './team-list-routes.ts'
import { teamEndpoints } from './team-routes.ts'
import { findTeamByName, readTeam, readTeams } from './team-store.ts'
import { userEndpoints } from './user-routes.ts'
import { findUserByEmail, userExists } from './user-store.ts'
import { workspaceRoleEndpoints } from './workspace-role-routes.ts'

export type { ActivationLinks, LinkLife } from './ports.ts'
export { findTeam } from './team-routes.ts'
export { membersOf } from './team-store.ts'
export { userAnswer } from './user-answers.ts'
export { findUser } from './user-routes.ts'
export {
  type AdminType,
  countUsers,
  fullName,
  insertUser,
  type NewPerson,
  type Person,
  parseEmail,
  readUser,
  readUsers,
  type Sealing,
  updateUser,
} from './user-store.ts'

export type People = {
  readonly endpoints: readonly Endpoint[]
  /** What the people and the teams of `tx.tenant` are called, for features that show them. */
  readonly names: {
    readonly people: (tx: Tx) => Promise<ReadonlyMap<UserUid, string>>
    readonly teams: (tx: Tx) => Promise<ReadonlyMap<TeamUid, string>>
  }
  /** Who of `tx.tenant` goes by this: a user's UID or e-mail, a team's UID or name. */
  readonly subjects: {
    readonly user: (tx: Tx, text: string) => Promise<UserUid | undefined>
    readonly team: (tx: Tx, text: string) => Promise<TeamUid | undefined>
  }
}

/**
 * Users, teams and the roles they hold, with filters and without.
 *
 * @param deps `factsEpoch`: the tenant's facts epoch as the transaction sees it, by which the directory in memory is kept
 *   current; `maxPeople`: how many people that directory holds, over all tenants
 */
export function createPeople(
  deps: Omit<PeoplePorts, 'directory'> & {
    readonly factsEpoch: (tx: Tx) => Promise<bigint>
    readonly maxPeople?: number
  },
): People {
  const directory = createDirectory(deps)
  const ports = { ...deps, directory }
  return {
    endpoints: [
      ...meEndpoints(ports),
      ...userEndpoints(ports),
      ...administratorEndpoints(ports),
      ...peopleEndpoints(ports),
      ...teamEndpoints(ports),
      teamListEndpoint,
      ...roleEndpoints,
      ...assignmentEndpoints(ports),
      ...resourceRoleEndpoints,
      ...workspaceRoleEndpoints,
    ],
    names: {
      people: async (tx) => new Map((await directory.of(tx)).map(({ uid, name }) => [uid, name])),
      teams: async (tx) => new Map((await readTeams(tx)).map(({ uid, name }) => [uid, name])),
    },
    subjects: {
      async user(tx, text) {
        const uid = UserUid.safeParse(text)
        if (uid.success && (await userExists(tx, uid.data))) return uid.data
        return findUserByEmail(tx, await deps.keys.of(tx.tenant), text)
      },
      async team(tx, text) {
        const uid = TeamUid.safeParse(text)
        if (uid.success && (await readTeam(tx, uid.data))) return uid.data
        return findTeamByName(tx, text)
      },
    },
  }
}
