import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import { limitEndpoints } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, () => [...accessEndpoints, ...limitEndpoints])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const set = 'PATCH /v1/tenants/{tenantUid}/resourceLimits'
const filterGroup = { filters: [{ key: 'a', values: ['b'] }] }

/** What each of them waits for, as another replica would hold it. */
const rushes = [
  {
    what: 'filters, counted under the lock of their limit',
    kind: 'filter',
    lock: 'select pg_advisory_xact_lock(hashtext($1), hashtext($2))',
    values: (tenant: string) => [tenant, 'limit of filter'],
    route: 'POST /v1/filters/tag',
    body: (n: number) => ({ metadata: { name: `filter ${n}` }, spec: { filterGroup } }),
  },
  {
    what: 'teams, which change access',
    kind: 'team',
    lock: 'select from access_epochs where tenant_id = $1 for update',
    values: (tenant: string) => [tenant],
    route: 'POST /v1/teams',
    body: (n: number) => ({ metadata: { name: `team ${n}` }, spec: {} }),
  },
]
for (const { what, kind, lock, values, route, body } of rushes)
  test(`a rush that waits for a lock leaves connections to everybody else, and keeps the limit: ${what}`, async () => {
    const { uid: tenantUid, admin } = await api.tenant()
    const other = await api.tenant()
    await api.must(admin, set, { params: { tenantUid }, body: { resources: [{ kind, limit: 7 }] } })
    const rush = await withClient(database.superuser, async (replica) => {
      await replica.query('begin')
      await replica.query(lock, values(tenantUid))
      // More than the pool has connections, and all of them before what is asked next.
      const begun = Array.from({ length: 40 }, (_, n) => api.call(admin, route, { body: body(n) }))
      // Somebody else's, and the tenant's own: neither waits for what the rush waits for.
      await api.must(other.admin, 'GET /v1/dashboard/projects/metadata')
      await api.must(other.admin, route, { body: body(0) })
      await api.must(admin, 'GET /v1/dashboard/projects/metadata')
      await replica.query('commit')
      return Promise.all(begun)
    })
    const told = Map.groupBy(rush, ({ status, refusal }) => refusal?.code ?? status)
    assert.deepEqual(
      [...told].map(([answer, those]) => [answer, those.length]),
      [
        [201, 7],
        ['resource_limit', 33],
      ],
    )
  })
