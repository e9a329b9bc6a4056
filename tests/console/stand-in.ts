import { createReadStream, existsSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { Agent, request } from 'undici'
import { createAuthority } from '../support/certificates.ts'
import type { Palisade } from '../support/palisade.ts'

/**
 * What the console needs of the server around it, and no more: its files under the real policy, a session, and the API
 * behind it. It holds a real token of a real server and forwards; what it does not do is sign anybody in.
 */
export type StandIn = {
  readonly url: string
  /** Who is signed in from now on; undefined: nobody. */
  signIn(credentials: Credentials | undefined): Promise<void>
  /** How often somebody was sent to sign in, and where they wanted to go back to. */
  readonly sentToSignIn: readonly string[]
  stop(): Promise<void>
}

export type Credentials = { readonly email: string; readonly password: string; readonly org?: string }

const dist = join(import.meta.dirname, '../../console/dist')
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
const csrf = 'a-csrf-value-of-this-session'

export async function startStandIn(palisade: Palisade): Promise<StandIn> {
  const authority = await createAuthority('console test')
  const { certPem, keyPem } = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'] })
  const upstream = new Agent({ connect: { ca: palisade.caPem } })
  const sentToSignIn: string[] = []
  let token: string | undefined
  let session: object | undefined

  async function api(path: string, body?: unknown) {
    const answer = await request(palisade.url + path, {
      dispatcher: upstream,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36',
        ...(token ? { authorization: token } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an answer it says itself
    return (await answer.body.json()) as any
  }

  async function signIn(credentials: Credentials | undefined) {
    token = undefined
    session = undefined
    if (!credentials) return
    const { email, password, org } = credentials
    const isSystem = email === palisade.administrator.email
    const answer = isSystem
      ? await api('/v1/auth/syslogin', { username: email, password })
      : await api('/v1/auth/authenticate', { emailId: email, password, ...(org === undefined ? {} : { org }) })
    token = answer.Authorization
    const { metadata, spec, status } = await api('/v1/users/me')
    session = {
      user: { uid: metadata.uid, email: spec.emailId, firstName: spec.firstName, lastName: spec.lastName },
      tenant: { uid: status.tenant.tenantUid, name: isSystem ? 'system' : status.tenant.orgName },
      ...{ isSystem, csrf, endsAt: new Date(Date.now() + 3_600_000).toISOString() },
    }
  }

  async function canvas(req: IncomingMessage, res: ServerResponse, path: string) {
    const json = (status: number, body: unknown) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (path.startsWith('/canvas/login')) {
      sentToSignIn.push(new URL(path, 'https://localhost').searchParams.get('return_to') ?? '')
      return res.writeHead(200, { 'content-type': 'text/html' }).end('<title>Sign in</title><h1>Sign in</h1>')
    }
    if (!session || !token)
      return json(401, { code: 'UnAuthorizedAccess', message: 'No session', details: {}, ref: '' })
    if (path === '/canvas/session') return json(200, session)
    const unsafe = req.method !== 'GET' && req.method !== 'HEAD'
    if (unsafe && req.headers['x-palisade-csrf'] !== csrf)
      return json(403, { code: 'CsrfRequired', message: 'The header x-palisade-csrf is wanting', details: {}, ref: '' })
    if (path === '/canvas/logout') {
      await signIn(undefined)
      return res.writeHead(204).end()
    }
    const project = req.headers.projectuid
    const answer = await request(palisade.url + path.slice('/canvas/api'.length), {
      dispatcher: upstream,
      method: req.method as 'GET',
      headers: {
        authorization: token,
        ...(req.headers['content-type'] ? { 'content-type': req.headers['content-type'] } : {}),
        ...(typeof project === 'string' ? { projectuid: project } : {}),
      },
      ...(unsafe ? { body: req } : {}),
    })
    const headers = Object.fromEntries(
      Object.entries(answer.headers).filter(([name]) => ['content-type', 'x-request-id', 'audituid'].includes(name)),
    )
    res.writeHead(answer.statusCode, headers as Record<string, string>) // of those three there is one each
    return answer.body.pipe(res)
  }

  function file(res: ServerResponse, path: string) {
    const named = join(dist, normalize(decodeURIComponent(path.split('?')[0] ?? '/')))
    const isFile = named.startsWith(dist) && existsSync(named) && statSync(named).isFile()
    const isPage = path === '/' || path.startsWith('/?') || path.startsWith('/t/')
    if (!isFile && !isPage) return res.writeHead(404).end()
    const found = isFile ? named : join(dist, 'index.html')
    res.writeHead(200, {
      'content-type': types[extname(found)] ?? 'application/octet-stream',
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
    })
    return createReadStream(found).pipe(res)
  }

  const server = createServer({ cert: certPem, key: keyPem }, (req, res) => {
    const path = req.url ?? '/'
    if (!path.startsWith('/canvas/')) file(res, path)
    else canvas(req, res, path).catch((error: unknown) => res.writeHead(502).end(String(error)))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`, // listening on TCP, so never a pipe's name
    sentToSignIn,
    signIn,
    async stop() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await upstream.close()
    },
  }
}
