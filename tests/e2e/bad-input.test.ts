import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { limits } from '../../server/gateway/index.ts'
import { type HostileCluster, startHostileCluster } from '../attacks/hostile-cluster.ts'
import { connectRaw, endOf, type OpenedPalisade, startOpened } from '../attacks/support.ts'
import type { ApiAnswer } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, goodPassword, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'

// What people and clusters do wrong, on the real program: a clear message that says what to do, the right status, and
// nothing half done. What is sent to every route there is, `tests/isolation` tries.

const run = promisify(execFile)
const nowhere = '0'.repeat(24)

/** Whether a small disk can be had for a test; in a container root alone is not enough. */
const mayMount = await run('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).then(
  () => process.getuid?.() === 0,
  () => false,
)

let palisade: OpenedPalisade
let acme: Tenant
let fake: FakeKubernetes
let cluster: HostileCluster
let clusterUid: string

before(async () => {
  palisade = await startOpened({ name: 'bad-input' })
  acme = await createTenant(palisade, 'acme')
  fake = await startFakeKubernetes()
  cluster = await startHostileCluster(fake)
  clusterUid = (
    await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'east' }, spec: { kubeconfig: kubeconfig() } },
    })
  ).uid
})
after(async () => {
  await palisade?.stop()
  await cluster?.close()
  await fake?.close()
})

/** A good kubeconfig of the cluster, with members of its cluster and its user changed. */
function kubeconfig(changes: { readonly cluster?: object; readonly user?: object } = {}): string {
  const whole = parse(fake.kubeconfig(undefined, { server: cluster.server, caPem: cluster.caPem }))
  Object.assign(whole.clusters[0].cluster, changes.cluster)
  Object.assign(whole.users[0].user, changes.user)
  return stringify(whole)
}

/** Everything that there is, besides entries of the log and what a sign-in writes. */
async function census(): Promise<unknown> {
  const tables = ['clusters', 'projects', 'users', 'teams', 'role_assignments', 'api_keys', 'tenants', 'link_tokens']
  const counts = tables.map((table) => `(select count(*) from ${table}) as ${table}`)
  return (await palisade.sql(`select ${counts.join(', ')}`))[0]
}

/** A refusal in the dialect of its path, whose message the person can act on. */
function assertRefusal(
  answer: ApiAnswer,
  expected: { path: string; status: number; code: string; says: RegExp },
): void {
  const { path, status, code, says } = expected
  const told = `${path}: ${answer.status} ${answer.text}`
  assert.equal(answer.status, status, told)
  const ours = path.startsWith('/v1/palisade/')
  assert.match(String(answer.headers['content-type']), ours ? /^application\/problem\+json$/ : /^application\/json/)
  assert.equal(answer.body.code, code, told)
  assert.match(ours ? answer.body.detail : answer.body.message, says)
  assert.equal(ours ? answer.body.request : answer.body.ref, answer.headers['x-request-id'])
  if (ours) assert.equal(answer.body.status, status)
}

describe('a body', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const json = 'application/json'
  const cases: readonly {
    what: string
    body: string | undefined
    type?: string
    status: number
    code: string
    says: RegExp
  }[] = [
    {
      what: 'too large',
      body: `"${'x'.repeat(limits.bodyBytes)}"`,
      status: 413,
      code: 'RequestTooLarge',
      says: /1048576 bytes/,
    },
    {
      what: 'too deep',
      body: nested(limits.jsonDepth + 1),
      status: 400,
      code: 'InvalidJson',
      says: /deep.*32|32.*deep/,
    },
    { what: 'cut off', body: '{"metadata":{"name":"x"', status: 400, code: 'InvalidJson', says: /^The body / },
    { what: 'YAML', body: 'metadata:\n  name: x\n', status: 400, code: 'InvalidJson', says: /^The body / },
    {
      what: 'of another type',
      body: 'metadata=x',
      type: 'application/x-www-form-urlencoded',
      status: 415,
      code: 'UnsupportedMediaType',
      says: /application\/json/,
    },
    { what: 'missing', body: undefined, status: 400, code: 'InvalidRequest', says: /./ },
    { what: 'a list', body: '[]', status: 400, code: 'InvalidRequest', says: /object/ },
    { what: 'a text', body: '"x"', status: 400, code: 'InvalidRequest', says: /object/ },
    { what: 'empty inside', body: '{}', status: 400, code: 'InvalidRequest', says: /metadata/ },
    {
      what: 'of wrong types',
      body: '{"metadata":{"name":7},"spec":{"kubeconfig":[]}}',
      status: 400,
      code: 'InvalidRequest',
      says: /metadata\.name/,
    },
  ]
  for (const { what, body, type = json, status, code, says } of cases)
    test(`that is ${what} is answered ${status}, in the dialect of its path`, async () => {
      const before = await census()
      for (const path of ['/v1/projects', '/v1/palisade/clusters']) {
        const answer = await acme.admin.call('POST', path, {
          project: acme.defaultProject,
          ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
        })
        assertRefusal(answer, { path, status, code, says })
      }
      assert.deepEqual(await census(), before)
    })
})

test('an id that nothing has is told so, whatever is asked of it', async () => {
  const before = await census()
  const asked: readonly (readonly [method: string, path: string, body?: unknown])[] = [
    ['GET', `/v1/projects/${nowhere}`],
    ['DELETE', `/v1/projects/${nowhere}`],
    ['GET', `/v1/users/${nowhere}`],
    ['PUT', `/v1/users/${nowhere}`, { spec: { emailId: 'a@acme.test', firstName: 'a', lastName: 'b' } }],
    ['DELETE', `/v1/teams/${nowhere}`],
    ['GET', `/v1/spectroclusters/${nowhere}`],
    ['GET', `/v1/palisade/clusters/${nowhere}`],
    ['POST', `/v1/palisade/clusters/${nowhere}/check`, { token: 'x' }],
    ['GET', `/v1/audits/${nowhere}`],
  ]
  for (const [method, path, body] of asked) {
    const answer = await acme.admin.call(method, path, body === undefined ? {} : { body })
    assertRefusal(answer, { path, status: 404, code: 'ResourceNotFound', says: /./ })
  }
  for (const path of [`/v1/nothing/${nowhere}`, '/v1/palisade/nothing'])
    assertRefusal(await acme.admin.call('GET', path), {
      path,
      status: 404,
      code: 'RouteNotFound',
      says: /No route GET /,
    })
  // Of somebody else's making altogether, on either side.
  for (const uid of ['x', `${nowhere}0`, nowhere.replaceAll('0', 'A'), 'null', '%00'])
    assert.equal((await acme.admin.call('GET', `/v1/projects/${uid}`)).status, 404, uid)
  assert.deepEqual(await census(), before)
})

describe('a kubeconfig', () => {
  const here = () => `https://127.0.0.1:${palisade.port}`
  const refused: readonly { what: string; config: () => string; says: RegExp }[] = [
    {
      what: 'with a program to run',
      config: () => kubeconfig({ user: { exec: { apiVersion: 'v1', command: 'aws' } } }),
      says: /`exec` is a program/,
    },
    {
      what: 'with an auth provider',
      config: () => kubeconfig({ user: { 'auth-provider': { name: 'gcp' } } }),
      says: /`auth-provider` is a plugin/,
    },
    {
      what: 'with a CA in a file',
      config: () => kubeconfig({ cluster: { 'certificate-authority': '/etc/ssl/ca.crt' } }),
      says: /`certificate-authority` names a file/,
    },
    {
      what: 'with a token in a file',
      config: () => kubeconfig({ user: { tokenFile: '/etc/shadow' } }),
      says: /`tokenFile` names a file/,
    },
    {
      what: 'with a key in a file',
      config: () => kubeconfig({ user: { 'client-key': '/etc/shadow' } }),
      says: /`client-key` names a file/,
    },
    {
      what: 'that trusts anybody',
      config: () => kubeconfig({ cluster: { 'insecure-skip-tls-verify': true } }),
      says: /`insecure-skip-tls-verify`.*trust anybody/,
    },
    {
      what: 'that goes through a proxy',
      config: () => kubeconfig({ cluster: { 'proxy-url': 'http://127.0.0.1:1' } }),
      says: /`proxy-url`/,
    },
    {
      what: 'of our own address',
      config: () => kubeconfig({ cluster: { server: here() } }),
      says: /Palisade’s own|our own|itself/,
    },
    {
      what: 'of our own address, by name',
      config: () => kubeconfig({ cluster: { server: here().replace('127.0.0.1', 'localhost') } }),
      says: /Palisade’s own|our own|itself/,
    },
    {
      what: 'of our metrics',
      config: () => kubeconfig({ cluster: { server: `https://127.0.0.1:${palisade.env.PALISADE_METRICS_PORT}` } }),
      says: /Palisade’s own|our own|itself/,
    },
    {
      what: 'of a cloud’s metadata',
      config: () => kubeconfig({ cluster: { server: 'https://169.254.169.254' } }),
      says: /169\.254\.169\.254/,
    },
    {
      what: 'of a cloud’s metadata, in disguise',
      config: () => kubeconfig({ cluster: { server: 'https://[::ffff:a9fe:a9fe]' } }),
      says: /a9fe|169\.254/,
    },
    { what: 'without a credential', config: () => kubeconfig({ user: { token: null } }), says: /no credential/ },
    { what: 'that is none', config: () => 'hello', says: /kubeconfig/ },
  ]
  for (const { what, config, says } of refused)
    test(`${what} is refused, and nothing is stored or asked`, async () => {
      const before = await census()
      cluster.forget()
      const path = '/v1/palisade/clusters'
      const answer = await acme.admin.call('POST', path, {
        project: acme.defaultProject,
        body: { metadata: { name: 'bad' }, spec: { kubeconfig: config() } },
      })
      assertRefusal(answer, { path, status: 400, code: answer.body?.code, says })
      assert.deepEqual(await census(), before)
      assert.deepEqual(cluster.seen, [])
      assert.doesNotMatch(answer.text, /admin-token|BEGIN CERTIFICATE/)
    })
})

/** A call to a cluster as kubectl makes it, read as it comes. */
async function watch(uid: string, token: string) {
  const request = httpsRequest(`${palisade.url}/k8s/clusters/${uid}/api/v1/namespaces/default/pods?watch=true`, {
    ca: palisade.caPem,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  })
  request.end()
  const [response] = await once(request, 'response')
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const ended = new Promise<void>((resolve) => response.once('close', resolve))
  response.on('error', () => undefined)
  return { status: response.statusCode as number, text: () => text, ended }
}

const tokenOf = async (server: Pick<OpenedPalisade, 'api'> = palisade, tenant = acme): Promise<string> =>
  (
    await server.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: tenant.adminEmail, password: goodPassword, org: tenant.org },
    })
  ).Authorization

/** Lets watches go on for ever after a first event. */
function streamWatches(): void {
  cluster.onRequest = (request, response) => {
    if (!request.url?.includes('watch=true')) return false
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"type":"ADDED","object":{"kind":"Pod"}}\n')
    return true
  }
}

type Line = { readonly event: string; readonly outcome: string; readonly details?: Readonly<Record<string, unknown>> }
async function lastEnd(): Promise<Line | undefined> {
  const { text } = await acme.admin.call('GET', '/v1/palisade/audit/export')
  const lines = text.trimEnd().split('\n').slice(1)
  return lines.map((line) => JSON.parse(line) as Line).findLast(({ event }) => event === 'cluster.call.ended')
}

test('slow and half-open clients hold nobody else up', async () => {
  const post =
    'POST /v1/auth/syslogin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n'
  const slow = await Promise.all(Array.from({ length: 300 }, () => connectRaw(palisade)))
  for (const [i, one] of slow.entries()) one.write(i % 3 === 0 ? post : 'GET /livez HTTP/1.1\r\nHost: loc')
  const timer = setInterval(() => {
    for (const one of slow.filter((_, i) => i % 3 === 0)) one.write('{')
  }, 1_000)
  try {
    const times: number[] = []
    for (let i = 0; i < 30; i++) {
      const startedAt = performance.now()
      assert.equal((await acme.admin.call('GET', '/v1/users')).status, 200)
      times.push(performance.now() - startedAt)
    }
    assert.ok(Math.max(...times) < 1_500, `${Math.round(Math.max(...times))} ms`)
    // The heads have ten seconds; what is cut off is told why.
    await until(
      'the half heads to be cut off',
      () => slow.every((one, i) => i % 3 === 0 || one.socket.closed) || undefined,
    )
    assert.ok(slow.every((one, i) => i % 3 === 0 || /^HTTP\/1\.1 408 /.test(one.text())))
    assert.ok(
      slow.every((one, i) => i % 3 !== 0 || !one.socket.closed),
      'a body has two minutes',
    )
  } finally {
    clearInterval(timer)
    for (const one of slow) one.destroy()
  }
})

test('a disk that is full is told; nothing is half done, and it goes on by itself', async () => {
  // As PostgreSQL says it, at whichever statement of the transaction it comes.
  await palisade.sql(`create function disk_is_full() returns trigger language plpgsql as $$ begin
    raise exception 'could not extend file "base/5/16584": No space left on device' using errcode = 'disk_full'; end $$`)
  for (const table of ['projects', 'audit_pending']) {
    const before = await census()
    await palisade.sql(`create trigger disk_is_full before insert on ${table} execute function disk_is_full()`)
    const create = () => acme.admin.call('POST', '/v1/projects', { body: { metadata: { name: `on ${table}` } } })
    const refused = await create()
    assertRefusal(refused, { path: '/v1/projects', status: 503, code: 'ServiceUnavailable', says: /no space left/ })
    assert.equal(refused.headers['retry-after'], '1')
    assert.doesNotMatch(refused.text, /base\/5|16584/)
    assert.equal((await acme.admin.call('GET', '/v1/users')).status, 200, 'what needs no room goes on')
    await palisade.sql(`drop trigger disk_is_full on ${table}`)
    assert.deepEqual(await census(), before)
    assert.equal((await create()).status, 201)
  }
})

if (mayMount)
  test('a disk that is really full takes nothing and loses nothing', async () => {
    const family = await createProcessFamily('full-disk')
    const disk = join(family.folder, 'disk')
    await mkdir(disk)
    await run('mount', ['-t', 'tmpfs', '-o', 'size=300m,mode=0755', 'tmpfs', disk])
    try {
      const server = await startPalisade({ family, env: { PALISADE_DATA_DIR: join(disk, 'data') } })
      const tenant = await createTenant(server, 'full')
      const names: string[] = []
      const create = async () => {
        const name = `p${names.length}`
        const { status } = await tenant.admin.call('POST', '/v1/projects', {
          body: { metadata: { name, annotations: { description: 'x'.repeat(200) } } },
        })
        if (status === 201) names.push(name)
        return status
      }
      assert.equal(await create(), 201)
      fill(join(disk, 'filler'))
      let status = 201
      for (let i = 0; i < 3_000 && status === 201; i++) status = await create()
      assert.equal(status, 503)
      const whileFull = names.length
      await rm(join(disk, 'filler'))
      await until('it to go on', async () => (await create()) === 201 || undefined)
      assert.ok(names.length > whileFull)

      const { text } = await tenant.admin.call('GET', '/v1/palisade/audit/export')
      const recorded = text.split('\n').filter((line) => line.includes('"project.created"'))
      assert.equal(recorded.length, names.length, 'an entry for each')
      server.daemon.kill('SIGTERM')
      await endOf(server)
    } finally {
      await run('umount', ['--lazy', disk])
      await family.stop()
    }
  })

/** Takes all that is left. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  for (const size of [65_536, 512])
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch (cause) {
      assert.equal((cause as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  closeSync(file)
}

test('a clock that jumps ends what it must, and nothing else', async () => {
  const family = await createProcessFamily('clock')
  const offsetFile = join(family.folder, 'offset')
  const preload = fileURLToPath(new URL('./jumping-clock.ts', import.meta.url))
  const server = await startPalisade({
    family,
    env: { NODE_OPTIONS: `--import=${preload}`, CLOCK_OFFSET_FILE: offsetFile },
  })
  try {
    const tenant = await createTenant(server, 'clocks')
    const { apiKey } = await tenant.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'key' } } })
    const key = server.api.as({ apiKey })
    const jumpTo = async (ms: number) => {
      await writeFile(offsetFile, String(ms))
      process.kill(server.pid, 'SIGUSR2')
      await until(
        'the jump',
        async () => (await server.log()).endsWith(`the clock is wrong by ${ms} ms\n`) || undefined,
      )
    }
    const statusOf = async (api: typeof key) => (await api.call('GET', '/v1/users')).status
    const ready = async () => (await server.api.call('GET', '/readyz')).status
    assert.deepEqual([await statusOf(tenant.admin), await statusOf(key)], [200, 200])

    await jumpTo(3_600_000)
    const late = await tenant.admin.call('GET', '/v1/users')
    assertRefusal(late, { path: '/v1/users', status: 401, code: late.body.code, says: /expired|sign in/i })
    assert.deepEqual([await statusOf(key), await ready()], [200, 200], 'a key without an end, and freshness')
    const future = server.api.as({ token: await tokenOf(server, tenant) })
    assert.equal(await statusOf(future), 200)
    assert.equal((await future.call('POST', '/v1/projects', { body: { metadata: { name: 'ahead' } } })).status, 201)

    await jumpTo(0)
    assert.equal(await statusOf(future), 401, 'a token from the future')
    assert.deepEqual([await statusOf(key), await ready()], [200, 200])
    const present = server.api.as({ token: await tokenOf(server, tenant) })
    assert.equal((await present.call('POST', '/v1/projects', { body: { metadata: { name: 'again' } } })).status, 201)
  } finally {
    server.daemon.kill('SIGTERM')
    await endOf(server)
    await family.stop()
  }
})

describe('a cluster', () => {
  test('whose watch is open when the server is stopped holds up nobody: the watch is ended first', async () => {
    streamWatches()
    const open = await watch(clusterUid, await tokenOf())
    await until('the first event', () => open.text().includes('ADDED') || undefined)
    const startedAt = performance.now()
    palisade.daemon.kill('SIGTERM')
    await open.ended
    await endOf(palisade)
    const ms = performance.now() - startedAt
    assert.match(palisade.daemon.ended() ?? '', /exit code 0$/)
    assert.ok(ms < 3_000, `${Math.round(ms)} ms`)
    await palisade.restart()
    acme = { ...acme, admin: palisade.api.as({ token: await tokenOf() }) }
    const end = await until('the entry of its end', lastEnd)
    assert.equal(end.details?.reason, 'shutdown')
  })

  test('that goes in mid-stream ends the stream, its entry says why, and the next call is told', async () => {
    streamWatches()
    const token = await tokenOf()
    const open = await watch(clusterUid, token)
    assert.equal(open.status, 200)
    await until('the first event', () => open.text().includes('ADDED') || undefined)
    await cluster.close()
    await open.ended
    const end = await until('the entry of its end', async () => {
      const line = await lastEnd()
      return line?.details?.cause === 'upstream_failed' ? line : undefined
    })
    assert.equal(end.outcome, 'ended')

    const path = `/k8s/clusters/${clusterUid}/api/v1/namespaces/default/pods`
    const gone = await palisade.api.call('GET', path, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(gone.status, 502, gone.text)
    assert.equal(gone.body.kind, 'Status')
    assert.match(gone.body.message, /east|cluster/)
    assert.equal((await acme.admin.call('GET', `/v1/spectroclusters/${clusterUid}`)).status, 200)
  })

  test('that does not answer at its import is told by its reason', async () => {
    const before = await census()
    const path = '/v1/palisade/clusters'
    const answer = await acme.admin.call('POST', path, {
      project: acme.defaultProject,
      body: { metadata: { name: 'gone' }, spec: { kubeconfig: kubeconfig() } },
    })
    assertRefusal(answer, {
      path,
      status: answer.status,
      code: answer.body.code,
      says: /^Nothing listens at 127\.0\.0\.1:\d+: check `server`/,
    })
    assert.deepEqual(await census(), before)
  })
})
