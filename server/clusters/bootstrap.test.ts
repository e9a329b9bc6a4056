import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { ok } from '../../core/result.ts'
import {
  adminToken,
  type FakeKubernetes,
  limitedToken,
  type SeenCall,
  startFakeKubernetes,
  status,
} from '../../tests/support/fake-kubernetes.ts'
import { createLogger } from '../platform/log/index.ts'
import { accountObjects, accountYaml, installationRights } from './account.ts'
import { bootstrap, type ObjectName } from './bootstrap.ts'
import { parseKubeconfig } from './kubeconfig.ts'

let cluster: FakeKubernetes
before(async () => {
  cluster = await startFakeKubernetes()
})
after(() => cluster.close())
afterEach(() => {
  cluster.intercept = undefined
  cluster.objects.clear()
  cluster.tokens.clear()
  cluster.calls.length = 0
  left.length = 0
})

const log: string[] = []
const left: ObjectName[] = []
const deps = {
  checkDestination: async () => ok({ addresses: [{ address: '127.0.0.1', family: 4 as const }] }),
  logger: createLogger('debug', (line) => log.push(line)),
  leaves: (objects: readonly ObjectName[]) => void left.push(...objects),
}
const tenant = 'a'.repeat(24)

async function run(token = adminToken, bindings: 'install' | 'print' = 'install') {
  const kubeconfig = parseKubeconfig(cluster.kubeconfig(token), new Date())
  assert.ok(kubeconfig.ok)
  return bootstrap(kubeconfig.value, { tenant, bindings }, deps)
}

const problemOf = async (...asked: Parameters<typeof run>) => {
  const outcome = await run(...asked)
  return outcome.ok ? 'none' : outcome.error.kind
}
const made = () => [...cluster.objects.keys()]
const on = (part: string, reply: ReturnType<typeof status>) => (call: SeenCall) =>
  `${call.method} ${call.path}`.includes(part) ? reply : undefined

describe('with every right', () => {
  test('the account and its bindings are made, and its token is tried before anything is answered', async () => {
    const done = await run()
    assert.ok(done.ok, JSON.stringify(done))
    const { outcome } = done.value
    assert.equal(outcome.kubernetesVersion, 'v1.36.3')
    assert.deepEqual(outcome.missing, [])
    assert.deepEqual(
      outcome.created.map(({ kind, name }) => `${kind} ${name}`),
      [
        'Namespace palisade-system',
        'ServiceAccount palisade-impersonator',
        'ClusterRole palisade-impersonator',
        'ClusterRoleBinding palisade-impersonator',
        'Role palisade-impersonator-renewal',
        'RoleBinding palisade-impersonator-renewal',
        'ClusterRoleBinding palisade:level:view',
        'ClusterRoleBinding palisade:level:edit',
        'ClusterRoleBinding palisade:level:admin',
      ],
    )
    assert.equal(made().length, 9)
    const days = ((outcome.token?.expiresAt.getTime() ?? 0) - Date.now()) / 86_400_000
    assert.ok(days > 29 && days <= 30, `${days} days`)
    assert.ok(outcome.token && cluster.tokens.has(outcome.token.token.reveal()))
    const asAccount = cluster.calls.filter(({ token }) => cluster.tokens.has(token))
    assert.ok(asAccount.some(({ impersonated }) => impersonated === `palisade:${tenant}:${'0'.repeat(24)}`))
  })

  test('a second time nothing is made', async () => {
    await run()
    const again = await run()
    assert.ok(again.ok)
    assert.deepEqual(again.value.outcome.created, [])
    assert.ok(again.value.outcome.token)
  })

  test('undo removes what was made, and only that very object', async () => {
    const done = await run()
    assert.ok(done.ok)
    const uids = [...cluster.objects.values()].map((object) => (object.metadata as { uid: string }).uid)
    await done.value.undo()
    assert.deepEqual(made(), [])
    const preconditions = cluster.calls
      .filter(({ method }) => method === 'DELETE')
      .map(({ body }) => (body as { preconditions: { uid: string } }).preconditions.uid)
    assert.deepEqual(preconditions, uids.reverse())
    const calls = cluster.calls.length
    await done.value.undo()
    assert.equal(cluster.calls.length, calls)
  })

  test('what was there before is left by undo', async () => {
    await run()
    const again = await run()
    assert.ok(again.ok)
    await again.value.undo()
    assert.equal(made().length, 9)
  })

  test('a failure half way takes back what was made', async () => {
    cluster.intercept = on('PATCH /apis/rbac.authorization.k8s.io/v1/namespaces', status(500, 'etcd is full'))
    const done = await run()
    assert.ok(!done.ok)
    assert.match(done.error.message, /etcd is full/)
    assert.deepEqual(made(), [])
    assert.deepEqual(
      left.map(({ namespace }) => namespace !== undefined),
      [true],
      'what was asked for may be there',
    )
  })

  test('nothing is said to be left where all of it is gone, and what the cluster refused was never made', async () => {
    const done = await run()
    assert.ok(done.ok)
    await done.value.undo()
    cluster.intercept = on('PATCH /apis/rbac.authorization.k8s.io/v1/namespaces', status(403, 'no'))
    assert.ok(!(await run()).ok)
    assert.deepEqual([made(), left], [[], []])
  })

  test('what cannot be removed is told and logged, not thrown', async () => {
    const done = await run()
    assert.ok(done.ok)
    cluster.intercept = on('DELETE', status(403, 'no'))
    log.length = 0
    await done.value.undo()
    assert.equal(log.filter((line) => line.includes('left on the cluster')).length, 9)
    assert.deepEqual(left.toReversed(), done.value.outcome.created)
  })
})

describe('without the rights', () => {
  test('every right that is wanting is named, nothing is made, nothing else is asked', async () => {
    const done = await run(limitedToken)
    assert.ok(done.ok)
    assert.equal(done.value.outcome.token, undefined)
    assert.deepEqual(done.value.outcome.missing, installationRights())
    assert.deepEqual(made(), [])
    assert.ok(!cluster.calls.some(({ method }) => method === 'PATCH'))
  })

  test('whoever may impersonate needs no leave to give it', async () => {
    const { intercept } = allowing(({ verb }) => verb !== 'escalate' && verb !== 'bind')
    cluster.intercept = intercept
    const done = await run(limitedToken)
    assert.ok(done.ok)
    assert.deepEqual(
      done.value.outcome.missing.map(({ verb, name }) => `${verb} ${name}`),
      ['bind view', 'bind edit', 'bind cluster-admin'],
    )
  })

  test('one right that is wanting is one that is named', async () => {
    cluster.intercept = allowing(({ verb, resource }) => `${verb} ${resource}` !== 'create rolebindings').intercept
    const done = await run(limitedToken)
    assert.ok(done.ok)
    assert.deepEqual(done.value.outcome.missing, [
      {
        verb: 'create',
        apiGroup: 'rbac.authorization.k8s.io',
        resource: 'rolebindings',
        namespace: 'palisade-system',
        why: 'to make RoleBinding palisade-impersonator-renewal',
      },
    ])
  })

  test('print makes nothing even where it might', async () => {
    const done = await run(adminToken, 'print')
    assert.ok(done.ok)
    assert.deepEqual(made(), [])
    assert.match(done.value.outcome.missing[0]?.why ?? '', /apply the YAML/)
  })

  test('with the account in place, print finishes; so does its own token', async () => {
    await run()
    const printed = await run(adminToken, 'print')
    assert.ok(printed.ok && printed.value.outcome.token)
    const [own] = cluster.tokens
    const finished = await run(own)
    assert.ok(finished.ok && finished.value.outcome.token)
    assert.deepEqual(finished.value.outcome.created, [])
  })

  test('an account that lacks something says what', async () => {
    await run()
    cluster.intercept = (call) =>
      cluster.tokens.has(call.token) && JSON.stringify(call.body).includes('"resource":"uids"')
        ? { status: 201, body: { status: { allowed: false } } }
        : undefined
    const done = await run(adminToken, 'print')
    assert.ok(done.ok)
    assert.equal(done.value.outcome.token, undefined)
    assert.deepEqual(
      done.value.outcome.missing.map(({ verb, resource }) => `${verb} ${resource}`),
      ['impersonate uids'],
    )
  })

  test('a level that is not bound is named, and stands in nobody’s way', async () => {
    await run()
    cluster.intercept = (call) =>
      call.impersonated && call.headers['impersonate-group']?.[0] === 'palisade:level:admin'
        ? { status: 201, body: { status: { allowed: false } } }
        : undefined
    const done = await run(adminToken, 'print')
    assert.ok(done.ok && done.value.outcome.token)
    assert.deepEqual(
      done.value.outcome.missing.map(({ verb, name }) => `${verb} ${name}`),
      ['bind cluster-admin'],
    )
  })
})

describe('a cluster that cannot be imported', () => {
  const faults: [rule: string, path: string, reply: ReturnType<typeof status>, kind: string][] = [
    ['is too old', '/version', { status: 200, body: { major: '1', minor: '25+', gitVersion: 'v1.25.9-x' } }, 'too-old'],
    ['is none', '/version', { status: 200, body: { hello: 'world' } }, 'not-kubernetes'],
    ['is a web page', '/version', { status: 200, body: '<html>' }, 'not-kubernetes'],
    ['redirects', '/version', { status: 302, headers: { location: 'https://login' } }, 'not-kubernetes'],
    ['does not know the credential', 'selfsubjectreviews', status(401, 'Unauthorized'), 'unauthorized'],
    [
      'takes the credential for nobody',
      'selfsubjectreviews',
      { status: 201, body: { status: { userInfo: { username: 'system:anonymous' } } } },
      'unauthorized',
    ],
    ['may not be asked', 'selfsubjectaccessreviews', status(403, 'no'), 'forbidden'],
    ['has an object of somebody else’s', 'PATCH', status(409, 'conflict with "helm"'), 'conflict'],
    ['has a binding to another role', '/clusterrolebindings/', status(422, 'cannot change roleRef'), 'conflict'],
    ['has a policy against it', 'PATCH', status(403, 'denied by policy'), 'forbidden'],
    ['gives no token', '/token', status(500, 'broken'), 'failed'],
    ['gives a token that is none', '/token', { status: 201, body: { status: { token: 'a\nb' } } }, 'not-kubernetes'],
  ]
  for (const [rule, path, reply, kind] of faults)
    test(rule, async () => {
      cluster.intercept = on(path, reply)
      assert.equal(await problemOf(), kind)
      assert.deepEqual(made(), [])
    })

  test('an older one without SelfSubjectReview is taken at its access reviews’ word', async () => {
    cluster.intercept = on('selfsubjectreviews', status(404, 'not found'))
    assert.equal(await problemOf(), 'none')
  })

  test('impersonation that does not arrive as sent is no impersonation', async () => {
    cluster.intercept = (call) =>
      call.path.endsWith('/selfsubjectreviews') && call.impersonated
        ? {
            status: 201,
            body: { status: { userInfo: { username: call.impersonated, groups: ['system:authenticated'] } } },
          }
        : undefined
    const done = await run()
    assert.ok(!done.ok)
    assert.match(done.error.message, /does not reach the API server as it was sent/)
    assert.deepEqual(made(), [])
  })

  test('an object that apply left wider than wanted', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/palisade-impersonator'
    cluster.objects.set(path, { metadata: { uid: 'theirs' }, aggregationRule: { clusterRoleSelectors: [] } })
    assert.equal(await problemOf(), 'conflict')
    assert.deepEqual(made(), [path])
  })

  test('a namespace on its way out', async () => {
    cluster.objects.set('/api/v1/namespaces/palisade-system', {
      metadata: { uid: 'x' },
      status: { phase: 'Terminating' },
    })
    const done = await run()
    assert.ok(!done.ok)
    assert.match(done.error.message, /is being deleted/)
  })
})

test('E01, E05: no outcome, problem or log line shows a token', async () => {
  const seen: unknown[] = [await run(), await run(limitedToken), await run(adminToken, 'print')]
  cluster.intercept = on('/token', status(500, 'x'))
  seen.push(await run())
  const text = inspect(seen, { depth: 9 }) + JSON.stringify(seen) + log.join('')
  assert.doesNotMatch(text, /admin-token|limited-token|account-[0-9a-f]/)
})

test('the YAML holds exactly the objects that an import makes', () => {
  const documents = parseAllDocuments(accountYaml('/v1/palisade/clusters/x/check'))
  assert.ok(Array.isArray(documents))
  assert.deepEqual(
    documents.map((document) => document.toJS()),
    accountObjects(),
  )
})

/** Answers the access reviews of whoever is not the account. */
function allowing(allowed: (asked: { verb: string; resource: string }) => boolean) {
  return {
    intercept: (call: SeenCall) => {
      if (!call.path.endsWith('/selfsubjectaccessreviews') || cluster.tokens.has(call.token)) return undefined
      const { resourceAttributes } = (call.body as { spec: { resourceAttributes: { verb: string; resource: string } } })
        .spec
      return { status: 201, body: { status: { allowed: allowed(resourceAttributes) } } }
    },
  }
}
