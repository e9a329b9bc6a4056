import type { AdapterPayload, ClientMetadata } from 'oidc-provider'
import { systemTenant, TenantUid } from '../../contract/ids.ts'
import { OidcClientUid } from '../../contract/oidc-clients.ts'
import type { IssuerClients } from '../identity/index.ts'
import type { Keys } from '../keys/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { readClient } from './client-store.ts'

/** The command line: a program on somebody's own machine, which can keep no secret. */
export const cliClient = 'palisade-cli'
/** The server side of the console. */
export const canvasClient = 'palisade-canvas'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** The clients that come with Palisade. */
export function ownClients(publicUrl: string, canvasSecret: string): ClientMetadata[] {
  return [
    {
      client_id: cliClient,
      client_name: 'Palisade command line',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      // RFC 8252 §7.3: any port of the loopback address.
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', deviceGrant],
    },
    {
      client_id: canvasClient,
      client_name: 'Palisade console',
      application_type: 'web',
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: canvasSecret,
      redirect_uris: [`${publicUrl}/canvas/callback`],
      post_logout_redirect_uris: [`${publicUrl}/`],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ]
}

/** The console's secret: the same on every replica, made of the installation's own key, and nowhere written down. */
export async function canvasSecretOf(keys: Pick<Keys, 'of'>): Promise<string> {
  return (await keys.of(systemTenant)).blindIndex('oidc_clients', 'secret', canvasClient).toString('base64url')
}

/** A registered client's id leads to its tenant: `poc_<tenant>_<client>`. It is no secret. */
export const clientIdOf = (tenant: TenantUid, uid: OidcClientUid): string => `poc_${tenant}_${uid}`

export function parseClientId(
  clientId: string,
): { readonly tenant: TenantUid; readonly uid: OidcClientUid } | undefined {
  const [prefix, tenant, uid, more] = clientId.split('_')
  if (prefix !== 'poc' || more !== undefined) return undefined
  const [t, u] = [TenantUid.safeParse(tenant), OidcClientUid.safeParse(uid)]
  return t.success && u.success ? { tenant: t.data, uid: u.data } : undefined
}

/** The one tenant whose people may sign in to this client; undefined where all may. */
export function onlyTenantOf(clientId: string): TenantUid | undefined {
  const tenant = parseClientId(clientId)?.tenant
  return tenant === systemTenant ? undefined : tenant
}

/** Whether a client's access tokens open Palisade's own API. */
export const hasApiAccess = (client: { readonly clientId: string; readonly palisade_api?: unknown }): boolean =>
  client.clientId === cliClient || client.clientId === canvasClient || client.palisade_api === true

/** Clients, as far as whoever looks at an access token has to know of them. */
export function createIssuerClients(inTenant: InTenant): IssuerClients {
  return {
    own: new Set([cliClient, canvasClient]),
    async has(clientId) {
      const named = parseClientId(clientId)
      const client = named && (await inTenant(named.tenant, (tx) => readClient(tx, named.uid), { readOnly: true }))
      return client?.apiAccess === true
    },
  }
}

export const secretField = (uid: OidcClientUid) => ({ table: 'oidc_clients', column: 'secret', row: uid })

/** Registered clients as the provider library reads them (RFC 7591 §2). */
export function createClientFinder({
  inTenant,
  keys,
}: {
  readonly inTenant: InTenant
  readonly keys: Pick<Keys, 'of'>
}): (clientId: string) => Promise<AdapterPayload | undefined> {
  return async (clientId) => {
    const named = parseClientId(clientId)
    if (!named) return undefined
    const client = await inTenant(named.tenant, (tx) => readClient(tx, named.uid))
    if (!client) return undefined
    const native = client.kind === 'native'
    const secret = client.secret && (await keys.of(named.tenant)).open(secretField(named.uid), client.secret)
    return {
      client_id: clientId,
      client_name: client.name,
      application_type: client.kind,
      token_endpoint_auth_method: native ? 'none' : 'client_secret_basic',
      ...(secret ? { client_secret: secret } : {}),
      redirect_uris: [...client.redirectUris],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', ...(native ? [deviceGrant] : [])],
      palisade_api: client.apiAccess,
    }
  }
}
