/**
 * `npm run bench:ledger`: how many entries a second the ledger makes durable while its sequencer integrates and signs them
 * in the same process, with everything flushed to disk; and how long after its commit an entry is under a signed
 * checkpoint. The log is verified afterwards. The mark: 5,000 entries/s on one node, integrated and signed in under 2 s.
 *
 * `--json` prints one JSON object instead of the table; `--seconds N` is how long each row is measured (default 6).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { TenantUid } from '../contract/ids.ts'
import type { Ledger } from '../server/ledger/index.ts'
import { openTestInstallation, someEntry, type TestInstallation, verdictOn } from '../server/ledger/testing.ts'
import { systemClock } from '../server/platform/clock/index.ts'
import { startTestPostgres } from '../tests/support/database.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '6' } },
})
const measuredMs = Number(values.seconds) * 1000
const sampleMs = 50

type Row = {
  readonly callers: number
  readonly tenants: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** From commit to a signed checkpoint, the worst seen. */
  readonly signedAfterMs: number
  /** User and system time of this process: callers, ledger and sequencer. */
  readonly cpuUs: number
}

const postgres = await startTestPostgres({ fsync: true })
try {
  const installation = await openTestInstallation(await postgres.create())
  const ledger = installation.ledger('bench', { clock: systemClock })
  await ledger.start()
  const rows: Row[] = []
  for (const [callers, tenants] of [
    [1, 1],
    [16, 1],
    [64, 1],
    [256, 1],
    [256, 20],
  ] as const)
    rows.push(await measure(installation, ledger, callers, tenants))
  await ledger.stop()
  await installation.close()
  print(rows)
} finally {
  await postgres.stop()
}

async function measure(installation: TestInstallation, ledger: Ledger, callers: number, tenants: number): Promise<Row> {
  const uids: TenantUid[] = []
  for (let i = 0; i < tenants; i++) uids.push(await installation.tenant())
  const latencies: number[] = []
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const deadline = startedAt + measuredMs
  const call = async (n: number) => {
    const tenant = uids[n % tenants]!
    while (performance.now() < deadline) {
      const at = performance.now()
      await ledger.record(tenant, callEntry())
      latencies.push(performance.now() - at)
    }
  }
  const calls = Promise.all(Array.from({ length: callers }, (_, n) => call(n)))
  const lag = watchLag(installation, uids, () => latencies.length)
  await calls
  const elapsed = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const signedAfterMs = await lag.end()
  await verify(installation, uids[0]!)
  latencies.sort((a, b) => a - b)
  const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? Number.NaN
  return {
    ...{ callers, tenants, perSecond: latencies.length / elapsed, p50Ms: quantile(0.5), p99Ms: quantile(0.99) },
    ...{ signedAfterMs, cpuUs: (user + system) / latencies.length },
  }
}

/** What the Kubernetes door writes for a read. */
function callEntry() {
  return someEntry({
    event: 'cluster.call',
    project: 'd'.repeat(24),
    details: {
      ...{ method: 'GET', verb: 'list', group: '', resource: 'pods', namespace: 'default', levels: ['view'] },
      ...{ decision: { epoch: '17', because: ['e'.repeat(24)] }, userAgent: 'kubectl/v1.36.3 (linux/amd64)' },
    },
  })
}

/** The worst time from an acknowledged entry until as many entries are signed. */
function watchLag(installation: TestInstallation, tenants: readonly TenantUid[], acknowledged: () => number) {
  const marks: { readonly count: number; readonly at: number }[] = []
  let worst = 0
  let over = false
  const sample = async () => {
    const sizes = await Promise.all(
      tenants.map((tenant) =>
        installation.inTenant(tenant, (tx) =>
          tx.query<{ n: string }>('select checkpoint_size as n from audit_heads where tenant_id = $1', [tenant]),
        ),
      ),
    )
    const signed = sizes.reduce((sum, rows) => sum + Number(rows[0]?.n ?? 0), 0)
    while (marks[0] && marks[0].count <= signed) worst = Math.max(worst, performance.now() - marks.shift()!.at)
  }
  const watching = (async () => {
    while (!over || marks.length > 0) {
      if (!over) marks.push({ count: acknowledged(), at: performance.now() })
      await sleep(sampleMs)
      await sample()
    }
  })()
  return {
    async end() {
      marks.push({ count: acknowledged(), at: performance.now() })
      over = true
      await watching
      return worst
    },
  }
}

async function verify(installation: TestInstallation, tenant: TenantUid): Promise<void> {
  const verdict = await verdictOn(await installation.exported(tenant), await installation.verifierKey(tenant))
  if (!verdict.ok) throw new Error(`the log does not verify: ${verdict.message}`)
}

function print(rows: readonly Row[]): void {
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, rows }, undefined, 2))
    return
  }
  console.log('callers  tenants  entries/s   p50 ms   p99 ms  signed after ms  CPU us/entry')
  for (const row of rows)
    console.log(
      [
        String(row.callers).padStart(7),
        String(row.tenants).padStart(7),
        row.perSecond.toFixed(0).padStart(9),
        row.p50Ms.toFixed(1).padStart(7),
        row.p99Ms.toFixed(1).padStart(7),
        row.signedAfterMs.toFixed(0).padStart(15),
        row.cpuUs.toFixed(0).padStart(12),
      ].join('  '),
    )
}
