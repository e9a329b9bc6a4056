import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenantUid } from '../../../contract/ids.ts'
import { newUid } from '../random/index.ts'
import { fairly, TenantBusyError } from './fair.ts'
import type { InTenant, Tx } from './in-tenant.ts'

const [noisy, quiet, other] = [newUid(), newUid(), newUid()].map((uid) => TenantUid.parse(uid)) as [
  TenantUid,
  TenantUid,
  TenantUid,
]

/** Transactions that end when the test says so, in the order in which they began. */
function handled() {
  const begun: { readonly tenant: TenantUid; readonly end: () => void; readonly fail: () => void }[] = []
  const inTenant: InTenant = (tenant, work) =>
    new Promise((resolve, reject) => {
      begun.push({
        tenant,
        end: () => resolve(work({ tenant } as Tx)),
        fail: () => reject(new Error('as told')),
      })
    })
  return { begun, inTenant }
}
const work = async (tx: Tx) => tx.tenant
const turn = () => new Promise(setImmediate)

test('a tenant that waits with many holds up no other: each has its turn', async () => {
  const { begun, inTenant } = handled()
  const fair = fairly(inTenant, 2)
  const floods = Array.from({ length: 50 }, () => fair(noisy, work))
  const calm = [fair(quiet, work), fair(other, work), fair(quiet, work)]
  await turn()
  assert.deepEqual(
    begun.map(({ tenant }) => tenant),
    [noisy, noisy],
  )
  for (let i = 0; i < 6; i++) {
    begun[i]?.end()
    await turn()
  }
  assert.deepEqual(
    begun.map(({ tenant }) => tenant),
    [noisy, noisy, noisy, quiet, other, noisy, quiet, noisy],
  )
  for (let i = 6; i < begun.length; i++) {
    begun[i]?.end()
    await turn()
  }
  assert.deepEqual(await Promise.all(calm), [quiet, other, quiet])
  assert.equal((await Promise.all(floods)).length, 50)
})

test('one that fails gives its place on; beyond so many of a tenant there is no waiting', async () => {
  const { begun, inTenant } = handled()
  const fair = fairly(inTenant, 1)
  const first = assert.rejects(fair(noisy, work), /as told/)
  const waiting = Array.from({ length: 2_000 }, () => assert.rejects(fair(noisy, work), /as told/))
  await assert.rejects(fair(noisy, work), TenantBusyError)
  const another = assert.rejects(fair(quiet, work), /as told/)
  for (let i = 0; i < 2_002; i++) {
    await turn()
    begun[i]?.fail()
  }
  await Promise.all([first, another, ...waiting])
  const after = fair(quiet, work)
  await turn()
  begun.at(-1)?.end()
  assert.equal(await after, quiet)
})
