import type { ApiKeyUid, SessionUid, TenantUid } from '../../contract/ids.ts'
import { Secret } from '../../core/seal/index.ts'
import type { Endpoint, Principal } from '../gateway/index.ts'
import { administratorPasswordEndpoints } from './administrator-routes.ts'
import { apiKeyListEndpoint } from './api-key-list-routes.ts'
import { apiKeyEndpoints } from './api-key-routes.ts'
import { type ApiServerTokens, createApiServerTokens } from './api-server-tokens.ts'
import { authEndpoints } from './auth-routes.ts'
import { type Authenticator, createAuthenticator } from './authenticator.ts'
import { createClusterTokens } from './cluster-tokens.ts'
import { createCredentialStore } from './credential-store.ts'
import type { IdentityEdges } from './edges.ts'
import { type CreateFirstAdministrator, createFirstAdministrator } from './first-administrator.ts'
import { createIssuerPort, type IssuerPort } from './issuer-port.ts'
import { createBarredReaders } from './link-readers.ts'
import { createLinks, type Links } from './links.ts'
import { createPasswordHasher, type PasswordHasher } from './password-hash.ts'
import { passwordPolicyEndpoints } from './password-policy-routes.ts'
import { passwordEndpoints } from './password-routes.ts'
import { createPasswords } from './passwords.ts'
import { createProve } from './proof.ts'
import { createRefresh } from './refresh.ts'
import { sessionEndpoints } from './session-routes.ts'
import { sessionSettingsEndpoints } from './session-settings-routes.ts'
import { createSignIn } from './sign-in.ts'
import { signingKeyEndpoint } from './signing-key-routes.ts'
import { createSigningKeys } from './signing-keys.ts'
import { createThrottle } from './throttle.ts'
import { createTokens, issuerOf } from './tokens.ts'

/** Who somebody is: sign-in, sessions and their tokens, API keys, passwords and the links that set them. */
export type Identity = Pick<Authenticator, 'authenticate' | 'recheck' | 'touch'> & {
  readonly endpoints: readonly Endpoint[]
  readonly links: Links
  readonly createFirstAdministrator: CreateFirstAdministrator
  /** A token for the Kubernetes door, as good as the session or key that the caller came with and ending with it. */
  issueClusterToken(principal: Principal): Promise<{ readonly token: Secret; readonly expiresAt: Date }>
  /** Tokens that clusters take which trust our issuer. */
  readonly apiServerTokens: ApiServerTokens
  /** For the OpenID Connect issuer and its pages. */
  readonly issuer: IssuerPort
  /** For metrics. */
  stats(): ReturnType<PasswordHasher['stats']>
  /** Loads the signing keys, or makes the first; before it nobody can sign in. */
  start(): Promise<void>
  /** Writes down what was noted of sessions and keys in use; call it while the database is still there. */
  stop(): Promise<void>
}

export function createIdentity(edges: IdentityEdges): Identity {
  const { publicUrl, clock } = edges
  const signingKeys = createSigningKeys(edges)
  const tokens = createTokens({ issuer: publicUrl, keys: signingKeys, clock })
  const clusterTokens = createClusterTokens({ issuer: publicUrl, keys: signingKeys, clock })
  const store = createCredentialStore(edges)
  const authenticator = createAuthenticator({ ...edges, tokens, clusterTokens, store })
  const hasher = createPasswordHasher()
  const throttle = createThrottle(edges)
  const barredReaders = createBarredReaders(edges)
  const links = createLinks({ ...edges, barredReaders })

  // Other replicas hear of an end through the tenant's epoch; here the next request sees it without waiting for that.
  const ended = (tenant: TenantUid, sessions: readonly SessionUid[]) => {
    for (const uid of sessions) store.forget({ kind: 'session', tenant, uid })
  }
  const forget = (tenant: TenantUid, uid: ApiKeyUid) => store.forget({ kind: 'apiKey', tenant, uid })

  const prove = createProve({ ...edges, throttle })
  const passwords = createPasswords({ ...edges, hasher, throttle, prove, links, barredReaders, ended })
  const signIn = createSignIn({ ...edges, hasher, throttle, tokens, prove })
  const refresh = createRefresh({ ...edges, authenticator, tokens })

  async function issueClusterToken(principal: Principal) {
    const { tenant, user, credential } = principal
    const valid = await authenticator.recheck(principal, await edges.access.current(tenant))
    // The caller was just let in by this credential; that it ended since is nobody's mistake but a reason to stop.
    if (!valid.ok) throw new Error(`a credential ended while a kubeconfig was made: ${valid.error.reason}`)
    const holder =
      credential.kind === 'session'
        ? {
            ...{ kind: 'session' as const, session: credential.session },
            ...(credential.client === undefined ? {} : { client: credential.client }),
          }
        : { kind: 'apiKey' as const, key: credential.key }
    const { token, expiresAt } = await clusterTokens.issue({ tenant, user, holder }, valid.value.endsAt)
    return { token: new Secret(token), expiresAt }
  }

  return {
    authenticate: authenticator.authenticate,
    recheck: authenticator.recheck,
    touch: authenticator.touch,
    endpoints: [
      ...authEndpoints({ publicUrl, signIn, refresh, passwords }),
      ...passwordEndpoints({ ...edges, passwords }),
      ...administratorPasswordEndpoints({ ...edges, links, passwords }),
      ...passwordPolicyEndpoints(edges),
      ...sessionEndpoints({ ...edges, tokens, ended }),
      ...sessionSettingsEndpoints,
      signingKeyEndpoint(signingKeys),
      ...apiKeyEndpoints({ ...edges, forget }),
      apiKeyListEndpoint(edges),
    ],
    links,
    issueClusterToken: (principal) => issueClusterToken(principal),
    apiServerTokens: createApiServerTokens({ issuer: issuerOf(publicUrl), keys: signingKeys, clock }),
    createFirstAdministrator: createFirstAdministrator({ ...edges, hasher }),
    issuer: createIssuerPort({
      ...edges,
      ...{ signIn, passwords, signingKeys, ended },
      sessionHolder: authenticator.ofSession,
    }),
    stats: hasher.stats,
    start: signingKeys.start,
    async stop() {
      signingKeys.stop()
      await store.settle()
    },
  }
}
