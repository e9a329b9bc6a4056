import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ClusterUid, EntryUid, ProjectUid, SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { predefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { type Assignment, compile } from '../../core/access/index.ts'
import { ok } from '../../core/result.ts'
import { until } from '../../tests/support/until.ts'
import type { LiveCall, Snapshot } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import type { NewEntry } from '../ledger/index.ts'
import { systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createDoor } from './door.ts'
import type { DoorCluster, DoorPorts } from './ports.ts'
import {
  type CallEnd,
  createDestinationPolicy,
  createTransport,
  replyStatus,
  type Transport,
} from './transport/index.ts'
import { asServerResponse } from './transport/reply.ts'

// The door between features that do as they are told. What passes it is tried in transport/, tests/attacks and tests/e2e.

const tenant = TenantUid.parse(newUid())
const user = UserUid.parse(newUid())
const cluster = ClusterUid.parse(newUid())
const project = ProjectUid.parse(newUid())
const pods = `/k8s/clusters/${cluster}/api/v1/namespaces/default/pods`
const principal: Principal = {
  tenant,
  user,
  credential: { kind: 'session', session: SessionUid.parse(newUid()), jti: 'j' },
  origin: {},
  person: { email: 'p@example.test', firstName: 'P', lastName: '', org: 'o' },
  epoch: 1n,
}
const logger = createLogger('fatal', () => undefined)

const aCluster: DoorCluster = {
  uid: cluster,
  name: 'secret-name',
  project,
  tags: {},
  readOnly: false,
  // A port on which nothing listens.
  upstream: {
    ...{ clusterUid: cluster, host: '127.0.0.1', port: 1, basePath: '' },
    ...{ caPem: undefined, systemRoots: false, servername: undefined },
  },
  authorization: () => 'Bearer t',
}

/** The tenant's access data in which the user holds these roles in the cluster's project. */
function snapshotOf(epoch: bigint, roles: readonly ('Cluster Viewer' | 'Cluster Editor')[]): Snapshot {
  const assignments = roles.map((name, i): Assignment => {
    const scope = { kind: 'project', projectUid: project } as const
    return {
      id: `a${i}`,
      subject: { kind: 'user', uid: user },
      roleUid: predefinedRole(name).uid,
      scope,
      filters: 'none',
    }
  })
  const people = new Map([[user, { state: 'active' as const, credentialEpoch: 1n, teams: [] }]])
  return {
    tenant,
    epoch,
    factsEpoch: epoch,
    tenantState: 'active',
    orgName: 'o',
    users: people,
    teamNames: new Map(),
    projectNames: new Map([[project, 'p']]),
    terms: new Map(),
    compiled: compile({
      tenantUid: tenant,
      epoch: String(epoch),
      permissions: new Set(predefinedRoles.flatMap((role) => role.permissions)),
      users: new Map([[user, { teams: [], active: true }]]),
      assignments,
      roles: new Map(predefinedRoles.map((role) => [role.uid, role])),
    }),
  }
}

type World = {
  readonly ask: (method: string, path: string) => Promise<Response>
  readonly concluded: NewEntry[]
  /** Calls that are registered and not over. */
  readonly open: () => number
  readonly drained: () => Promise<void>
}

/** A door on a port of its own. */
async function openDoor(
  t: TestContext,
  { ports, transport }: { readonly ports?: Partial<DoorPorts>; readonly transport: Transport },
): Promise<World> {
  const concluded: NewEntry[] = []
  const open = new Set<LiveCall>()
  const snapshot = snapshotOf(1n, ['Cluster Viewer', 'Cluster Editor'])
  const door = createDoor(
    {
      authenticate: async () => ok(principal),
      recheck: async () => ok({ endsAt: Number.POSITIVE_INFINITY }),
      touch: () => undefined,
      access: {
        current: async () => snapshot,
        atLeast: async () => snapshot,
        freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
        calls: {
          register(call) {
            open.add(call)
            return { recheckAt: () => undefined, done: () => void open.delete(call) }
          },
          owe: () => undefined,
          tenantChanged: async () => undefined,
          has: () => open.size > 0,
          endAll: () => undefined,
          count: () => open.size,
        },
      },
      findCluster: async () => aCluster,
      mintToken: async () => {
        throw new Error('this cluster is reached by impersonation')
      },
      ledger: {
        record: async () => ({ uid: EntryUid.parse(newUid()), epoch: 1n }),
        async conclude(_tenant, entry) {
          concluded.push(entry)
        },
      },
      askedToEnd: async () => false,
      rate: { take: () => 0, giveBack: () => undefined },
      protectedNamespaces: ['kube-system'],
      trustedProxies: [],
      clock: systemClock,
      logger,
      observe: () => undefined,
      streamEnded: () => undefined,
      ...ports,
    },
    transport,
  )
  const server = createServer((request, response) => door.request(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await transport.close()
  })
  const ask = (method: string, path: string) => fetch(base + path, { method, headers: { authorization: 'Bearer x' } })
  return { ask, concluded, open: () => open.size, drained: door.drained }
}

const realTransport = (limits: { callsPerSubject?: number } = {}): Transport =>
  createTransport({
    destination: createDestinationPolicy({ ownListeners: () => [], allowLoopback: true, allowedRanges: [] }),
    clock: systemClock,
    limits,
  })

/** A transport that hands over what it is given. */
const transportThat = (forward: Transport['forward']): Transport => ({
  forward,
  upgrade: () => assert.fail('nothing is upgraded here'),
  forget: () => undefined,
  stats: () => ({ clusters: 0, calls: 0, streams: 0, subjects: 0 }),
  close: async () => undefined,
})

/** Answers every call as a cluster would, once its record is durable. */
const answering = (): Transport =>
  transportThat(async (call, _request, response) => {
    await Promise.resolve(call.recorded).catch(() => undefined)
    const ended = call.endedWith()
    if (ended) replyStatus(response, ended)
    else asServerResponse(response).writeHead(200).end()
    call.onEnd({ reason: 'complete', detail: undefined, status: ended?.code ?? 200, bytesIn: 0, bytesOut: 0 })
  })

describe('a record that fails', () => {
  test('after the transport has refused the call harms nobody', async (t) => {
    // A rejection that nobody hears would end the process; the test runner counts it as a failure.
    const { promise, reject } = Promise.withResolvers<never>()
    const world = await openDoor(t, {
      ports: { ledger: { record: () => promise, conclude: async () => undefined } },
      transport: realTransport({ callsPerSubject: 0 }),
    })
    assert.equal((await world.ask('GET', pods)).status, 429)
    reject(new Error('the database went away'))
    await nextTurn()
    await nextTurn()
    assert.equal(world.open(), 0)
  })
})

describe('an intent that is durable gets its end', () => {
  test('when the decision cannot be made again', async (t) => {
    const entries: { concluded: NewEntry[] } = { concluded: [] }
    const uid = EntryUid.parse(newUid())
    const world = await openDoor(t, {
      ports: {
        access: {
          current: async () => snapshotOf(1n, ['Cluster Editor']),
          atLeast: async () => Promise.reject(new Error('connection terminated')),
          freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
          calls: noCalls,
        },
        ledger: {
          record: async () => ({ uid, epoch: 2n }),
          async conclude(_tenant, entry) {
            entries.concluded.push(entry)
          },
        },
      },
      transport: answering(),
    })
    assert.equal((await world.ask('DELETE', `${pods}/a`)).status, 503)
    await until('the end', () => entries.concluded.length > 0 || undefined)
    assert.equal(entries.concluded[0]?.intent, uid)
  })

  test('when the transport fails before it takes the call', async (t) => {
    const world = await openDoor(t, {
      transport: transportThat(() => {
        throw new Error('a certificate that cannot be read')
      }),
    })
    for (const [method, path] of [
      ['DELETE', `${pods}/a`],
      ['GET', `${pods}?watch=1`],
    ] as const)
      assert.equal((await world.ask(method, path)).status, 500)
    await world.drained()
    assert.equal(world.concluded.length, 2)
    assert.equal(world.open(), 0)
  })
})

describe('a change between decision and record', () => {
  const changing = (after: Snapshot): Partial<DoorPorts> => ({
    access: {
      current: async () => snapshotOf(1n, ['Cluster Viewer']),
      atLeast: async () => after,
      freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
      calls: noCalls,
    },
    ledger: { record: async () => ({ uid: EntryUid.parse(newUid()), epoch: 2n }), conclude: async () => undefined },
  })

  test('that gives more rights does not end the call', async (t) => {
    const ports = changing(snapshotOf(2n, ['Cluster Viewer', 'Cluster Editor']))
    const world = await openDoor(t, { ports, transport: answering() })
    assert.equal((await world.ask('GET', pods)).status, 200)
  })

  test('that takes the right away does', async (t) => {
    const world = await openDoor(t, { ports: changing(snapshotOf(2n, [])), transport: answering() })
    assert.equal((await world.ask('GET', pods)).status, 403)
    assert.equal((await world.ask('DELETE', `${pods}/a`)).status, 403)
  })
})

test('a call that is asked again before it is decided is decided on that, and asked once more soon', async (t) => {
  // A change may be heard of in the midst of the decision. What the answer says about time must not outlive the decision.
  const decided = Promise.withResolvers<Snapshot>()
  const calls: LiveCall[] = []
  const world = await openDoor(t, {
    ports: {
      access: {
        current: () => decided.promise,
        atLeast: async () => snapshotOf(2n, []),
        freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
        calls: {
          ...noCalls,
          register(call) {
            calls.push(call)
            return { recheckAt: () => undefined, done: () => undefined }
          },
        },
      },
    },
    transport: answering(),
  })
  const answer = world.ask('GET', pods)
  const call = await until('the registration', () => calls[0])
  const outcome = await call.recheck(snapshotOf(2n, []))
  assert.ok('recheckAt' in outcome && outcome.recheckAt <= Date.now(), JSON.stringify(outcome))
  decided.resolve(snapshotOf(1n, ['Cluster Viewer']))
  assert.equal((await answer).status, 403)
})

test('a change that is heard while a call is decided again is held against the newer decision', async (t) => {
  // Viewer at first; the record answers epoch 2, in which they are editor; epoch 3 takes that away and is heard in between.
  const searched = Promise.withResolvers<void>()
  const found = Promise.withResolvers<void>()
  const calls: LiveCall[] = []
  const carried: string[] = []
  const [asViewer, asEditor, again] = [
    snapshotOf(1n, ['Cluster Viewer']),
    snapshotOf(2n, ['Cluster Viewer', 'Cluster Editor']),
    snapshotOf(3n, ['Cluster Viewer']),
  ]
  let searches = 0
  const world = await openDoor(t, {
    ports: {
      access: {
        current: async () => asViewer,
        atLeast: async (_tenant, epoch) => (epoch <= 2n ? asEditor : again),
        freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
        calls: {
          ...noCalls,
          register(call) {
            calls.push(call)
            return { recheckAt: () => undefined, done: () => undefined }
          },
        },
      },
      async findCluster(_tenant, _uid, { epoch }) {
        if (epoch === 2n && searches++ === 0) {
          searched.resolve()
          await found.promise
        }
        return aCluster
      },
      ledger: { record: async () => ({ uid: EntryUid.parse(newUid()), epoch: 2n }), conclude: async () => undefined },
    },
    transport: transportThat((call, _request, response) => {
      carried.push(
        ...call.identity.filter(([, value]) => value.startsWith('palisade:level:')).map(([, value]) => value),
      )
      asServerResponse(response).writeHead(200).end()
      call.onEnd({ reason: 'complete', detail: undefined, status: 200, bytesIn: 0, bytesOut: 0 })
    }),
  })
  const answer = world.ask('GET', `/k8s/clusters/${cluster}/api/v1/namespaces/default/secrets`)
  await searched.promise
  const outcome = await calls[0]?.recheck(again)
  assert.ok(outcome && 'recheckAt' in outcome, JSON.stringify(outcome))
  found.resolve()
  await answer
  assert.deepEqual(carried, ['palisade:level:view'])
})

describe('a plain read', () => {
  const ending = (end: Partial<CallEnd>): Transport =>
    transportThat(async (call, _request, response) => {
      await call.recorded
      asServerResponse(response).writeHead(200).end()
      call.onEnd({ reason: 'complete', detail: undefined, status: 200, bytesIn: 0, bytesOut: 0, ...end })
    })

  test('that succeeds is one entry', async (t) => {
    const world = await openDoor(t, { transport: ending({}) })
    await world.ask('GET', pods)
    await world.drained()
    assert.deepEqual(world.concluded, [])
  })

  for (const [what, end] of [
    ['that the cluster refuses', { status: 403 }],
    ['of a cluster that is not reached', { reason: 'unreachable', detail: 'ECONNREFUSED', status: 502 }],
    ['whose answer breaks off', { reason: 'upstream_failed', detail: 'ECONNRESET' }],
    ['that is refused by a limit', { reason: 'refused', status: 429 }],
  ] as const)
    test(`${what} has a second entry that says so`, async (t) => {
      const world = await openDoor(t, { transport: ending(end) })
      await world.ask('GET', pods)
      await world.drained()
      const [entry] = world.concluded
      assert.deepEqual(
        [entry?.event, entry?.outcome, entry?.intent !== undefined, entry?.details?.status],
        ['cluster.call.ended', 'ended', true, 'status' in end ? end.status : 200],
      )
    })
})

test('a caller who cannot be named on a cluster is refused, and the refusal is in the log', async (t) => {
  const recorded: NewEntry[] = []
  const world = await openDoor(t, {
    ports: {
      authenticate: async () => ok({ ...principal, person: { ...principal.person, email: 'two\nlines' } }),
      ledger: {
        async record(_tenant, entry) {
          recorded.push(entry)
          return { uid: EntryUid.parse(newUid()), epoch: 1n }
        },
        conclude: async () => undefined,
      },
    },
    transport: answering(),
  })
  assert.equal((await world.ask('GET', pods)).status, 403)
  assert.deepEqual(
    recorded.map(({ outcome, details }) => [outcome, details?.rule]),
    [['refused', 'identity']],
  )
})

test('who has no right on a cluster is not told its name', async (t) => {
  const world = await openDoor(t, {
    ports: {
      access: {
        current: async () => snapshotOf(1n, []),
        atLeast: async () => snapshotOf(1n, []),
        freshness: () => ({ ageMs: 0, newCalls: true, openStreams: true }),
        calls: noCalls,
      },
    },
    transport: answering(),
  })
  const answer = await world.ask('GET', pods)
  assert.equal(answer.status, 403)
  const text = await answer.text()
  assert.ok(text.includes('cluster.get') && text.includes(cluster) && text.includes(project), text)
  assert.ok(!text.includes('secret-name'), text)
})

const noCalls: DoorPorts['access']['calls'] = {
  register: () => ({ recheckAt: () => undefined, done: () => undefined }),
  owe: () => undefined,
  tenantChanged: async () => undefined,
  has: () => false,
  endAll: () => undefined,
  count: () => 0,
}
