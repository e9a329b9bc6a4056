import { nameKey } from '../../contract/wire/common.ts'
import { type Assignment, type CompiledAccess, compile, type TagFilter } from '../../core/access/index.ts'
import type { Tx } from '../../server/platform/postgres/index.ts'
import { createRandom } from '../decide/random.ts'

/** A fleet of one tenant and somebody who reaches a part of it, the same for the same seed. */

export type FleetCluster = {
  readonly uid: string
  readonly project: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export type Fleet = {
  readonly clusters: readonly FleetCluster[]
  readonly projects: readonly string[]
  /** In the order in which lists show them. */
  readonly inOrder: readonly FleetCluster[]
}

const projectCount = 100
const regions = [
  'ap-1',
  'ap-2',
  'eu-central',
  'eu-north',
  'eu-west',
  'me-1',
  'sa-1',
  'us-1',
  'us-2',
  'us-3',
  'us-4',
  'us-5',
]
const tiers = ['gold', 'silver', 'bronze']

const uidOf = (kind: string, number: number) => `${kind}${number.toString(16).padStart(24 - kind.length, '0')}`
export const tenantUid = uidOf('a', 1)
export const userUid = uidOf('b', 1)
const roleUid = uidOf('c', 1)

export function makeFleet(size: number, seed: number): Fleet {
  const random = createRandom(seed)
  const projects = Array.from({ length: projectCount }, (_, i) => uidOf('d', i))
  const clusters = Array.from({ length: size }, (_, i): FleetCluster => {
    const at = random.below(projectCount)
    const draw = random.next()
    const env = draw < 0.3 ? 'prod' : draw < 0.5 ? 'stage' : 'dev'
    const region = random.pick(regions)
    const labels: Record<string, string> = { env, region, tier: random.pick(tiers) }
    // Each team works in a project of its own or shares one; some clusters have none, and a few carry a tag that no other has.
    if (random.next() < 0.9) labels.team = `team-${at * 2 + random.below(2)}`
    if (random.next() < 0.01) labels.ticket = `T-${i}`
    const number = (random.next() * 2 ** 32) >>> 0
    // Names say where a cluster is, so they are not independent of tags.
    return { uid: uidOf('e', i), project: projects[at]!, name: `${region}-${number.toString(36)}-${i}`, labels }
  })
  const inOrder = clusters.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return { clusters, projects, inOrder }
}

/** Stores it with the application's own rights, triggers included. */
export async function storeFleet(
  inTenant: (work: (tx: Tx) => Promise<void>) => Promise<void>,
  { clusters, projects }: Fleet,
): Promise<void> {
  await inTenant(async (tx) => {
    await tx.query(
      `insert into projects (tenant_id, project_id, name, name_key, created_at, updated_at)
       select $1, p, 'project ' || n, 'project ' || n, now(), now() from unnest($2::text[]) with ordinality u(p, n)`,
      [tx.tenant, projects],
    )
  })
  for (let from = 0; from < clusters.length; from += 20_000) {
    const batch = clusters.slice(from, from + 20_000)
    await inTenant(async (tx) => {
      await tx.query(
        `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, labels, state, server_url, ca_pem,
           kubernetes_version, contacted_at, created_at, updated_at)
         select $1, u, p, n, k, l::jsonb, 'needs-bindings', 'https://' || u || '.example', '', 'v1.36.3', now(), now(), now()
           from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) r(u, p, n, k, l)`,
        [
          tx.tenant,
          batch.map(({ uid }) => uid),
          batch.map(({ project }) => project),
          batch.map(({ name }) => name),
          batch.map(({ name }) => nameKey(name)),
          batch.map(({ labels }) => JSON.stringify(labels)),
        ],
      )
    })
  }
}

const eq = (key: string, values: readonly string[], negation = false) =>
  ({ key, operator: 'eq', negation, values }) as const

/** Somebody with three resource roles; how much they reach is what differs. */
export function readers(projects: readonly string[]): Readonly<Record<string, CompiledAccess>> {
  const given = (from: number, to: number, ...filters: TagFilter[]): readonly Assignment[] =>
    projects.slice(from, to).map((projectUid, i) => ({
      id: uidOf('f', from * 1_000 + i),
      subject: { kind: 'user', uid: userUid },
      roleUid,
      scope: { kind: 'project', projectUid },
      filters,
    }))
  const production = {
    conjunction: 'and',
    expressions: [eq('env', ['prod', 'stage']), eq('tier', ['gold'], true)],
  } as const
  return {
    'half of the projects, by three filters': compiledOf([
      ...given(0, 20, production),
      ...given(10, 50, { conjunction: 'and', expressions: [eq('region', ['eu-central', 'eu-west'])] }),
      ...given(45, 50, { conjunction: 'or', expressions: [eq('env', ['dev']), eq('ticket', [''], true)] }),
    ]),
    'three projects, by one filter each': compiledOf([
      ...given(3, 4, production),
      ...given(4, 5, { conjunction: 'and', expressions: [eq('region', ['us-5']), eq('tier', ['gold'])] }),
      ...given(5, 6, { conjunction: 'or', expressions: [eq('team', ['team-10']), eq('env', ['prod'])] }),
    ]),
    'all projects, what few carry': compiledOf([
      ...given(0, 100, {
        conjunction: 'and',
        expressions: [eq('ticket', ['T-7', 'T-77', 'T-777', 'T-7777', 'T-77777'])],
      }),
      ...given(0, 100, { conjunction: 'and', expressions: [eq('team', ['team-198']), eq('tier', ['gold'])] }),
      ...given(0, 1, { conjunction: 'and', expressions: [eq('env', ['prod']), eq('region', ['us-5'])] }),
    ]),
    'all projects, most clusters': compiledOf([
      ...given(0, 100, { conjunction: 'and', expressions: [eq('env', ['dev'])] }),
      ...given(0, 100, production),
      ...given(50, 51, { conjunction: 'and', expressions: [eq('region', ['sa-1'])] }),
    ]),
  }
}

function compiledOf(assignments: readonly Assignment[]): CompiledAccess {
  return compile({
    tenantUid,
    epoch: '1',
    permissions: new Set(['cluster.get', 'cluster.list']),
    users: new Map([[userUid, { teams: [], active: true }]]),
    roles: new Map([[roleUid, { uid: roleUid, name: 'reader', scope: 'resource', permissions: ['cluster.list'] }]]),
    assignments,
  })
}
