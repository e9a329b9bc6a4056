import type { z } from 'zod'
import { apiKey } from '../contract/wire/api-keys.ts'
import { cluster } from '../contract/wire/clusters.ts'
import { project } from '../contract/wire/projects.ts'
import { role } from '../contract/wire/roles.ts'
import { team } from '../contract/wire/teams.ts'
import { tenant } from '../contract/wire/tenants.ts'
import { user } from '../contract/wire/users.ts'
import { shownTime } from './output.ts'

/** What the commands list, get and delete, as data: where it is on `/v1`, what it is called, what a table shows. */
export type Kind<Item = unknown> = {
  readonly name: KindName
  readonly path: string
  /** What the list answers, and one alone (which may say more). */
  readonly item: z.ZodType<Item>
  readonly uid: (item: Item) => string
  /** What a person may call it by, the first being its own name. Compared without case. */
  readonly names: (item: Item) => readonly string[]
  readonly columns: readonly Column<Item>[]
  /** What one alone shows besides its columns. */
  readonly sides: readonly Column<Item>[]
}
export type KindName = 'tenant' | 'project' | 'user' | 'team' | 'role' | 'cluster' | 'key'
export type Column<Item> = readonly [header: string, cell: (item: Item) => string]

type WithMetadata = {
  readonly metadata: { readonly uid: string; readonly name: string; readonly creationTimestamp: string }
}
const uid: Column<WithMetadata> = ['UID', ({ metadata }) => metadata.uid]
const name: Column<WithMetadata> = ['NAME', ({ metadata }) => metadata.name]
const created: Column<WithMetadata> = ['CREATED', ({ metadata }) => shownTime(metadata.creationTimestamp)]
const labels: Column<{ metadata: { labels: Readonly<Record<string, string>> } }> = [
  'LABELS',
  ({ metadata }) =>
    Object.entries(metadata.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
]
const uidOf = ({ metadata }: WithMetadata) => metadata.uid
const nameOf = ({ metadata }: WithMetadata) => [metadata.name]

/** A list answers less than one alone: contact and address are not in it. */
const tenantItem = tenant.extend({
  spec: tenant.shape.spec.partial({ orgEmailId: true, address: true }),
})

export const kinds = {
  tenant: kind({
    name: 'tenant',
    path: '/v1/tenants',
    item: tenantItem,
    uid: uidOf,
    names: ({ spec }) => [spec.orgName],
    columns: [
      ['NAME', ({ spec }) => spec.orgName],
      uid,
      ['STATE', ({ status }) => (status.toBeDeleted ? 'deleting' : status.isActive ? 'active' : 'not active')],
      created,
    ],
    sides: [['CONTACT', ({ spec }) => spec.orgEmailId ?? '']],
  }),
  project: kind({
    name: 'project',
    path: '/v1/projects',
    item: project,
    uid: uidOf,
    names: nameOf,
    columns: [name, uid, created],
    sides: [
      labels,
      ['USERS', ({ spec }) => spec.users.map(({ userId }) => userId).join(', ')],
      ['TEAMS', ({ spec }) => spec.teams.map(({ teamId }) => teamId).join(', ')],
    ],
  }),
  user: kind({
    name: 'user',
    path: '/v1/users',
    item: user,
    uid: uidOf,
    names: ({ spec, metadata }) => [spec.emailId, metadata.name],
    columns: [
      ['E-MAIL', ({ spec }) => spec.emailId],
      uid,
      ['NAME', ({ spec }) => `${spec.firstName} ${spec.lastName}`.trim()],
      ['STATE', ({ status }) => (status.isActive ? 'active' : 'not active')],
      ['LAST SIGN-IN', ({ status }) => shownTime(status.lastSignIn)],
    ],
    sides: [created, ['ROLES', ({ spec }) => spec.roles.join(', ')]],
  }),
  team: kind({
    name: 'team',
    path: '/v1/teams',
    item: team,
    uid: uidOf,
    names: nameOf,
    columns: [name, uid, ['MEMBERS', ({ spec }) => String(spec.users.length)], created],
    sides: [labels, ['USERS', ({ spec }) => spec.users.join(', ')], ['ROLES', ({ spec }) => spec.roles.join(', ')]],
  }),
  role: kind({
    name: 'role',
    path: '/v1/roles',
    item: role,
    uid: uidOf,
    names: nameOf,
    columns: [
      name,
      uid,
      ['SCOPE', ({ spec }) => spec.scope],
      ['PERMISSIONS', ({ spec }) => String(spec.permissions.length)],
    ],
    sides: [['GIVES', ({ spec }) => spec.permissions.join(', ')]],
  }),
  cluster: kind({
    name: 'cluster',
    path: '/v1/spectroclusters',
    item: cluster,
    uid: uidOf,
    names: nameOf,
    columns: [
      name,
      uid,
      ['STATE', ({ status }) => status.state],
      ['PROJECT', ({ metadata }) => metadata.annotations.projectUid ?? ''],
      created,
    ],
    sides: [labels],
  }),
  key: kind({
    name: 'key',
    path: '/v1/apiKeys',
    item: apiKey,
    uid: uidOf,
    names: nameOf,
    columns: [
      name,
      uid,
      ['OF', ({ spec }) => `${spec.user.firstName} ${spec.user.lastName}`.trim()],
      ['STATE', ({ status }) => (status.isActive ? 'active' : 'switched off')],
      ['EXPIRES', ({ spec }) => shownTime(spec.expiry)],
      created,
    ],
    sides: [],
  }),
} as const satisfies Readonly<Record<KindName, Kind>>

/** Each kind is checked with its own items' type; whoever goes over all of them passes items through unlooked at. */
function kind<Item>(one: Kind<Item>): Kind {
  return one as unknown as Kind // an item only ever comes from the kind's own schema
}
