import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { identityOf, impersonationHeaders, type Level } from '../../core/kube/index.ts'
import { ok } from '../../core/result.ts'
import { type Cluster, clusterSkipReason, type PolicyRule, startCluster } from '../../tests/cluster/cluster.ts'
import { until } from '../../tests/support/until.ts'
import { createLogger } from '../platform/log/index.ts'
import {
  accountObjects,
  accountUser,
  accountYaml,
  impersonationRights,
  installationRights,
  type Right,
  renewalRight,
} from './account.ts'
import { type Bootstrap, bootstrap, requestToken } from './bootstrap.ts'
import { type ClientCredential, type ClusterEndpoint, parseKubeconfig } from './kubeconfig.ts'
import {
  type CheckDestination,
  createKubernetesClient,
  type KubernetesCall,
  type KubernetesClient,
} from './kubernetes-client.ts'

// What only a real API server can say: that the rights named are the right ones, and that the account can do nothing more.

describe('import, on a real cluster', { skip: await clusterSkipReason() }, () => {
  const tenant = 'a'.repeat(24)
  const logger = createLogger('error', () => undefined)
  const leaves = () => undefined
  const checkDestination: CheckDestination = async () => ok({ addresses: [{ address: '127.0.0.1', family: 4 }] })
  let cluster: Cluster
  let endpoint: ClusterEndpoint
  before(async () => {
    cluster = await startCluster({ name: 'import', kubelet: false })
    endpoint = parsed(cluster.adminKubeconfigText).endpoint
  })
  after(() => cluster?.stop())

  function parsed(text: string) {
    const kubeconfig = parseKubeconfig(text, new Date())
    assert.ok(kubeconfig.ok, String(kubeconfig.ok || kubeconfig.error))
    return kubeconfig.value
  }

  async function run(text: string, bindings: 'install' | 'print' = 'install'): Promise<Bootstrap> {
    const done = await bootstrap(parsed(text), { tenant, bindings }, { checkDestination, logger, leaves })
    assert.ok(done.ok, done.ok ? '' : done.error.message)
    return done.value
  }

  /** A kubeconfig of a new ServiceAccount with exactly these rights. */
  let made = 0
  async function limitedTo(rights: readonly Right[]): Promise<string> {
    const rules = rights.map(
      ({ verb, apiGroup, resource, name }): PolicyRule => ({
        verbs: [verb],
        apiGroups: [apiGroup],
        resources: [resource],
        ...(name === undefined ? {} : { resourceNames: [name] }),
      }),
    )
    return (await cluster.clientKubeconfig({ name: `limited-${++made}`, rules })).kubeconfig
  }

  async function asking<T>(credential: ClientCredential, work: (client: KubernetesClient) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(30_000)
    const client = createKubernetesClient(endpoint, credential, { checkDestination, signal })
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }

  async function statusOf(
    client: KubernetesClient,
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    options?: KubernetesCall,
  ): Promise<number> {
    const reply = await client.call(method, path, options)
    assert.ok(reply.ok, reply.ok ? '' : reply.error.message)
    return reply.value.status
  }

  const isThere = async (path: string) => (await cluster.api('GET', path)).status === 200
  const namespacePath = '/api/v1/namespaces/palisade-system'
  async function undoAndWait(done: Bootstrap): Promise<void> {
    await done.undo()
    await until('the namespace to be gone', async () => ((await isThere(namespacePath)) ? undefined : true))
  }
  const withoutWhy = (rights: readonly Right[]) =>
    rights.map(({ verb, apiGroup, resource, namespace, name }) => ({ verb, apiGroup, resource, namespace, name }))

  test('who has no right is told every right, and nothing is made', async () => {
    const { outcome } = await run(await limitedTo([]))
    assert.equal(outcome.kubernetesVersion, 'v1.36.3')
    assert.deepEqual(outcome.missing, installationRights())
    assert.equal(outcome.token, undefined)
    assert.equal(await isThere(namespacePath), false)
  })

  test('of each right that is named, one that is taken away is the one that is missing', async () => {
    for (const [i, wanting] of installationRights().entries()) {
      const { outcome } = await run(await limitedTo(installationRights().toSpliced(i, 1)))
      assert.deepEqual(withoutWhy(outcome.missing), withoutWhy([wanting]))
    }
    assert.equal(await isThere(namespacePath), false)
  })

  test('with all of them and no more, the import does all of it', async () => {
    const done = await run(await limitedTo(installationRights()))
    assert.equal(done.outcome.created.length, accountObjects().length)
    assert.deepEqual(done.outcome.missing, [])
    assert.ok(done.outcome.token)
    // Whoever made it may not delete it: then it stays, and says so.
    await done.undo()
    assert.equal(await isThere(namespacePath), true)
    await cluster.kubectl(['delete', 'namespace', 'palisade-system'])
    await cluster.kubectl(['delete', 'clusterrole,clusterrolebinding', '-l', 'app.kubernetes.io/managed-by=palisade'])
  })

  test('who may impersonate needs neither escalate nor bind for it', async () => {
    const rights = installationRights().filter(
      ({ verb, name }) => !((verb === 'escalate' || verb === 'bind') && name === 'palisade-impersonator'),
    )
    const done = await run(await limitedTo([...rights, ...impersonationRights]))
    assert.ok(done.outcome.token)
    await cluster.kubectl(['delete', 'namespace', 'palisade-system'])
    await cluster.kubectl(['delete', 'clusterrole,clusterrolebinding', '-l', 'app.kubernetes.io/managed-by=palisade'])
  })

  test('the YAML does the same by hand, and a token finishes it', async () => {
    const first = await run(cluster.adminKubeconfigText, 'print')
    assert.deepEqual([first.outcome.created, first.outcome.token], [[], undefined])
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: accountYaml('/v1/palisade/clusters/x/check') })
    assert.equal(applied.code, 0, applied.stderr)
    const created = await cluster.kubectl([
      ...['-n', 'palisade-system', 'create', 'token', 'palisade-impersonator', '--duration=1h'],
    ])
    assert.equal(created.code, 0, created.stderr)
    const token = created.stdout.trim()
    const { kubeconfig } = await cluster.clientKubeconfig({ name: 'template' })
    const finished = await run(kubeconfig.replace(/token: .*/, `token: ${token}`))
    assert.deepEqual([finished.outcome.created, finished.outcome.missing], [[], []])
    const days = ((finished.outcome.token?.expiresAt.getTime() ?? 0) - Date.now()) / 86_400_000
    assert.ok(days > 29, `${days} days`)
    // What was applied by hand is taken as it is.
    const again = await run(cluster.adminKubeconfigText)
    assert.deepEqual([again.outcome.created, again.outcome.missing], [[], []])
    await cluster.kubectl(['delete', '-f', '-'], { stdin: accountYaml('x') })
  })

  test('what is somebody else’s is reported and left as it is', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
    const theirs = {
      metadata: { name: 'palisade-impersonator' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    }
    assert.equal((await cluster.api('POST', path, theirs)).status, 201)
    const done = await bootstrap(
      parsed(cluster.adminKubeconfigText),
      { tenant, bindings: 'install' },
      { checkDestination, logger, leaves },
    )
    assert.equal(done.ok ? 'none' : done.error.kind, 'conflict')
    const left = (await cluster.api('GET', `${path}/palisade-impersonator`)).body as typeof theirs
    assert.deepEqual(left.rules, theirs.rules)
    await cluster.api('DELETE', `${path}/palisade-impersonator`)
    await until('the namespace to be gone', async () => ((await isThere(namespacePath)) ? undefined : true))
  })

  test('a binding of that name to another role is reported too', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
    const theirs = {
      metadata: { name: 'palisade:level:view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [],
    }
    assert.equal((await cluster.api('POST', path, theirs)).status, 201)
    const done = await bootstrap(
      parsed(cluster.adminKubeconfigText),
      { tenant, bindings: 'install' },
      { checkDestination, logger, leaves },
    )
    assert.match(done.ok ? '' : done.error.message, /ClusterRoleBinding palisade:level:view/)
    await cluster.api('DELETE', `${path}/palisade%3Alevel%3Aview`)
    await until('the namespace to be gone', async () => ((await isThere(namespacePath)) ? undefined : true))
  })

  test('a credential that the cluster does not know', async () => {
    const { kubeconfig } = await cluster.clientKubeconfig({ name: 'unknown' })
    const wrong = parsed(kubeconfig.replace(/token: .*/, 'token: nobody-knows-this'))
    const done = await bootstrap(wrong, { tenant, bindings: 'install' }, { checkDestination, logger, leaves })
    assert.equal(done.ok ? 'none' : done.error.kind, 'unauthorized')
  })

  describe('the account', () => {
    let done: Bootstrap
    let account: ClientCredential
    before(async () => {
      done = await run(cluster.adminKubeconfigText)
      assert.ok(done.outcome.token)
      account = { token: done.outcome.token.token }
    })
    after(() => undoAndWait(done))

    test('may impersonate and renew itself, by the cluster’s own list, and nothing else', async () => {
      const rulesIn = async (namespace: string) =>
        asking(account, async (client) => {
          const reply = await client.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
            body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
          })
          assert.ok(reply.ok && reply.value.status === 201)
          // A 201 of this path is a SelfSubjectRulesReview.
          const { status } = reply.value.body as { status: { resourceRules: Rule[] } }
          return status.resourceRules.flatMap(rightsOf).toSorted()
        })
      type Rule = { verbs: string[]; apiGroups: string[]; resources: string[]; resourceNames?: string[] }
      const rightsOf = ({ verbs, apiGroups, resources, resourceNames = ['*'] }: Rule) =>
        verbs.flatMap((verb) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) => resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`)),
          ),
        )
      const line = ({ verb, apiGroup, resource, name = '*' }: Right) => `${verb} ${apiGroup}/${resource} ${name}`
      // What everybody who is signed in to a cluster may do: ask who they are and what they may (system:basic-user).
      const everybody = (right: string) =>
        /^create (authentication|authorization)\.k8s\.io\/selfsubject\w+ \*$/.test(right)
      const elsewhere = (await rulesIn('default')).filter((right) => !everybody(right))
      assert.deepEqual(elsewhere, impersonationRights.map(line).toSorted())
      const athome = (await rulesIn('palisade-system')).filter((right) => !everybody(right))
      assert.deepEqual(athome, [...impersonationRights, renewalRight].map(line).toSorted())
    })

    test('F13: is refused everything else in its own name', async () => {
      const refused: [Parameters<typeof statusOf>[1], string, KubernetesCall?][] = [
        ['GET', '/api/v1/pods'],
        ['GET', '/api/v1/namespaces'],
        ['GET', '/api/v1/namespaces/kube-system/secrets'],
        ['GET', '/api/v1/namespaces/palisade-system/secrets'],
        ['GET', '/api/v1/namespaces/palisade-system/serviceaccounts/palisade-impersonator'],
        ['POST', '/api/v1/namespaces/palisade-system/serviceaccounts/default/token', { body: {} }],
        ['POST', '/api/v1/namespaces/kube-system/serviceaccounts/default/token', { body: {} }],
        ['DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterroles/palisade-impersonator'],
        ['DELETE', namespacePath],
      ]
      await asking(account, async (client) => {
        for (const [method, path, options] of refused)
          assert.deepEqual([path, await statusOf(client, method, path, options)], [path, 403])
        // An extra of another name, which something else on the cluster might believe.
        const other = {
          impersonate: [
            ['Impersonate-User', 'x'],
            ['Impersonate-Extra-scopes', 'y'],
          ] as const,
        }
        assert.equal(await statusOf(client, 'GET', '/version', other), 403)
      })
    })

    test('each level reaches what its role gives, and no more', async () => {
      await cluster.createNamespace('apps')
      const as = (level: Level) => {
        const identity = {
          tenantUid: tenant,
          userUid: 'b'.repeat(24),
          email: 'dev@example.com',
          levels: [level],
          teams: [],
        }
        const headers = impersonationHeaders(identityOf({ ...identity, sessionUid: undefined, requestId: 'r' }))
        assert.ok(headers.ok)
        return { impersonate: headers.value }
      }
      const configMap = (name: string) => ({ body: { metadata: { name } } })
      await asking(account, async (client) => {
        const seen = async (level: Level) => [
          await statusOf(client, 'GET', '/api/v1/namespaces/apps/pods', as(level)),
          await statusOf(client, 'POST', '/api/v1/namespaces/apps/configmaps', { ...configMap(level), ...as(level) }),
          await statusOf(client, 'GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles', as(level)),
        ]
        assert.deepEqual(await seen('view'), [200, 403, 403])
        assert.deepEqual(await seen('edit'), [200, 201, 403])
        assert.deepEqual(await seen('admin'), [200, 201, 200])
      })
    })

    test('gets its next token by itself, and the next works', async () => {
      const next = await asking(account, requestToken)
      assert.ok(next.ok, next.ok ? '' : next.error.problem.message)
      const user = await asking({ token: next.value.token }, async (client) => {
        const reply = await client.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        })
        assert.ok(reply.ok)
        return (reply.value.body as { status: { userInfo: { username: string } } }).status.userInfo.username
      })
      assert.equal(user, accountUser)
    })

    test('a level whose binding was removed is named; without the role nothing works, and that is said', async () => {
      await cluster.kubectl(['delete', 'clusterrolebinding', 'palisade:level:admin'])
      const partly = await run(cluster.adminKubeconfigText, 'print')
      assert.ok(partly.outcome.token)
      assert.deepEqual(
        partly.outcome.missing.map(({ verb, name }) => `${verb} ${name}`),
        ['bind cluster-admin'],
      )
      await cluster.kubectl(['delete', 'clusterrole', 'palisade-impersonator'])
      const lost = await until('the role to be gone for everybody', async () => {
        const { outcome } = await run(cluster.adminKubeconfigText, 'print')
        return outcome.token === undefined ? outcome : undefined
      })
      assert.deepEqual(withoutWhy(lost.missing), withoutWhy(impersonationRights))
      // Installing again puts both back.
      const again = await run(cluster.adminKubeconfigText)
      assert.deepEqual(
        again.outcome.created.map(({ name }) => name),
        ['palisade-impersonator', 'palisade:level:admin'],
      )
      assert.deepEqual(again.outcome.missing, [])
    })
  })
})
