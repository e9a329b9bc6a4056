import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TenantUid } from '../../contract/ids.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import { createDirectory } from './directory.ts'
import { deleteUser, insertUser, updateUser } from './user-store.ts'

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create())
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

/** A directory that tells how many sealed fields it opened, with an epoch that the test moves. */
function watched(maxPeople?: number) {
  const state = { opened: 0, asked: 0, epoch: 1n }
  const directory = createDirectory({
    keys: {
      async of(tenant) {
        const sealer = await api.keys.of(tenant)
        const open: typeof sealer.open = (field, sealed) => {
          state.opened++
          return sealer.open(field, sealed)
        }
        return { ...sealer, open }
      },
    },
    factsEpoch: async () => {
      state.asked++
      return state.epoch
    },
    ...(maxPeople === undefined ? {} : { maxPeople }),
  })
  const read = (tenant: TenantUid) => api.inTenant(tenant, (tx) => directory.of(tx))
  const openedBy = async (tenant: TenantUid) => {
    const before = state.opened
    await read(tenant)
    return state.opened - before
  }
  return { state, read, openedBy, directory }
}

async function addPeople(tenant: TenantUid, names: readonly string[]): Promise<void> {
  const sealing = { sealer: await api.keys.of(tenant), directoryIndex: api.keys.directoryIndex }
  await api.inTenant(tenant, async (tx) => {
    for (const firstName of names) {
      const person = { email: `${firstName}@example.com`, firstName, lastName: '', state: 'active' as const }
      assert.ok((await insertUser(tx, sealing, person, new Date())).ok)
    }
  })
}

test('opened once, then only what changed is opened anew; who was removed is gone', async () => {
  const { uid: tenant } = await api.tenant()
  await addPeople(tenant, ['ann', 'bob', 'cid'])
  const { state, read, openedBy } = watched()
  assert.equal(await openedBy(tenant), 4 * 3, 'three fields of three people and the administrator')
  assert.equal(await openedBy(tenant), 0)

  const people = await read(tenant)
  const named = (name: string) => people.find((one) => one.name === name)?.uid ?? assert.fail(name)
  const sealing = { sealer: await api.keys.of(tenant), directoryIndex: api.keys.directoryIndex }
  await api.inTenant(tenant, async (tx) => {
    await updateUser(tx, sealing, named('bob'), { firstName: 'Robert' }, new Date(0))
    await deleteUser(tx, named('cid'))
  })
  assert.equal(await openedBy(tenant), 0, 'within one epoch it is asked for as it is')
  state.epoch++
  assert.equal(await openedBy(tenant), 3)
  assert.deepEqual((await read(tenant)).map(({ name }) => name).sort(), ['Ada Admin', 'Robert', 'ann'])
})

test('many who come at once open it once; where the first fails, the next opens it', async () => {
  const { uid: tenant } = await api.tenant()
  await addPeople(tenant, ['ann', 'bob'])
  const { state, read, directory } = watched()
  await Promise.all(Array.from({ length: 5 }, () => read(tenant)))
  assert.equal(state.opened, 9)
  state.epoch++
  const { promise: connection, reject: lose } = Promise.withResolvers<never>()
  const first = api.inTenant(tenant, (tx) => directory.of({ ...tx, query: () => connection }))
  const asked = state.asked
  await until('the first to begin', () => (state.asked > asked ? true : undefined), { everyMs: 1 })
  const second = read(tenant)
  await until('the second to wait', () => (state.asked > asked + 1 ? true : undefined), { everyMs: 1 })
  lose(new Error('connection lost'))
  assert.deepEqual(
    (await Promise.allSettled([first, second])).map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
})

test('holds no more people than it may: the tenant asked for longest ago goes, the newest always stays', async () => {
  const tenants = [await api.tenant(), await api.tenant(), await api.tenant()].map(({ uid }) => uid)
  const [a, b, c] = tenants as [TenantUid, TenantUid, TenantUid]
  for (const tenant of tenants) await addPeople(tenant, ['ann', 'bob'])
  const { openedBy } = watched(6)
  assert.deepEqual([await openedBy(a), await openedBy(b)], [9, 9])
  assert.deepEqual([await openedBy(a), await openedBy(b)], [0, 0], 'six people are held')
  assert.equal(await openedBy(a), 0)
  assert.equal(await openedBy(c), 9)
  assert.equal(await openedBy(a), 0, 'asked for after b, so it stays')
  assert.equal(await openedBy(b), 9)
  const small = watched(1)
  await small.openedBy(a)
  assert.equal(await small.openedBy(a), 0, 'a tenant larger than the bound is still held while it is in use')
})

test('one tenant’s directory never answers for another', async () => {
  const [a, b] = [await api.tenant(), await api.tenant()]
  await addPeople(a.uid, ['only-a'])
  const { read } = watched()
  const names = async (tenant: TenantUid) => (await read(tenant)).map(({ name }) => name)
  assert.ok((await names(a.uid)).includes('only-a'))
  assert.ok(!(await names(b.uid)).includes('only-a'))
})

test('a sealed name that was moved to another person does not open', async () => {
  const { uid: tenant } = await api.tenant()
  await addPeople(tenant, ['ann', 'bob'])
  await api.inTenant(tenant, (tx) =>
    tx.query(
      `update users set first_name = (select first_name from users where tenant_id = $1 order by user_id limit 1)
        where tenant_id = $1 and user_id = (select max(user_id) from users where tenant_id = $1)`,
      [tenant],
    ),
  )
  await assert.rejects(watched().read(tenant), /first_name .* does not open/)
})
