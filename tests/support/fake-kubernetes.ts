import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { stringify } from 'yaml'
import { type Authority, type Certificate, createAuthority } from './certificates.ts'

/** A request as the fake API server saw it. */
export type SeenCall = {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly impersonated: string | undefined
  readonly headers: Readonly<Partial<Record<string, string[]>>>
  readonly body: unknown
}

type Intercepted = FakeReply | 'silence' | 'endless' | undefined
export type FakeReply = { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }

/**
 * A server that answers as kube-apiserver does to what an import asks of it, where no real one is needed: version, reviews,
 * server-side apply, tokens. What a real one says is tried in `*.slow.test.ts`.
 */
export type FakeKubernetes = {
  readonly server: string
  readonly port: number
  readonly caPem: string
  readonly authority: Authority
  readonly calls: SeenCall[]
  /** Objects by path, as applied. */
  readonly objects: Map<string, Record<string, unknown>>
  /** Answers instead of the fake where it answers something; `silence`: never; `endless`: with a head alone. The request waits for a promise. */
  intercept: ((call: SeenCall) => Intercepted | Promise<Intercepted>) | undefined
  /** Lifetime of the tokens it gives. */
  tokenSeconds: number
  /** Tokens of those who may do everything. */
  readonly admins: Set<string>
  /** Tokens of the account that it gave and still takes. */
  readonly tokens: Set<string>
  /** A kubeconfig of somebody who may do everything (`admin`), or nothing. */
  kubeconfig(token?: string, changes?: { readonly server?: string; readonly caPem?: string }): string
  close(): Promise<void>
}

export const adminToken = 'admin-token'
export const limitedToken = 'limited-token'
const account = 'system:serviceaccount:palisade-system:palisade-impersonator'

export async function startFakeKubernetes(
  options: { readonly certificate?: (authority: Authority) => Promise<Certificate> } = {},
): Promise<FakeKubernetes> {
  const authority = await createAuthority('fake cluster')
  const { certPem, keyPem } = await (options.certificate?.(authority) ??
    authority.issue({ commonName: 'kube-apiserver', dnsNames: ['localhost'], addresses: ['127.0.0.1'] }))
  const sockets = new Set<Duplex>()
  const server: Server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    void readCall(request).then(async (call) => {
      fake.calls.push(call)
      const reply = (await fake.intercept?.(call)) ?? answer(fake, call)
      if (reply === 'silence') return
      if (reply === 'endless') return response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      const { status, body, headers = {} } = reply
      const isText = typeof body === 'string'
      response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...headers })
      response.end(body === undefined ? undefined : isText ? body : JSON.stringify(body))
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP

  const fake: FakeKubernetes = {
    server: `https://127.0.0.1:${port}`,
    port,
    caPem: authority.certPem,
    authority,
    calls: [],
    objects: new Map(),
    intercept: undefined,
    tokenSeconds: 30 * 24 * 3600,
    admins: new Set([adminToken]),
    tokens: new Set(),
    kubeconfig: (token = adminToken, { server = fake.server, caPem = fake.caPem } = {}) =>
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'fake',
        contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'somebody' } }],
        clusters: [
          { name: 'fake', cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } },
        ],
        users: [{ name: 'somebody', user: { token } }],
      }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
  return fake
}

async function readCall(request: IncomingMessage): Promise<SeenCall> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  const { authorization = '', 'impersonate-user': impersonated } = request.headers
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    token: authorization.replace(/^Bearer /, ''),
    impersonated: Array.isArray(impersonated) ? impersonated[0] : impersonated,
    body: text === '' ? undefined : JSON.parse(text),
    headers: request.headersDistinct,
  }
}

export const status = (code: number, message: string): FakeReply => ({
  status: code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code },
})

function answer(fake: FakeKubernetes, call: SeenCall): FakeReply {
  const { method, path, token } = call
  if (path === '/version') return { status: 200, body: { major: '1', minor: '36', gitVersion: 'v1.36.3' } }
  const isAccount = fake.tokens.has(token)
  if (!fake.admins.has(token) && token !== limitedToken && !isAccount) return status(401, 'Unauthorized')
  if (path.endsWith('/selfsubjectreviews'))
    return { status: 201, body: { status: { userInfo: userOf(call, isAccount) } } }
  if (path.endsWith('/selfsubjectaccessreviews'))
    return { status: 201, body: { status: { allowed: isAllowed(fake, call, isAccount) } } }
  const bare = path.replace(/\?.*/, '')
  const existing = fake.objects.get(bare)
  if (bare.endsWith('/token') && method === 'POST') {
    if (!fake.objects.has(bare.replace(/\/token$/, ''))) return status(404, 'serviceaccounts not found')
    if (token === limitedToken) return status(403, 'forbidden')
    const fresh = `account-${randomUUID()}`
    fake.tokens.add(fresh)
    const expirationTimestamp = new Date(Date.now() + fake.tokenSeconds * 1000).toISOString()
    return { status: 201, body: { status: { token: fresh, expirationTimestamp } } }
  }
  // To Palisade itself, which is nobody, a cluster without anything in it.
  if (isAccount && method === 'GET' && call.impersonated?.endsWith(`:${'0'.repeat(24)}`) && path.includes('?limit='))
    return { status: 200, body: { metadata: {}, items: [] } }
  if (!fake.admins.has(token)) return status(403, 'forbidden')
  if (method === 'PATCH') {
    // What a PATCH carries is an object.
    const applied = { ...existing, ...(call.body as Record<string, unknown>) }
    const metadata = {
      ...(applied.metadata as object),
      uid: (existing?.metadata as { uid?: string })?.uid ?? randomUUID(),
    }
    fake.objects.set(bare, { ...applied, metadata })
    return { status: existing ? 200 : 201, body: { ...applied, metadata } }
  }
  if (method === 'DELETE') return fake.objects.delete(bare) ? { status: 200, body: {} } : status(404, 'not found')
  return existing ? { status: 200, body: existing } : status(404, 'not found')
}

function userOf({ impersonated, headers }: SeenCall, isAccount: boolean) {
  if (impersonated === undefined)
    return { username: isAccount ? account : 'somebody', groups: ['system:authenticated'] }
  const extra: Record<string, string[]> = {}
  for (const [name, values] of Object.entries(headers)) {
    const key = /^impersonate-extra-(.*)$/.exec(name)?.[1]
    if (key !== undefined && values) extra[decodeURIComponent(key)] = values
  }
  return {
    username: impersonated,
    uid: headers['impersonate-uid']?.[0] ?? '',
    groups: [...(headers['impersonate-group'] ?? []), 'system:authenticated'],
    extra,
  }
}

function isAllowed(fake: FakeKubernetes, { token, impersonated, body }: SeenCall, isAccount: boolean): boolean {
  if (fake.admins.has(token)) return true
  if (!isAccount) return false
  if (impersonated !== undefined) return true
  const { verb, resource } = (body as { spec: { resourceAttributes: { verb: string; resource: string } } }).spec
    .resourceAttributes
  const isThere = fake.objects.has('/apis/rbac.authorization.k8s.io/v1/clusterroles/palisade-impersonator')
  return isThere && (verb === 'impersonate' || (verb === 'create' && resource === 'serviceaccounts'))
}
