import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Api } from '../support/api.ts'
import { leavesOf, withAt } from './samples.ts'
import {
  bodyOf,
  comparable,
  guarded,
  isEndless,
  isOfAdministrators,
  isOfSystem,
  kindAt,
  kindOf,
  onInnerObjects,
  onObjects,
  pathWith,
  type Side,
  startWorld,
  unknownId,
  type World,
  type WorldOptions,
} from './world.ts'

/**
 * What one tenant has is not there for another: asked for on every route that the running program lists, with every kind of
 * credential, in the path, in headers, in queries and in bodies.
 */
export function tenantsAreApart(name: string, options: WorldOptions = {}): void {
  let world: World
  let a: Side
  let b: Side
  before(async () => {
    world = await startWorld(name, options)
    ;({ a, b } = world)
  })
  after(() => world?.stop())

  /** All that can be read of A by those who may, but for what each use of a session changes. */
  async function stateOfA(): Promise<unknown> {
    const { ids, admin } = a
    const paths = [
      ...['/v1/users', '/v1/teams', '/v1/projects', '/v1/apiKeys', '/v1/spectroclusters', '/v1/audits?limit=0'],
      ...[`/v1/users/${ids.user}/roles`, `/v1/users/${ids.user}/projects`, `/v1/palisade/sessions?user=${ids.user}`],
      ...[
        '/v1/users/assets/sshkeys',
        '/v1/edgehosts/tokens',
        '/v1/cloudaccounts/summary',
        `/v1/tenants/${a.uid}/macros`,
      ],
      `/v1/projects/${ids.project}/macros`,
      // The published lists leave out what ends.
      ...[`user=${ids.user}`, `team=${ids.team}`, `project=${ids.project}`].map(
        (of) => `/v1/palisade/access/assignments?${of}`,
      ),
      ...[`/v1/clusterprofiles/${ids.clusterProfile}`, '/v1/dashboard/clusterprofiles/metadata'],
      ...[`/v1/teams/${ids.team}/roles`, `/v1/teams/${ids.team}/projects`, `/v1/palisade/clusters/${ids.cluster}`],
    ]
    const state = await Promise.all(paths.map(async (path) => [path, await admin.must('GET', path)] as const))
    const tenant = await world.palisade.system.must('GET', `/v1/tenants/${a.uid}`)
    return JSON.parse(
      JSON.stringify([...state, tenant], (name, value) =>
        ['lastSeenAt', 'idleEndsAt', 'contactedAt'].includes(name) ? undefined : value,
      ),
    )
  }

  // First: what B asks for below stands in B's own log.
  test('lists of one tenant hold nothing of another', async () => {
    // Features are the installation's, and the same to everybody.
    const { feature: _, ...ids } = a.ids
    const secrets = [...Object.values(ids), a.org, a.memberEmail, a.adminEmail, a.adminUid, a.defaultProject]
    for (const operation of guarded(world.operations)) {
      if (operation.path.includes('{') || operation.method !== 'GET' || isEndless(operation)) continue
      for (const caller of [b.admin, b.key, b.member]) {
        const { text } = await caller.call('GET', operation.path)
        for (const secret of secrets) assert.ok(!text.includes(secret), `${operation.route} shows ${secret}`)
      }
    }
  })

  describe('an id of another tenant', () => {
    test('in a path is answered to the last byte as one that nothing ever had', async () => {
      const before = await stateOfA()
      const callers: Readonly<Record<string, Api>> = {
        'administrator of B': b.admin,
        'administrator of B by API key': b.key,
        'user of B': b.member,
        'system administrator': world.palisade.system,
      }
      const operations = onObjects(world.operations)
      assert.ok(operations.length >= 40, `${operations.length} operations`)
      for (const operation of operations) {
        for (const [who, caller] of Object.entries(callers)) {
          // Tenants, and they themselves, are there for system administrators and for nobody else.
          if (isOfAdministrators(operation.kind) && who === 'system administrator') continue
          const ask = async (uid: string) => {
            const body = bodyOf(operation)
            const answer = await caller.call(
              operation.method,
              pathWith(operation, uid),
              body === undefined ? {} : { body },
            )
            return { ...comparable(answer, uid), code: answer.body?.code }
          }
          const [theirs, nobodys] = [await ask(a.ids[operation.kind]), await ask(unknownId())]
          assert.deepEqual(theirs, nobodys, `${operation.route}, asked by the ${who}`)
          assert.deepEqual(
            [theirs.status, theirs.code],
            [404, 'ResourceNotFound'],
            `${operation.route}, asked by the ${who}: ${theirs.text}`,
          )
        }
      }
      assert.deepEqual(await stateOfA(), before, 'something of A has changed')
    })

    test('behind an own one in a path is answered as one that nothing ever had', async () => {
      const before = await stateOfA()
      const operations = onInnerObjects(world.operations)
      assert.ok(operations.length >= 4, `${operations.length} operations`)
      for (const operation of operations) {
        const ask = async (uid: string) => {
          const body = bodyOf(operation, (kind) => b.ids[kind])
          const path = pathWith(operation, b.ids[operation.kind], uid)
          return comparable(await b.admin.call(operation.method, path, body === undefined ? {} : { body }), uid)
        }
        const [theirs, nobodys] = [await ask(a.ids[operation.inner]), await ask(unknownId())]
        assert.deepEqual(theirs, nobodys, operation.route)
        assert.equal(theirs.status, 404, `${operation.route}: ${theirs.text}`)
      }
      assert.deepEqual(await stateOfA(), before, 'something of A has changed')
    })

    test('in a ProjectUid header is no project, whatever the route', async () => {
      const before = await stateOfA()
      for (const operation of guarded(world.operations)) {
        const uid = operation.path.includes('{') ? b.ids[kindOf(operation)] : ''
        const ask = async (project: string) => {
          const body = bodyOf(operation)
          const path = pathWith(operation, uid) + queryOf(operation)
          const answer = await b.admin.call(operation.method, path, {
            project,
            ...(body === undefined ? {} : { body }),
          })
          return { ...comparable(answer, project), code: answer.body?.code }
        }
        const [theirs, nobodys] = [await ask(a.ids.project), await ask(unknownId())]
        assert.deepEqual(theirs, nobodys, operation.route)
        assert.deepEqual(
          [theirs.status, theirs.code],
          [404, 'ProjectNotFoundInTenant'],
          `${operation.route}: ${theirs.text}`,
        )
      }
      assert.deepEqual(await stateOfA(), before, 'something of A has changed')
    })

    /** Required query parameters, so that a request is parsed. */
    const queryOf = ({
      parameters,
    }: {
      readonly parameters: readonly { name: string; in: string; required: boolean }[]
    }) => {
      const needed = parameters.filter((one) => one.in === 'query' && one.required)
      return needed.length === 0
        ? ''
        : `?${new URLSearchParams(Object.fromEntries(needed.map(({ name }) => [name, kindAt([name]) === undefined ? 'x' : unknownId()])))}`
    }

    test('in a body is nothing that could be named there', async () => {
      const before = await stateOfA()
      const asked: string[] = []
      const innerOf = new Map(onInnerObjects(world.operations).map(({ route, inner }) => [route, b.ids[inner]]))
      for (const operation of guarded(world.operations)) {
        const own = bodyOf(operation, (kind) => b.ids[kind])
        for (const place of leavesOf(own)) {
          const kind = kindAt(place)
          if (kind === undefined) continue
          const ask = async (uid: string) => {
            // A new body each time: names in it are used up.
            const body = withAt(
              bodyOf(operation, (kind) => b.ids[kind]),
              place,
              uid,
            )
            const target = operation.path.includes('{') ? kindOf(operation) : undefined
            const path = pathWith(operation, target ? b.ids[target] : '', innerOf.get(operation.route))
            return comparable(await b.admin.call(operation.method, path, { body }), uid)
          }
          const where = `${operation.route} at ${place.join('.')}`
          const [theirs, nobodys] = [await ask(a.ids[kind]), await ask(unknownId())]
          assert.deepEqual(theirs, nobodys, where)
          if (answersOneByOne.has(operation.route))
            assert.match(theirs.text, /"deletedCount":0.*ResourceNotFound/, where)
          else
            assert.ok(
              theirs.status >= 400 && theirs.status < 500,
              `${where} was answered ${theirs.status}: ${theirs.text}`,
            )
          asked.push(where)
        }
      }
      assert.ok(asked.length >= 12, `places asked: ${asked.join(', ')}`)
      assert.deepEqual(await stateOfA(), before, 'something of A has changed')
    })

    test('in a patch is nothing that could be named there', async () => {
      const add = (uid: string) => [{ op: 'add', path: '/spec/users/-', value: uid }]
      const ask = async (uid: string) =>
        comparable(await b.admin.call('PATCH', `/v1/teams/${b.ids.team}`, { body: add(uid) }), uid)
      const [theirs, nobodys] = [await ask(a.ids.user), await ask(unknownId())]
      assert.deepEqual(theirs, nobodys)
      assert.equal(theirs.status, 404)
    })

    test('in a query finds nothing', async () => {
      const asked: string[] = []
      for (const operation of guarded(world.operations).filter(({ method }) => method === 'GET')) {
        for (const { name } of operation.parameters.filter((one) => one.in === 'query')) {
          const kind = kindAt([name])
          if (kind === undefined) continue
          const ask = async (uid: string) =>
            comparable(await b.admin.call('GET', `${operation.path}?${new URLSearchParams({ [name]: uid })}`), uid)
          const where = `${operation.route}?${name}`
          const [theirs, nobodys] = [await ask(a.ids[kind]), await ask(unknownId())]
          assert.deepEqual(theirs, nobodys, where)
          for (const known of [...Object.values(a.ids), a.org, a.memberEmail])
            assert.ok(!theirs.text.includes(known), `${where} shows ${known}`)
          asked.push(where)
        }
      }
      assert.ok(asked.length >= 4, `places asked: ${asked.join(', ')}`)
    })

    test('in a search finds nothing', async () => {
      const ask = async (projectUid: string) => {
        const string = { operator: 'eq', match: { conjunction: 'or', values: [projectUid] } }
        const filters = [{ property: 'projectUid', type: 'string', condition: { string } }]
        const body = { filter: { conjunction: 'and', filterGroups: [{ conjunction: 'and', filters }] } }
        const path = '/v1/dashboard/spectroclusters/search'
        return [
          comparable(await b.admin.call('POST', path, { body }), projectUid),
          await b.admin.must('POST', path, { body }),
        ]
      }
      const [theirs, nobodys] = [await ask(a.ids.project), await ask(unknownId())]
      assert.deepEqual(theirs, nobodys)
      const [, { items }] = await ask(b.ids.project)
      assert.deepEqual(
        items.map((item: { metadata: { uid: string } }) => item.metadata.uid),
        [b.ids.cluster],
        'the search finds what is there',
      )
    })

    test('names a cluster that is not there, on the way to clusters too', async () => {
      for (const caller of [b.memberToken, b.keyValue])
        for (const [method, rest] of [
          ['GET', '/api'],
          ['GET', '/api/v1/namespaces/default/pods?watch=1'],
          ['POST', '/api/v1/namespaces/default/pods/web/exec?command=id'],
          ['DELETE', '/api/v1/namespaces/default'],
        ] as const) {
          const ask = async (uid: string) => {
            const headers = { authorization: `Bearer ${caller}` }
            const answer = await world.palisade.api.call(method, `/k8s/clusters/${uid}${rest}`, { headers })
            assert.deepEqual(
              [answer.body?.kind, answer.body?.reason, answer.status],
              ['Status', 'NotFound', 404],
              answer.text,
            )
            return comparable(answer, uid)
          }
          assert.deepEqual(await ask(a.ids.cluster), await ask(unknownId()), `${method} ${rest}`)
        }
    })

    test('is not needed for what everybody could name: addresses and tokens of another tenant do nothing', async () => {
      const reset = async (emailId: string) =>
        comparable(await b.admin.call('PATCH', '/v1/users/password/reset', { body: { emailId } }), emailId)
      assert.deepEqual(await reset(a.memberEmail), await reset('nobody@acme.test'))

      await b.admin.must('POST', '/v1/users/auth/tokens/revoke', { body: { tokens: [a.memberToken] } })
      await world.palisade.api.as({ token: a.memberToken }).must('GET', '/v1/users/info')

      // One person may be in two tenants; the one knows nothing of the other.
      const made = await b.admin.must('POST', '/v1/users', {
        body: { spec: { emailId: a.memberEmail, firstName: 'Two' } },
      })
      assert.notEqual(made.uid, a.ids.user)
      await b.admin.must('DELETE', `/v1/users/${made.uid}`)
    })
  })

  test('the very same requests get in where they come from the tenant itself', async () => {
    // Proves what the refusals above rest on: that the ids are right and the bodies are read.
    const order = ['GET', 'PUT', 'PATCH', 'POST', 'DELETE']
    const inner = new Map(onInnerObjects(world.operations).map((one) => [one.route, one.inner]))
    const last = [
      'apiKey',
      'session',
      'workspaceRbac',
      'workspace',
      'cluster',
      'resourceRole',
      'teamResourceRole',
      'team',
      'project',
      'user',
      'filter',
      'role',
      'administrator',
      'tenant',
    ]
    const placeOf = ({ route, kind }: { readonly route: string; readonly kind: string }) =>
      last.indexOf(inner.get(route) ?? kind)
    const operations = onObjects(world.operations).toSorted(
      (one, other) =>
        order.indexOf(one.method) - order.indexOf(other.method) ||
        placeOf(one) - placeOf(other) ||
        other.path.length - one.path.length,
    )
    for (const operation of operations) {
      const caller = isOfSystem(operation) ? world.palisade.system : a.admin
      // Those of others are made by their schema alone; these name what they are made of.
      const named = operation.path.includes('/resourceRoles')
      const body = activate(operation.route) ?? (named ? bodyOf(operation, (kind) => a.ids[kind]) : bodyOf(operation))
      const innerKind = inner.get(operation.route)
      const answer = await caller.call(
        operation.method,
        pathWith(operation, a.ids[operation.kind], innerKind && a.ids[innerKind]),
        body === undefined ? {} : { body },
      )
      const code = answer.body?.code
      // No workspace has backups; what says so found the workspace.
      if (code === 'BackupNotConfigured') continue
      assert.ok(
        ![401, 404, 405, 415].includes(answer.status) && answer.status < 500 && code !== 'InvalidRequest',
        `${operation.route} was answered ${answer.status}: ${answer.text}`,
      )
      if (operation.method === 'GET' || operation.method === 'DELETE')
        assert.ok(answer.status < 300, `${operation.route} was answered ${answer.status}: ${answer.text}`)
    }
  })
}

/** These say for each id that they are sent what came of it. */
const answersOneByOne: ReadonlySet<string> = new Set(['DELETE /v1/clusterprofiles/bulk'])

/** Of the samples, this one would end what the others need. */
const activate = (route: string) =>
  route === 'PATCH /v1/tenants/{tenantUid}/activate' ? { isActive: true } : undefined
