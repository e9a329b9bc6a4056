import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Refusal, refusals, refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  clientAddress,
  createLogBudget,
  type DoorRequest,
  type DoorResponse,
  networkOf,
  type Principal,
  type RateLimiter,
  renderRefusal,
} from '../gateway/index.ts'
import type { Keys } from '../keys/index.ts'
import { replyOnSocket } from '../kube-proxy/transport/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import { type Logger, RequestLog } from '../platform/log/index.ts'
import { databaseUnavailable, type InTenant, type Lookups } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { asBearer } from './as-bearer.ts'
import { dropCookie, readCookie, sessionCookie, setCookie, stateCookie } from './cookies.ts'
import { createIssuer, type OpenIdSettings } from './issuer.ts'
import type { OwnFetch } from './own-fetch.ts'
import { pageHeaders, plainPage } from './page.ts'
import { bringsCsrf, csrfOf, fromOwnPage, isOpenedPage } from './same-site.ts'
import { type BrowserSession, createSessions } from './sessions.ts'
import { createSignIn, signInSeconds } from './sign-in.ts'

export type CanvasPorts = {
  readonly publicUrl: string
  readonly openId: OpenIdSettings
  readonly authenticate: (presented: { readonly authorization: string }) => Promise<Result<Principal, Refusal>>
  /** When the caller's session ends by itself, in ms since 1970. */
  readonly endsAt: (principal: Principal) => Promise<number | undefined>
  /** The API and the Kubernetes door, as the listener calls them. */
  readonly api: (request: DoorRequest, response: DoorResponse) => void
  readonly kube: (request: DoorRequest, response: DoorResponse) => void
  readonly kubeUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** A request of canvas' own to the API, answered whole. */
  readonly callApi: (call: {
    readonly method: 'POST'
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly address: string
  }) => Promise<{ readonly status: number }>
  readonly inTenant: InTenant
  readonly lookups: Pick<Lookups, 'canvasSession'>
  readonly keys: Pick<Keys, 'of'>
  readonly rate: RateLimiter
  readonly trustedProxies: readonly string[]
  /** Where clients find the CA that our certificate is of; undefined where they trust it anyway. */
  readonly caFile: string | undefined
  /** How the installation is classified, if it is: each page of the console says so. */
  readonly classification: () => Promise<string | undefined>
  /** Runs work whose requests to our own issuer are for the browser at this address. */
  readonly onBehalfOf: OwnFetch['onBehalfOf']
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every request that canvas answers itself. */
  readonly observe: (route: string, status: number, seconds: number) => void
}

/** The server side of the console: browsers talk to it, and to the issuer; neither tokens nor rights are ever theirs. */
export type Canvas = {
  request(request: DoorRequest, response: DoorResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Resolves when nothing is under way at the issuer. */
  settle(): Promise<void>
}

type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
  readonly body?: string
}

const json = { 'content-type': 'application/json; charset=utf-8' }
const html = { ...pageHeaders, 'content-type': 'text/html; charset=utf-8' }

export function createCanvas(ports: CanvasPorts): Canvas {
  const { publicUrl, rate, clock, logger } = ports
  const issuer = createIssuer(ports.openId, clock)
  const authenticate = (token: string) => ports.authenticate({ authorization: `Bearer ${token}` })
  const sessions = createSessions({ ...ports, issuer, authenticate })
  const signIn = createSignIn({ ...ports, issuer, authenticate })
  const outages = createLogBudget()

  const addressOf = (request: DoorRequest): string => {
    const forwarded = request.headers['x-forwarded-for']
    return clientAddress(
      request.socket.remoteAddress ?? '',
      Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      ports.trustedProxies,
    )
  }

  /**
   * Whose browser this is. A look-up costs the database the same whatever the cookie says, so it is paid in advance out of the
   * network's budget for strangers, and given back where it finds somebody. A cookie that was somebody's a moment ago is let in beside it:
   * a flood of made-up ones does not lock a whole office out.
   */
  async function sessionOf(
    request: DoorRequest,
    log: RequestLog,
  ): Promise<Result<BrowserSession & { readonly cookie: string }, Refusal>> {
    const cookie = readCookie(request.headers.cookie, sessionCookie)
    const network = networkOf(addressOf(request))
    const isKnown = cookie !== undefined && sessions.wasFound(cookie)
    const wait = isKnown ? 0 : rate.take('unauthenticated', network)
    if (wait > 0) return err({ ...refuse('too_many_requests'), retryAfterSeconds: wait })
    if (request.headers.authorization !== undefined || request.headers.apikey !== undefined)
      return err(refuse('unauthenticated', 'The console takes its cookie and no other credential'))
    if (cookie === undefined) return err(refuse('unauthenticated', 'Nobody is signed in here; sign in'))
    const found = await sessions.open(cookie, log)
    if (!found.ok) return found
    if (!isKnown) rate.giveBack('unauthenticated', network)
    const ownWait = rate.take('caller', `canvas/${found.value.uid}`)
    if (ownWait > 0) return err({ ...refuse('too_many_requests'), retryAfterSeconds: ownWait })
    return ok({ ...found.value, cookie })
  }

  /** A session, and a request that comes from a page of ours. Both, before anything else is looked at. */
  async function guarded(request: DoorRequest, upgrade: boolean, log: RequestLog) {
    const session = await sessionOf(request, log)
    if (!session.ok) return session
    const method = request.method ?? ''
    const own = fromOwnPage(publicUrl, { method, headers: request.headers, upgrade })
    if (!own.ok) return own
    const csrf = bringsCsrf(method, request.headers, session.value.cookie)
    return csrf.ok ? session : csrf
  }

  async function begin(request: DoorRequest, url: URL, log: RequestLog): Promise<Reply> {
    const wait = rate.take('console-login', networkOf(addressOf(request)))
    if (wait > 0) return page({ ...refuse('too_many_requests'), retryAfterSeconds: wait })
    const begun = await signIn.begin(url.searchParams.get('return_to'), log)
    if (!begun.ok) return page(begun.error)
    const cookie = setCookie(stateCookie, begun.value.cookie, { sameSite: 'Lax', maxAgeSeconds: signInSeconds })
    return { status: 303, headers: { location: begun.value.url }, cookies: [cookie] }
  }

  async function finish(request: DoorRequest, url: URL, log: RequestLog): Promise<Reply> {
    const wait = rate.take('console-callback', networkOf(addressOf(request)))
    if (wait > 0) return page({ ...refuse('too_many_requests'), retryAfterSeconds: wait })
    const { cookie } = request.headers
    const dropped = dropCookie(stateCookie)
    const finished = await signIn.finish(url, readCookie(cookie, stateCookie), log)
    if (!finished.ok) return page(finished.error, [dropped])
    const { tokens, principal, url: location } = finished.value
    await endBefore(request, principal, log)
    const started = await sessions.start(tokens, principal)
    if (!started.ok) return page(started.error, [dropped])
    const own = setCookie(sessionCookie, started.value, { sameSite: 'Strict' })
    return { status: 303, headers: { location }, cookies: [dropped, own] }
  }

  /** The session that this browser had: where it was another session of the API, that one ends (threat B23). */
  async function endBefore(request: DoorRequest, now: Principal, log: RequestLog): Promise<void> {
    const cookie = readCookie(request.headers.cookie, sessionCookie)
    const before = cookie === undefined ? undefined : await sessions.open(cookie, new RequestLog(logger, log.request))
    if (!before?.ok) return
    const holder = await authenticate(before.value.token)
    const isSame =
      holder.ok &&
      holder.value.credential.kind === 'session' &&
      now.credential.kind === 'session' &&
      holder.value.credential.session === now.credential.session
    // It goes on, and the new cookie takes this one's place.
    if (isSame) return
    await endAtApi(request, before.value)
    await sessions.forget(before.value, log)
  }

  const endAtApi = (request: DoorRequest, { token }: BrowserSession) =>
    ports.callApi({
      method: 'POST',
      path: '/v1/palisade/logout',
      headers: { authorization: `Bearer ${token}`, 'user-agent': String(request.headers['user-agent'] ?? '') },
      address: addressOf(request),
    })

  async function signOut(request: DoorRequest, session: BrowserSession, log: RequestLog): Promise<Reply> {
    const { status } = await endAtApi(request, session)
    // 401: it has ended already. Otherwise it goes on, and so does the cookie: signed out is only who is.
    if (status !== 204 && status !== 401)
      return refusal(
        { ...refuse('unavailable', 'The session could not be ended; try again'), retryAfterSeconds: 1 },
        log.request,
      )
    await sessions.forget(session, log)
    const next = await issuer.signOutUrl().catch(() => undefined)
    const body = JSON.stringify({ next: next ?? `${publicUrl}/` })
    return { status: 200, headers: json, cookies: [dropCookie(sessionCookie)], body }
  }

  async function who(session: BrowserSession & { readonly cookie: string }, log: RequestLog): Promise<Reply> {
    const principal = await authenticate(session.token)
    if (!principal.ok) return gone(principal.error, session, log)
    const { tenant, user, person } = principal.value
    const endsAt = await ports.endsAt(principal.value)
    if (endsAt === undefined)
      return gone(refuse('unauthenticated', 'The session has ended; sign in again'), session, log)
    const { email, firstName, lastName, org } = person
    const classification = await ports.classification()
    const body = {
      user: { uid: user, email, firstName, lastName },
      tenant: { uid: tenant, name: org },
      isSystem: tenant === systemTenant,
      csrf: csrfOf(session.cookie),
      endsAt: new Date(endsAt).toISOString(),
      ...(ports.caFile === undefined ? {} : { caFile: ports.caFile }),
      ...(classification === undefined ? {} : { classification }),
    }
    return { status: 200, headers: json, body: JSON.stringify(body) }
  }

  /** The API's session has ended, so this one has: its row goes, and the cookie. */
  async function gone(why: Refusal, session: BrowserSession, log: RequestLog): Promise<Reply> {
    if (why.code === 'unauthenticated') await sessions.forget(session, log)
    const answer = refusal(why, log.request)
    return why.code === 'unauthenticated' ? { ...answer, cookies: [dropCookie(sessionCookie)] } : answer
  }

  async function route(request: DoorRequest, response: DoorResponse, log: RequestLog): Promise<Reply | 'elsewhere'> {
    const id = log.request
    const target = request.url ?? ''
    const [path = ''] = target.split('?', 1)
    const { method } = request
    if (path === '/canvas/login' || path === '/canvas/callback') {
      if (method !== 'GET') return { ...refusal(refuse('method_not_allowed'), id), ...allow('GET') }
      // Before it counts: what a page loads in a thousand browsers uses up no network's budget.
      if (!isOpenedPage(request.headers))
        return page(refuse('cross_site', 'Signing in begins with a page that is opened'))
      const url = parseUrl(target, publicUrl)
      if (!url) return page(refuse('invalid', 'The address is not readable'))
      return path === '/canvas/login' ? begin(request, url, log) : finish(request, url, log)
    }
    const session = await guarded(request, false, log)
    if (!session.ok) return refusal(session.error, id)
    if (path === '/canvas/session' || path === '/canvas/logout') {
      const takes = path === '/canvas/session' ? 'GET' : 'POST'
      if (method !== takes) return { ...refusal(refuse('method_not_allowed'), id), ...allow(takes) }
      return takes === 'GET' ? who(session.value, log) : signOut(request, session.value, log)
    }
    if (isForApi(path)) {
      asBearer(request, target.slice('/canvas/api'.length), session.value.token)
      ports.api(request, response)
      return 'elsewhere'
    }
    if (path.startsWith('/canvas/k8s/clusters/')) {
      asBearer(request, target.slice('/canvas'.length), session.value.token)
      ports.kube(request, response)
      return 'elsewhere'
    }
    return refusal(refuse('route_not_found', 'There is nothing at this path of the console'), id)
  }

  /** Fails closed: what cannot be looked up is nobody's. */
  function failed(cause: unknown, log: RequestLog): Refusal {
    if (!databaseUnavailable(cause)) {
      log.lines().error({ cause }, 'a request of the console failed')
      return refuse('internal')
    }
    const more = outages.take()
    if (more) log.lines().warn({ why: (cause as Error).message, ...more }, 'the database does not answer')
    return { ...refuse('unavailable', 'The database does not answer'), retryAfterSeconds: 1 }
  }

  function send(request: DoorRequest, response: DoorResponse, reply: Reply, id: string): void {
    const out = response as ServerResponse // Both kinds of answer agree in what is used here; only their overloads differ.
    const body = Buffer.from(reply.body ?? '')
    out.writeHead(reply.status, {
      'x-request-id': id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...reply.headers,
      ...(reply.cookies ? { 'set-cookie': [...reply.cookies] } : {}),
      'content-length': String(body.length),
    })
    out.end(request.method === 'HEAD' ? undefined : body)
  }

  return {
    request(request, response) {
      const id = newUid()
      const log = new RequestLog(logger, id)
      const startedAt = performance.now()
      ports
        .onBehalfOf(addressOf(request), () => route(request, response, log))
        .catch((cause: unknown) => refusal(failed(cause, log), id))
        .then((reply) => {
          if (reply === 'elsewhere') return
          ports.observe('/canvas', reply.status, (performance.now() - startedAt) / 1000)
          send(request, response, reply, id)
        })
        .catch((cause: unknown) => log.lines().error({ cause }, 'a request of the console was not answered'))
    },

    upgrade(request, socket, head) {
      const id = newUid()
      const log = new RequestLog(logger, id)
      const admitted = async (): Promise<Result<string, Refusal>> => {
        const session = await guarded(request, true, log)
        if (!session.ok) return session
        const target = request.url ?? ''
        if (!target.startsWith('/canvas/k8s/clusters/'))
          return err(refuse('route_not_found', 'Nothing at this path of the console can be upgraded'))
        asBearer(request, target.slice('/canvas'.length), session.value.token)
        return ok('')
      }
      ports
        .onBehalfOf(addressOf(request), admitted)
        .catch((cause: unknown) => err(failed(cause, log)))
        .then((result) => {
          if (result.ok) return ports.kubeUpgrade(request, socket, head)
          const { status, headers, body = '' } = refusal(result.error, id)
          ports.observe('/canvas', status, 0)
          replyOnSocket(socket, status, Object.entries({ 'x-request-id': id, ...headers }).flat(), Buffer.from(body))
        })
        .catch((cause: unknown) => {
          log.lines().error({ cause }, 'an upgrade of the console was not answered')
          socket.destroy()
        })
    },

    settle: sessions.settle,
  }
}

/**
 * What canvas passes on to the API. Nothing below `/v1/auth`: signing in is the issuer's, and its answers are tokens, which never reach
 * a page. The word is compared as it stands, so it may not be written in another way.
 */
function isForApi(path: string): boolean {
  const [, , , version, area = ''] = path.split('/')
  // `apiKeys` is a word of the API too.
  return path.startsWith('/canvas/api/v1/') && version === 'v1' && /^[a-z0-9-]+$/i.test(area) && !/^auth$/i.test(area)
}

function parseUrl(target: string, publicUrl: string): URL | undefined {
  try {
    return new URL(target, publicUrl)
  } catch {
    return undefined
  }
}

const allow = (method: string) => ({ headers: { ...json, allow: method } })

/** In the words and the form of the API, which the console reads anyway. */
function refusal(why: Refusal, id: string): Reply {
  const { status, contentType, body } = renderRefusal('/canvas', why, id)
  const retry = why.retryAfterSeconds === undefined ? {} : { 'retry-after': String(why.retryAfterSeconds) }
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer realm="palisade"' } : {}
  return { status, headers: { 'content-type': contentType, ...retry, ...challenge }, body }
}

/** The same for a person in the middle of a sign-in: fixed words, and a way on. */
function page(why: Refusal, cookies?: readonly string[]): Reply {
  const retry = why.retryAfterSeconds === undefined ? {} : { 'retry-after': String(why.retryAfterSeconds) }
  return {
    status: refusals[why.code].status,
    headers: { ...html, ...retry },
    ...(cookies ? { cookies } : {}),
    body: plainPage('You are not signed in', `${why.detail ?? refusals[why.code].title}.`, {
      href: '/canvas/login',
      text: 'Sign in again',
    }),
  }
}
