import assert from 'node:assert/strict'
import { connect as connectHttp2, constants } from 'node:http2'
import { platform } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import type { Api, ApiAnswer } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  activate,
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { listenersOf } from './listeners.ts'
import { type Schema, sampleOf } from './schema-sample.ts'
import { requestText, sendRaw } from './support.ts'
import { assertTakeAlike } from './timing.ts'

// Threats A20, A21, A25, A26 (the edge of the API), D10 and D12 (other tenants’ ids), on the real program.

let family: ProcessFamily
/** Believes nobody about anybody’s address, as by default. */
let palisade: Palisade
/** Stands behind a proxy at 127.0.0.1, and listens everywhere. */
let proxied: Palisade
let cluster: FakeKubernetes
let acme: Tenant
let globex: Tenant

before(async () => {
  family = await createProcessFamily('api')
  ;[palisade, proxied, cluster] = await Promise.all([
    startPalisade({ family, name: 'plain' }),
    startPalisade({
      family,
      name: 'proxied',
      env: { PALISADE_TRUSTED_PROXIES: '127.0.0.1/32', PALISADE_HOST: '0.0.0.0' },
    }),
    startFakeKubernetes(),
  ])
  acme = await createTenant(palisade, 'acme')
  globex = await createTenant(palisade, 'globex')
})
after(async () => {
  await Promise.all([palisade?.stop(), proxied?.stop()])
  await cluster?.close()
  await family?.stop()
})

const tokenOf = async (of: Palisade, tenant: { adminEmail: string; org: string }): Promise<string> =>
  (
    await of.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: tenant.adminEmail, password: goodPassword, org: tenant.org },
    })
  ).Authorization

describe('the edge', () => {
  /** What the log says of the request that these headers came with: its address, and the link that it made. */
  async function seenAs(of: Palisade, admin: Api, headers: Record<string, string>) {
    const name = `u${Math.random().toString(36).slice(2)}`
    const made = await admin.call('POST', '/v1/users', {
      body: { metadata: { name }, spec: { emailId: `${name}@proxy.test`, firstName: name } },
      headers,
    })
    assert.equal(made.status, 201, made.text)
    const { status } = await admin.must('GET', `/v1/users/${made.body.uid}`, { headers })
    assert.ok(status.activationLink.startsWith(`${of.url}/`), `a link of ${of.url}: ${status.activationLink}`)
    const audit = await admin.must('GET', `/v1/audits/${made.headers.audituid}`)
    return audit.metadata.annotations.address
  }

  const spoofs: readonly Record<string, string>[] = [
    { 'x-forwarded-for': '203.0.113.9' },
    { 'x-forwarded-for': '203.0.113.9, 127.0.0.1' },
    { 'x-forwarded-for': '127.0.0.1, 203.0.113.9' },
    { forwarded: 'for=203.0.113.9;host=evil.test;proto=http' },
    { 'x-real-ip': '203.0.113.9', 'x-client-ip': '203.0.113.9', 'true-client-ip': '203.0.113.9' },
    { 'cf-connecting-ip': '203.0.113.9', 'x-original-forwarded-for': '203.0.113.9' },
    { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'http', 'x-forwarded-port': '80' },
    { 'x-forwarded-uri': '/v1/auth/org', 'x-original-url': '/livez', 'x-rewrite-url': '/livez' },
    { 'x-forwarded-prefix': '/evil', 'x-forwarded-method': 'GET', 'x-http-method-override': 'GET' },
  ]

  test('A20 nobody’s word counts for an address, host or path unless the peer is configured', async () => {
    for (const headers of spoofs)
      assert.equal(await seenAs(palisade, acme.admin, headers), '127.0.0.1', JSON.stringify(headers))
    const token = await tokenOf(palisade, acme)
    for (const host of ['evil.test', 'evil.test:443', `localhost:${palisade.port}.evil.test`]) {
      const made = await acme.admin.must('POST', '/v1/users', {
        body: { spec: { emailId: `h${Math.random()}@proxy.test`, firstName: 'h' } },
      })
      const text = requestText(`GET /v1/users/${made.uid}`, [`Authorization: ${token}`]).replace('localhost', host)
      const { status, body } = await sendRaw(palisade, text)
      assert.ok(status === 200 || (status >= 400 && status < 500), `${host}: ${status}`)
      assert.doesNotMatch(body, /evil\.test/)
    }
  })

  test('A20 behind a configured proxy the one address counts that the proxy itself has written', async () => {
    const tenant = await createTenant(proxied, 'behind')
    const cases: readonly (readonly [string, string])[] = [
      ['203.0.113.9', '203.0.113.9'],
      ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
      ['127.0.0.1, 203.0.113.9', '203.0.113.9'],
      ['203.0.113.9, 127.0.0.1', '203.0.113.9'],
      ['10.1.1.1,, 203.0.113.9', '203.0.113.9'],
      ['198.51.100.1, nonsense', '127.0.0.1'],
      ['203.0.113.9:8080', '127.0.0.1'],
      ['::ffff:203.0.113.9', '203.0.113.9'],
      ['unknown', '127.0.0.1'],
      ['', '127.0.0.1'],
      ['127.0.0.1, 127.0.0.1', '127.0.0.1'],
    ]
    for (const [header, expected] of cases)
      assert.equal(await seenAs(proxied, tenant.admin, { 'x-forwarded-for': header }), expected, header)
    // A proxy is believed about the address alone.
    for (const headers of spoofs.filter((one) => !('x-forwarded-for' in one)))
      assert.equal(await seenAs(proxied, tenant.admin, headers), '127.0.0.1', JSON.stringify(headers))
  })

  /** Targets that some allow-list, somewhere, has taken for a public path. */
  const disguises = [
    '/v1/users?/livez',
    '/v1/users?path=/v1/auth/org',
    '/v1/users?x=/openapi.json#/livez',
    '/v1/users#/livez',
    '/v1/users%23/livez',
    '/v1/users%3f/livez',
    '/v1/users;/livez',
    '/v1/users/.;/livez',
    '/livez/../v1/users',
    '/livez/%2e%2e/v1/users',
    '/livez/..%2fv1/users',
    '/v1/auth/../users',
    '/v1/auth/..%2fusers',
    '/v1/auth/org/../../users',
    '/v1/auth%2f..%2fusers',
    '/v1/palisade/version/../../users',
    '//v1/users',
    '/v1//users',
    '/v1/users/',
    '/V1/users',
    '/v1/USERS',
    '/v1%2fusers',
    '/%76%31/users',
    '/v1/users%00',
    '/v1/users%20',
    '/v1/users/livez',
    '/v1/users/..%5clivez',
    '/v1\\users',
    '/k8s/clusters/livez',
    '/canvas/v1/auth/',
    '/v1/auth',
    '/v1/auth/',
    '/v1/auth/unknown',
    '/v1/palisade/version2',
    '/v1/palisade/loginx',
  ]
  const magic = [
    'ELB-HealthChecker/2.0',
    'kube-probe/1.36',
    'GoogleHC/1.0',
    'Prometheus/3.0',
    'Amazon-Route53-Health-Check-Service',
  ]
  const isPrivate = /"metadata":\{"|emailId|listmeta|admin@/

  test('A21 no query, fragment, encoding or user agent makes a guarded route public', async () => {
    for (const path of disguises) {
      const { status, body } = await sendRaw(palisade, requestText(`GET ${path}`))
      assert.ok(status >= 400 && status < 500, `${path}: ${status}`)
      assert.doesNotMatch(body, isPrivate, path)
    }
    const absolute = await sendRaw(palisade, requestText(`GET ${palisade.url}/v1/users`))
    assert.ok(absolute.status >= 400 && absolute.status < 500)
    for (const agent of magic)
      for (const path of ['/v1/users', '/v1/palisade/sessions', `/k8s/clusters/${'0'.repeat(24)}/version`])
        assert.equal((await palisade.api.call('GET', path, { headers: { 'user-agent': agent } })).status, 401, agent)
    for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'get'])
      assert.ok((await sendRaw(palisade, requestText(`${method} /v1/users`))).status >= 400, method)

    // The same over HTTP/2, where the target is a header of its own.
    const session = connectHttp2(palisade.url, { ca: palisade.caPem })
    const over2 = (path: string, headers = {}) =>
      new Promise<{ status: number; body: string }>((resolve, reject) => {
        const stream = session.request({ ':path': path, ...headers })
        let status = 0
        let body = ''
        stream.on('response', (head) => {
          status = Number(head[':status'])
        })
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
        })
        // What HTTP/2 itself has no form for ends the stream, unanswered.
        stream.on('end', () => resolve({ status, body }))
        stream.on('error', (cause) =>
          stream.rstCode === constants.NGHTTP2_PROTOCOL_ERROR ? resolve({ status: 400, body }) : reject(cause),
        )
      })
    try {
      for (const path of [...disguises, '*', `${palisade.url}/v1/users`]) {
        const { status, body } = await over2(path)
        assert.ok(status >= 400 && status < 500, `${path} over HTTP/2: ${status}`)
        assert.doesNotMatch(body, isPrivate, path)
      }
      assert.equal((await over2('/livez')).status, 200)
      const known = await over2('/v1/users', { authorization: await tokenOf(palisade, acme) })
      assert.equal(known.status, 200)
      assert.match(known.body, isPrivate)
    } finally {
      session.close()
    }

    // What is open is open, and what is guarded answers to those who may: the refusals above were no accident.
    for (const path of ['/livez', '/readyz', '/openapi.json', '/v1/auth/org', '/v1/palisade/version'])
      assert.equal((await palisade.api.call('GET', path)).status, 200, path)
    assert.equal((await palisade.api.call('GET', '/v1/users')).status, 401)
    assert.match((await acme.admin.call('GET', '/v1/users')).text, isPrivate)
  })

  test('A25 a request’s id is ours, whatever ids it brings along', async () => {
    const spoofed = 'f'.repeat(24)
    const headers = {
      ...{ 'x-request-id': spoofed, 'x-correlation-id': spoofed, 'request-id': spoofed, 'x-amzn-trace-id': spoofed },
      ...{ audituid: spoofed, 'audit-id': spoofed, traceparent: `00-${spoofed}00000000-${'e'.repeat(16)}-01` },
    }
    const done = await acme.admin.call('POST', '/v1/projects', { body: { metadata: { name: 'a25' } }, headers })
    assert.equal(done.status, 201, done.text)
    const refused = await acme.admin.call('GET', `/v1/users/${'0'.repeat(24)}`, { headers })
    assert.equal(refused.body.ref, refused.headers['x-request-id'])
    const atDoor = await palisade.api.call('GET', `/k8s/clusters/${'0'.repeat(24)}/version`, { headers })
    for (const answer of [done, refused, atDoor]) {
      assert.match(String(answer.headers['x-request-id']), /^[0-9a-f]{24}$/)
      assert.doesNotMatch(JSON.stringify([answer.headers, answer.text]), new RegExp(spoofed))
    }
    const entry = await acme.admin.must('GET', `/v1/audits/${done.headers.audituid}`)
    assert.equal(entry.metadata.annotations.request, done.headers['x-request-id'])
    assert.doesNotMatch((await acme.admin.call('GET', '/v1/palisade/audit/export')).text, new RegExp(spoofed))
    assert.doesNotMatch(await palisade.log(), new RegExp(spoofed))
    assert.match(await palisade.log(), new RegExp(String(done.headers['x-request-id'])), 'our own id is in the log')
  })

  test('A25 what is refused before any door reads it has an id too, and an upgrade opens nothing', async () => {
    const upgrade = (path: string, lines: readonly string[] = [], to = 'websocket') =>
      requestText(`GET ${path}`, [`Upgrade: ${to}`, ...lines]).replace('Connection: close', 'Connection: Upgrade')
    const bearer = `Authorization: Bearer ${await tokenOf(palisade, acme)}`
    const cases: readonly (readonly [what: string, bytes: string, status: number])[] = [
      ['a stranger’s upgrade of the API', upgrade('/v1/users/me'), 401],
      ['of a path that is none', upgrade('/v1/nothing'), 401],
      ['of our own calls', upgrade('/v1/palisade/clusters', [], 'h2c'), 401],
      ['with a made-up token', upgrade('/v1/users/me', ['Authorization: Bearer x.y.z']), 401],
      ['with two tokens', upgrade('/v1/users/me', [bearer, bearer]), 400],
      ['somebody’s upgrade of the API', upgrade('/v1/users/me', [bearer]), 400],
      ['an upgrade of the issuer', upgrade('/oidc/auth'), 400],
      ['an upgrade of a page', upgrade('/sign-in/forgotten'), 400],
      ['an upgrade of nothing', upgrade('/nothing'), 400],
      ['no HTTP', 'hello\r\n\r\n', 400],
      ['a head that is too long', requestText('GET /v1/users/me', [`X: ${'x'.repeat(20_000)}`]), 431],
      ['no Host', 'GET /v1/users/me HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ]
    for (const [what, bytes, status] of cases) {
      const answer = await sendRaw(palisade, bytes)
      assert.equal(answer.status, status, `${what}: ${answer.head}`)
      const id = /^x-request-id: ([0-9a-f]{24})$/m.exec(answer.head.replaceAll('\r', ''))?.[1]
      assert.ok(id, `${what}: ${answer.head}`)
      if (answer.body !== '' && what !== 'no HTTP') assert.match(answer.body, new RegExp(id), what)
      assert.match(await palisade.log(), new RegExp(`"request":"${id}"`), what)
    }
  })

  test('A26 metrics are on loopback alone, nothing else listens, and there is no way to them through the front', async (t) => {
    const inside = [
      ...['/metrics', '/metrics/', '/debug', '/debug/pprof', '/debug/pprof/heap', '/debug/vars', '/debug/requests'],
      ...['/config', '/config_dump', '/configz', '/env', '/.env', '/actuator', '/actuator/env', '/server-status'],
      ...['/json/list', '/json/version', '/heapdump', '/admin', '/stats', '/statusz', '/flagz', '/varz', '/logs'],
    ]
    for (const server of [palisade, proxied])
      for (const path of inside)
        for (const caller of [server.api, server.system]) {
          const { status, text } = await caller.call('GET', path)
          assert.ok(status === 404 || status === 401, `${path}: ${status}`)
          assert.doesNotMatch(text, /palisade_|process_cpu|PALISADE_/, path)
        }

    for (const server of [palisade, proxied]) {
      const metrics = `http://127.0.0.1:${server.env.PALISADE_METRICS_PORT}`
      for (const path of inside.slice(1)) {
        const { statusCode, body } = await request(metrics + path)
        assert.equal(statusCode, 404, `${path} on the inner listener`)
        await body.dump()
      }
      const { statusCode, body } = await request(`${metrics}/metrics`)
      const text = await body.text()
      assert.equal(statusCode, 200)
      assert.match(text, /palisade_http_request_seconds_count\{/)
      for (const told of ['@', 'eyJ', 'pak_', 'acme', acme.uid, acme.adminUid, 'PALISADE_'])
        assert.ok(!text.includes(told), `metrics tell ${told}`)
    }

    if (platform() !== 'linux') return t.skip('sockets are read from /proc, which is Linux')
    const own = (of: Palisade, address: string) =>
      [`${address}:${of.port}`, `127.0.0.1:${of.env.PALISADE_METRICS_PORT}`].toSorted()
    assert.deepEqual(await listenersOf(palisade.pid), own(palisade, '127.0.0.1'))
    assert.deepEqual(await listenersOf(proxied.pid), own(proxied, '0.0.0.0'))
  })
})

describe('another tenant’s ids', () => {
  /** An object of acme’s of each kind that routes know, by the word after `/v1`. */
  let theirs: Record<string, string>
  let nobody: Api
  let key: Api
  let watches: Agent | undefined
  after(() => watches?.destroy())
  const packName = 'secret-pack'
  const cloudType = 'secret-cloud'
  let customAccount: string
  /** Of acme’s, by the name of the parameter that is inside another object. */
  const inner = new Map<string, string>()
  const random = () => Array.from({ length: 24 }, () => Math.floor(Math.random() * 16).toString(16)).join('')

  before(async () => {
    const user = await createUser(palisade, acme, 'target')
    const { uid: team } = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'secret team' }, spec: { users: [user.uid] } },
    })
    const { uid: project } = await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'secret' } } })
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project,
      body: { metadata: { name: 'secret cluster' }, spec: { kubeconfig: cluster.kubeconfig() } },
    })
    const { uid: apiKey } = await user.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'secret key' } } })
    const { items: sessions } = await user.api.must('GET', '/v1/palisade/sessions')
    const own = await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'watches' } } })
    // A watch goes on until its client goes.
    cluster.intercept = ({ path }) => (path.includes('watch=1') ? 'endless' : undefined)
    watches = new Agent({ connect: { ca: palisade.caPem } })
    await request(`${palisade.url}/k8s/clusters/${imported.uid}/api/v1/pods?watch=1`, {
      dispatcher: watches,
      headers: { authorization: `Bearer ${own.apiKey}` },
    })
    const stream: string = await until('the stream', async () => {
      const { items } = await acme.admin.must('GET', `/v1/palisade/clusters/${imported.uid}/streams`)
      return items[0]?.uid
    })
    const { items: entries } = await acme.admin.must('GET', '/v1/audits?limit=1')
    const { client } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', {
      body: { name: 'secret client', kind: 'web', redirectUris: ['https://app.acme.test/callback'], apiAccess: false },
    })
    const { uid: role } = await acme.admin.must('POST', '/v1/roles', {
      body: { metadata: { name: 'secret role' }, spec: { permissions: ['cluster.get'], scope: 'project' } },
    })
    const filterGroup = { filters: [{ key: 'secret key', values: ['secret value'] }] }
    const { uid: filter } = await acme.admin.must('POST', '/v1/filters/tag', {
      body: { metadata: { name: 'secret filter' }, spec: { filterGroup } },
    })
    const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
    const awsSpec = { credentialType: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'not-a-real-one' }
    const { uid: sshKey } = await acme.admin.must('POST', '/v1/users/assets/sshkeys', {
      body: { metadata: { name: 'secret ssh key' }, spec: { publicKey } },
    })
    const { uid: cloudAccount } = await acme.admin.must('POST', '/v1/cloudaccounts/aws', {
      project,
      body: { metadata: { name: 'secret account' }, spec: awsSpec },
    })
    await acme.admin.must('POST', '/v1/clouds/cloudTypes/register', { body: { metadata: { name: cloudType } } })
    const accountOf = async (path: string, spec: object): Promise<string> =>
      (await acme.admin.must('POST', `/v1/cloudaccounts/${path}`, { body: { metadata: { name: 'secret' }, spec } })).uid
    customAccount = await accountOf(`cloudTypes/${cloudType}`, { credentials: { password: 'not-a-real-one' } })
    const gcpAccount = await accountOf('gcp', {
      jsonCredentials: JSON.stringify({
        ...{ type: 'service_account', project_id: 'shop', private_key_id: '1', client_email: 'a@shop.test' },
        private_key: '-----BEGIN PRIVATE KEY-----\nbm90LWEtcmVhbC1vbmU=\n-----END PRIVATE KEY-----\n',
      }),
    })
    const azureAccount = await accountOf('azure', {
      ...{ tenantId: 'acme.test', clientId: '00000000-0000-4000-8000-000000000002', clientSecret: 'not-a-real-one' },
    })
    const { uid: clusterProfile } = await acme.admin.must('POST', '/v1/clusterprofiles', {
      project,
      body: { metadata: { name: 'secret profile' }, spec: { template: { packs: [{ name: packName }] } } },
    })
    const { uid: edgeToken } = await acme.admin.must('POST', '/v1/edgehosts/tokens', {
      body: { metadata: { name: 'secret token' }, spec: { expiry: '2099-01-01T00:00:00.000Z' } },
    })
    const { uid: workspace } = await acme.admin.must('POST', '/v1/workspaces', {
      project,
      body: { metadata: { name: 'secret workspace' } },
    })
    const { uid: assignment } = await acme.admin.must('POST', '/v1/palisade/access/assignments', {
      body: { team, role: predefinedRole('Project Viewer').uid, project, endsAt: '2099-01-01T00:00:00.000Z' },
    })
    const ofCluster = `/v1/spectroclusters/${imported.uid}/config`
    const binding = {
      ...{ type: 'RoleBinding', namespace: 'secret', role: { kind: 'ClusterRole', name: 'view' } },
      subjects: [{ type: 'Group', name: 'secret group' }],
    }
    await acme.admin.must('PUT', `${ofCluster}/rbacs`, { body: { rbacs: [{ spec: { bindings: [binding] } }] } })
    await acme.admin.must('PUT', `${ofCluster}/namespaces`, {
      body: { namespaces: [{ metadata: { name: 'secret' } }] },
    })
    for (const [part, name] of [
      ['rbacs', 'rbacUid'],
      ['namespaces', 'namespaceUid'],
    ] as const)
      inner.set(name, (await acme.admin.must('GET', `${ofCluster}/${part}`)).items[0].metadata.uid)
    const { uid: asked } = await user.api.must('POST', '/v1/palisade/access/requests', {
      body: { role: 'Project Viewer', project, seconds: 600, reason: 'a secret reason' },
    })
    const { items: features } = await palisade.system.must('GET', '/v1/system/features')
    const { uid: admins } = await palisade.system.must('POST', '/v1/system/admins', {
      body: { spec: { emailId: 'secret@admins.test', firstName: 'Secret', adminType: 'AccountAdmin' } },
    })
    const secretAdmin = await palisade.system.must('GET', `/v1/system/admins/${admins}`)
    theirs = {
      ...{
        sshkeys: sshKey,
        aws: cloudAccount,
        clusterprofiles: clusterProfile,
        cloudTypes: cloudType,
        gcp: gcpAccount,
        azure: azureAccount,
        tokens: edgeToken,
      },
      ...{ admins, password: secretAdmin.status.activation.link.split('/').at(-1) },
      // Of the installation: nothing of theirs, and nothing to a tenant.
      features: features[0].metadata.uid,
      ...{ assignments: assignment, requests: asked, workspaces: workspace },
      ...{ clients: client.uid, streams: stream, entries: entries[0].metadata.uid },
      ...{
        users: user.uid,
        people: user.uid,
        teams: team,
        roles: role,
        ...{ tag: filter, filters: filter },
        projects: project,
        apiKeys: apiKey,
        spectroclusters: imported.uid,
      },
      ...{ sessions: sessions[0].uid, clusters: imported.uid, audits: entries[0].metadata.uid, tenants: acme.uid },
    }
    nobody = (await createUser(palisade, globex, 'nobody')).api
    const made = await globex.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'mine' } } })
    key = palisade.api.as({ apiKey: made.apiKey })
  })

  const ofSystem = ['tenants', 'admins', 'password', 'features']

  /** Bodies whose members hang together, by what follows the id. */
  const ownBodies: Readonly<Record<string, unknown>> = {
    '/check': { token: 'x' },
    '/password/policy': { minLength: 8 },
  }

  /** Everything that has an id in its path and needs a credential, with a body that its parser takes. */
  async function guardedRoutes() {
    const { paths } = await palisade.api.must('GET', '/openapi.json')
    const named = {
      ...{
        emailId: 'somebody@globex.test',
        endsAt: '2099-01-01T00:00:00.000Z',
        userMsg: 'a note',
        newPassword: `${goodPassword}-2`,
        path: '/spec/firstName',
      },
      ...{ op: 'test', value: 'x', name: 'sample' },
    }
    type Operation = {
      security: readonly unknown[]
      requestBody?: { content: Record<string, { schema: Schema }> }
    }
    return Object.entries<Record<string, Operation>>(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => path.includes('{') && security.length > 0)
        .map(([method, { requestBody }]) => {
          const schema = requestBody?.content['application/json']?.schema
          const own = ownBodies[path.slice(path.lastIndexOf('}') + 1)]
          return {
            route: `${method.toUpperCase()} ${path}`,
            method: method.toUpperCase(),
            kind: /([^/]+)\/\{/.exec(path)?.[1] ?? '',
            path: (uid: string) =>
              path
                .replace(/\{\w+\}/, encodeURIComponent(uid))
                .replace('{packName}', packName)
                .replace('{uid}', customAccount)
                .replace(/\{(\w+)\}/, (whole, name: string) => inner.get(name) ?? whole),
            body: own ?? (schema ? sampleOf(schema, named) : undefined),
          }
        }),
    )
  }

  /** The answer without what names this request, and with the ids that were asked for taken out. */
  const shapeOf = ({ status, text, headers }: ApiAnswer, ...uids: readonly string[]) => ({
    status,
    text: [...uids, String(headers['x-request-id'])].reduce((rest, uid) => rest.replaceAll(uid, '<uid>'), text),
    lines: Object.keys(headers).toSorted(),
  })

  test('D10 D12 an id of another tenant is answered as one that does not exist, on every route, to everybody', async () => {
    const routes = await guardedRoutes()
    const before = await snapshotOfAcme()
    const callers = { administrator: globex.admin, 'API key': key, nobody, system: palisade.system }
    let asked = 0
    for (const { route, method, kind, path, body } of routes) {
      assert.ok(theirs[kind], `${route}: an object of kind ${kind}`)
      for (const [who, caller] of Object.entries(callers)) {
        // Tenants, and they themselves, are the system administrators' to see.
        if (who === 'system' && ofSystem.includes(kind)) continue
        const ask = async (uid: string) =>
          shapeOf(await caller.call(method, path(uid), body === undefined ? {} : { body }), uid)
        const unknown = await ask(random())
        assert.equal(unknown.status, 404, `${route} of what does not exist, by ${who}: ${unknown.text}`)
        const found = await ask(theirs[kind] ?? '')
        assert.deepEqual(found, unknown, `${route} by ${who}`)
        asked++
      }
      // An id of another kind is no key to anything either.
      for (const uid of new Set(Object.values(theirs))) {
        const { status } = await globex.admin.call(method, path(uid), body === undefined ? {} : { body })
        assert.equal(status, 404, `${route} with ${uid}`)
      }
    }
    assert.ok(asked >= 120, `${asked} questions`)
    assert.deepEqual(await snapshotOfAcme(), before, 'nothing of acme’s was changed')

    // Whose they are finds them by the same requests: the ids were right.
    for (const { route, method, kind, path } of routes) {
      if (method !== 'GET' || ofSystem.includes(kind)) continue
      const { status, body } = await acme.admin.call(method, path(theirs[kind] ?? ''))
      // No workspace has backups; what says so says it of a workspace that is there.
      if (body?.code === 'BackupNotConfigured') continue
      assert.equal(status, 200, `${route} by whose it is`)
    }
  })

  async function snapshotOfAcme() {
    const kinds = ['users', 'teams', 'projects', 'apiKeys', 'spectroclusters']
    return Promise.all(kinds.map((kind) => acme.admin.must('GET', `/v1/${kind}/${theirs[kind]}`)))
  }

  test('D10 an id in a query, header or body reaches no further than one in a path', async () => {
    const own = await createUser(palisade, globex, 'own')
    const { uid: team } = await globex.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'own' } } })
    const roles: string[] = (await globex.admin.must('GET', '/v1/roles')).items.map(
      (role: { metadata: { uid: string } }) => role.metadata.uid,
    )
    const projectRole = (await globex.admin.must('GET', '/v1/roles?filters=metadata.name%3DCluster%20Viewer')).items[0]
      ?.metadata.uid
    assert.ok(roles.includes(projectRole))
    const attacks: Record<string, (of: { [kind: string]: string }) => readonly [string, string, object?]> = {
      'sessions of a user': ({ users }) => ['GET', `/v1/palisade/sessions?user=${users}`],
      'a key for a user': ({ users }) => [
        ...(['POST', '/v1/apiKeys'] as const),
        { body: { metadata: { name: 'x' }, spec: { userUid: users } } },
      ],
      'roles in a project': ({ projects }) => [
        ...(['PUT', `/v1/users/${own.uid}/projects`] as const),
        { body: { projects: [{ projectUid: projects, roles: [projectRole] }] } },
      ],
      'a team’s roles in a project': ({ projects }) => [
        ...(['PUT', `/v1/teams/${team}/projects`] as const),
        { body: { projects: [{ projectUid: projects, roles: [projectRole] }] } },
      ],
      'a member of a team': ({ users }) => [
        ...(['PUT', `/v1/teams/${team}`] as const),
        { body: { metadata: { name: 'own' }, spec: { users: [users] } } },
      ],
      'a new team with a member': ({ users }) => [
        ...(['POST', '/v1/teams'] as const),
        { body: { metadata: { name: `t${random()}` }, spec: { users: [users] } } },
      ],
      'a user in a project': ({ users }) => [
        ...(['PUT', `/v1/projects/${globex.defaultProject}/users`] as const),
        { body: { users: [{ userId: users, roles: [projectRole] }] } },
      ],
      'a team in a project': ({ teams }) => [
        ...(['PUT', `/v1/projects/${globex.defaultProject}/teams`] as const),
        { body: { teams: [{ teamId: teams, roles: [projectRole] }] } },
      ],
      'a new project with a user': ({ users }) => [
        ...(['POST', '/v1/projects'] as const),
        { body: { metadata: { name: `p${random()}` }, spec: { users: [{ userId: users, roles: [projectRole] }] } } },
      ],
      'a new user in a team': ({ teams }) => [
        ...(['POST', '/v1/users'] as const),
        { body: { spec: { emailId: `u${random()}@globex.test`, firstName: 'x', teams: [teams] } } },
      ],
      'a list in a project': ({ projects }) => ['GET', '/v1/users', { project: projects }],
      'clusters of a project': ({ projects }) => ['GET', '/v1/spectroclusters', { project: projects }],
      'a cluster into a project': ({ projects }) => [
        ...(['POST', '/v1/palisade/clusters'] as const),
        { project: projects, body: { metadata: { name: 'x' }, spec: { kubeconfig: cluster.kubeconfig() } } },
      ],
      'the log of a tenant': ({ tenants }) => ['GET', `/v1/audits?tenantUid=${tenants}`],
    }
    const callsBefore = cluster.calls.length
    for (const [what, attack] of Object.entries(attacks)) {
      const ask = async (ids: Record<string, string>) => {
        const [method, path, options] = attack(ids)
        return shapeOf(await globex.admin.call(method, path, options), ...Object.values(ids))
      }
      const unknown = await ask(Object.fromEntries(Object.keys(theirs).map((kind) => [kind, random()])))
      assert.ok(unknown.status === 404, `${what}: ${unknown.status} ${unknown.text}`)
      assert.deepEqual(await ask(theirs), unknown, what)
    }
    assert.equal(cluster.calls.length, callsBefore, 'and no cluster was asked anything')
    // Filters narrow what is seen; they find nothing of others.
    for (const kind of ['users', 'projects', 'teams'])
      for (const filter of [
        `userUid=${theirs.users}`,
        `projectUid=${theirs.projects}`,
        `resourceUid=${theirs[kind]}`,
      ]) {
        const { items, listmeta } = await globex.admin.must('GET', `/v1/audits?${filter}`)
        assert.deepEqual([items.length, listmeta.count], [0, 0], filter)
      }
    const mine = await globex.admin.must('GET', `/v1/audits?resourceUid=${own.uid}`)
    assert.ok(mine.items.length > 0, 'the same filter finds one’s own')
  })

  test('D12 nor does the time of the answer tell another tenant’s id from one that does not exist', async () => {
    const none = random()
    for (const [what, path] of [
      ['a user', (uid: string) => `/v1/users/${uid}`],
      ['a cluster', (uid: string) => `/v1/spectroclusters/${uid}`],
      ['an audit entry', (uid: string) => `/v1/audits/${uid}`],
    ] as const) {
      const kind = path('').split('/')[2] ?? ''
      const ask = (uid: string) => async () => {
        assert.equal((await globex.admin.call('GET', path(uid))).status, 404)
      }
      await assertTakeAlike(`${what} of another tenant, of nobody`, ask(theirs[kind] ?? ''), ask(none), { pairs: 100 })
    }
    const headers = { authorization: `Bearer ${await tokenOf(palisade, globex)}` }
    const atTheDoor = (uid: string) => async () => {
      assert.equal((await palisade.api.call('GET', `/k8s/clusters/${uid}/version`, { headers })).status, 404)
    }
    await assertTakeAlike('at the Kubernetes door', atTheDoor(theirs.clusters ?? ''), atTheDoor(none), { pairs: 100 })
  })

  test('D12 own objects say 403 to those without the right; lists, totals and names tell nothing of others', async () => {
    const own = await createUser(palisade, globex, 'colleague')
    assert.equal((await nobody.call('GET', `/v1/users/${own.uid}`)).status, 403, 'own tenant, right missing')
    assert.equal((await nobody.call('GET', `/v1/users/${theirs.users}`)).status, 404, 'another tenant')

    const lists = [
      ...['/v1/users', '/v1/users/meta', '/v1/teams', '/v1/projects', '/v1/apiKeys', '/v1/spectroclusters'],
      ...['/v1/dashboard/projects/metadata', '/v1/dashboard/spectroclusters/metadata', '/v1/audits?limit=0'],
    ]
    const seen = async () => {
      // Reading a list is no event, so the log stands still too.
      const texts = []
      for (const path of lists) texts.push((await globex.admin.call('GET', path)).text)
      return texts
    }
    const before = await seen()
    await createUser(palisade, acme, 'latest')
    await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'one more' } } })
    await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'one more' } } })
    assert.deepEqual(await seen(), before, 'not one number has moved')
    // The log holds the ids that globex has tried above; everything else holds none of them.
    for (const text of before.slice(0, -1))
      for (const hidden of ['secret', 'target@acme.test', ...Object.values(theirs)])
        assert.ok(!text.includes(hidden), hidden)

    // A name that another tenant uses is free here, and its use is no news there.
    const taken = await globex.admin.must('POST', '/v1/users', {
      body: { spec: { emailId: 'target@acme.test', firstName: 'Same' } },
    })
    const link = (await globex.admin.must('GET', `/v1/users/${taken.uid}`)).status.activationLink
    await activate(palisade.api, link)
    await globex.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'secret' } } })
    await globex.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'secret team' } } })
    // The Kubernetes door tells no difference either.
    const door = async (api: Api, uid: string) => {
      const token = await tokenOf(palisade, globex)
      const answer = await api.call('GET', `/k8s/clusters/${uid}/version`, {
        headers: { authorization: `Bearer ${token}` },
      })
      return shapeOf(answer, uid)
    }
    const unknown = await door(palisade.api, random())
    assert.equal(unknown.status, 404)
    assert.deepEqual(await door(palisade.api, theirs.clusters ?? ''), unknown)
  })
})
