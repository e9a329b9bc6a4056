import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { decodeJwt, type JWTPayload } from 'jose'
import { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { ok } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import {
  type FakeKubernetes,
  type FakeReply,
  type SeenCall,
  startFakeKubernetes,
  status,
} from '../../tests/support/fake-kubernetes.ts'
import type { ClusterEndpoint } from './kubeconfig.ts'
import { parseServer } from './kubeconfig.ts'
import { checkTokens, type MintProbe } from './token-check.ts'

const tenant = TenantUid.parse('a'.repeat(24))
const cluster = ClusterUid.parse('d'.repeat(24))
const issuer = 'https://palisade.test/oidc'

/** What a generated configuration checks, member by member; a real API server's word is in tests/attacks/token-mode.test.ts. */
const checks = {
  aud: ({ aud }: JWTPayload) => [aud].flat().includes(cluster),
  onlyAud: ({ aud }: JWTPayload) => aud === cluster || !Array.isArray(aud),
  tenant: (claims: JWTPayload) => claims.tenant === tenant,
  life: ({ iat = 0, exp = 0 }: JWTPayload) => exp - iat <= 300,
  access: (claims: JWTPayload) => claims.access === 'proxy',
  user: ({ sub = '' }: JWTPayload) => sub.startsWith('palisade:'),
  groups: (claims: JWTPayload) => (claims.groups as string[]).every((group) => group.startsWith('palisade:')),
}
type Check = keyof typeof checks

describe('whether a cluster takes our tokens as it has to', () => {
  let fake: FakeKubernetes
  let endpoint: ClusterEndpoint
  let jtis: number
  /** What this API server forgets to look at, how it maps, and which levels it has bound. */
  let forgets: ReadonlySet<Check>
  let mapped: (claims: JWTPayload) => object
  let bound: readonly string[]
  let says: ((call: SeenCall) => FakeReply | undefined) | undefined

  before(async () => {
    fake = await startFakeKubernetes()
    const server = parseServer(fake.server)
    assert.ok(server.ok)
    endpoint = { server: server.value, caPem: fake.caPem, serverName: undefined }
  })
  after(() => fake?.close())
  beforeEach(() => {
    jtis = 0
    forgets = new Set()
    mapped = mapping
    bound = ['view', 'edit', 'admin']
    says = undefined
    fake.calls.length = 0
    fake.intercept = (call) => says?.(call) ?? answer(call)
  })

  const mapping = (claims: JWTPayload) => ({
    username: claims.sub,
    uid: claims.uid,
    groups: [...(claims.groups as string[]), 'system:authenticated'],
    extra: {
      'palisade.dev/email': [claims.email],
      'palisade.dev/team': claims.teams,
      'palisade.dev/session': [claims.session],
      'palisade.dev/token': [claims.jti],
    },
  })

  function answer({ path, token, body }: SeenCall): FakeReply | undefined {
    if (token === '') return undefined
    const claims = decodeJwt(token)
    const fails = Object.entries(checks).some(([name, holds]) => !forgets.has(name as Check) && !holds(claims))
    if (fails) return status(401, 'Unauthorized')
    if (path.endsWith('/selfsubjectreviews')) return { status: 201, body: { status: { userInfo: mapped(claims) } } }
    if (path.endsWith('/selfsubjectaccessreviews')) {
      const { verb } = (body as { spec: { resourceAttributes: { verb: string } } }).spec.resourceAttributes
      const level = { list: 'view', create: 'edit', '*': 'admin' }[verb]
      assert.deepEqual(claims.groups, [`palisade:level:${level}`], 'each level is tried by itself')
      return { status: 201, body: { status: { allowed: bound.includes(level ?? '') } } }
    }
    return path === '/api' ? { status: 200, body: {} } : undefined
  }

  const mintedAt = 1000
  /** Unsigned: whether a signature holds is the API server's own affair. */
  const mint: MintProbe = async ({ tenant, cluster, identity }, probe = {}) => {
    const { lifeSeconds = 60, issuedSecondsAgo = 0, ...changed } = probe
    const jti = `j${++jtis}`
    const iat = mintedAt - issuedSecondsAgo
    const { extra, user, uid, groups } = identity
    const claims = {
      ...{ iss: issuer, aud: cluster, sub: user, uid, groups, tenant, access: 'proxy', jti, iat },
      ...{ email: extra.email?.[0], teams: extra.team, session: extra.session?.[0], exp: iat + lifeSeconds },
      ...changed,
    }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    return { token: new Secret(`${part({ alg: 'ES256' })}.${part(claims)}.x`), jti }
  }
  const check = (now = Date.now) =>
    checkTokens(
      endpoint,
      { tenant, cluster, issuer },
      { checkDestination: async (host) => ok({ addresses: [{ address: host, family: 4 }] }), mint, now },
    )
  const problems = async (now?: () => number) => {
    const checked = await check(now)
    assert.ok(!checked.ok)
    assert.equal(checked.error.kind, 'tokens')
    return checked.error.kind === 'tokens' ? checked.error.problems : []
  }

  test('one that does is told by its version; nothing was changed on it', async () => {
    assert.deepEqual(await check(), ok({ kubernetesVersion: 'v1.36.3', missing: [] }))
    assert.deepEqual([...new Set(fake.calls.map(({ method }) => method))].toSorted(), ['GET', 'POST'])
    assert.ok(fake.calls.filter(({ method }) => method === 'POST').every(({ path }) => /reviews$/.test(path)))
  })

  test('no token that tries it is of use for longer than the question takes, with clocks that differ', async () => {
    await check()
    const tokens = fake.calls.flatMap(({ token }) => (token === '' ? [] : [token]))
    assert.ok(tokens.length >= 12)
    assert.equal(new Set(tokens).size, tokens.length, 'none is used for two questions')
    for (const token of tokens)
      assert.ok(Number(decodeJwt(token).exp) <= mintedAt + 30, JSON.stringify(decodeJwt(token)))
    assert.equal(Math.max(...tokens.map((token) => mintedAt - Number(decodeJwt(token).iat))), 271)
  })

  const forgotten: readonly (readonly [Check, RegExp])[] = [
    ['aud', /for another cluster \(issuer\.audiences\)/],
    ['onlyAud', /and another one \(claimValidationRules: claims\.aud\)/],
    ['tenant', /of another tenant/],
    ['life', /lives longer than it may/],
    ['access', /made for another purpose/],
    ['user', /user with a name of Kubernetes’ own/],
    ['groups', /group with a name of Kubernetes’ own/],
  ]
  for (const [rule, said] of forgotten)
    test(`one that does not look at ${rule} is refused, and told so`, async () => {
      forgets = new Set([rule])
      const found = await problems()
      assert.equal(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', said)
    })

  test('one that lets everything through is told all of it', async () => {
    forgets = new Set(Object.keys(checks) as Check[])
    assert.equal((await problems()).length, 7)
  })

  test('levels that are not bound are named and stand in nobody’s way', async () => {
    bound = ['view']
    const checked = await check()
    assert.ok(checked.ok)
    assert.deepEqual(
      checked.value.missing.map(({ name }) => name),
      ['edit', 'cluster-admin'],
    )
  })

  test('one that takes no token is told what it needs, the issuer and the audience by name', async () => {
    says = ({ token }) => (token === '' ? undefined : status(401, 'Unauthorized'))
    const found = (await problems()).join('\n')
    assert.match(found, new RegExp(`issuer ${issuer} with audience ${cluster}`))
    assert.match(found, /openid-configuration/)
  })

  test('one that is too old is told so, where it refuses', async () => {
    says = ({ path, token }) =>
      path === '/version'
        ? { status: 200, body: { major: '1', minor: '29', gitVersion: 'v1.29.4' } }
        : token === ''
          ? undefined
          : status(401, 'Unauthorized')
    assert.deepEqual(await problems(), [
      'The cluster runs Kubernetes v1.29.4; a structured authentication configuration needs 1.30.',
    ])
  })

  for (const [seconds, said] of [
    [-120, /1[12]\d s ahead of/],
    [120, /1[12]\d s behind/],
  ] as const)
    test(`clocks that differ by ${seconds} s are named, even where the token is taken`, async () => {
      const found = await problems(() => Date.now() + seconds * 1000)
      assert.equal(found.length, 1)
      assert.match(found[0] ?? '', said)
    })

  test('names that arrive with a prefix, or not at all, are told by what is seen', async () => {
    mapped = (claims) => ({ ...mapping(claims), username: `oidc:${claims.sub}`, extra: {} })
    const found = await problems()
    assert.match(found[0] ?? '', /username must be "palisade:.*sees "oidc:palisade:/)
    assert.equal(found.filter((problem) => /extra (email|team|session|token)/.test(problem)).length, 4)
  })

  test('one that does not say whom it sees is refused', async () => {
    says = ({ path }) => (path.endsWith('/selfsubjectreviews') ? status(403, 'no') : undefined)
    assert.match((await problems())[0] ?? '', /SelfSubjectReview/)
  })

  test('one that cannot be reached is the network’s problem and not the token’s', async () => {
    const closed = parseServer('https://127.0.0.1:1')
    assert.ok(closed.ok)
    const checked = await checkTokens(
      { ...endpoint, server: closed.value },
      { tenant, cluster, issuer },
      {
        checkDestination: async (host) => ok({ addresses: [{ address: host, family: 4 }] }),
        mint,
        now: Date.now,
      },
    )
    assert.ok(!checked.ok)
    assert.equal(checked.error.kind, 'unreachable')
  })
})
