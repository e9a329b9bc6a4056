import type { z } from 'zod'
import { type ProjectUid, systemTenant, type TenantUid, type UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf } from '../../contract/wire/annotations.ts'
import { wireTime } from '../../contract/wire/common.ts'
import type * as wire from '../../contract/wire/users.ts'
import { type AssignedRole, inheritedStandingRoles, standingRolesOfUsers } from '../access/index.ts'
import type { RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { teamsOf } from './team-store.ts'
import { fullName, type Person } from './user-store.ts'

/** What may be done to a user once they exist. */
const onUsers = ['user.delete', 'user.get', 'user.list', 'user.update'] as const satisfies readonly Permission[]

type Seen = { readonly tenant: TenantUid; readonly permissions?: readonly string[] }

/** The caller's permissions on the users of the tenant; they are the same for all of them. */
export const permissionsOnUsers = (access: RequestAccess): readonly string[] =>
  onUsers.filter((permission) => access.allows(permission, { kind: 'tenant' }))

/**
 * One user as `/v1` shows it.
 *
 * @param roles standing ones: a client sends the list back as it read it
 * @param link the activation link, for a caller who may have it; empty for everybody else and in lists: a look at a page
 *   hands out no credentials
 */
export function userAnswer(
  person: Person,
  roles: readonly AssignedRole[],
  { tenant, permissions }: Seen,
  link = '',
): z.input<typeof wire.user> {
  return {
    metadata: metadataAnswer(person, { tenant, ...(permissions ? { permissions } : {}) }),
    spec: { ...namesOf(person), roles: tenantRolesOf(roles, person.uid).map(({ role }) => role) },
    status: statusOf(person, link),
  }
}

/** Users with the names of their own standing tenant roles and teams, and in how many projects they have a standing role in any way. */
export async function userSummaries(
  tx: Tx,
  people: readonly Person[],
  seen: Seen,
): Promise<z.input<typeof wire.userSummaries>> {
  const uids = people.map(({ uid }) => uid)
  const roles = await standingRolesOfUsers(tx, uids)
  const rolesByUser = Map.groupBy(roles, ({ subject }) => ('user' in subject ? subject.user : undefined))
  const inherited = Map.groupBy(await inheritedStandingRoles(tx, uids), ({ user }) => user)
  const teams = await teamsOf(tx, uids)
  return {
    items: people.map((person) => {
      const own = rolesByUser.get(person.uid) ?? []
      const all = [...own, ...(inherited.get(person.uid) ?? [])]
      const projects = new Set(all.flatMap(({ place }): ProjectUid[] => (place === 'tenant' ? [] : [place])))
      return {
        metadata: metadataAnswer(person, seen),
        spec: {
          ...namesOf(person),
          projectsCount: projects.size,
          roles: own.filter(({ place }) => place === 'tenant').map(named),
          teams: [...(teams.get(person.uid) ?? [])],
        },
        status: statusOf(person, ''),
      }
    }),
  }
}

export const namesOf = ({ email, firstName, lastName }: Person) => ({ emailId: email, firstName, lastName })

export const statusOf = (person: Person, link: string) => ({
  activationLink: link,
  isActive: person.state === 'active',
  isPasswordResetting: person.passwordResetting,
  lastSignIn: wireTime(person.lastSignInAt),
})

export function metadataAnswer(person: Person, { tenant, permissions }: Seen) {
  const about =
    tenant === systemTenant ? ({ scope: 'system' } as const) : ({ scope: 'tenant', tenantUid: tenant } as const)
  return {
    name: fullName(person),
    uid: person.uid,
    labels: { ...person.labels },
    annotations: annotationsOf(person.annotations, { ...about, ...(permissions ? { permissions } : {}) }),
    creationTimestamp: wireTime(person.createdAt),
    lastModifiedTimestamp: wireTime(person.updatedAt),
    deletionTimestamp: wireTime(null),
  }
}

/** A user's own tenant roles among assignments of several users. */
export const tenantRolesOf = (roles: readonly AssignedRole[], user: UserUid): readonly AssignedRole[] =>
  roles.filter(({ subject, place }) => place === 'tenant' && 'user' in subject && subject.user === user)

/** A role as `{uid, name}`. */
export const named = ({ role, name }: AssignedRole) => ({ uid: role, name })
