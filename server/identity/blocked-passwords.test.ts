import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemTenant } from '../../contract/ids.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { blockPasswords, isBlocked, unblockPasswords } from './blocked-passwords.ts'

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

test('what was blocked when "ß" was a letter of its own is blocked still, and can be taken off the list', async () => {
  const sealer = await api.keys.of(systemTenant)
  const inSystem = api.inTenant
  const former = sealer.blindIndex('blocked_passwords', 'password', 'straße  7')
  await inSystem(systemTenant, (tx) =>
    tx.query('insert into blocked_passwords (tenant_id, password_index, created_at) values ($1, $2, now())', [
      systemTenant,
      former,
    ]),
  )
  const blocked = (password: string) => inSystem(systemTenant, (tx) => isBlocked(tx, sealer, password))
  assert.deepEqual(
    [await blocked('Straße  7'), await blocked('Strasse 7'), await blocked('other')],
    [true, false, false],
  )
  const added = await inSystem(systemTenant, (tx) => blockPasswords(tx, sealer, ['STRASSE 7'], new Date()))
  assert.deepEqual(added, { added: 1, total: 2 })
  assert.deepEqual([await blocked('Straße  7'), await blocked('Strasse 7')], [true, true])
  await inSystem(systemTenant, (tx) => unblockPasswords(tx, sealer, ['Straße  7']))
  assert.deepEqual([await blocked('Straße  7'), await blocked('Strasse 7')], [false, false])
})
