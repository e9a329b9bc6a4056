import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/until.ts'
import { type Cluster, clusterSkipReason, startCluster } from './cluster.ts'

describe('a real cluster', { skip: await clusterSkipReason() }, () => {
  let cluster: Cluster
  before(async () => {
    cluster = await startCluster({ name: 'straight', audit: true })
    await cluster.createPod('shop', 'web')
  })
  after(() => cluster?.stop())

  test('kubectl sees the version, the node and the pod', async () => {
    const version = await cluster.kubectl(['version'])
    assert.match(version.stdout, /Server Version: v1\./)
    const pods = await cluster.kubectl(['get', 'pods', '-A', '--no-headers'])
    assert.equal(pods.code, 0, pods.stderr)
    assert.match(pods.stdout, /^shop +web +1\/1 +Running/)
    const nodes = await cluster.kubectl(['get', 'nodes', '--no-headers'])
    assert.match(nodes.stdout, new RegExp(`^${cluster.nodeName} +Ready`))
  })

  for (const webSockets of ['true', 'false']) {
    test(`exec passes input and output, WebSocket ${webSockets}`, async () => {
      const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets }
      // A program that goes on: KWOK loses, now and then, what one has written right before its end.
      const exec = await cluster.openKubectl(['exec', '-i', '-n', 'shop', 'web', '--', 'cat'], { env })
      exec.write('first\n')
      await exec.waitFor(/^first\n/)
      exec.write('second\n')
      await exec.waitFor(/^first\nsecond\n/)
      exec.kill()
      assert.equal((await exec.ended).stderr, '')
    })

    test(`port-forward reaches the echo server, WebSocket ${webSockets}`, async (t) => {
      const env = { KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets }
      const forward = await cluster.openKubectl(['port-forward', '-n', 'shop', 'web', ':8080'], { env })
      t.after(() => forward.kill())
      const [, port] = await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/)
      const socket = connect(Number(port), '127.0.0.1')
      t.after(() => socket.destroy())
      socket.write('ping')
      assert.equal(String((await once(socket, 'data'))[0]), 'ping')
    })
  }

  test('exec gives a terminal', async (t) => {
    const command = ['exec', '-it', '-n', 'shop', 'web', '--', 'sh']
    const shell = await cluster.openKubectl(command, { terminal: true })
    t.after(() => shell.kill())
    shell.write('test -t 0 && echo terminal $((40 + 2))\n')
    await shell.waitFor(/terminal 42/)
    shell.write('exit\n')
    assert.equal((await shell.ended).code, 0)
  })

  test('what an exec runs is not root', async () => {
    const { stdout } = await cluster.kubectl(['exec', '-n', 'shop', 'web', '--', 'id', '-u'])
    assert.notEqual(stdout.trim(), '0')
  })

  test('logs -f and attach show what is appended', async (t) => {
    const streams = [
      await cluster.openKubectl(['logs', '-f', '-n', 'shop', 'web']),
      await cluster.openKubectl(['attach', '-n', 'shop', 'web']),
    ]
    t.after(() => streams.forEach((stream) => void stream.kill()))
    for (const [index, stream] of streams.entries()) {
      // Attach shows only what comes after it has begun, which it does not announce: hence the repetition.
      await until('the line', async () => {
        await cluster.appendLog(`line ${index}`)
        return stream.stdout().includes(`line ${index}\n`) || undefined
      })
    }
  })

  test('a watch tells of a pod that is deleted', async (t) => {
    await cluster.createPod('shop', 'short-lived')
    const watch = await cluster.openKubectl([
      'get',
      'pods',
      '-n',
      'shop',
      '-w',
      '--output-watch-events',
      '--no-headers',
    ])
    t.after(() => watch.kill())
    await watch.waitFor(/ADDED +short-lived/)
    assert.equal((await cluster.kubectl(['delete', 'pod', '-n', 'shop', 'short-lived'])).code, 0)
    await watch.waitFor(/DELETED +short-lived/)
  })

  test('a deployment whose pods name the node runs', async () => {
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'api', namespace: 'shop' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'api' } },
        template: {
          metadata: { labels: { app: 'api' } },
          spec: { nodeName: cluster.nodeName, containers: [{ name: 'main', image: 'test' }] },
        },
      },
    }
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(manifest) })
    assert.equal(applied.code, 0, applied.stderr)
    const status = await cluster.kubectl(['rollout', 'status', '-n', 'shop', 'deployment/api', '--timeout=30s'])
    assert.equal(status.code, 0, status.stderr)
  })

  test('a limited credential does what its rules say and no more', async () => {
    const { kubeconfig, username } = await cluster.clientKubeconfig({
      name: 'reader',
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
    })
    const path = await cluster.writeKubeconfig(kubeconfig)
    const whoami = await cluster.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], {
      kubeconfig: path,
    })
    assert.equal(whoami.stdout, username)
    assert.equal((await cluster.kubectl(['get', 'pods', '-A'], { kubeconfig: path })).code, 0)
    const secrets = await cluster.kubectl(['get', 'secrets'], { kubeconfig: path })
    assert.equal(secrets.code, 1)
    assert.match(secrets.stderr, /Forbidden/)
  })

  test('the aggregated role `view` lets a certificate user read pods but no Secrets', async () => {
    const text = await cluster.certificateKubeconfig({ user: 'ann', groups: ['readers'] })
    const kubeconfig = await cluster.writeKubeconfig(text)
    assert.equal((await cluster.kubectl(['get', 'pods', '-n', 'shop'], { kubeconfig })).code, 1)
    await cluster.kubectl(['create', 'clusterrolebinding', 'readers', '--clusterrole=view', '--group=readers'])
    // An authorizer learns of a binding by its own watch.
    await until('the binding', async () => {
      const { code } = await cluster.kubectl(['get', 'pods', '-n', 'shop'], { kubeconfig })
      return code === 0 || undefined
    })
    assert.match((await cluster.kubectl(['get', 'secrets', '-n', 'shop'], { kubeconfig })).stderr, /Forbidden/)
  })

  test('the audit log tells who asked, and as whom', async () => {
    await cluster.kubectl(['get', 'configmaps', '-n', 'shop', '--as=bob', '--as-group=readers'])
    const event = await until('the event', async () =>
      (await cluster.auditEvents()).find(({ impersonatedUser }) => impersonatedUser?.username === 'bob'),
    )
    assert.deepEqual(
      [event.verb, event.objectRef?.resource, event.objectRef?.namespace],
      ['list', 'configmaps', 'shop'],
    )
    assert.equal(event.user.username, 'admin')
    assert.deepEqual(event.impersonatedUser?.groups, ['readers', 'system:authenticated'])
  })

  test('a second cluster runs beside it and goes without a trace', async () => {
    const second = await startCluster({ name: 'second' })
    await second.createPod('shop', 'web')
    assert.notEqual(second.server, cluster.server)
    const stranger = await cluster.kubectl(['get', 'pods'], { kubeconfig: second.adminKubeconfig })
    assert.equal(stranger.code, 0)
    const wrongCluster = await second.writeKubeconfig(second.adminKubeconfigText.replace(second.server, cluster.server))
    assert.match((await second.kubectl(['get', 'pods'], { kubeconfig: wrongCluster })).stderr, /x509|certificate/)

    const follow = await second.openKubectl(['logs', '-f', '-n', 'shop', 'web'])
    const sleeper = await second.openKubectl(['exec', '-n', 'shop', 'web', '--', 'sh', '-c', 'echo up; exec sleep 300'])
    await sleeper.waitFor(/up/)
    assert.ok(processesOf(dirname(second.adminKubeconfig)).length >= 6)

    await second.stop()
    await second.stop()
    await Promise.all([follow.ended, sleeper.ended])
    assert.deepEqual(processesOf(dirname(second.adminKubeconfig)), [])
    assert.equal(existsSync(second.adminKubeconfig), false)
    assert.deepEqual(second.pids, [])
    assert.equal((await cluster.kubectl(['get', 'pods', '-A'])).code, 0)
  })
})

test('a cluster without a kubelet has no node, and takes an authentication configuration', {
  skip: await clusterSkipReason(),
}, async (t) => {
  const cluster = await startCluster({
    name: 'bare',
    kubelet: false,
    authenticationConfig: `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: false}
jwt: []
`,
  })
  t.after(cluster.stop)
  assert.match((await cluster.kubectl(['get', 'nodes'])).stderr, /No resources found/)
  // Its anonymous requests are off by that configuration: proof that it was read.
  assert.equal(await anonymousStatus(cluster), 401)
})

async function anonymousStatus({ server, caPem }: Cluster): Promise<number | undefined> {
  const [reply] = await once(get(`${server}/version`, { ca: caPem, agent: false }), 'response')
  // The one argument of this event.
  const { statusCode } = (reply as IncomingMessage).resume()
  return statusCode
}

/** The processes whose home is the folder: all that a cluster starts, and what these start. */
function processesOf(folder: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => homeOf(pid) === folder).map(Number)
}

function homeOf(pid: string): string | undefined {
  try {
    return /(?:^|\0)HOME=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1]
  } catch {
    // It ended while we looked, or is somebody else's.
    return undefined
  }
}
