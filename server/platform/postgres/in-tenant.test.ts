import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { TenantUid } from '../../../contract/ids.ts'
import { startTestPostgres, type TestPostgres } from '../../../tests/support/database.ts'
import { createLogger } from '../log/index.ts'
import { newUid } from '../random/index.ts'
import { createInTenant, type InTenant, type Tx } from './in-tenant.ts'
import { openPool } from './pools.ts'

let postgres: TestPostgres
let pool: pg.Pool
let inTenant: InTenant

before(async () => {
  postgres = await startTestPostgres()
  const { app } = await postgres.create()
  pool = openPool(
    app,
    'test',
    1,
    createLogger('fatal', () => undefined),
  )
  inTenant = createInTenant(pool)
})
after(async () => {
  await pool.end()
  await postgres.stop()
})

const insert = (tx: Tx) =>
  tx.query(
    `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'a', 'a', 'active', now(), now())`,
    [tx.tenant],
  )

test('what is acknowledged is stored: a failed statement that was passed over is an error', async () => {
  const tenant = TenantUid.parse(newUid())
  let told = false
  const acknowledged = inTenant(tenant, async (tx) => {
    tx.afterCommit(() => {
      told = true
    })
    await insert(tx)
    await tx.query('select 1/0').catch(() => undefined)
  })
  await assert.rejects(acknowledged, /passed over/)
  assert.equal(told, false)
  // The pool's one connection is good for the next.
  assert.deepEqual(await inTenant(tenant, (tx) => tx.query('select tenant_id from tenants')), [])
  await inTenant(tenant, insert)
  assert.equal((await inTenant(tenant, (tx) => tx.query('select tenant_id from tenants'))).length, 1)
})
