import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Secret } from '../../../core/seal/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../../tests/support/database.ts'
import { appRole, clientConfig, ensureRoles, roleProblem, sequencerRole } from './index.ts'

let server: TestPostgres
let database: TestDatabase
before(async () => {
  server = await startTestPostgres()
  database = await server.create()
})
after(() => server?.stop())

test('an owner that is no superuser sets the passwords anew at a later start', async () => {
  await withClient(database.owner, (owner) =>
    ensureRoles(owner, { app: new Secret('another-app'), sequencer: new Secret('another-sequencer') }),
  )
  await withClient({ ...database.app, password: new Secret('another-app') }, async (app) => {
    const { rows } = await app.query('select current_user')
    assert.deepEqual(rows, [{ current_user: appRole }])
  })
  const old = new pg.Client(clientConfig(database.app, 'palisade-test'))
  await assert.rejects(old.connect(), { code: '28P01' })
})

test('a login that can do more than it must is told of, and not made harmless in passing', async () => {
  await withClient(database.superuser, (superuser) => superuser.query(`alter role ${sequencerRole} bypassrls`))
  try {
    await withClient(database.superuser, async (superuser) => {
      await ensureRoles(superuser, { app: new Secret('app'), sequencer: new Secret('sequencer') })
      assert.equal(await roleProblem(superuser, appRole), undefined)
      assert.equal(await roleProblem(superuser, sequencerRole), 'role palisade_sequencer may bypass row-level security')
    })
  } finally {
    await withClient(database.superuser, (superuser) => superuser.query(`alter role ${sequencerRole} nobypassrls`))
  }
})
