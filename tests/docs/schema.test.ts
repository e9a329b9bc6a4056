import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { startTestPostgres, type TestPostgres, withClient } from '../support/database.ts'
import { schemaText } from './schema.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startTestPostgres()
})
after(() => postgres?.stop())

test('db/schema.sql is what the migrations make', async () => {
  const database = await postgres.create()
  const text = await withClient(database.owner, schemaText)
  const kept = readFileSync(new URL('../../db/schema.sql', import.meta.url), 'utf8')
  assert.equal(kept, text, 'db/schema.sql is out of date: run `npm run docs` and commit it')
})

const changes = [
  'alter table users disable row level security',
  'alter table users no force row level security',
  'create policy everybody on users to palisade_app using (true)',
  'grant delete on audit_log to palisade_app',
  'grant select (signing_key) on audit_heads to palisade_app',
  'grant select on users to public',
  'alter table users drop constraint users_state_check',
  `alter table users alter column login_mode set default 'dev'`,
  'drop index api_keys_by_user',
  'alter function tenant_by_org(text) security invoker',
  'grant execute on function tenant_scoped(regclass) to public',
  'alter domain uid drop constraint uid_check',
  'grant create on schema public to palisade_app',
  'alter table audit_pending set (autovacuum_vacuum_threshold = 1)',
]
test('a change of the schema is a change of the text', async () => {
  const database = await postgres.create()
  await withClient(database.owner, async (client) => {
    for (const change of changes) {
      const before = await schemaText(client)
      await client.query(change)
      assert.notEqual(await schemaText(client), before, change)
    }
  })
})

test('what the text has no words for is refused', async () => {
  const database = await postgres.create()
  await withClient(database.owner, async (client) => {
    for (const make of ['create view v as select 1', 'create sequence s', `create type e as enum ('a')`]) {
      await client.query('begin')
      await client.query(make)
      await assert.rejects(schemaText(client), /teach tests\/docs\/schema\.ts to show/, make)
      await client.query('rollback')
    }
  })
})
