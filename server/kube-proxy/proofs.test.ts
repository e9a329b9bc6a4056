import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { identityOf } from '../../core/kube/index.ts'
import { Secret } from '../../core/seal/index.ts'
import type { KnownCaller } from './callers.ts'
import type { DoorCluster } from './ports.ts'
import { createProofs } from './proofs.ts'

const tenant = TenantUid.parse('a'.repeat(24))
const requestId = 'f'.repeat(24)
const named = identityOf({
  ...{
    tenantUid: tenant,
    userUid: 'b'.repeat(24),
    email: 'a@b.test',
    levels: ['view'],
    teams: [],
    sessionUid: undefined,
  },
})
/** What is known of a caller, of one snapshot. */
const known = (): KnownCaller => ({
  named,
  identity: { ok: true, value: [] },
  standing: {
    ...{
      levels: ['view'],
      teams: [],
      because: [],
      endsAt: Number.POSITIVE_INFINITY,
      changesAt: Number.POSITIVE_INFINITY,
    },
    ...{ denial: undefined, epoch: 1n },
  },
})
const clusterOf = (authorization: DoorCluster['authorization']): DoorCluster => ({
  ...{
    uid: ClusterUid.parse('d'.repeat(24)),
    name: 'c',
    project: 'p',
    tags: {},
    readOnly: false,
    upstream: undefined,
    authorization,
  },
})

describe('what a call proves to the cluster', () => {
  let now: number
  let minted: number
  let proofOf: ReturnType<typeof createProofs>
  let mint: () => Promise<void>

  beforeEach(() => {
    now = 1_000_000
    minted = 0
    mint = async () => undefined
    proofOf = createProofs({
      clock: { now: () => now, monotonicMs: () => 0 },
      async mintToken() {
        const jti = `t${++minted}`
        await mint()
        return { token: new Secret(`token-${jti}`), jti, issuedAtMs: now }
      },
    })
  })
  const ask = (caller: KnownCaller, cluster = clusterOf('token')) =>
    proofOf({ known: caller, lines: [['Impersonate-User', 'u']], tenant, cluster, requestId })

  test('by impersonation: the account’s token, the caller’s lines, the request', async () => {
    assert.deepEqual(
      await ask(
        known(),
        clusterOf(() => 'Bearer account'),
      ),
      {
        authorization: 'Bearer account',
        lines: [
          ['Impersonate-User', 'u'],
          ['Impersonate-Extra-palisade.dev%2Frequest', requestId],
        ],
        tokenId: undefined,
      },
    )
    assert.equal(minted, 0)
  })

  test('by token: no line of impersonation, and the request as the id in the cluster’s own log', async () => {
    assert.deepEqual(await ask(known()), {
      authorization: 'Bearer token-t1',
      lines: [['audit-id', requestId]],
      tokenId: 't1',
    })
  })

  test('a token serves half of its minute, also for calls that come at once', async () => {
    const caller = known()
    const ids = await Promise.all([ask(caller), ask(caller), ask(caller)])
    assert.deepEqual([...new Set(ids.map(({ tokenId }) => tokenId))], ['t1'])
    now += 29_999
    assert.equal((await ask(caller)).tokenId, 't1')
    now += 1
    assert.equal((await ask(caller)).tokenId, 't2')
  })

  test('never beyond a change of access, which makes what is known anew', async () => {
    assert.equal((await ask(known())).tokenId, 't1')
    assert.equal((await ask(known())).tokenId, 't2')
  })

  test('a clock that was set back makes a new one', async () => {
    const caller = known()
    await ask(caller)
    now -= 3_600_000
    assert.equal((await ask(caller)).tokenId, 't2')
  })

  test('one that could not be made is not remembered', async () => {
    const caller = known()
    mint = async () => {
      throw new Error('no key')
    }
    await assert.rejects(ask(caller), /no key/)
    mint = async () => undefined
    assert.equal((await ask(caller)).tokenId, 't2')
  })
})
