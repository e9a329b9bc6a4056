import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemTenant } from '../../contract/ids.ts'
import { rootKey, Secret } from '../../core/seal/index.ts'
import { firstStart } from '../../server/first-start.ts'
import { createFirstAdministrator } from '../../server/identity/first-administrator.ts'
import { createPasswordHasher } from '../../server/identity/password-hash.ts'
import { createKeys, openInstallation } from '../../server/keys/index.ts'
import type { NewEntry } from '../../server/ledger/index.ts'
import { createPreparer, pendingBody } from '../../server/ledger/pending.ts'
import { systemClock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { createInTenant, openPool } from '../../server/platform/postgres/index.ts'
import { newUid } from '../../server/platform/random/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres } from '../support/database.ts'
import { administrator, type Palisade, startPalisade } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'

// What a release finds that an earlier one has left in the database, and is not in the state in which a stop leaves it: the
// earlier one was killed.

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const secret = randomBytes(32)

let postgres: TestPostgres
let family: ProcessFamily
before(async () => {
  ;[postgres, family] = await Promise.all([startTestPostgres(), createProcessFamily('upgrade')])
})
after(async () => {
  await family?.stop()
  await postgres?.stop()
})

type Line = {
  readonly index: number
  readonly uid: string
  readonly event: string
  readonly outcome: string
  readonly request: string
  readonly intent?: string
}

test('entries that the schema before 0007 left waiting are sequenced and proved, and what it had open is closed', async () => {
  const database = await postgres.createEarlier(6)
  const waiting = await leaveWaiting(database)

  const palisade = await startOn(database)
  const lines = await until('the entries in the log', async () => {
    const text = await exported(palisade)
    const found = text.trimEnd().split('\n').slice(1)
    const parsed = found.map((line) => JSON.parse(line) as Line) // the log's own form
    return parsed.some((line) => line.intent === waiting.intent) ? parsed : undefined
  })
  assert.deepEqual(
    lines.slice(0, waiting.uids.length).map(({ index, uid }) => ({ index, uid })),
    waiting.uids.map((uid, index) => ({ index, uid })),
    'those that waited are first, in the order in which they were written, and each is there once',
  )
  const [end, ...more] = lines.filter((line) => line.intent === waiting.intent)
  assert.partialDeepStrictEqual(end, { event: 'cluster.call.ended', outcome: 'unknown' })
  assert.deepEqual(more, [])

  const file = join(family.folder, 'export.jsonl')
  await writeFile(file, await exported(palisade))
  const key = (await palisade.system.call('GET', '/v1/palisade/audit/key')).text.trim()
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'audit', 'verify', file, '--key', key, '--json'])
  assert.ok(JSON.parse(stdout).size >= waiting.uids.length + 1, stdout)
})

const exported = async ({ system }: Palisade) => (await system.call('GET', '/v1/palisade/audit/export')).text

/** An installation as the release with migrations 1 to 6 made it, killed before it had sequenced anything. */
async function leaveWaiting(database: TestDatabase): Promise<{ uids: string[]; intent: string }> {
  const logger = createLogger('fatal', () => {})
  const pool = openPool(database.app, 'earlier-release', 2, logger)
  try {
    const now = new Date()
    const root = rootKey(Uint8Array.from(secret))
    const client = await pool.connect()
    const installation = await openInstallation(client, { root, auditHost: 'localhost', now })
    client.release()
    assert.ok(installation.ok)
    const inTenant = createInTenant(pool)
    const keys = createKeys({ root, salt: installation.value.salt, inTenant, clock: systemClock })
    const admin = { email: administrator.email, password: new Secret(administrator.password) }
    const createAdministrator = createFirstAdministrator({ keys, hasher: createPasswordHasher() })
    assert.ok((await firstStart({ admin, inTenant, keys, createAdministrator, now, logger })).ok)

    // One entry a row, sealed under its own uid: what that release wrote, by a statement and by its function.
    const prepare = createPreparer({ clock: systemClock, newUid })
    const sealer = await keys.of(systemTenant)
    const entry = (event: NewEntry['event'], outcome: NewEntry['outcome']) => {
      const { uid, own } = prepare({
        ...{ event, outcome, resource: { uid: 'none' }, request: newUid() },
        actor: { kind: 'user', uid: newUid() },
      })
      return { uid, body: sealer.seal(pendingBody(uid), own.text) }
    }
    const single = [entry('session.started', 'done'), entry('tenant.created', 'done')]
    await inTenant(systemTenant, async (tx) => {
      for (const { uid, body } of single)
        await tx.query('insert into audit_pending (tenant_id, entry_id, body) values ($1, $2, $3)', [
          ...[systemTenant, uid, body],
        ])
    })
    const grouped = [
      entry('session.started', 'done'),
      entry('cluster.call', 'intended'),
      entry('session.ended', 'done'),
    ]
    const intent = grouped[1]?.uid ?? ''
    await inTenant(systemTenant, (tx) =>
      tx.query('select record_entries($1, $2, $3, $4, $5, $6, $7)', [
        ...[systemTenant, newUid(), grouped.map(({ uid }) => uid), grouped.map(({ body }) => body.length)],
        ...[Buffer.concat(grouped.map(({ body }) => body)), [intent], []],
      ]),
    )
    return { uids: [...single, ...grouped].map(({ uid }) => uid), intent }
  } finally {
    await pool.end()
  }
}

async function startOn({ owner }: TestDatabase): Promise<Palisade> {
  const rootKeyFile = join(family.folder, 'root.key')
  await writeFile(rootKeyFile, secret.toString('base64'), { mode: 0o600 })
  const url = new URL(`postgres://${owner.user}:${owner.password.reveal()}@socket:${owner.port}/${owner.database}`)
  url.searchParams.set('host', owner.host)
  const env = { PALISADE_DATABASE_URL: url.href, PALISADE_ROOT_KEY_FILE: rootKeyFile }
  return startPalisade({ family, name: 'upgraded', env })
}
