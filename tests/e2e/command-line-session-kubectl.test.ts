import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import type { OpenKubectl } from '../cluster/kubectl.ts'
import type { Api } from '../support/api.ts'
import { createBrowser } from '../support/browser.ts'
import { type CommandLine, commandLine, fakeDesktop } from '../support/command-line.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'

// A working day of somebody who signed in with `palisade login`: kubectl, renewal under open streams, signing out.

const skip = await clusterSkipReason()
const preload = (name: string) => `--import=${fileURLToPath(new URL(name, import.meta.url))}`
/** Later than any access token or token for a cluster lasts. */
const laterMs = 16 * 60_000

type Entry = { readonly event: string; readonly time: string; readonly details?: { readonly reason?: string } }

describe('kubectl with a session of palisade login', { skip }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let cluster: Cluster
  let acme: Tenant
  let dev: { readonly uid: string; readonly email: string; readonly api: Api }
  let home: string
  let desktop: Awaited<ReturnType<typeof fakeDesktop>>
  let cli: CommandLine
  let kubeconfig: string
  /** How wrong, or late, server and person's machine are by now. */
  let offsetMs = 0

  before(async () => {
    family = await createProcessFamily('session-kubectl')
    const offset = { CLOCK_OFFSET_FILE: join(family.folder, 'offset') }
    ;[palisade, cluster] = await Promise.all([
      startPalisade({ family, env: { NODE_OPTIONS: preload('./jumping-clock.ts'), ...offset } }),
      startCluster({ name: 'east' }),
    ])
    await cluster.createPod('default', 'web')
    acme = await createTenant(palisade, 'acme')
    dev = await createUser(palisade, acme, 'dev')
    await acme.admin.must('PUT', `/v1/users/${dev.uid}/projects`, {
      body: { projects: [{ projectUid: acme.defaultProject, roles: [predefinedRole('Cluster Editor').uid] }] },
    })
    await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'east' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
    })
    home = join(family.folder, 'home')
    await mkdir(home, { mode: 0o700 })
    desktop = await fakeDesktop(home)
    cli = commandLine(home, desktop.env)
    kubeconfig = join(home, '.kube', 'config')
  })
  after(async () => {
    await palisade?.stop()
    await cluster?.stop()
    await family?.stop()
  })

  /** The person's machine has the same time as the server, with kubectl and what it starts. */
  const clock = (): Record<string, string> =>
    offsetMs === 0 ? {} : { NODE_OPTIONS: preload('../attacks/skewed-clock.ts'), CLOCK_OFFSET_MS: String(offsetMs) }
  const env = () => ({ HOME: home, ...clock() })
  const kubectl = (...args: string[]) => cluster.kubectl(args, { kubeconfig, env: env() })
  const open = (...args: string[]) => cluster.openKubectl(args, { kubeconfig, env: env() })

  async function time(passesMs: number): Promise<void> {
    offsetMs += passesMs
    await writeFile(join(family.folder, 'offset'), String(offsetMs))
    process.kill(palisade.pid, 'SIGUSR2')
    const said = `the clock is wrong by ${offsetMs} ms\n`
    await until('the jump', async () => (await palisade.log()).includes(said) || undefined)
  }

  async function login(...how: string[]): Promise<void> {
    const where = ['--url', palisade.url, '--ca-file', palisade.caFile]
    const running = cli.start(['login', ...how, ...where], clock())
    const browser = createBrowser(palisade.url, palisade.caPem)
    const person = { email: dev.email, password: goodPassword, action: 'sign-in' }
    if (how.includes('--device')) {
      const [, address = '', code = ''] = await running.told(/with the code: (\S+user_code=(\S+))/)
      const confirm = await browser.submit(await browser.open(address), { user_code: code })
      await browser.submit(await browser.submit(confirm, { confirm: 'yes' }), person)
    } else {
      const back = await browser.submit(await browser.open(await desktop.opened()), person)
      assert.equal((await fetch(back.url)).status, 200)
    }
    await browser.close()
    const { code, err } = await running.ended
    assert.equal(code, 0, err)
  }

  async function openStreams() {
    const watch = await open('get', 'configmaps', '-w')
    const exec = await open('exec', '-i', 'web', '--', 'cat')
    const forward = await open('port-forward', 'pod/web', ':80', '--address', '127.0.0.1')
    await watch.waitFor(/kube-root-ca|NAME/)
    const port = Number((await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/))[1])
    return { watch, exec, forward, port }
  }
  type Streams = Awaited<ReturnType<typeof openStreams>>

  async function assertAlive({ watch, exec, port }: Streams, word: string): Promise<void> {
    exec.write(`${word}\n`)
    await exec.waitFor(new RegExp(word))
    assert.equal(await echoOnce(port, word), word)
    const made = await cluster.kubectl(['create', 'configmap', word])
    assert.equal(made.code, 0, made.stderr)
    await watch.waitFor(new RegExp(`^${word}`, 'm'))
  }

  /** What the server saw of streams that ended for this reason, since this moment of its clock. */
  async function endsAfter(since: number, reason: string, count: number): Promise<readonly number[]> {
    const admin = await palisade.signIn(acme.adminEmail, goodPassword, 'acme')
    return until('the ends in the audit log', async () => {
      const { text } = await admin.call('GET', '/v1/palisade/audit/export')
      const entries = text.trimEnd().split('\n').slice(1) as string[]
      const ends = entries
        .map((line) => JSON.parse(line) as Entry)
        .filter(({ event, details }) => event === 'cluster.call.ended' && details?.reason === reason)
        .map(({ time }) => Date.parse(time) - since)
        .filter((ms) => ms >= 0)
      return ends.length >= count ? ends : undefined
    })
  }

  async function assertEnded({ watch, exec, forward, port }: Streams): Promise<void> {
    for (const stream of [watch, exec]) await endOf(stream)
    await assert.rejects(echoOnce(port, 'again'))
    forward.kill()
    await endOf(forward)
  }

  test('signed in with a browser, kubectl works: get, exec, watch, port-forward', async () => {
    await login()
    await cli.must('kubeconfig', 'east')
    assert.doesNotMatch(await readFile(kubeconfig, 'utf8'), /eyJ|token:/, 'kubectl’s file holds no secret')
    const pods = await kubectl('get', 'pods')
    assert.deepEqual([pods.code, pods.stderr], [0, ''])
    assert.match(pods.stdout, /web +1\/1 +Running/)
    const whoami = await kubectl('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')
    assert.equal(whoami.stdout, `palisade:${acme.uid}:${dev.uid}`)
    const streams = await openStreams()
    await assertAlive(streams, 'hello')
    for (const one of [streams.watch, streams.exec, streams.forward]) {
      one.kill()
      await endOf(one)
    }
  })

  test('a session is renewed while streams are open: they go on, and new calls work; signing out ends all', async () => {
    const streams = await openStreams()
    await assertAlive(streams, 'before')
    await time(laterMs)
    const kept = join(home, '.config', 'palisade', 'credentials.json')
    const before = await readFile(kept, 'utf8')
    // Many at once, as scripts and prompts do.
    const all = await Promise.all(Array.from({ length: 6 }, () => kubectl('get', 'pods')))
    for (const { code, stderr } of all) assert.deepEqual([code, stderr], [0, ''], 'nobody notices')
    assert.notEqual(await readFile(kept, 'utf8'), before, 'it was renewed')
    await assertAlive(streams, 'after')

    const from = Date.now() + offsetMs
    const out = await cli(['logout'], { env: clock() })
    assert.equal(out.code, 0, out.err)
    const took = Date.now() + offsetMs - from
    for (const ms of await endsAfter(from, 'session-ended', 3))
      assert.ok(ms < took + 1_000, `a stream ended ${ms} ms after the command began, which took ${took} ms`)
    await assertEnded(streams)
    const next = await kubectl('get', 'pods')
    assert.notEqual(next.code, 0)
    assert.match(next.stderr, /^palisade: not signed in at https:\S+\n +palisade login --url /m)
  })

  test('signed in again, by device code, the same kubeconfig works; a session that others end says so', async () => {
    await login('--device')
    assert.equal((await kubectl('get', 'pods')).code, 0)
    const streams = await openStreams()
    await assertAlive(streams, 'again')
    const admin = await palisade.signIn(acme.adminEmail, goodPassword, 'acme')
    const { items } = await admin.must('GET', `/v1/palisade/sessions?user=${dev.uid}`)
    const from = Date.now() + offsetMs
    for (const { uid } of items) await admin.must('DELETE', `/v1/palisade/sessions/${uid}`)
    for (const ms of await endsAfter(from, 'session-ended', 3)) assert.ok(ms < 1_000, `a stream ended after ${ms} ms`)
    await assertEnded(streams)
    // The token for the cluster is still kept here, and not known to be dead until kubectl says so.
    const next = await kubectl('get', 'pods')
    assert.notEqual(next.code, 0)
    assert.match(next.stderr, /^palisade: the session at https:\S+ has ended\n[\s\S]*palisade login --url /m)
    assert.doesNotMatch(next.stderr, /eyJ/)
  })
})

const endOf = (stream: OpenKubectl) =>
  Promise.race([
    stream.ended,
    new Promise((_, reject) => setTimeout(() => reject(new Error('kubectl goes on')), 20_000).unref()),
  ])

function echoOnce(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(5_000, () => socket.destroy(new Error('no echo within 5 s')))
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an echo')))
  })
}
