import { isDeepStrictEqual } from 'node:util'
import type { ImportMode } from '../../contract/clusters.ts'
import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { type ClusterIdentity, minorOf, tokenModeSinceMinor } from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import { levelProbes, type Missing } from './account.ts'
import type { ClusterEndpoint } from './kubeconfig.ts'
import {
  type CheckDestination,
  type ClusterProblem,
  createKubernetesClient,
  type KubernetesClient,
} from './kubernetes-client.ts'
import { probeOf } from './probe.ts'
import { isAllowed, readVersion, reviewSelf, type UserInfo } from './reviews.ts'

/** A token for a cluster, as the issuer makes it or with something wrong that the cluster has to refuse. */
export type MintProbe = (
  of: { readonly tenant: TenantUid; readonly cluster: ClusterUid; readonly identity: ClusterIdentity },
  changed?: {
    readonly aud?: string | string[]
    readonly sub?: string
    readonly tenant?: string
    readonly groups?: readonly string[]
    readonly access?: string
    readonly lifeSeconds?: number
    readonly issuedSecondsAgo?: number
  },
) => Promise<{ readonly token: Secret; readonly jti: string }>

export type TokensTaken = {
  readonly kubernetesVersion: string
  /** Levels that are not bound. */
  readonly missing: readonly Missing[]
}

/** `tokens`: the cluster answers, and does not take our tokens as it has to; a sentence for each thing that is wrong. */
export type TokenProblem = ClusterProblem | { readonly kind: 'tokens'; readonly problems: readonly string[] }

const totalMs = 25_000
/** A token of a call is used for half a minute and lives a whole one. */
const maxClockDifferenceMs = 20_000
/**
 * What tries a cluster has real groups in it, if nobody's name: each is made for one question, and ends when that has arrived, by a
 * clock as far behind as it may be ahead.
 */
const probeSeconds = maxClockDifferenceMs / 1000 + 10
/** More than the rules allow (`core/kube/token-claims.ts`). */
const tooLongSeconds = 301
const nobody = '0'.repeat(24)

/** What an API server that checks too little would take; each is refused by one member of the generated configuration. */
const unsound = [
  { why: 'for another cluster (issuer.audiences)', changed: { aud: nobody } },
  { why: 'for this cluster and another one (claimValidationRules: claims.aud)', changed: 'both' },
  { why: 'of another tenant (claimValidationRules: claims.tenant)', changed: { tenant: nobody } },
  {
    why: 'that lives longer than it may (claimValidationRules: claims.exp)',
    // By what it says of itself; it ends with the others.
    changed: { lifeSeconds: tooLongSeconds, issuedSecondsAgo: tooLongSeconds - probeSeconds },
  },
  { why: 'made for another purpose (claimValidationRules: claims.access)', changed: { access: 'other' } },
  { why: 'for a user with a name of Kubernetes’ own (userValidationRules)', changed: { sub: 'system:palisade-check' } },
  {
    why: 'with a group with a name of Kubernetes’ own (userValidationRules)',
    changed: { groups: ['system:palisade-check'] },
  },
] as const

/**
 * Whether a cluster takes our tokens, and takes none that it must refuse, seen with tokens for somebody who does not exist.
 * Nothing is changed on the cluster.
 */
export async function checkTokens(
  endpoint: ClusterEndpoint,
  of: {
    readonly tenant: TenantUid
    readonly cluster: ClusterUid
    readonly issuer: string
    readonly importMode?: ImportMode
  },
  deps: { readonly checkDestination: CheckDestination; readonly mint: MintProbe; readonly now: () => number },
): Promise<Result<TokensTaken, TokenProblem>> {
  const { checkDestination, now } = deps
  const mint: MintProbe = (of, changed) => deps.mint(of, { lifeSeconds: probeSeconds, ...changed })
  const { tenant, cluster } = of
  const identity = withoutRequest(probeOf(tenant))
  const client = createKubernetesClient(endpoint, {}, { checkDestination, signal: AbortSignal.timeout(totalMs) })
  try {
    const { token, jti } = await mint({ tenant, cluster, identity })
    const clock = await clockProblem(client, now)
    if (!clock.ok) return clock
    const self = await reviewSelf(client, { token })
    if (!self.ok) return self.error.kind === 'unauthorized' ? err(await notTaken(client, of, clock.value)) : self
    if (clock.value !== undefined) return err({ kind: 'tokens', problems: [clock.value] })
    if (self.value === undefined) return err(notAsked)
    const differences = differencesOf(self.value, identity, jti)
    if (differences.length > 0) return err({ kind: 'tokens', problems: differences })

    const taken = await unsoundTaken()
    if (!taken.ok) return taken
    if (taken.value.length > 0) return err({ kind: 'tokens', problems: taken.value })

    const version = await readVersion(client, { token: (await mint({ tenant, cluster, identity })).token })
    if (!version.ok) return version
    const missing = await levelsMissing()
    return missing.ok ? ok({ kubernetesVersion: version.value, missing: missing.value }) : missing
  } finally {
    await client.close()
  }

  async function unsoundTaken(): Promise<Result<readonly string[], ClusterProblem>> {
    const answers = await Promise.all(
      unsound.map(async ({ why, changed }) => {
        const wrong = changed === 'both' ? { aud: [cluster, nobody] } : changed
        const { token } = await mint({ tenant, cluster, identity }, wrong)
        const answer = await client.call('GET', '/api', { token })
        if (!answer.ok) return answer
        return ok(answer.value.status === 401 ? undefined : `The API server takes a token ${why}.`)
      }),
    )
    const taken: string[] = []
    for (const answer of answers) {
      if (!answer.ok) return answer
      if (answer.value !== undefined) taken.push(answer.value)
    }
    return ok(taken)
  }

  async function levelsMissing(): Promise<Result<readonly Missing[], ClusterProblem>> {
    const missing: Missing[] = []
    for (const { group, right, missing: wanting } of levelProbes(of.importMode)) {
      const { token } = await mint({ tenant, cluster, identity: { ...identity, groups: [group] } })
      const allowed = await isAllowed(client, right, { token })
      if (!allowed.ok) return allowed
      if (!allowed.value) missing.push(wanting)
    }
    return ok(missing)
  }
}

function withoutRequest({ extra: { request: _, ...extra }, ...identity }: ClusterIdentity): ClusterIdentity {
  return { ...identity, extra }
}

/** A token is judged by the API server's clock, so that one must not be far from ours. Asks as nobody: any answer has a time. */
async function clockProblem(
  client: KubernetesClient,
  now: () => number,
): Promise<Result<string | undefined, ClusterProblem>> {
  const reply = await client.call('GET', '/version')
  if (!reply.ok) return reply
  const aheadMs = (reply.value.dateMs ?? now()) - now()
  if (Math.abs(aheadMs) <= maxClockDifferenceMs) return ok(undefined)
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  return ok(
    `The API server’s clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} Palisade’s: tokens that live a minute need clocks that agree.`,
  )
}

/** A 401 has no reason in it. What can be seen from here comes first. */
async function notTaken(
  client: KubernetesClient,
  { cluster, issuer }: { readonly cluster: string; readonly issuer: string },
  clock: string | undefined,
): Promise<TokenProblem> {
  const version = await readVersion(client)
  const minor = version.ok ? minorOf(version.value) : undefined
  const tooOld =
    version.ok && minor !== undefined && minor < tokenModeSinceMinor
      ? `The cluster runs Kubernetes ${version.value}; a structured authentication configuration needs 1.${tokenModeSinceMinor}.`
      : undefined
  const seen = [tooOld, clock].filter((problem) => problem !== undefined)
  if (seen.length > 0) return { kind: 'tokens', problems: seen }
  return {
    kind: 'tokens',
    problems: [
      'The API server does not take Palisade’s token (401).',
      `Its --authentication-config needs the entry for issuer ${issuer} with audience ${cluster}, exactly as \`palisade cluster authentication\` prints it for this cluster.`,
      `It must reach ${issuer}/.well-known/openid-configuration, and believe its certificate (issuer.certificateAuthority): its own log says what fails ("oidc authenticator").`,
    ],
  }
}

const notAsked: TokenProblem = {
  kind: 'tokens',
  problems: [
    'The API server does not say whom it takes the token for (SelfSubjectReview): it needs the binding system:basic-user, which Kubernetes makes by itself.',
  ],
}

/** In what the cluster sees somebody else than the token names. */
function differencesOf(seen: UserInfo, { user, uid, groups, extra }: ClusterIdentity, jti: string): string[] {
  const wanted = { ...extra, token: [jti] }
  const compared: readonly (readonly [string, unknown, unknown])[] = [
    ['username', seen.username, user],
    ['uid', seen.uid, uid],
    ['groups', seen.groups.toSorted(), [...groups, 'system:authenticated'].toSorted()],
    ...Object.entries(wanted).map(
      ([key, values]) => [`extra ${key}`, seen.extra[`palisade.dev/${key}`], values] as const,
    ),
  ]
  return compared
    .filter(([, found, expected]) => !isDeepStrictEqual(found, expected))
    .map(
      ([what, found, expected]) =>
        `claimMappings: ${what} must be ${JSON.stringify(expected)}, and the API server sees ${JSON.stringify(found ?? null).slice(0, 300)}.`,
    )
}
