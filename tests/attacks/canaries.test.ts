import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { administrator } from '../support/palisade.ts'
import { until } from '../support/until.ts'
import {
  type Ask,
  type Canary,
  createRecorder,
  leaksOf,
  needlesOf,
  type Place,
  type Recorder,
  type Seen,
} from './canaries.ts'
import { type OpenedPalisade, requestText, sendRaw, startOpened } from './support.ts'

// Threats C13 and E05: real secrets of every kind are given out, used, and sent where they do not belong, through every door. Then all
// that the server has answered, logged and recorded is searched for them.

let palisade: OpenedPalisade
let cluster: FakeKubernetes
let recorder: Recorder
const canaries: Canary[] = []
/** A name that is no secret, to be met wherever names are. */
const marker = `marker-${randomBytes(12).toString('hex')}`
const made = () => randomBytes(24).toString('base64url')
const typed = () => `Canary-1-${made()}`
const passwords = { ada: typed(), ben: typed(), weak: `weak${'a'.repeat(3)}${made().toLowerCase()}`, wrong: typed() }
const uids = { acme: '', ada: '', ben: '', project: '', cluster: '' }
let adaKey = ''

/** It may be seen where it was given out, and nowhere else. */
function secret(name: string, value: unknown, ...shown: readonly Place[]): string {
  assert.ok(typeof value === 'string' && value.length >= 20, `${name} is no secret: ${value}`)
  canaries.push({ name, value, shown: (place) => shown.includes(place) })
  return value
}

before(async () => {
  ;[palisade, cluster] = await Promise.all([
    startOpened({ name: 'canaries', env: { PALISADE_LOG_LEVEL: 'debug' } }),
    startFakeKubernetes(),
  ])
  recorder = createRecorder(palisade)
})
after(async () => {
  await recorder?.close()
  await palisade?.stop()
  await cluster?.close()
})

const ok = (answer: Seen): Seen => {
  assert.ok(answer.status < 400, `${answer.content.of}: ${answer.status} ${answer.text}`)
  return answer
}
const form = (fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Ask => ({
  body: new URLSearchParams(fields).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
})
const basic = (id: string, password: string) => `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`

/** As much of a browser as cookies need; every cookie that it is given is a secret. */
function createJar(at: Recorder) {
  const cookies = new Map<string, string>()
  const given: Place[] = []
  const visited: Place[] = []
  const header = (): Record<string, string> =>
    cookies.size === 0 ? {} : { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
  const visit = async (method: string, target: string, ask: Ask = {}): Promise<Seen> => {
    const answer = await at.ask(method, target, {
      as: `${method} ${new URL(target, palisade.url).pathname}`,
      ...ask,
      headers: { ...header(), ...ask.headers },
    })
    visited.push(answer.head, answer.content)
    for (const line of answer.setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      given.push(answer.head)
      if (value === '') cookies.delete(name)
      else if (cookies.get(name) !== value) {
        cookies.set(name, value)
        // The id of a sign-in under way is in its address too, which says nothing without the cookie of it.
        const shown = /sign-in|resume/.test(name) ? visited : given
        canaries.push({ name: `the cookie ${name}`, value, shown: (place) => shown.includes(place) })
      }
    }
    return answer
  }
  /** Follows redirects until one leads elsewhere, which is answered. */
  const follow = async (first: Seen): Promise<Seen> => {
    let answer = first
    for (let hops = 0; hops < 10; hops++) {
      const location = String(answer.headers.location ?? '')
      if (answer.status < 300 || answer.status > 399) return answer
      const next = new URL(location, palisade.url)
      if (next.origin !== palisade.url) return answer
      answer = await visit('GET', next.href)
    }
    throw new Error('redirects without an end')
  }
  return { cookies, visit, follow, header }
}

/** What the sign-in page is sent; the address is that of the page that was come to. */
const signInFields = { email: 'ada@acme.test', password: passwords.ada, action: 'sign-in' }

async function giveOutAccounts(): Promise<void> {
  const { ask } = recorder
  secret('the first administrator’s password', administrator.password)
  const root = ok(
    await ask('POST', '/v1/auth/syslogin', {
      body: { username: administrator.email, password: administrator.password },
    }),
  )
  const rootToken = secret('a system administrator’s token', root.body.Authorization, root.content)
  const asRoot = { authorization: rootToken }
  const tenant = ok(
    await ask('POST', '/v1/tenants', {
      headers: asRoot,
      body: {
        metadata: { name: 'acme' },
        spec: { orgName: 'acme', firstName: 'Ada', lastName: 'A', emailId: 'ada@acme.test' },
      },
    }),
  )
  uids.acme = tenant.body.uid
  const first = ok(await ask('GET', `/v1/tenants/${uids.acme}/user`, { headers: asRoot }))
  uids.ada = first.body.metadata.uid
  const link = new URL(first.body.status.activationLink)
  const linkToken = secret('an activation link', link.pathname.split('/').at(-1), first.content)
  ok(await ask('GET', link.pathname, { as: 'GET an activation page' }))
  const activate = (password: string) =>
    ask('PATCH', `/v1/auth/password/${linkToken}/activate`, { body: { password }, as: 'PATCH activate' })
  assert.equal((await activate(secret('a password that is too weak', passwords.weak))).status, 400)
  ok(await activate(secret('a password', passwords.ada)))
  assert.equal((await activate(passwords.ada)).status, 400, 'a used link')

  const signIn = (emailId: string, password: string) =>
    ask('POST', '/v1/auth/authenticate', { body: { emailId, password, org: 'acme' } })
  assert.equal((await signIn('ada@acme.test', secret('a wrong password', passwords.wrong))).status, 401)
  const signedIn = ok(await signIn('ada@acme.test', passwords.ada))
  const token = secret('a session’s token', signedIn.body.Authorization, signedIn.content)
  const refreshed = ok(await ask('GET', `/v1/auth/refresh/${token}`, { as: 'GET refresh' }))
  secret('a refreshed token', refreshed.body.Authorization, refreshed.content)
  const asAda = { authorization: token }

  const key = ok(await ask('POST', '/v1/apiKeys', { headers: asAda, body: { metadata: { name: 'canary' } } }))
  adaKey = secret('an API key', key.body.apiKey, key.content)
  const projects = ok(await ask('GET', '/v1/dashboard/projects/metadata', { headers: asAda }))
  uids.project = projects.body.items[0].metadata.uid
  ok(await ask('POST', '/v1/projects', { headers: asAda, body: { metadata: { name: marker }, spec: {} } }))

  const ben = ok(
    await ask('POST', '/v1/users', {
      headers: asAda,
      body: { metadata: { name: 'ben' }, spec: { emailId: 'ben@acme.test', firstName: 'Ben', lastName: 'B' } },
    }),
  )
  uids.ben = ben.body.uid
  const pending = ok(await ask('GET', `/v1/users/${uids.ben}`, { headers: asAda }))
  // Who may set people's passwords is shown the link of whoever has none, for as long as that is so.
  const benLink = new URL(pending.body.status.activationLink).pathname.split('/').at(-1) ?? ''
  canaries.push({
    name: 'a link that is still open',
    value: benLink,
    shown: ({ of, part }) => part === 'body' && /^GET \/v1\/(users|tenants)\b/.test(of),
  })
  await ask('POST', '/v1/users', {
    headers: asAda,
    body: { metadata: {}, spec: { emailId: 'x', password: passwords.ben } },
  })
  secret('a password in a field that there is not', passwords.ben)
  for (const [currentPassword, newPassword] of [
    [passwords.wrong, typed()],
    [passwords.ada, passwords.weak],
  ])
    await ask('PATCH', `/v1/users/${uids.ada}/password`, { headers: asAda, body: { currentPassword, newPassword } })
}

async function giveOutClusters(): Promise<void> {
  const { ask } = recorder
  const asAda = { ApiKey: adaKey, ProjectUid: uids.project }
  const kubeconfigToken = secret('a kubeconfig’s token', `kube-${made()}`)
  const refusedToken = secret('a kubeconfig’s token that the cluster refuses', `kube-${made()}`)
  cluster.admins.add(kubeconfigToken)
  const add = (kubeconfig: unknown, name = 'canary') =>
    ask('POST', '/v1/palisade/clusters', { headers: asAda, body: { metadata: { name }, spec: { kubeconfig } } })
  assert.equal((await add(cluster.kubeconfig(refusedToken), 'refused')).status, 422)
  const other = (member: string, value: string) =>
    cluster.kubeconfig(adminToken).replace(/token: .*/, `${member}: ${value}`)
  for (const member of ['password', 'client-key-data', 'client-certificate-data', 'tokenFile', 'nothing-known', 'exec'])
    assert.ok((await add(other(member, secret(`a kubeconfig’s ${member}`, made())), member)).status >= 400, member)
  // A text that is no YAML, one that stops in the middle, and one with an address that may not be a cluster.
  const broken = secret('a token in a kubeconfig that cannot be read', made())
  for (const kubeconfig of [
    `token: "${broken}`,
    `users: [{ user: { token: ${broken}`,
    { token: broken },
    cluster.kubeconfig(broken, { server: 'https://169.254.169.254' }),
    cluster.kubeconfig(`${broken}\u0001`),
    cluster.kubeconfig(broken, { server: `https://user:${broken}@127.0.0.1:1` }),
    cluster.kubeconfig(adminToken, { server: `https://127.0.0.1:1/?token=${broken}` }),
  ])
    assert.ok((await add(kubeconfig, 'broken')).status >= 400)
  const imported = ok(await add(cluster.kubeconfig(kubeconfigToken)))
  uids.cluster = imported.body.uid
  for (const token of cluster.tokens) secret('a token of the account on the cluster', token)

  const asset = ok(await ask('GET', `/v1/spectroclusters/${uids.cluster}/assets/kubeconfig`, { headers: asAda }))
  const issued = /token: (\S+)/.exec(asset.text)?.[1]
  secret('a token in a kubeconfig of ours', issued, asset.content)
  const through = await ask('GET', `/k8s/clusters/${uids.cluster}/api/v1/namespaces/default/secrets`, {
    headers: { authorization: `Bearer ${issued}` },
  })
  assert.ok(through.status !== 401, through.text)
}

async function giveOutAtTheIssuer(): Promise<void> {
  const redirect = 'https://app.example/callback'
  const { ask } = recorder
  const registered = ok(
    await ask('POST', '/v1/palisade/oidc/clients', {
      headers: { ApiKey: adaKey },
      body: { name: 'Canary', kind: 'web', redirectUris: [redirect], apiAccess: true },
    }),
  )
  const { clientId } = registered.body.client
  const clientSecret = secret('a client’s secret', registered.body.clientSecret, registered.content)
  const verifier = secret('a code verifier', randomBytes(32).toString('base64url'))
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const jar = createJar(recorder)
  const query = new URLSearchParams({
    ...{ client_id: clientId, redirect_uri: redirect, response_type: 'code', scope: 'openid email' },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', state: 's', nonce: 'n' },
  })
  const page = await jar.follow(await jar.visit('GET', `/oidc/auth?${query}`))
  const address = new URL(page.content.of.replace('GET ', ''), palisade.url).href
  const origin = { origin: palisade.url }
  await jar.visit('POST', address, form({ ...signInFields, password: passwords.wrong }, origin))
  const back = await jar.follow(await jar.visit('POST', address, form(signInFields, origin)))
  const callback = new URL(String(back.headers.location))
  const code = secret('an authorization code', callback.searchParams.get('code'), back.head, back.content)
  const redeem = (fields: Readonly<Record<string, string>>, authorization = basic(clientId, clientSecret)) =>
    ask('POST', '/oidc/token', form(fields, { authorization }))
  const grant = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier }
  assert.equal((await redeem({ ...grant, code_verifier: made() + made() })).status, 400)
  const tokens = ok(await redeem(grant))
  for (const name of ['access_token', 'refresh_token', 'id_token'])
    secret(`an ${name} of the issuer`, tokens.body[name], tokens.content)
  const bearer = { authorization: `Bearer ${tokens.body.access_token}` }
  ok(await ask('GET', '/v1/users/me', { headers: bearer }))
  await ask('GET', '/oidc/userinfo', { headers: bearer })
  const renewed = ok(await redeem({ grant_type: 'refresh_token', refresh_token: tokens.body.refresh_token }))
  for (const name of ['access_token', 'refresh_token', 'id_token'])
    secret(`a renewed ${name}`, renewed.body[name], renewed.content)

  const device = ok(await ask('POST', '/oidc/device/auth', form({ client_id: 'palisade-cli', scope: 'openid' })))
  secret('a device’s code', device.body.device_code, device.content)
}

let consoleJar: ReturnType<typeof createJar>
async function giveOutAtTheConsole(): Promise<void> {
  consoleJar = createJar(recorder)
  const page = await consoleJar.follow(await consoleJar.visit('GET', '/canvas/login'))
  const address = new URL(page.content.of.replace('GET ', ''), palisade.url).href
  const answer = await consoleJar.visit('POST', address, form(signInFields, { origin: palisade.url }))
  await consoleJar.follow(answer)
  assert.ok(consoleJar.cookies.has('__Host-palisade'))
  const session = ok(await consoleJar.visit('GET', '/canvas/session'))
  // Whoever has the cookie is told it; it is nothing without the cookie.
  canaries.push({
    name: 'the console’s token against forged requests',
    value: session.body.csrf,
    shown: ({ of, part }) => part === 'body' && of.startsWith('GET /canvas/session'),
  })
  ok(await consoleJar.visit('GET', '/canvas/api/v1/users/me'))
  ok(
    await consoleJar.visit('POST', '/canvas/api/v1/projects', {
      body: { metadata: { name: `${marker}-2` }, spec: {} },
      headers: { origin: palisade.url, 'x-palisade-csrf': session.body.csrf },
    }),
  )
}

/** Sends one secret everywhere that it does not belong. */
async function misplace({ name, value }: Canary, at: Recorder): Promise<void> {
  const as = (door: string) => ({ as: `${door} with ${name}` })
  const key = { ApiKey: adaKey }
  const isHeader = /^[\x21-\x7e]*$/.test(value)
  assert.ok(isHeader, name)
  const query = new URLSearchParams({ token: value, access_token: value, apiKey: value })

  for (const path of [
    '/v1/users/me',
    '/v1/no-such-route',
    '/k8s/clusters/x/api',
    `/k8s/clusters/${uids.cluster}/api/v1/pods`,
    '/oidc/userinfo',
    '/canvas/session',
    '/readyz',
    '/',
  ])
    for (const headers of [
      { authorization: value },
      { authorization: `Bearer ${value}` },
      { authorization: `Basic ${value}` },
      { authorization: basic(value, value) },
      { ApiKey: value },
      { cookie: `__Host-palisade=${value}` },
      { cookie: `__Host-palisade-state=${value}; __Host-palisade-issuer=${value}; other=${value}` },
      { ...key, ProjectUid: value },
      { ...key, 'x-request-id': value, traceparent: value, 'x-forwarded-for': value, forwarded: `for=${value}` },
      { ...key, 'content-type': value, accept: value, 'if-none-match': value },
      { authorization: `Bearer ${adaKey}`, 'Impersonate-User': value },
    ])
      await at.ask('GET', path, { headers, ...as(`GET ${path} (${Object.keys(headers).join(', ')})`) })

  for (const path of [
    ...[
      `/${value}`,
      `/v1/${value}`,
      `/v1/users/${value}`,
      `/v1/users/me/${value}`,
      `/v1/apiKeys/${value}`,
      `/v1/audits/${value}`,
    ],
    ...[`/v1/auth/refresh/${value}x`, `/v1/auth/password/${value}/nothing`, `/v1/palisade/sessions/${value}`],
    ...[`/v1/users/me?${query}`, `/v1/audits?${query}`, `/v1/users?${query}`, `/v1/palisade/people?${query}`],
    ...[
      `/sign-in/${value}`,
      `/sign-in/activate/${value}`,
      `/sign-in/reset/${value}x`,
      `/oidc/${value}`,
      `/oidc/auth/${value}`,
    ],
    ...[`/oidc/auth?client_id=${value}`, `/oidc/auth?client_id=palisade-cli&request=${value}&id_token_hint=${value}`],
    ...[`/oidc/session/end?id_token_hint=${value}`, `/oidc/device?user_code=${value.slice(0, 8)}&token=${value}`],
    ...[`/canvas/callback?code=${value}&state=${value}`, `/canvas/${value}`, `/canvas/login?code=${value}`],
    ...[
      `/assets/${value}`,
      `/k8s/${value}`,
      `/k8s/clusters/${value}/api`,
      `/k8s/clusters/${uids.cluster}/api/v1/pods?${query}`,
    ],
  ])
    for (const method of ['GET', 'PATCH'])
      await at.ask(method, path, { headers: key, ...as(`${method} ${path.replaceAll(value, '…')}`) })

  const own = consoleJar.header()
  for (const path of [
    `/canvas/api/v1/users/${value}`,
    `/canvas/api/v1/auth/refresh/${value}`,
    `/canvas/api/v1/audits?${query}`,
  ])
    await at.ask('GET', path, { headers: own, ...as(`GET ${path.replaceAll(value, '…')}`) })
  for (const headers of [{ 'x-palisade-csrf': value }, { origin: palisade.url, 'x-palisade-csrf': value }])
    await at.ask('POST', '/canvas/api/v1/projects', {
      ...{ headers: { ...own, ...headers }, body: { metadata: { name: 'x' } } },
      ...as('POST /canvas/api/v1/projects'),
    })

  const bodies: readonly unknown[] = [
    `{"password":"${value}"`,
    `{"token":${value}}`,
    value,
    `${value}{}`,
    [value],
    { emailId: value, password: value, org: value, username: value },
    { currentPassword: value, newPassword: value, password: [value], emailId: { value } },
    { metadata: { name: [value], labels: value }, spec: { kubeconfig: { value }, expiry: value, userUid: value } },
    { tokens: value, projects: value, roles: [value], redirectUris: [value], kind: value, mode: value },
  ]
  for (const [method, path] of [
    ...[
      ['POST', '/v1/auth/authenticate'],
      ['POST', '/v1/auth/syslogin'],
      ['POST', '/v1/auth/user/password/reset'],
    ],
    ...[
      ['PATCH', `/v1/auth/password/plk_x/activate`],
      ['POST', '/v1/users/auth/tokens/revoke'],
    ],
    ...[
      ['PATCH', `/v1/users/${uids.ada}/password`],
      ['POST', '/v1/users'],
      ['PUT', `/v1/users/${uids.ben}/projects`],
    ],
    ...[
      ['POST', '/v1/apiKeys'],
      ['POST', '/v1/palisade/oidc/clients'],
      ['POST', '/v1/tenants'],
      ['POST', '/v1/teams'],
    ],
    ...[
      ['POST', '/v1/palisade/clusters'],
      ['PUT', `/v1/palisade/clusters/${uids.cluster}/credentialMode`],
    ],
    ...[
      ['POST', `/v1/palisade/clusters/${uids.cluster}/check`],
      ['PATCH', `/v1/teams/${uids.ben}`],
    ],
  ] as const)
    for (const body of bodies)
      await at.ask(method, path, {
        body,
        headers: { ...key, ProjectUid: uids.project, 'content-type': 'application/json' },
        ...as(`${method} ${path}`),
      })

  const fields = { client_id: 'palisade-cli', code: value, code_verifier: value, refresh_token: `${value}x` }
  for (const grant_type of [
    'authorization_code',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
    value,
  ])
    for (const authorization of [undefined, basic('palisade-canvas', value), basic(value, value), `Bearer ${value}`])
      await at.ask('POST', '/oidc/token', {
        ...form(
          { ...fields, grant_type, device_code: `${value}x` },
          authorization === undefined ? {} : { authorization },
        ),
        ...as('POST /oidc/token'),
      })
  for (const path of ['token/introspection', 'token/revocation', 'device/auth', 'device', 'session/end/confirm'])
    await at.ask('POST', `/oidc/${path}`, {
      ...form({ client_id: value, token: value, user_code: value, xsrf: value }, { origin: palisade.url }),
      ...as(`POST /oidc/${path}`),
    })
  for (const path of ['/sign-in/forgotten', '/sign-in/reset/plk_x', '/sign-in/x'])
    await at.ask('POST', path, {
      ...form({ password: value, again: value, org: value, email: value }, { origin: palisade.url }),
      ...as(`POST ${path}`),
    })

  // As kubectl in a browser brings a token, and lines that are none.
  const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(value).toString('base64url')}`
  for (const [start, lines] of [
    [
      `GET /k8s/clusters/${uids.cluster}/api/v1/namespaces/a/pods/b/exec?command=sh&token=${value}`,
      [
        `Sec-WebSocket-Protocol: ${protocol}, v5.channel.k8s.io`,
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ],
    ],
    [
      `GET /canvas/k8s/clusters/${uids.cluster}/api`,
      [`Sec-WebSocket-Protocol: ${protocol}`, 'Upgrade: websocket', `Cookie: __Host-palisade=${value}`],
    ],
    ['GET /v1/users/me', [`Authorization ${value}`]],
    [`GET /v1/${value}\\`, []],
    [`${value.replace(/\W/g, '')} /v1/users/me`, []],
    [`GET https://${value}@localhost/v1/users/me`, []],
  ] as const) {
    const text = requestText(start, lines)
    const answer = await sendRaw(
      palisade,
      lines.some((line) => line.startsWith('Upgrade'))
        ? text.replace('Connection: close', 'Connection: Upgrade')
        : text,
    )
    at.keep(`${start.replaceAll(value, '…')} with ${name}`, 'head', answer.head)
    at.keep(`${start.replaceAll(value, '…')} with ${name}`, 'body', answer.body)
  }
}

/** What is written down, and can be read by an operator or an auditor. */
async function writtenDown(): Promise<void> {
  const { ask } = recorder
  const { body } = await ask('POST', '/v1/auth/syslogin', {
    body: { username: administrator.email, password: administrator.password },
  })
  for (const [whose, headers] of [
    ['acme', { ApiKey: adaKey }],
    ['system', { authorization: body.Authorization as string }],
  ] as const) {
    ok(await ask('GET', '/v1/palisade/audit/export', { headers, as: `the export of ${whose}` }))
    let next = ''
    do {
      const target = `/v1/audits?limit=1000${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`
      const page = ok(await ask('GET', target, { headers, as: `the audit list of ${whose}` }))
      next = page.body.listmeta.continue
    } while (next !== '')
  }
  const last = ok(await ask('GET', '/v1/users/me', { headers: { ApiKey: adaKey } }))
  const id = String(last.headers['x-request-id'])
  await until('the log to come to the last request', async () =>
    (await palisade.log()).includes(id) ? true : undefined,
  )
  // What it logs, and what it says to its standard error.
  recorder.keep('the output of the process', 'log', await palisade.log())
}

describe('C13: what is secret stays where it was shown', () => {
  test('the search finds a secret as it stands, a piece of it, and what encodings make of it', () => {
    const value = made() + made()
    const canary: Canary = { name: 'planted', value, shown: ({ of }) => of === 'its own answer' }
    const tail = value.slice(-40)
    const lines = [
      value,
      tail.slice(3, 3 + 17),
      Buffer.from(`a:${value}`).toString('base64'),
      Buffer.from(`ab:${value}, and more`).toString('base64url'),
      Buffer.from(value).toString('hex'),
      JSON.stringify({ line: JSON.stringify({ value }) }),
      `?token=${encodeURIComponent(value)}`,
    ]
    for (const line of lines) {
      const place: Place = { of: 'a log', part: 'log', text: `x${line}x` }
      assert.deepEqual(leaksOf([canary], [place]), ['planted in the log of a log'], line)
      assert.deepEqual(leaksOf([canary], [{ ...place, of: 'its own answer' }]), [])
      assert.deepEqual(leaksOf([{ ...canary, value: made() + made() }], [place]), [], 'another one is not met there')
    }
    assert.ok(needlesOf(value).length > 8)
  })

  test('no secret that was given out, used or sent astray is in an answer, a log or an entry', async () => {
    await giveOutAccounts()
    await giveOutClusters()
    await giveOutAtTheIssuer()
    await giveOutAtTheConsole()
    const all = [...canaries]
    assert.ok(all.length > 35, `${all.length} secrets`)
    // Of secrets that look alike and are looked at by the same code one is enough.
    const astray = all.filter(
      ({ name }) => !/renewed|refreshed|palisade-(?:sign-in|resume)|kubeconfig’s (?!token$)|too weak/.test(name),
    )
    const lanes = 4
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        // Not one budget for all of them: what is refused for its number comes to no door.
        for (const [i, canary] of astray.entries())
          if (i % lanes === lane) await misplace(canary, recorder.from(`127.0.4.${1 + i}`))
      }),
    )
    await writtenDown()

    const { places } = recorder
    const limited = places.filter(({ part, text }) => part === 'body' && text.includes('TooManyRequests')).length
    assert.ok(limited < places.length / 50, `${limited} of ${places.length} answers came from budgets`)
    // The search sees: what is no secret is found wherever it belongs.
    const seen = (value: string) =>
      places.filter(({ text }) => text.includes(value)).map(({ of, part }) => `${part} ${of}`)
    const ofMarker = seen(marker)
    for (const where of ['body the audit list of acme', 'body the export of acme'])
      assert.ok(ofMarker.includes(where), `${where}: ${ofMarker}`)
    const answered = places.find(({ of, part }) => of === 'POST /v1/projects' && part === 'head')
    const requestId = /"x-request-id":"([0-9a-f]{24})"/.exec(answered?.text ?? '')?.[1] ?? ''
    assert.notEqual(requestId, '')
    for (const where of ['head POST /v1/projects', 'log the output of the process', 'body the export of acme'])
      assert.ok(seen(requestId).includes(where), `${where} has the request id`)

    // What the console holds for a browser is in no answer, so that it cannot be looked for by itself.
    const anyToken = /eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}|p[al]k_[0-9a-f]{24}_[0-9a-f]{24}_[\w-]{43}/
    assert.match(places.find(({ of, part }) => of === 'POST /v1/apiKeys' && part === 'body')?.text ?? '', anyToken)
    const hasNone = places.filter(
      ({ of, part }) => part === 'log' || /the (?:export|audit list) of|^\w+ \/canvas/.test(of),
    )
    assert.ok(hasNone.length > 100)
    assert.deepEqual(
      hasNone.filter(({ text }) => anyToken.test(text)).map(({ of }) => of),
      [],
    )

    const leaks = leaksOf(all, places)
    // The first ones are enough to see what it is.
    assert.deepEqual([...new Set(leaks)].slice(0, 40), [])
  })
})
