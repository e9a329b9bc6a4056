import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { failure, identityOf, impersonationHeaders, type Level, levelRows, type Status } from '../../core/kube/index.ts'
import type { Call } from '../../server/kube-proxy/transport/index.ts'
import { authority, openDoor, type TestDoor } from '../../server/kube-proxy/transport/test-door.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { kubeconfig } from '../cluster/kubeconfig.ts'
import type { OpenKubectl } from '../cluster/kubectl.ts'
import { until } from '../support/until.ts'

const tenantUid = 'a'.repeat(24)
const userUid = 'b'.repeat(24)

/** The transport alone between real kubectl and a real API server: no decisions, no ledger. */
describe('kubectl through the transport', { skip: await clusterSkipReason() }, () => {
  let cluster: Cluster
  let door: TestDoor
  let closeDoor = async (): Promise<void> => {}
  let config: string
  let levels: readonly Level[] = ['view', 'edit']
  /** Aborts the calls begun since the last one was made. */
  let access = new AbortController()
  let refusal: Status | undefined

  before(async () => {
    cluster = await startCluster({ name: 'transport' })
    await cluster.createPod('shop', 'web')
    const { token } = await cluster.clientKubeconfig({
      name: 'palisade',
      rules: [
        { apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] },
        { apiGroups: ['authentication.k8s.io'], resources: ['*'], verbs: ['impersonate'] },
      ],
    })
    for (const { level, group, clusterRole } of levelRows) {
      const reply = await cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        metadata: { name: `palisade-${level}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
      })
      assert.equal(reply.status, 201)
    }
    const server = new URL(cluster.server)
    door = await openDoor({
      closeLater: (close) => {
        closeDoor = close
      },
      upstream: { host: server.hostname, port: Number(server.port), caPem: cluster.caPem },
      call: (): Partial<Call> => {
        const { signal } = access
        return {
          authorization: `Bearer ${token}`,
          identity: identityLines(),
          signal,
          endedWith: () => (signal.aborted ? refusal : undefined),
          decorateResponse: ({ status, fromCluster }) =>
            status === 403 && fromCluster ? [['Warning', '299 palisade "your level here is view"']] : [],
        }
      },
    })
    config = await cluster.writeKubeconfig(
      kubeconfig({
        clusterName: 'through',
        server: `https://127.0.0.1:${door.port}`,
        caPem: authority.certPem,
        user: 'dev',
        credential: { token: 'anything' },
      }),
    )
  })
  after(async () => {
    await closeDoor()
    await cluster?.stop()
  })

  function identityLines(): Call['identity'] {
    const headers = impersonationHeaders(
      identityOf({
        tenantUid,
        userUid,
        email: 'jürgen@example.com',
        levels,
        teams: [{ uid: 'c'.repeat(24), name: 'Zürich 東京, "ops"' }],
        sessionUid: 'd'.repeat(24),
        requestId: 'req-1',
      }),
    )
    assert.ok(headers.ok)
    return headers.value
  }
  const kubectl = (args: readonly string[], env = {}) => cluster.kubectl(args, { kubeconfig: config, env })
  const open = (args: readonly string[], options = {}): Promise<OpenKubectl> =>
    cluster.openKubectl(args, { kubeconfig: config, ...options })
  function revoke(): void {
    refusal = failure(403, 'your access has ended')
    access.abort('right-withdrawn')
  }
  function grant(): void {
    access = new AbortController()
    refusal = undefined
  }

  test('the cluster sees exactly who calls, names in any script included', async () => {
    const { stdout, stderr } = await kubectl(['auth', 'whoami', '-o', 'json'])
    const { userInfo } = JSON.parse(stdout || '{}').status ?? assert.fail(stderr)
    assert.deepEqual(userInfo, {
      username: `palisade:${tenantUid}:${userUid}`,
      uid: userUid,
      groups: [
        'palisade:level:view',
        'palisade:level:edit',
        `palisade:team:${tenantUid}:${'c'.repeat(24)}`,
        'system:authenticated',
      ],
      extra: {
        'palisade.dev/email': ['jürgen@example.com'],
        'palisade.dev/team': ['Zürich 東京, "ops"'],
        'palisade.dev/session': ['d'.repeat(24)],
        'palisade.dev/request': ['req-1'],
      },
    })
  })

  test('reads, lists and the rules of the level', async () => {
    const pods = await kubectl(['get', 'pods', '-A', '--no-headers'])
    assert.match(pods.stdout, /^shop +web +1\/1 +Running/)
    const rules = await kubectl(['auth', 'can-i', '--list', '-n', 'shop'])
    assert.match(rules.stdout, /pods\/exec/)
  })

  test('apply, patch, scale and delete', async () => {
    const manifest = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'shop' },
      data: { big: 'x'.repeat(200_000) },
    }
    const apply = await cluster.kubectl(['apply', '--server-side', '-f', '-'], {
      kubeconfig: config,
      stdin: JSON.stringify(manifest),
    })
    assert.equal(apply.stdout, 'configmap/a serverside-applied\n', apply.stderr)
    const patch = await kubectl(['patch', 'configmap', 'a', '-n', 'shop', '-p', '{"data":{"b":"c"}}'])
    assert.equal(patch.stdout, 'configmap/a patched\n', patch.stderr)
    const gone = await kubectl(['delete', 'configmap', 'a', '-n', 'shop'])
    assert.equal(gone.code, 0, gone.stderr)
  })

  test('what the cluster refuses it says itself, and kubectl prints our warning beside it', async () => {
    levels = ['view']
    const { code, stderr } = await kubectl(['delete', 'pod', 'web', '-n', 'shop'])
    levels = ['view', 'edit']
    assert.equal(code, 1)
    assert.match(stderr, /Warning: your level here is view/)
    assert.match(
      stderr,
      /Error from server \(Forbidden\): pods "web" is forbidden: User "palisade:a+:b+" cannot delete/,
    )
  })

  for (const webSockets of ['true', 'false']) {
    const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets, KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets }

    test(`exec with input and output, WebSocket ${webSockets}`, async () => {
      const before = door.ends.length
      const result = await cluster.kubectl(['exec', '-i', '-n', 'shop', 'web', '--', 'head', '-n', '1'], {
        kubeconfig: config,
        stdin: 'first\nsecond\n',
        env,
      })
      assert.deepEqual(result, { code: 0, stdout: 'first\n', stderr: '' })
      const { bytesIn, bytesOut } = await until('the end of the exec', () =>
        door.ends.slice(before).find(({ status }) => status === 101),
      )
      assert.ok(bytesIn > 13 && bytesOut > 6)
    })

    test(`a terminal, WebSocket ${webSockets}`, async (t) => {
      const shell = await open(['exec', '-it', '-n', 'shop', 'web', '--', 'sh'], { terminal: true, env })
      t.after(() => shell.kill())
      shell.write('test -t 0 && echo terminal $((40 + 2))\n')
      await shell.waitFor(/terminal 42/)
      shell.write('exit\n')
      assert.equal((await shell.ended).code, 0)
    })

    test(`port-forward, WebSocket ${webSockets}`, async (t) => {
      const forward = await open(['port-forward', '-n', 'shop', 'web', ':8080'], { env })
      t.after(() => forward.kill())
      const [, port] = await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/)
      const socket = connect(Number(port), '127.0.0.1')
      t.after(() => socket.destroy())
      socket.write('ping')
      assert.equal(String((await once(socket, 'data'))[0]), 'ping')
    })

    test(`the end of access ends exec and port-forward at once, WebSocket ${webSockets}`, async (t) => {
      grant()
      const shell = await open(['exec', '-it', '-n', 'shop', 'web', '--', 'sh'], { terminal: true, env })
      const forward = await open(['port-forward', '-n', 'shop', 'web', ':8080'], { env })
      t.after(() => {
        shell.kill()
        forward.kill()
        grant()
      })
      shell.write('echo open $((40 + 2))\n')
      await shell.waitFor(/open 42/)
      await forward.waitFor(/Forwarding from/)
      const at = performance.now()
      revoke()
      const [exec, forwarded] = await Promise.all([shell.ended, forward.ended])
      // Over SPDY kubectl takes a connection that is gone for the end of the command.
      if (webSockets === 'true') assert.notEqual(exec.code, 0)
      assert.notEqual(forwarded.code, 0)
      t.diagnostic(`exec ended after ${Math.round(exec.at - at)} ms: ${exec.stdout.split('\n').at(-2)}`)
      t.diagnostic(`port-forward ended after ${Math.round(forwarded.at - at)} ms: ${forwarded.stderr.trim()}`)
      assert.ok(exec.at - at < 1000 && forwarded.at - at < 1000)
    })
  }

  test('an upgrade that the cluster refuses says why', async () => {
    levels = ['view']
    const { code, stderr } = await kubectl(['exec', '-n', 'shop', 'web', '--', 'true'])
    levels = ['view', 'edit']
    assert.notEqual(code, 0)
    assert.match(stderr, /pods "web" is forbidden: User "palisade:a+:b+" cannot (create|get) resource "pods\/exec"/)
  })

  test('the end of access ends watches and followed logs at once, and what they reopen is refused', async (t) => {
    grant()
    const watch = await open(['get', 'pods', '-n', 'shop', '-w', '--no-headers'])
    const logs = await open(['logs', '-n', 'shop', 'web', '-f'])
    t.after(() => {
      watch.kill()
      logs.kill()
      grant()
    })
    await watch.waitFor(/web +1\/1/)
    await cluster.appendLog('a line')
    await logs.waitFor(/a line/)
    // kubectl lists first and watches then.
    await until('both streams', () => (door.transport.stats().streams === 2 ? true : undefined))
    const at = performance.now()
    revoke()
    const [watched, logged] = await Promise.all([watch.ended, logs.ended])
    t.diagnostic(`watch ended after ${Math.round(watched.at - at)} ms, code ${watched.code}: ${watched.stderr.trim()}`)
    t.diagnostic(`logs ended after ${Math.round(logged.at - at)} ms, code ${logged.code}: ${logged.stderr.trim()}`)
    assert.ok(watched.at - at < 1000 && logged.at - at < 1000)
    assert.deepEqual([watched.code, watched.stderr], [0, ''], 'a watch may end at any time')
    assert.notEqual(logged.code, 0, 'a log that was cut must not look whole')
    const again = await kubectl(['get', 'pods', '-n', 'shop'])
    assert.equal(again.code, 1)
    assert.match(again.stderr, /Error from server \(Forbidden\): .*your access has ended/)
  })

  test('a client that goes away leaves nothing behind', async () => {
    const watch = await open(['get', 'pods', '-n', 'shop', '-w', '--no-headers'])
    await watch.waitFor(/web +1\/1/)
    await until('the watch', () => (door.transport.stats().streams === 1 ? true : undefined))
    const ended = door.nextEnd()
    watch.kill('SIGKILL')
    assert.equal((await ended).reason, 'client_closed')
    assert.equal(door.transport.stats().streams, 0)
  })

  for (const webSockets of ['true', 'false']) {
    test(`an exec whose client is killed ends, WebSocket ${webSockets}`, async () => {
      const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets }
      const before = door.ends.length
      const shell = await open(['exec', '-i', '-n', 'shop', 'web', '--', 'sh'], { env })
      shell.write('echo open $((40 + 2))\n')
      await shell.waitFor(/open 42/)
      shell.kill('SIGKILL')
      await until('the end of the exec', () => door.ends.slice(before).find(({ status }) => status === 101), {
        timeoutMs: 5000,
      })
    })
  }

  test('a slash at the end is the cluster’s to read, and is forwarded as it came', async () => {
    for (const path of ['/api/v1/namespaces/shop/pods', '/api/v1/namespaces/shop/pods/', '/api/', '/apis/apps/v1/']) {
      const direct = await cluster.api('GET', path)
      const through = await door.ask(path)
      assert.equal(through.status, direct.status, path)
    }
  })
})
