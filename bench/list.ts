/**
 * `npm run bench:list`: pages of a list of 1,000,000 tagged clusters in one tenant, for somebody with three resource roles. Every page
 * that is measured is compared with what the rule for a single cluster says of each of them. Speed is reported, not asserted; a
 * page or a count that differs ends it with exit 1.
 *
 * `--clusters N`, `--rounds N` (pages of each kind), `--seed N`, `--json`.
 */
import { parseArgs } from 'node:util'
import { TenantUid } from '../contract/ids.ts'
import { decide, reachOf } from '../core/access/index.ts'
import { type After, type ClusterPage, createLists } from '../server/clusters/listing.ts'
import { createLogger } from '../server/platform/log/index.ts'
import { createInTenant, openPool } from '../server/platform/postgres/index.ts'
import { startTestPostgres, withClient } from '../tests/support/database.ts'
import { createRandom } from './decide/random.ts'
import { type Fleet, makeFleet, readers, storeFleet, tenantUid, userUid } from './list/world.ts'
import { quantile } from './support/fleet.ts'

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '300' },
    seed: { type: 'string', default: '20300101' },
    json: { type: 'boolean', default: false },
  },
})
const [size, rounds, seed] = [Number(values.clusters), Number(values.rounds), Number(values.seed)]
const limit = 50
const coldRounds = 20

const postgres = await startTestPostgres({ fsync: true })
try {
  await main()
} finally {
  await postgres.stop()
}

async function main() {
  const database = await postgres.create()
  const tenant = TenantUid.parse(tenantUid)
  const pool = openPool(database.app, 'bench-list', 2, createLogger('error', console.error))
  const inTenant = createInTenant(pool)
  await withClient(database.superuser, (client) =>
    client.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'bench', 'bench', 'active', now(), now())`,
      [tenant],
    ),
  )
  const fleet = makeFleet(size, seed)
  const stored = performance.now()
  await storeFleet((work) => inTenant(tenant, work), fleet)
  const storedMs = performance.now() - stored
  await withClient(database.superuser, (client) => client.query('vacuum analyze'))
  const sets = await inTenant(tenant, (tx) => tx.query<{ n: string }>('select count(*) as n from cluster_tallies'))

  let listClusters = createLists()
  const results = []
  for (const [name, access] of Object.entries(readers(fleet.projects))) {
    const visible = reachOf(access, { userUid }, 'cluster.list', 0)
    const expected = seen(fleet, access)
    const places = createRandom(seed)
    const times: Record<string, number[]> = { cold: [], first: [], deep: [], last: [] }
    const ask = async (kind: string, from: number) => {
      const before = expected[from - 1]
      const after: After | undefined = before && { nameKey: before.name, uid: before.uid }
      const began = performance.now()
      const answer = await inTenant(tenant, (tx) => listClusters(tx, { visible, page: { limit, offset: from }, after }))
      times[kind]?.push(performance.now() - began)
      check(`${name}, from ${from}`, answer, expected.slice(from, from + limit), expected.length, from)
    }
    // Whoever is asked for the first time: nothing is remembered of the tallies.
    for (let round = 0; round < coldRounds; round++) {
      listClusters = createLists()
      await ask('cold', 0)
    }
    for (let round = 0; round < rounds; round++) {
      await ask('first', 0)
      await ask('deep', places.below(Math.max(1, expected.length - limit)))
      await ask('last', Math.max(0, expected.length - limit))
    }
    const began = performance.now()
    const from = Math.floor(expected.length / 2)
    const byOffset = await inTenant(tenant, (tx) => listClusters(tx, { visible, page: { limit, offset: from } }))
    const offsetMs = performance.now() - began
    check(`${name}, by offset ${from}`, byOffset, expected.slice(from, from + limit), expected.length, from)
    results.push({ name, count: expected.length, ms: figures(times), offsetMs: Math.round(offsetMs) })
  }
  await pool.end()
  const result = {
    seed,
    clusters: size,
    sets: Number(sets[0]?.n),
    storedSeconds: Math.round(storedMs / 1_000),
    results,
  }
  if (values.json) console.log(JSON.stringify(result, undefined, 2))
  else print(result)
}

/** What somebody may list, asked one by one, in the order of a list. */
function seen(fleet: Fleet, access: Parameters<typeof decide>[1]) {
  return fleet.inOrder.filter(({ uid, project: projectUid, labels: tags }) => {
    const resource = { kind: 'spectrocluster', uid, scope: { kind: 'project', projectUid }, tags } as const
    return decide({ subject: { userUid }, permission: 'cluster.list', resource, now: 0 }, access).effect === 'allow'
  })
}

function check(
  what: string,
  answer: ClusterPage,
  expected: readonly { readonly uid: string }[],
  count: number,
  from: number,
) {
  const same =
    answer.count === count &&
    answer.clusters.length === expected.length &&
    answer.clusters.every(({ uid }, i) => uid === expected[i]?.uid) &&
    (answer.next !== undefined) === from + expected.length < count
  if (!same)
    throw new Error(`${what}: the list is not what may be seen one by one (count ${answer.count}, not ${count})`)
}

function figures(times: Record<string, number[]>) {
  const rounded = (list: readonly number[], q: number) => Math.round(quantile(list, q) * 10) / 10
  return Object.fromEntries(
    Object.entries(times).map(([kind, list]) => [kind, { p50: rounded(list, 0.5), p99: rounded(list, 0.99) }]),
  )
}

function print({ seed, clusters, sets, storedSeconds, results }: Awaited<ReturnType<typeof Object>>) {
  console.log(
    `${clusters.toLocaleString('en')} clusters, ${sets.toLocaleString('en')} sets of labels in projects, seed ${seed}; stored in ${storedSeconds} s`,
  )
  for (const { name, count, ms, offsetMs } of results) {
    console.log(`\n${name}: ${count.toLocaleString('en')} clusters`)
    for (const [kind, { p50, p99 }] of Object.entries<{ p50: number; p99: number }>(ms))
      console.log(`  ${kind.padEnd(5)} page  p50 ${p50} ms  p99 ${p99} ms`)
    console.log(`  by offset, half way: ${offsetMs} ms`)
  }
  console.log(`\n${(results.length * (rounds * 3 + 1)).toLocaleString('en')} pages compared, none differed`)
}
