import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TenantUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { compile, decide, type Reach, reachOf, type TagFilter } from '../../core/access/index.ts'
import { startTestPostgres, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { createLogger } from '../platform/log/index.ts'
import { createInTenant, type InTenant, openPool, type Tx } from '../platform/postgres/index.ts'
import { type Asked, type ClusterPage, createLists, type ListClusters } from './listing.ts'

const uidOf = (kind: string, number: number) => `${kind}${number.toString(16).padStart(23, '0')}`
const tenant = TenantUid.parse(uidOf('a', 1))
const projects = Array.from({ length: 6 }, (_, i) => uidOf('d', i))
const user = uidOf('b', 1)

let postgres: TestPostgres
let inTenant: InTenant
let end: () => Promise<void>
before(async () => {
  postgres = await startTestPostgres()
  const database = await postgres.create()
  const pool = openPool(database.app, 'listing', 2, createLogger('error', console.error))
  inTenant = createInTenant(pool)
  end = () => pool.end()
  await withClient(database.superuser, async (client) => {
    await client.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'o', 'o', 'active', now(), now())`,
      [tenant],
    )
    await client.query(
      `insert into projects (tenant_id, project_id, name, name_key, created_at, updated_at)
       select $1, p, p, p, now(), now() from unnest($2::text[]) p`,
      [tenant, projects],
    )
  })
})
after(async () => {
  await end?.()
  await postgres?.stop()
})

type One = { readonly uid: string; project: string; name: string; labels: Record<string, string> }

/** Small worlds from a small generator (Park and Miller), the same each time. */
function generator(seed: number) {
  let state = seed
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  return { next, one: <T>(of: readonly T[]): T => of[next(of.length)] as T }
}

async function insert(tx: Tx, all: readonly One[]) {
  await tx.query(
    `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, labels, state, server_url, ca_pem,
       kubernetes_version, contacted_at, created_at, updated_at)
     select $1, u, p, n, k, l::jsonb, 'needs-bindings', 'https://a.example', '', 'v1.36.3', now(), now(), now()
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) r(u, p, n, k, l)`,
    [
      ...[tenant, all.map(({ uid }) => uid), all.map(({ project }) => project), all.map(({ name }) => name)],
      ...[all.map(({ name }) => nameKey(name)), all.map(({ labels }) => JSON.stringify(labels))],
    ],
  )
}

/** What is within reach, one by one and in order: `visible` is the same access as `allowed`. */
const inOrder = (world: readonly One[], allowed: (one: One) => boolean, descending: boolean) =>
  world
    .filter(allowed)
    .toSorted((a, b) => {
      const [x, y] = [nameKey(a.name), nameKey(b.name)]
      const ascending = x === y ? (a.uid < b.uid ? -1 : 1) : x < y ? -1 : 1
      return descending ? -ascending : ascending
    })
    .map(({ uid }) => uid)

/** Every page by keyset, and the same by offset. */
async function walk(list: ListClusters, asked: Omit<Asked, 'page' | 'after'>, limit: number) {
  const byKey: string[] = []
  const byOffset: string[] = []
  const counts = new Set<number>()
  let after: Asked['after']
  for (;;) {
    const page: ClusterPage = await inTenant(tenant, (tx) => list(tx, { ...asked, page: { limit, offset: 0 }, after }))
    const other = await inTenant(tenant, (tx) => list(tx, { ...asked, page: { limit, offset: byKey.length } }))
    byKey.push(...page.clusters.map(({ uid }) => uid))
    byOffset.push(...other.clusters.map(({ uid }) => uid))
    counts.add(page.count).add(other.count)
    assert.equal(page.next === undefined, other.next === undefined)
    after = page.next?.after
    if (!page.next) return { byKey, byOffset, counts: [...counts] }
  }
}

test('every page holds what may be seen one by one, and the count too, while clusters come, change and go', async () => {
  const { next, one } = generator(20_301)
  const labels = (): Record<string, string> => ({
    env: one(['prod', 'dev', '']),
    ...(next(2) ? { team: one(['a', 'b', 'c']) } : {}),
    ...(next(3) ? {} : { [`own-${next(40)}`]: 'x' }),
  })
  const world: One[] = Array.from({ length: 260 }, (_, i) => ({
    ...{
      uid: uidOf('e', i),
      project: one(projects),
      name: `${one(['Ab', 'ab', 'Ä', 'z'])}-${next(9)}-${i}`,
      labels: labels(),
    },
  }))
  await inTenant(tenant, (tx) => insert(tx, world))
  const list = createLists()
  let made = world.length
  for (let round = 0; round < 15; round++) {
    const filter = (): TagFilter => ({
      conjunction: one(['and', 'or']),
      expressions: [
        {
          key: one(['env', 'team', 'own-3']),
          operator: 'eq',
          negation: next(2) === 0,
          values: [one(['prod', 'a', 'x', ''])],
        },
        { key: 'env', operator: 'eq', negation: false, values: ['dev', one(['prod', ''])] },
      ],
    })
    const access = compile({
      ...{ tenantUid: tenant, epoch: '1', permissions: new Set(['cluster.list'] as const) },
      users: new Map([[user, { teams: [], active: true }]]),
      roles: new Map([['r', { uid: 'r', name: 'r', scope: 'resource', permissions: ['cluster.list'] }]]),
      assignments: Array.from({ length: 1 + next(3) }, (_, i) => ({
        ...({ id: String(i), subject: { kind: 'user', uid: user }, roleUid: 'r' } as const),
        scope: { kind: 'project', projectUid: one(projects) },
        filters: [filter(), ...(next(2) ? [filter()] : [])],
      })),
    })
    const everything = next(4) === 0
    const visible: Reach = everything ? 'all' : reachOf(access, { userUid: user }, 'cluster.list', 0)
    const allowed = ({ uid, project: projectUid, labels: tags }: One) => {
      const resource = { kind: 'c', uid, scope: { kind: 'project', projectUid }, tags } as const
      const request = { subject: { userUid: user }, permission: 'cluster.list', resource, now: 0 }
      return everything || decide(request, access).effect === 'allow'
    }
    const descending = next(2) === 0
    const limit = 7 + next(50)
    for (const which of [list, createLists()]) {
      const expected = inOrder(world, allowed, descending)
      const seen = await walk(which, { visible, sorting: [{ column: 'c.name_key', descending }] }, limit)
      assert.deepEqual(seen, { byKey: expected, byOffset: expected, counts: [expected.length] }, `round ${round}`)
    }
    await inTenant(tenant, async (tx) => {
      const changed = world[next(world.length)]!
      changed.labels = labels()
      changed.project = one(projects)
      await tx.query('update clusters set labels = $3, project_id = $4 where tenant_id = $1 and cluster_id = $2', [
        ...[tenant, changed.uid, JSON.stringify(changed.labels), changed.project],
      ])
      const [gone] = world.splice(next(world.length), 1)
      await tx.query('delete from clusters where tenant_id = $1 and cluster_id = $2', [tenant, gone?.uid])
      const fresh = { uid: uidOf('e', made++), project: one(projects), name: `new ${made}`, labels: labels() }
      world.push(fresh)
      await insert(tx, [fresh])
    })
  }
  const tallied = await inTenant(tenant, (tx) =>
    tx.query(
      `select from (select project_id, labels, count(*) as n from clusters group by 1, 2) c
         full join cluster_tallies t on t.project_id = c.project_id and t.labels = c.labels and t.n = c.n
        where c.n is null or t.n is null`,
    ),
  )
  assert.deepEqual(tallied, [])
})

test('many sets of labels are walked along the names, with the same outcome', async () => {
  const many: One[] = Array.from({ length: 2_600 }, (_, i) => ({
    ...{
      uid: uidOf('f', i),
      project: projects[0]!,
      name: `many ${i}`,
      labels: { serial: String(i), half: String(i % 2) },
    },
  }))
  await inTenant(tenant, (tx) => insert(tx, many))
  const filters: readonly TagFilter[] = [
    { conjunction: 'or', expressions: [{ key: 'serial', operator: 'eq', negation: true, values: [''] }] },
  ]
  const visible: Reach = new Map([[projects[0]!, filters]])
  const all = await inTenant(tenant, (tx) =>
    tx.query<{ cluster_id: string }>(
      'select cluster_id from clusters where project_id = $1 order by name_key, cluster_id',
      [projects[0]],
    ),
  )
  const expected = all.map(({ cluster_id }) => cluster_id)
  assert.ok(expected.length > 2_600)
  const seen = await walk(createLists(), { visible }, 500)
  assert.deepEqual(seen, { byKey: expected, byOffset: expected, counts: [expected.length] })
})

test('what is remembered of a reach ends with the change of a tally, also where others made it', async () => {
  const list = createLists()
  const asked = { visible: 'all', page: { limit: 1, offset: 0 } } as const
  const before = await inTenant(tenant, (tx) => list(tx, asked))
  const [stored] = await inTenant(tenant, (tx) =>
    tx.query<{ cluster_id: string }>('select cluster_id from clusters limit 1'),
  )
  await inTenant(tenant, (tx) => tx.query('delete from clusters where cluster_id = $1', [stored?.cluster_id]))
  const afterwards = await inTenant(tenant, (tx) => list(tx, asked))
  assert.equal(afterwards.count, before.count - 1)
})
