import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nameKey } from '../contract/wire/common.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../tests/support/database.ts'
import { type Phases, startPhases } from '../tests/support/phases.ts'
import { accessEndpoints } from './access/index.ts'
import { createNameKeys, keyedTables } from './name-keys.ts'
import { createLogger } from './platform/log/index.ts'
import { createLookups, openPool } from './platform/postgres/index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, () => accessEndpoints)
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

/** As names were folded before "ß" was "ss". */
const formerKey = (name: string) => name.normalize('NFKC').toLowerCase().normalize('NFKC')
const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await withClient(database.superuser, (client) => client.query<Row>(text, values))).rows

/** What one start does, with what it logged. */
async function refold() {
  const lines: { tenant?: string; kind?: string; uid?: string; others?: string[]; msg?: string }[] = []
  const logger = createLogger('info', (line) => void lines.push(JSON.parse(line)))
  const nameKeys = createNameKeys({ inTenant: api.inTenant, logger })
  await nameKeys.organisations()
  nameKeys.start()
  const refolded = await nameKeys.done
  await nameKeys.stop()
  return { ...refolded, lines }
}

test('every table with a key of names is looked at', async () => {
  const found = await sql<{ name: string; columns: string[] }>(
    `select t.relname as name, array_agg(a.attname::text order by a.attname) as columns
       from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
      group by t.relname having bool_or(a.attname = 'name_key') order by t.relname`,
  )
  assert.deepEqual(
    found.map(({ name }) => name),
    keyedTables.map(({ name }) => name),
  )
  for (const { name, uid, within } of keyedTables)
    for (const column of [uid, ...within])
      assert.ok(found.find((one) => one.name === name)?.columns.includes(column), `${name}.${column}`)
  const unique = await sql<{ name: string; columns: string[] }>(
    `select c.conrelid::regclass::text as name, array_agg(a.attname::text order by a.attname) as columns
       from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
      where c.contype = 'u' group by c.oid, c.conrelid having bool_or(a.attname = 'name_key') order by name`,
  )
  assert.deepEqual(
    unique.map(({ name, columns }) => [name, columns]),
    keyedTables.map(({ name, within }) => [name, ['tenant_id', 'name_key', ...within].toSorted()]),
  )
})

test('names from before are found again: organisations to sign in by, and all that is named; once, by however many replicas', async () => {
  const { uid: tenant, admin, project } = await api.tenant('Straße  Νίκος GmbH')
  const make = async (route: string, name: string) =>
    (await api.must(admin, route, { body: { metadata: { name }, spec: {} } })).uid as string
  const names = ['Größe', 'ΟΔΟΣ', 'two  words', '東京', 'plain', 'ﬁle  ß']
  for (const name of names) await make('POST /v1/teams', name)
  const roleSpec = { permissions: ['cluster.get'], scope: 'tenant' }
  await api.must(admin, 'POST /v1/roles', { body: { metadata: { name: 'Maß' }, spec: roleSpec } })
  const other = (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Fuß' } } })).uid
  for (const at of [project, other])
    await sql(
      `insert into workspaces (tenant_id, workspace_id, project_id, name, name_key, namespaces, created_at, updated_at)
       values ($1, left(md5($2), 24), $2, 'Straße', 'strasse', '[]', now(), now())`,
      [tenant, at],
    )
  // As the release before would have stored them.
  const tables = ['teams', 'roles', 'projects', 'workspaces']
  const rows = async () =>
    (
      await Promise.all(
        tables.map((of) =>
          sql<{ name: string; name_key: string }>(`select name, name_key from ${of} where tenant_id = $1`, [tenant]),
        ),
      )
    ).flat()
  const wanted = (await rows()).map(({ name }) => [name, nameKey(name)])
  let stale = 0
  for (const of of tables)
    for (const { name } of await sql<{ name: string }>(`select name from ${of} where tenant_id = $1`, [tenant])) {
      if (formerKey(name) === nameKey(name)) continue
      stale++
      await sql(`update ${of} set name_key = $3 where tenant_id = $1 and name = $2`, [tenant, name, formerKey(name)])
    }
  const org = 'STRASSE ΝΊΚΟΣ GMBH'
  await sql('update tenants set org_key = $2 where tenant_id = $1', [tenant, formerKey('Straße  Νίκος GmbH')])
  const silent = createLogger('error', () => undefined)
  const pool = openPool(database.app, 'lookups', 1, silent)
  const lookups = createLookups(pool)
  assert.equal(await lookups.tenantByOrg(nameKey(org)), undefined)

  const starts = await Promise.all([refold(), refold()])
  assert.equal(await lookups.tenantByOrg(nameKey(org)), tenant)
  await pool.end()
  assert.deepEqual((await rows()).map(({ name, name_key }) => [name, name_key]).toSorted(), wanted.toSorted())
  const written = starts.reduce((sum, one) => sum + one.written, 0)
  assert.equal(written, stale + 1)
  assert.equal((await refold()).written, 0, 'nothing is left to do')
  const taken = await api.call(admin, 'POST /v1/teams', { body: { metadata: { name: 'grösse' }, spec: {} } })
  assert.equal(taken.refusal?.code, 'team_name_taken')
})

test('where two names are one by now both stay, one by its old key, and the log says which until one is renamed', async () => {
  const { uid: tenant, admin } = await api.tenant()
  const team = async (name: string) =>
    (await api.must(admin, 'POST /v1/teams', { body: { metadata: { name }, spec: {} } })).uid as string
  const [old, newer] = [await team('Fluß'), await team('other')]
  await sql(`update teams set name_key = 'fluß' where team_id = $1`, [old])
  await sql(`update teams set name = 'FLUSS', name_key = 'fluss' where team_id = $1`, [newer])
  const spec = { permissions: ['cluster.get'], scope: 'tenant' }
  const { uid: role } = await api.must(admin, 'POST /v1/roles', { body: { metadata: { name: 'mine' }, spec } })
  await sql(`update roles set name = 'Tenant  Admin', name_key = 'tenant  admin' where role_id = $1`, [role])
  const [firstOrg, otherOrg] = [await api.tenant('Größe'), await api.tenant('Gross Org')]
  await sql(`update tenants set org_key = 'größe' where tenant_id = $1`, [firstOrg.uid])
  await sql(`update tenants set org_name = 'GRÖSSE', org_key = 'grösse' where tenant_id = $1`, [otherOrg.uid])

  for (let start = 0; start < 2; start++) {
    const { written, kept, lines } = await refold()
    assert.deepEqual([written, kept], [0, 3])
    assert.deepEqual(
      lines.flatMap(({ tenant: of, kind, uid, others }) => (kind ? [[of, kind, uid, others]] : [])).toSorted(),
      [
        [firstOrg.uid, 'tenants', firstOrg.uid, [otherOrg.uid]],
        [tenant, 'roles', role, undefined],
        [tenant, 'teams', old, [newer]],
      ].toSorted(),
    )
    assert.match(lines.find(({ kind }) => kind === 'roles')?.msg ?? '', /^this name is one that the product keeps/)
  }
  const held = await sql<{ name: string; name_key: string }>(
    'select name, name_key from teams where tenant_id = $1 order by name_key',
    [tenant],
  )
  assert.deepEqual(held, [
    { name: 'FLUSS', name_key: 'fluss' },
    { name: 'Fluß', name_key: 'fluß' },
  ])
  await sql(`update teams set name = 'Bach', name_key = 'bach' where team_id = $1`, [newer])
  assert.deepEqual(
    [
      (await refold()).written,
      (await sql<{ name_key: string }>('select name_key from teams where team_id = $1', [old]))[0]?.name_key,
    ],
    [1, 'fluss'],
  )
})
