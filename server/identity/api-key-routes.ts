import type { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import { ApiKeyUid, systemTenant, type TenantUid, UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/api-keys.ts'
import { uidPath, wireTime } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import {
  type ApiKey,
  checkExpiry,
  createApiKey,
  deleteApiKey,
  listApiKeys,
  ownerOfApiKey,
  readApiKey,
  updateApiKey,
} from './api-keys.ts'
import type { IdentityEdges } from './edges.ts'
import { forbidden } from './forbidden.ts'

/** API keys. One's own need no permission; those of others need one, and to use it for them every right they hold. */
export function apiKeyEndpoints({
  keys,
  forget,
}: Pick<IdentityEdges, 'keys'> & {
  /** Told of a key that was changed, once that is durable. */
  readonly forget: (tenant: TenantUid, key: ApiKeyUid) => void
}): readonly Endpoint[] {
  const changed = (tx: Tx, uid: string) => tx.afterCommit(() => forget(tx.tenant, ApiKeyUid.parse(uid)))

  return [
    endpoint({
      route: 'POST /v1/apiKeys',
      summary: 'Creates an API key and shows its value, this once',
      permission: { signedIn: 'one’s own; for somebody else apiKey.create and every right that they hold' },
      body: wire.newApiKey,
      reply: { status: 201, body: wire.createdApiKey },
      refusals: ['forbidden', 'exceeds_own_rights', 'not_found', 'conflict', 'resource_limit'],
      audit: 'apikey.created',
      feature: 'apiKeyCreation',
      async handle({ tx, principal, body, access, now }) {
        const { metadata, spec } = body
        // The public Go client's helper puts the tenant's uid here and means itself.
        const isOwn = spec.userUid === '' || spec.userUid === principal.user || spec.userUid === principal.tenant
        if (!isOwn) {
          if (!(await isUser(tx, spec.userUid))) return err(refuse('not_found', 'No such user in this tenant'))
          if (!access.allows('apiKey.create', { kind: 'tenant' })) return err(forbidden('apiKey.create', tx.tenant))
          const covered = access.coversUser(spec.userUid)
          if (!covered.ok) return covered
        }
        const user = isOwn ? principal.user : UserUid.parse(spec.userUid)
        const created = await createApiKey(
          tx,
          {
            user,
            name: metadata.name,
            labels: metadata.labels,
            annotations: clientAnnotations(metadata.annotations),
            expiresAt: spec.expiry,
            createdBy: principal.user,
          },
          now,
        )
        if (!created.ok) return created
        const { uid, value } = created.value
        return ok({
          body: { apiKey: value, uid },
          resource: { uid, name: metadata.name },
          details: { user, expiry: wireTime(spec.expiry) },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/apiKeys',
      summary: 'Lists the caller’s API keys, or those of everybody for who holds apiKey.list',
      permission: { signedIn: 'one’s own; all of the tenant with apiKey.list' },
      reply: { status: 200, body: wire.apiKeyList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, principal, access }) {
        const all = access.allows('apiKey.list', { kind: 'tenant' })
        const found = await listApiKeys(tx, await keys.of(tx.tenant), all ? undefined : principal.user)
        return ok({ body: { items: found.map((key) => answer(key, { tx, principal, access })) } })
      },
    }),
    endpoint({
      route: 'GET /v1/apiKeys/{uid}',
      summary: 'Reads one API key, without its value',
      permission: { object: 'apiKey.get', find: findApiKey, orOwn: isOwner },
      params: uidPath,
      reply: { status: 200, body: wire.apiKey },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, principal, access, params }) {
        const key = await readApiKey(tx, await keys.of(tx.tenant), ApiKeyUid.parse(params.uid))
        return key ? ok({ body: answer(key, { tx, principal, access }) }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PUT /v1/apiKeys/{uid}',
      summary: 'Renames an API key or moves its expiry',
      permission: { object: 'apiKey.update', find: findApiKey, orOwn: isOwner },
      params: uidPath,
      body: wire.apiKeyUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights'],
      audit: 'apikey.updated',
      changes: 'sessions',
      async handle({ tx, params, body, target, principal, access, now }) {
        const { metadata, spec } = body
        const covered = coversOwner(target, principal.user, access)
        if (!covered.ok) return covered
        const possible = checkExpiry(spec.expiry, now)
        if (!possible.ok) return possible
        await updateApiKey(
          tx,
          ApiKeyUid.parse(params.uid),
          {
            ...(metadata?.name ? { name: metadata.name } : {}),
            ...(metadata?.labels ? { labels: metadata.labels } : {}),
            ...(metadata?.annotations ? { annotations: clientAnnotations(metadata.annotations) } : {}),
            ...(spec.expiry ? { expiresAt: spec.expiry } : {}),
          },
          now,
        )
        changed(tx, params.uid)
        return ok({ body: undefined, details: spec.expiry ? { expiry: wireTime(spec.expiry) } : {} })
      },
    }),
    stateEndpoint('PATCH /v1/apiKeys/{uid}'),
    stateEndpoint('PUT /v1/apiKeys/{uid}/state'),
    endpoint({
      route: 'DELETE /v1/apiKeys/{uid}',
      summary: 'Removes an API key; calls under way with it end',
      permission: { object: 'apiKey.delete', find: findApiKey, orOwn: isOwner },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'apikey.deleted',
      changes: 'sessions',
      async handle({ tx, params, target }) {
        await deleteApiKey(tx, ApiKeyUid.parse(params.uid))
        changed(tx, params.uid)
        return ok({ body: undefined, details: { user: target?.owner } })
      },
    }),
  ]

  function stateEndpoint(route: 'PATCH /v1/apiKeys/{uid}' | 'PUT /v1/apiKeys/{uid}/state'): Endpoint {
    return endpoint({
      route,
      summary: 'Switches an API key off or on again',
      permission: { object: 'apiKey.update', find: findApiKey, orOwn: isOwner },
      params: uidPath,
      body: wire.apiKeyState,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights'],
      audit: 'apikey.updated',
      changes: 'sessions',
      async handle({ tx, params, body: { isActive }, target, principal, access, now }) {
        // Switching off only takes away.
        const covered = isActive ? coversOwner(target, principal.user, access) : ok(undefined)
        if (!covered.ok) return covered
        await updateApiKey(tx, ApiKeyUid.parse(params.uid), { isActive }, now)
        changed(tx, params.uid)
        return ok({ body: undefined, details: { isActive } })
      },
    })
  }
}

/** A key as what is decided about. */
export async function findApiKey({ tx, params }: { readonly tx: Tx; readonly params: z.output<typeof uidPath> }) {
  const found = await ownerOfApiKey(tx, params.uid)
  return found && ({ kind: 'apiKey', uid: params.uid, scope: { kind: 'tenant' }, ...found } satisfies Target)
}

const isOwner = ({ target, principal }: { readonly target: Target; readonly principal: { readonly user: string } }) =>
  target.owner === principal.user

/** Keeping a key of somebody else alive keeps a way to their rights alive (threat C04). */
function coversOwner(target: Target | undefined, caller: string, access: RequestAccess) {
  return target?.owner === undefined || target.owner === caller ? ok(undefined) : access.coversUser(target.owner)
}

async function isUser(tx: Tx, uid: string): Promise<boolean> {
  if (!UserUid.safeParse(uid).success) return false
  return (await tx.query('select from users where tenant_id = $1 and user_id = $2', [tx.tenant, uid])).length > 0
}

/** What can be done to a key; whose it is needs no permission. */
const onKeys = ['apiKey.delete', 'apiKey.get', 'apiKey.list', 'apiKey.update'] as const satisfies readonly Permission[]

function answer(
  key: ApiKey,
  {
    tx: { tenant },
    principal,
    access,
  }: {
    readonly tx: Pick<Tx, 'tenant'>
    readonly principal: { readonly user: string }
    readonly access: RequestAccess
  },
): z.input<typeof wire.apiKey> {
  const { uid, user, person, name, labels, annotations, isActive, expiresAt, createdAt, updatedAt } = key
  const about =
    tenant === systemTenant ? ({ scope: 'system' } as const) : ({ scope: 'tenant', tenantUid: tenant } as const)
  const permissions = onKeys.filter(
    (permission) => user === principal.user || access.allows(permission, { kind: 'tenant' }),
  )
  return {
    metadata: {
      name,
      uid,
      labels: { ...labels },
      annotations: annotationsOf(annotations, { ...about, permissions }),
      creationTimestamp: wireTime(createdAt),
      lastModifiedTimestamp: wireTime(updatedAt),
      deletionTimestamp: wireTime(null),
    },
    spec: {
      expiry: wireTime(expiresAt),
      user: { uid: user, firstName: person.firstName, lastName: person.lastName },
    },
    status: { isActive },
  }
}
