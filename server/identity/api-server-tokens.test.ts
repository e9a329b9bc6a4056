import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type CryptoKey, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { identityOf } from '../../core/kube/index.ts'
import { type ApiServerTokens, createApiServerTokens } from './api-server-tokens.ts'
import { createClusterTokens } from './cluster-tokens.ts'
import type { SigningKeys } from './signing-keys.ts'
import { createTokens, issuerOf } from './tokens.ts'

const publicUrl = 'https://palisade.test'
const tenant = TenantUid.parse('a'.repeat(24))
const cluster = ClusterUid.parse('d'.repeat(24))
const identity = identityOf({
  ...{ tenantUid: tenant, userUid: 'b'.repeat(24), email: 'ada@acme.test', levels: ['view'], teams: [] },
  sessionUid: undefined,
})
const now = 1_800_000_000_500
const clock = { now: () => now, monotonicMs: () => 0 }

describe('tokens for API servers', () => {
  let tokens: ApiServerTokens
  let keys: SigningKeys
  let publicKey: CryptoKey

  before(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    publicKey = pair.publicKey
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' }
    const unused = async () => {
      throw new Error('not used here')
    }
    keys = {
      ...{ start: unused, stop: () => undefined, lookForNewer: unused, refresh: unused },
      ...{ rotate: unused, rotated: unused },
      signing: () => ({ kid: 'k1', key: pair.privateKey }),
      verifying: async (kid) => (kid === 'k1' ? publicKey : undefined),
      verifies: (kid) => kid === 'k1',
      jwks: () => ({ keys: [jwk] }),
      privateJwks: () => [],
    }
    tokens = createApiServerTokens({ issuer: issuerOf(publicUrl), keys, clock })
  })

  const lives = [
    { access: 'proxy', endsAtMs: undefined, seconds: 60 },
    { access: 'direct', endsAtMs: undefined, seconds: 300 },
    { access: 'direct', endsAtMs: now + 90_000, seconds: 90 },
    { access: 'direct', endsAtMs: Number.POSITIVE_INFINITY, seconds: 300 },
  ] as const
  for (const { access, endsAtMs, seconds } of lives)
    test(`one for ${access} use lives ${seconds} s where what it stands for ends ${endsAtMs ?? 'never'}`, async () => {
      const { token, jti, expiresAt } = await tokens.mint({ tenant, cluster, identity, access }, endsAtMs)
      const { payload } = await jwtVerify(token.reveal(), publicKey, { currentDate: new Date(now) })
      assert.equal(Number(payload.exp) - Number(payload.iat), seconds)
      assert.equal(expiresAt.getTime(), Number(payload.exp) * 1000)
      assert.equal(payload.aud, cluster)
      assert.equal(payload.iss, 'https://palisade.test/oidc')
      assert.equal(payload.jti, jti)
      assert.equal(payload.access, access)
    })

  test('C14 no door of Palisade takes one', async () => {
    const { token } = await tokens.mint({ tenant, cluster, identity, access: 'direct' })
    const text = token.reveal()
    assert.notEqual(decodeProtectedHeader(text).typ, 'at+jwt')
    assert.equal(await createTokens({ issuer: publicUrl, keys, clock }).verify(text), undefined)
    assert.equal(await createClusterTokens({ issuer: publicUrl, keys, clock }).verify(text), undefined)
  })

  test('shows itself to nobody who prints it', async () => {
    const minted = await tokens.mint({ tenant, cluster, identity, access: 'proxy' })
    assert.doesNotMatch(JSON.stringify(minted), /eyJ/)
  })

  test('an unsound one differs in what was asked for, and in nothing else', async () => {
    const unsound = await tokens.mintUnsound({ tenant, cluster, identity, access: 'proxy' }, { tenant: 'other' })
    const sound = await tokens.mint({ tenant, cluster, identity, access: 'proxy' })
    const { jti: _a, ...wrong } = decodeJwt(unsound.token.reveal())
    const { jti: _b, ...right } = decodeJwt(sound.token.reveal())
    assert.deepEqual(wrong, { ...right, tenant: 'other' })
    const life = { lifeSeconds: 301, issuedSecondsAgo: 271 }
    const long = await tokens.mintUnsound({ tenant, cluster, identity, access: 'proxy' }, life)
    const { iat, exp } = decodeJwt(long.token.reveal())
    assert.equal(Number(exp) - Number(iat), 301)
    assert.equal(Number(exp), Number(right.exp) - 30, 'and ends when it is said to')
  })
})
