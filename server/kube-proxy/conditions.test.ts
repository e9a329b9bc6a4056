import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterUid, ProjectUid, SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { predefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { type Assignment, compile, type RequestConditions, type RequestOrigin } from '../../core/access/index.ts'
import { parseClusterTarget, requestInfo } from '../../core/kube/index.ts'
import { ok } from '../../core/result.ts'
import { until } from '../../tests/support/until.ts'
import type { EndReason, Snapshot } from '../access/index.ts'
import { createLiveCalls } from '../access/live-calls.ts'
import type { Principal } from '../gateway/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type Asked, createAdmission } from './admission.ts'
import type { DoorCluster, DoorPorts } from './ports.ts'

// Levels that are held under conditions, at the door, while time goes on.

const tenant = TenantUid.parse(newUid())
const user = UserUid.parse(newUid())
const project = ProjectUid.parse(newUid())
const logger = createLogger('fatal', () => undefined)
const cluster: DoorCluster = {
  ...{ uid: ClusterUid.parse(newUid()), name: 'one', project, tags: {}, readOnly: false },
  upstream: {
    ...{ clusterUid: newUid(), host: '127.0.0.1', port: 1, basePath: '' },
    ...{ caPem: undefined, systemRoots: false, servername: undefined },
  },
  authorization: () => 'Bearer t',
}
const office: RequestConditions = {
  timeWindow: { timeZone: 'Europe/Berlin', days: ['mon'], from: '08:00', to: '18:00' },
}
const closes = Date.parse('2026-01-05T17:00:00Z')

/** Each role under its conditions, or none. */
function snapshotOf(given: readonly (readonly ['Cluster Viewer' | 'Cluster Editor', RequestConditions?])[]): Snapshot {
  const assignments = given.map(
    ([name, conditions], i): Assignment => ({
      ...{ id: `a${i}`, subject: { kind: 'user', uid: user }, roleUid: predefinedRole(name).uid, filters: 'none' },
      scope: { kind: 'project', projectUid: project },
      ...(conditions ? { conditions } : {}),
    }),
  )
  return {
    ...{ tenant, epoch: 1n, factsEpoch: 1n, tenantState: 'active', orgName: 'o', teamNames: new Map() },
    users: new Map([[user, { state: 'active' as const, credentialEpoch: 1n, teams: [] }]]),
    projectNames: new Map(),
    terms: new Map(assignments.flatMap(({ id, conditions }) => (conditions ? [[id, { conditions }] as const] : []))),
    compiled: compile({
      ...{ tenantUid: tenant, epoch: '1', assignments },
      permissions: new Set(predefinedRoles.flatMap((role) => role.permissions)),
      users: new Map([[user, { teams: [], active: true }]]),
      roles: new Map(predefinedRoles.map((role) => [role.uid, role])),
    }),
  }
}

/** The door's decisions at a time that the test sets. */
function doorAt(snapshot: Snapshot, startsAt: number) {
  const clock = { at: startsAt, now: () => clock.at, monotonicMs: () => performance.now() }
  const ports: Partial<DoorPorts> = {
    recheck: async () => ok({ endsAt: Number.POSITIVE_INFINITY }),
    access: { current: async () => snapshot, atLeast: async () => snapshot } as never, // no more of it is asked
    findCluster: async () => cluster,
    ledger: { record: async () => ({ uid: newUid(), epoch: 1n }), conclude: () => undefined } as never, // likewise
    protectedNamespaces: [],
    clock,
  }
  const admission = createAdmission(ports as DoorPorts) // what is missing is the transport's
  const ask = (origin: RequestOrigin) => admission.admit(askedFrom(origin))
  const levels = async (origin: RequestOrigin) => {
    const admitted = await ask(origin)
    return admitted.ok ? admitted.value.standing.levels : admitted.error.code
  }
  return { clock, admission, ask, levels }
}

function askedFrom(origin: RequestOrigin): Asked {
  const principal: Principal = {
    ...{ tenant, user, epoch: 1n, origin },
    credential: { kind: 'session', session: SessionUid.parse('5'.repeat(24)), jti: 'j' },
    person: { email: 'p@example.test', firstName: 'P', lastName: '', org: 'o' },
  }
  const parsed = parseClusterTarget(`/k8s/clusters/${cluster.uid}/api/v1/namespaces/default/pods`)
  assert.ok(parsed.ok && parsed.value)
  const { target } = parsed.value
  const info = requestInfo('GET', target)
  assert.ok(info.ok)
  const about: Omit<Asked, 'head' | 'log'> = {
    ...{ principal, requestId: newUid(), address: '', clusterUid: cluster.uid, target, userAgent: undefined },
    ...{ method: 'GET', info: info.value, upgrade: undefined },
  }
  return { ...about, head: { names: [] }, log: undefined } as unknown as Asked // nothing more of the two is looked at
}

test('the end of a time window cuts an open stream, and nothing before it does', async (t) => {
  const snapshot = snapshotOf([['Cluster Viewer', office]])
  const { clock, admission, ask } = doorAt(snapshot, closes - 3_600_000)
  const admitted = await ask({ address: '192.0.2.7' })
  assert.ok(admitted.ok)
  assert.equal(admitted.value.endsAt, closes)
  const calls = createLiveCalls({ clock, logger, ageMs: () => 0, current: async () => snapshot })
  t.after(() => calls.stop())
  let ended: EndReason | undefined
  let looked = 0
  calls
    .register({
      ...{ uid: newUid(), tenant, user, cluster: cluster.uid },
      async recheck(newest) {
        looked++
        return admission.goesOn(admitted.value, newest)
      },
      end(reason) {
        ended = reason
      },
    })
    .recheckAt(admitted.value.endsAt)
  clock.at = closes - 1
  await calls.tenantChanged(tenant, snapshot)
  assert.deepEqual([looked, ended], [1, undefined])
  clock.at = closes
  assert.equal(await until('the stream to be cut', () => ended), 'right-withdrawn')
})

test('what one stream is told of a sign-in is its own', async () => {
  const snapshot = snapshotOf([['Cluster Viewer', { signInWithinSeconds: 60 }]])
  const { clock, admission, ask } = doorAt(snapshot, 1_000_000)
  const old = await ask({ provedAt: 950_000 })
  const fresh = await ask({ provedAt: 990_000 })
  assert.ok(old.ok && fresh.ok)
  clock.at = 1_010_000
  assert.deepEqual(await admission.goesOn(fresh.value, snapshot), { recheckAt: 1_050_000 })
  assert.deepEqual(await admission.goesOn(old.value, snapshot), { end: 'right-withdrawn' })
})

test('a window that opens, or an address that changes, is noticed though nothing else did', async () => {
  const snapshot = snapshotOf([
    ['Cluster Viewer', { networks: ['192.0.2.0/24', '198.51.100.0/24'] }],
    ['Cluster Editor', { ...office, networks: ['192.0.2.0/24'] }],
  ])
  const { clock, levels } = doorAt(snapshot, Date.parse('2026-01-05T06:59:59.999Z'))
  const inside = { address: '192.0.2.7' }
  assert.deepEqual(await levels(inside), ['view'])
  assert.deepEqual(await levels(inside), ['view'], 'remembered')
  clock.at += 1
  assert.deepEqual(await levels(inside), ['view', 'edit'])
  assert.deepEqual(await levels({ address: '198.51.100.7' }), ['view'], 'of another address')
  assert.deepEqual(await levels({ address: '203.0.113.7' }), 403)
  assert.deepEqual(await levels({}), 403)
  clock.at = closes
  assert.deepEqual(await levels(inside), ['view'])
})

test('a level lasts as long as the last of the roles that give it', async () => {
  const snapshot = snapshotOf([['Cluster Viewer', office], ['Cluster Viewer']])
  const { ask } = doorAt(snapshot, closes - 1_000)
  const admitted = await ask({})
  assert.ok(admitted.ok)
  assert.equal(admitted.value.endsAt, Number.POSITIVE_INFINITY)
})
