import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { Permission } from '../../contract/permissions.ts'
import { type PredefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import { listQuery } from '../../contract/wire/list-filters.ts'
import { type Columns, selectPage } from '../../contract/wire/list-select.ts'
import * as wire from '../../contract/wire/roles.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import {
  type CustomRole,
  countRoles,
  deleteRole,
  insertRole,
  ownRole,
  permissionsFor,
  predefinedByUid,
  type RoleUse,
  readRole,
  readRoles,
  updateRole,
  usesOfRole,
  type WrittenRole,
} from './role-store.ts'

type AnyRole = PredefinedRole | CustomRole

/** The paths that a list of roles is filtered and sorted by. */
const columns: Columns<AnyRole> = {
  'metadata.name': ({ name }) => name,
  'metadata.uid': ({ uid }) => uid,
  'spec.scope': ({ scope }) => scope,
  'spec.type': typeOf,
}

/** How many of a role's uses a refusal names. */
const maxNamed = 20

/** Roles: the predefined ones, and those that a tenant makes for itself. */
export const roleEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/roles',
    summary: "Lists the tenant's own roles, then the predefined ones",
    permission: { tenant: 'role.list' },
    query: listQuery,
    reply: { status: 200, body: wire.roleList },
    refusals: ['invalid'],
    audit: 'refusals-only',
    async handle(c) {
      const { tx, query } = c
      // Clients look for a role by its name on the first page, of which the predefined ones fill nearly all.
      const all = [...(await readRoles(tx)), ...predefinedRoles]
      const page = selectPage(all, query, columns, [])
      if (!page.ok) return err(refuse('invalid', page.error))
      const { items, listmeta } = page.value
      return ok({ body: { items: items.map((role) => toWire(c, role)), listmeta } })
    },
  }),
  endpoint({
    route: 'POST /v1/roles',
    summary: 'Creates a role',
    permission: { tenant: 'role.create' },
    body: wire.roleIn,
    reply: { status: 201, body: uidReply },
    refusals: ['invalid', 'role_name_taken', 'resource_limit'],
    audit: 'role.created',
    changes: 'access',
    async handle({ tx, body, principal, now }) {
      const role = written(body)
      return role.ok ? create(tx, role.value, principal.user, now) : role
    },
  }),
  endpoint({
    route: 'GET /v1/roles/{uid}',
    summary: 'Reads one role',
    permission: { object: 'role.get', find: findRole },
    params: uidPath,
    reply: { status: 200, body: wire.role },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle(c) {
      const { tx, params } = c
      // Clients try a role's name as uid first; that is a missing object, not a malformed request.
      const role = await find(tx, params.uid)
      return role ? ok({ body: toWire(c, role) }) : err(unknown(params.uid))
    },
  }),
  endpoint({
    route: 'PUT /v1/roles/{uid}',
    summary: 'Changes a role, for everybody who holds it',
    permission: { object: 'role.update', find: findRole },
    params: uidPath,
    body: wire.roleIn,
    reply: { status: 204 },
    refusals: ['not_found', 'invalid', 'role_name_taken', 'role_predefined', 'role_in_use', 'exceeds_own_rights'],
    audit: 'role.updated',
    changes: 'access',
    async handle({ tx, params, body, access, now }) {
      const found = await ownRole(tx, params.uid)
      if (!found.ok) return found
      const before = found.value
      const after = written(body, before)
      if (!after.ok) return after
      const { name, scope, isEnabled, permissions } = after.value
      if (scope !== before.scope) {
        const uses = await usesOfRole(tx, before.uid)
        if (uses.length > 0) return err(inUse(before, uses, `It cannot become a ${scope} role while it is held`))
      }
      // Who holds it holds what it becomes: nobody gives others, or themselves, more than they have (threat D01).
      const covered = access.coversRoleChange(before.uid, isEnabled ? permissions : [])
      if (!covered.ok) return covered
      const updated = await updateRole(tx, before.uid, after.value, now)
      if (!updated.ok) return updated
      const had = new Set(before.permissions)
      const has = new Set(permissions)
      const details = {
        added: permissions.filter((one) => !had.has(one)),
        removed: before.permissions.filter((one) => !has.has(one)),
        ...(name === before.name ? {} : { name: { before: before.name, after: name } }),
        ...(scope === before.scope ? {} : { scope: { before: before.scope, after: scope } }),
        ...(isEnabled === before.isEnabled ? {} : { isEnabled }),
      }
      return ok({ body: undefined, resource: { uid: before.uid, name }, details })
    },
  }),
  endpoint({
    route: 'DELETE /v1/roles/{uid}',
    summary: 'Deletes a role that nobody holds',
    permission: { object: 'role.delete', find: findRole },
    params: uidPath,
    reply: { status: 204 },
    refusals: ['not_found', 'role_predefined', 'role_in_use'],
    audit: 'role.deleted',
    changes: 'access',
    async handle({ tx, params }) {
      const found = await ownRole(tx, params.uid)
      if (!found.ok) return found
      const { uid, name, scope, permissions } = found.value
      const uses = await usesOfRole(tx, uid)
      if (uses.length > 0) return err(inUse(found.value, uses, 'Take it away from them first'))
      await deleteRole(tx, uid)
      return ok({ body: undefined, resource: { uid, name }, details: { scope, permissions } })
    },
  }),
  endpoint({
    route: 'POST /v1/roles/{uid}/clone',
    summary: 'Makes a role with the permissions of another, predefined ones too',
    permission: { object: 'role.create', find: findRole },
    params: uidPath,
    body: wire.roleClone,
    reply: { status: 201, body: uidReply },
    refusals: ['not_found', 'role_name_taken', 'resource_limit'],
    audit: 'role.created',
    changes: 'access',
    async handle({ tx, params, body: { metadata }, principal, now }) {
      const role = await find(tx, params.uid)
      if (!role || role.scope === 'system') return err(unknown(params.uid))
      const copy = {
        name: metadata.name,
        scope: role.scope,
        permissions: role.permissions,
        isEnabled: true,
        labels: metadata.labels ?? {},
        annotations: clientAnnotations(metadata.annotations ?? {}),
      }
      const created = await create(tx, copy, principal.user, now)
      return created.ok
        ? ok({ ...created.value, details: { ...created.value.details, clonedFrom: role.name } })
        : created
    },
  }),
]

async function create(tx: Tx, role: WrittenRole, by: string, now: Date) {
  const room = await hasRoom(tx, 'role', () => countRoles(tx))
  if (!room.ok) return room
  const uid = await insertRole(tx, role, by, now)
  if (!uid.ok) return uid
  const { name, scope, permissions } = role
  return ok({ body: { uid: uid.value }, resource: { uid: uid.value, name }, details: { scope, permissions } })
}

/** @param before what stays where a client does not say */
function written(
  { metadata, spec, status }: z.output<typeof wire.roleIn>,
  before?: CustomRole,
): Result<WrittenRole, Refusal> {
  if (spec.type === 'system') return err(refuse('invalid', 'spec.type: only predefined roles are of type "system"'))
  const { scope } = spec
  if (scope !== 'tenant' && scope !== 'project' && scope !== 'resource')
    return err(refuse('invalid', 'spec.scope: must be tenant, project or resource'))
  const permissions = permissionsFor(scope, spec.permissions)
  if (!permissions.ok) return err(refuse('invalid', permissions.error))
  return ok({
    name: metadata.name,
    scope,
    permissions: permissions.value,
    isEnabled: status?.isEnabled ?? before?.isEnabled ?? true,
    labels: metadata.labels,
    annotations: clientAnnotations(metadata.annotations),
  })
}

const unknown = (uid: string) => refuse('not_found', `No role ${uid}`)

async function find(tx: Tx, uid: string): Promise<AnyRole | undefined> {
  return predefinedByUid.get(uid) ?? (await readRole(tx, uid))
}

/** A role as what is decided about: whoever may not read roles is not told which there are. */
async function findRole({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
  const role = await find(tx, params.uid)
  return role && { kind: 'role', uid: role.uid, name: role.name, scope: { kind: 'tenant' as const } }
}

function inUse({ name }: CustomRole, uses: readonly RoleUse[], advice: string): Refusal {
  const count = new Set(uses.map(({ kind, uid }) => `${kind} ${uid}`)).size
  return refuse('role_in_use', `"${name}" is held by ${count} users or teams. ${advice}`, {
    uses: uses.slice(0, maxNamed),
    count: uses.length,
  })
}

function typeOf(role: AnyRole): 'system' | 'user' {
  return 'isEnabled' in role ? 'user' : 'system'
}

/** What can be done to a role; predefined ones stay as they are. */
const onRoles = {
  own: ['role.delete', 'role.get', 'role.list', 'role.update'],
  predefined: ['role.get', 'role.list'],
} as const satisfies Record<string, readonly Permission[]>

function toWire(
  { tx, access }: { readonly tx: Tx; readonly access: RequestAccess },
  role: AnyRole,
): z.input<typeof wire.role> {
  const { uid, name, scope, permissions } = role
  const own = 'isEnabled' in role ? role : undefined
  const may = onRoles[own ? 'own' : 'predefined'].filter((permission) => access.allows(permission, { kind: 'tenant' }))
  return {
    metadata: {
      name,
      uid,
      labels: { ...own?.labels },
      annotations: own
        ? annotationsOf(own.annotations, { scope: 'tenant', tenantUid: tx.tenant, permissions: may })
        : annotationsOf(
            { description: 'description' in role ? role.description : '' },
            { scope: 'system', permissions: may },
          ),
      creationTimestamp: wireTime(own?.createdAt),
      lastModifiedTimestamp: wireTime(own?.updatedAt),
      deletionTimestamp: wireTime(null),
    },
    spec: { permissions: [...permissions], scope, type: typeOf(role) },
    status: { isEnabled: own?.isEnabled ?? true },
  }
}
