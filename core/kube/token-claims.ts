import type { ClusterIdentity } from './impersonation.ts'
import { levelRows } from './levels.ts'

/**
 * What a token of Palisade says to a cluster's API server, and by which rules that server is told to believe it: two halves
 * of one thing, kept side by side.
 */

/** How long a token may live, by who carries it: the proxy for one call, or a person who goes to the cluster directly. */
export const tokenSecondsOf = { proxy: 60, direct: 300 } as const
export type TokenAccess = keyof typeof tokenSecondsOf

/** The claims beside the registered ones; `sub` is the user's name on the cluster. */
export interface TokenClaims {
  readonly sub: string
  readonly uid: string
  readonly tenant: string
  readonly groups: readonly string[]
  readonly email: string
  /** Names of the teams. */
  readonly teams: readonly string[]
  /** Empty for API keys: Kubernetes takes an empty extra for none. */
  readonly session: string
  readonly access: TokenAccess
}

/** The same user and groups as in impersonation: bindings on the cluster need not know which of the two it is. */
export function tokenClaims(identity: ClusterIdentity, tenantUid: string, access: TokenAccess): TokenClaims {
  const { email = [], team = [], session = [] } = identity.extra
  return {
    sub: identity.user,
    uid: identity.uid,
    tenant: tenantUid,
    groups: identity.groups,
    email: email[0] ?? '',
    teams: team,
    session: session[0] ?? '',
    access,
  }
}

/** An API server that is to take tokens for one cluster of one tenant. */
export interface TrustingCluster {
  readonly issuer: string
  /** What the issuer's certificate is verified by; undefined where the API server's own roots do. PEM. */
  readonly issuerCaPem: string | undefined
  readonly tenantUid: string
  readonly clusterUid: string
  /** As the API server says it: `v1.36.3`. */
  readonly kubernetesVersion: string
}

/** Since when an API server reads the structured configuration without being asked to by a feature gate. */
export const tokenModeSinceMinor = 30

/** The minor version in `v1.36.3`; undefined for what does not look like that. */
export function minorOf(kubernetesVersion: string): number | undefined {
  const minor = /^v1\.(\d{1,3})(?:\D|$)/.exec(kubernetesVersion)?.[1]
  return minor === undefined ? undefined : Number(minor)
}

/**
 * The `AuthenticationConfiguration` by which an API server takes our tokens: for this cluster alone, of this tenant alone,
 * no longer than they may live, and for nobody who is not one of that tenant's people or teams. Names are mapped as they are,
 * without a prefix.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
 */
export function authenticationConfiguration(cluster: TrustingCluster): Readonly<Record<string, unknown>> {
  const { issuer, issuerCaPem, tenantUid, clusterUid, kubernetesVersion } = cluster
  const quoted = (text: string) => JSON.stringify(text) // UIDs and fixed words: a CEL literal of them is JSON's
  const lives = Object.entries(tokenSecondsOf).map(
    ([access, seconds]) => `claims.access == ${quoted(access)} && claims.exp - claims.iat <= ${seconds}`,
  )
  const levels = levelRows.map(({ group }) => quoted(group)).join(', ')
  return {
    apiVersion: `apiserver.config.k8s.io/${(minorOf(kubernetesVersion) ?? 0) >= 34 ? 'v1' : 'v1beta1'}`,
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: {
          url: issuer,
          ...(issuerCaPem === undefined ? {} : { certificateAuthority: issuerCaPem }),
          audiences: [clusterUid],
        },
        claimValidationRules: [
          { expression: `claims.aud == ${quoted(clusterUid)}`, message: 'the token is not for this cluster alone' },
          { expression: `claims.tenant == ${quoted(tenantUid)}`, message: 'the token is of another tenant' },
          {
            expression: lives.join(' || '),
            message: 'the token lives longer than it may, or is no token for clusters',
          },
        ],
        claimMappings: {
          username: { expression: 'claims.sub' },
          uid: { expression: 'claims.uid' },
          groups: { expression: 'claims.groups' },
          extra: [
            { key: 'palisade.dev/email', valueExpression: 'claims.email' },
            { key: 'palisade.dev/team', valueExpression: 'claims.teams' },
            { key: 'palisade.dev/session', valueExpression: 'claims.session' },
            { key: 'palisade.dev/token', valueExpression: 'claims.jti' },
          ],
        },
        userValidationRules: [
          {
            expression: `user.username.startsWith(${quoted(`palisade:${tenantUid}:`)})`,
            message: 'the user is none of the tenant’s',
          },
          {
            expression: `user.groups.all(group, group in [${levels}] || group.startsWith(${quoted(`palisade:team:${tenantUid}:`)}))`,
            message: 'a group is neither a level nor a team of the tenant',
          },
        ],
      },
    ],
  }
}
