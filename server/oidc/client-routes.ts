import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { objectsPerKind, oidcClientsInAll } from '../../contract/limits.ts'
import {
  NewOidcClient,
  type OidcClient,
  OidcClientList,
  OidcClientUid,
  RegisteredOidcClient,
} from '../../contract/oidc-clients.ts'
import type { Permission, SystemPermission } from '../../contract/permissions.ts'
import { nameKey, uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { Keys } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newSecret, newUid } from '../platform/random/index.ts'
import { countClients, deleteClient, insertClient, readClient, readClients, type StoredClient } from './client-store.ts'
import { clientIdOf, secretField } from './clients.ts'

/**
 * Who lets a client in lets it act for everybody in the organisation who signs in at it: so only who runs people, roles and
 * keys there may, which is a Tenant Admin; for clients of all organisations a system administrator.
 */
const needed: readonly Permission[] = ['user.update', 'role.update', 'apiKey.update']
const neededInSystem: SystemPermission = 'systemAdmin.update'

const signedIn = {
  signedIn: `${needed.join(', ')} in the tenant; system administrators with ${neededInSystem} for clients of all tenants`,
}

function may(tenant: TenantUid, access: RequestAccess): Result<undefined, Refusal> {
  const missing =
    tenant === systemTenant
      ? [neededInSystem].find((one) => !access.allows(one, { kind: 'system' }))
      : needed.find((one) => !access.allows(one, { kind: 'tenant' }))
  if (missing === undefined) return ok(undefined)
  const scope = { kind: tenant === systemTenant ? 'system' : 'tenant', uid: tenant }
  return err(refuse('forbidden', `This needs ${missing} in tenant ${tenant}`, { permission: missing, scope }))
}

async function roomOf(tx: Tx): Promise<Result<undefined, Refusal>> {
  const { ofTenant, inAll } = await countClients(tx)
  if (ofTenant >= objectsPerKind)
    return err(refuse('resource_limit', `A tenant has at most ${objectsPerKind} clients of the issuer; remove one`))
  if (inAll >= oidcClientsInAll)
    return err(
      refuse('resource_limit', `This installation has at most about ${oidcClientsInAll} clients of the issuer`),
    )
  return ok(undefined)
}

/** Clients of the issuer: registered by an administrator, never by themselves. */
export function clientEndpoints({ keys }: { readonly keys: Pick<Keys, 'of'> }): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/palisade/oidc/clients',
      summary: 'Registers a client of the issuer; its secret is in this answer and in no other',
      permission: signedIn,
      body: NewOidcClient,
      reply: { status: 201, body: RegisteredOidcClient },
      refusals: ['forbidden', 'client_name_taken', 'resource_limit'],
      audit: 'oidc.client.created',
      feature: 'oidcClients',
      async handle({ tx, body, principal, access, now }) {
        const allowed = may(tx.tenant, access)
        if (!allowed.ok) return allowed
        const room = await roomOf(tx)
        if (!room.ok) return room
        const uid = OidcClientUid.parse(newUid())
        // A program on people's machines would give its secret to everybody who has it.
        const secret = body.kind === 'web' ? newSecret() : undefined
        const { name, kind, redirectUris, apiAccess } = body
        const client: StoredClient = {
          ...{ uid, name, kind, redirectUris, apiAccess, createdBy: principal.user, createdAt: now },
          secret: secret === undefined ? null : (await keys.of(tx.tenant)).seal(secretField(uid), secret),
        }
        try {
          await insertClient(tx, client, nameKey(name))
        } catch (cause) {
          if (violatedUnique(cause)) return err(refuse('client_name_taken'))
          throw cause
        }
        return ok({
          body: { client: answer(tx.tenant, client), ...(secret === undefined ? {} : { clientSecret: secret }) },
          resource: { uid, name },
          details: { kind, redirectUris, apiAccess },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/oidc/clients',
      summary: 'Lists the clients that are registered for the caller’s tenant',
      permission: signedIn,
      reply: { status: 200, body: OidcClientList },
      refusals: ['forbidden'],
      audit: 'refusals-only',
      async handle({ tx, access }) {
        const allowed = may(tx.tenant, access)
        if (!allowed.ok) return allowed
        return ok({ body: { items: (await readClients(tx)).map((client) => answer(tx.tenant, client)) } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/palisade/oidc/clients/{uid}',
      summary:
        'Removes a client: nothing that it holds can be redeemed or refreshed any more, and its access tokens open nothing',
      permission: signedIn,
      params: uidPath,
      reply: { status: 204 },
      refusals: ['forbidden', 'not_found'],
      audit: 'oidc.client.deleted',
      async handle({ tx, params, access }) {
        // Another tenant's client and none at all are one answer, to whoever asks.
        const uid = OidcClientUid.safeParse(params.uid)
        const client = uid.success ? await readClient(tx, uid.data) : undefined
        if (!client) return err(refuse('not_found'))
        const allowed = may(tx.tenant, access)
        if (!allowed.ok) return allowed
        const { name } = client
        await deleteClient(tx, client.uid)
        return ok({ body: undefined, resource: { uid: params.uid, name } })
      },
    }),
  ]
}

const answer = (tenant: TenantUid, client: StoredClient): OidcClient => ({
  uid: client.uid,
  clientId: clientIdOf(tenant, client.uid),
  name: client.name,
  kind: client.kind,
  redirectUris: [...client.redirectUris],
  apiAccess: client.apiAccess,
  createdBy: client.createdBy,
  createdAt: client.createdAt.toISOString(),
})
