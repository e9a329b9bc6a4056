import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { TenantUid } from '../../contract/ids.ts'
import { type ExportVerdict, parseVerifierKey, verifyExportBytes } from '../../core/ledger/index.ts'
import { rootKey } from '../../core/seal/index.ts'
import { type TestDatabase, withClient } from '../../tests/support/database.ts'
import { createKeys, type Keys, openInstallation } from '../keys/index.ts'
import { type Clock, systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { createInTenant, type InTenant, openPool } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { NewEntry } from './entry.ts'
import { exportText } from './export.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { readHead } from './log.ts'

/** One installation on a test database, in which ledgers run as replicas do. */
export type TestInstallation = {
  readonly inTenant: InTenant
  readonly keys: Keys
  readonly pool: pg.Pool
  /** Where replica `name` keeps what it keeps outside the database. */
  folder(name: string): string
  /** Makes a tenant with its key and its epoch. */
  tenant(uid?: TenantUid): Promise<TenantUid>
  /** A replica's ledger, not started. Replicas of one name are one after the other on the same data folder. */
  ledger(name?: string, edges?: { readonly clock?: Clock; readonly newUid?: () => string }): Ledger
  /** What the ledgers logged, a JSON line each. */
  readonly log: string[]
  /** The tenant's export up to its last checkpoint. */
  exported(tenant: TenantUid): Promise<string>
  verifierKey(tenant: TenantUid): Promise<string>
  close(): Promise<void>
}

/** Monotonic time runs faster, so that nobody waits a second for each signature. */
const fastClock: Clock = { now: systemClock.now, monotonicMs: () => 8 * systemClock.monotonicMs() }

export async function openTestInstallation(database: TestDatabase): Promise<TestInstallation> {
  const root = rootKey(randomBytes(32))
  const auditHost = 'palisade.test'
  const installation = await withClient(database.app, (client) =>
    openInstallation(client, { root, auditHost, now: new Date() }),
  )
  if (!installation.ok) throw new Error(installation.error)
  const parent = await mkdtemp(join(tmpdir(), 'palisade-ledger-'))
  const folder = (name: string) => join(parent, name)
  const log: string[] = []
  const logger = createLogger('info', (line) => log.push(line))
  // Tests end connections on purpose.
  const silent = createLogger('fatal', () => undefined)
  const pools: pg.Pool[] = []
  const open = (target: TestDatabase['app'], max: number) => {
    const pool = openPool(target, 'test', max, silent)
    pools.push(pool)
    return pool
  }
  const pool = open(database.app, 20)
  const inTenant = createInTenant(pool)
  const keys = createKeys({ root, salt: installation.value.salt, inTenant, clock: systemClock })

  return {
    inTenant,
    keys,
    pool,
    folder,
    log,
    async tenant(uid = TenantUid.parse(newUid())) {
      await inTenant(uid, async (tx) => {
        await tx.query(
          `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
           values ($1, $2, $2, 'active', now(), now())`,
          [uid, uid],
        )
        await tx.query('insert into access_epochs (tenant_id) values ($1)', [uid])
        await keys.create(tx)
      })
      return uid
    },
    ledger: (name = 'one', edges = {}) =>
      createLedger({
        ...{ pool, inTenant, auditHost, logger, clock: fastClock, newUid, ...edges },
        sequencerPool: open(database.sequencer, 2),
        sealerOf: keys.of,
        folder: folder(name),
        sessionMs: 3_600_000,
      }),
    async exported(tenant) {
      const head = await inTenant(tenant, readHead)
      if (head?.checkpoint === undefined) throw new Error('nothing is signed')
      const pinned = { note: head.checkpoint, size: head.signedSize }
      let text = ''
      for await (const piece of exportText(inTenant, tenant, await keys.of(tenant), pinned)) text += piece
      return text
    },
    async verifierKey(tenant) {
      const head = await inTenant(tenant, readHead)
      if (!head) throw new Error('no log')
      return head.verifierKey
    },
    async close() {
      await Promise.all(pools.map((one) => one.end()))
      await rm(parent, { recursive: true, force: true })
    },
  }
}

/** What `palisade audit verify` says of an export. */
export function verdictOn(text: string, key: string): Promise<ExportVerdict> {
  const verifier = parseVerifierKey(key)
  if (!verifier.ok) throw new Error(verifier.error)
  return verifyExportBytes(
    (async function* () {
      yield Buffer.from(text)
    })(),
    verifier.value,
  )
}

/** An entry like any other. */
export function someEntry(about: Partial<NewEntry> = {}): NewEntry {
  return {
    event: 'project.created',
    outcome: 'done',
    actor: { kind: 'user', uid: 'a'.repeat(24), email: 'ada@example.com', credential: `session:${'5'.repeat(24)}` },
    resource: { uid: 'b'.repeat(24), name: 'payments' },
    request: newUid(),
    session: '5'.repeat(24),
    address: '127.0.0.1',
    ...about,
  }
}
