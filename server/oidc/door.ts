import { Buffer } from 'node:buffer'
import { refuse } from '../../contract/errors.ts'
import {
  ambiguousHeader,
  clientAddress,
  createLogBudget,
  type DoorRequest,
  type DoorResponse,
  networkOf,
  type RateLimiter,
  type RateName,
  renderRefusal,
} from '../gateway/index.ts'
import type { Caller } from '../identity/index.ts'
import type { Notices, NoticesOf } from '../notices/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import { type Logger, RequestLog } from '../platform/log/index.ts'
import { databaseUnavailable } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { message, page } from './pages.ts'
import type { PageAnswer, PageRequest } from './sign-in-pages.ts'

export type DoorDeps = {
  readonly publicUrl: string
  readonly notices: Pick<NoticesOf, 'around' | 'operator'>
  /** The library, for requests below `/oidc`; `userCode` is a device's code that the address brought along. */
  readonly issuer: (
    request: DoorRequest,
    response: DoorResponse,
    of: { readonly caller: Caller; readonly log: RequestLog; readonly userCode: string },
  ) => Promise<void>
  readonly pages: (page: PageRequest) => Promise<PageAnswer>
  readonly rate: RateLimiter
  readonly trustedProxies: readonly string[]
  /** For whom the console's server side asks; undefined for a request of anybody else. */
  readonly endClientOf: (request: Pick<DoorRequest, 'socket' | 'headers'>) => string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly observe: (route: string, status: number, seconds: number) => void
}

const maxFormBytes = 16 * 1024

/**
 * The open doors of signing in, `/oidc/…` and `/sign-in/…`: request id, limits per network, headers that let nobody frame or
 * script a page, and forms that come from these pages alone.
 */
export function createIssuerDoor(deps: DoorDeps): (request: DoorRequest, response: DoorResponse) => void {
  const { publicUrl, rate, logger, clock } = deps
  const { host } = new URL(publicUrl)
  /** For what is refused before anything is looked at, and where the database is away. */
  const unasked: Notices = { operator: deps.notices.operator, classification: undefined, banner: undefined }
  const strangers = createLogBudget()
  const outages = createLogBudget()

  function callerOf(request: DoorRequest, endClient: string | undefined): Caller {
    const forwarded = request.headers['x-forwarded-for']
    return {
      requestId: newUid(),
      clientAddress:
        endClient ??
        clientAddress(
          request.socket.remoteAddress ?? '',
          Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
          deps.trustedProxies,
        ),
      userAgent: String(request.headers['user-agent'] ?? '').slice(0, 512),
      now: new Date(clock.now()),
    }
  }

  async function answer(
    request: DoorRequest,
    response: DoorResponse,
    at: {
      readonly path: string
      readonly search: string
      readonly method: string
      readonly caller: Caller
      readonly budget: RateName
      readonly log: RequestLog
    },
  ): Promise<void> {
    const { path, search, method, caller, budget, log } = at
    const ambiguous = ambiguousHeader(request.rawHeaders) ?? ambiguousCookie(request.headers.cookie)
    if (ambiguous) return refuseRequest(response, path, caller, `${ambiguous} stands twice`)
    const wait = rate.take(budget, networkOf(caller.clientAddress))
    if (wait > 0) {
      response.setHeader('retry-after', String(wait))
      if (path.startsWith('/oidc') && !isForm(path))
        return sendJson(response, 429, { error: 'temporarily_unavailable' })
      return send(response, 429, 'Too many attempts', 'Wait a little and try again.')
    }
    // A page's form, sent from anywhere else, is somebody else's wish (threat C09). Browsers say where from with every form.
    if (method === 'POST' && isForm(path) && request.headers.origin !== publicUrl)
      return send(
        response,
        403,
        'This did not work',
        'The form was not sent from this site. Start again where you came from.',
      )
    // Addresses that the issuer tells of itself never come from a request.
    request.headers.host = host
    if (request.httpVersionMajor >= 2) request.headers[':authority'] = host
    delete request.headers['x-forwarded-host']
    delete request.headers['x-forwarded-proto']
    if (path.startsWith('/oidc')) return issue(request, response, at)

    const isPost = method === 'POST'
    if (!isPost && method !== 'GET' && method !== 'HEAD')
      return send(response, 405, 'This did not work', 'This page is read, or its form is sent.')
    const form = isPost ? await readForm(request) : undefined
    if (form === 'unreadable') return send(response, 400, 'This did not work', 'The form could not be read.')
    const answered = await deps.pages({
      path,
      query: new URLSearchParams(search),
      form,
      caller,
      log,
      request,
      response,
    })
    reply(response, answered, 'content' in answered ? await deps.notices.around(answered.tenant) : unasked)
  }

  async function issue(
    request: DoorRequest,
    response: DoorResponse,
    { path, search, caller, log }: Parameters<typeof answer>[2],
  ): Promise<void> {
    // The library takes other spellings too, which are in no budget and not known as forms: letters of another case, a last slash.
    if (!isOfIssuer(path)) return send(response, 404, 'There is nothing here', 'Start again where you came from.')
    const query = new URLSearchParams(search)
    // The library would send a code from an address on by script; here the person looks at it and sends it.
    const withCode = path === '/oidc/device' && query.has('user_code')
    const mounted = withCode ? '/device' : (request.url ?? '').slice('/oidc'.length)
    Object.assign(request, { originalUrl: `/oidc${mounted}`, url: mounted === '' ? '/' : mounted })
    const userCode = withCode ? (query.get('user_code') ?? '').slice(0, 16) : ''
    return deps.issuer(request, response, { caller, log, userCode })
  }

  function reply(response: DoorResponse, answered: PageAnswer, notices: Notices): void {
    if ('redirect' in answered) {
      response.statusCode = 303
      response.setHeader('location', answered.redirect)
      response.end()
    } else if ('styleSheet' in answered) {
      response.setHeader('content-type', 'text/css; charset=utf-8')
      response.setHeader('cache-control', 'public, max-age=3600')
      response.end(answered.styleSheet)
    } else {
      response.setHeader('content-security-policy', contentSecurityPolicy(answered.formAction))
      response.statusCode = answered.status
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(page(answered.title, answered.content, notices))
    }
  }

  const send = (response: DoorResponse, status: number, title: string, text: string) =>
    reply(response, { status, title, content: message(text) }, unasked)

  return (request, response) => {
    const startedAt = clock.monotonicMs()
    const target = request.url ?? ''
    const [path = '', search = ''] = splitOnce(target, '?')
    const endClient = deps.endClientOf(request)
    const caller = callerOf(request, endClient)
    const log = new RequestLog(logger, caller.requestId)
    const route = routeOf(path)
    const method = request.method ?? 'GET'
    // All consoles come from one address, our own, which must not be one budget for them and for strangers on this machine.
    const budget = endClient === undefined ? budgetOf(path, method) : 'back-channel'
    response.once('close', () => {
      const seconds = (clock.monotonicMs() - startedAt) / 1000
      const status = response.statusCode
      deps.observe(route, status, seconds)
      const more = strangers.take()
      const { clientAddress: address } = caller
      if (more) log.lines().info({ method, route, status, ms: Math.round(seconds * 1000), address, ...more }, 'request')
    })
    response.setHeader('x-request-id', caller.requestId)
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-frame-options', 'DENY')
    response.setHeader('referrer-policy', 'same-origin')
    response.setHeader('content-security-policy', contentSecurityPolicy(undefined))

    answer(request, response, { path, search, method, caller, budget, log }).catch((cause: Error) => {
      const away = databaseUnavailable(cause)
      if (!away) log.lines().error({ cause, route }, 'request failed')
      else {
        const more = outages.take()
        if (more) log.lines().warn({ route, why: cause.message, ...more }, 'the database does not answer')
      }
      if (response.headersSent) return void response.destroy()
      const said = away
        ? 'The server cannot reach its database. Try again in a moment.'
        : 'Something failed on our side.'
      send(response, away ? 503 : 500, 'This did not work', said)
    })
  }
}

function sendJson(response: DoorResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(body))
}

function refuseRequest(response: DoorResponse, path: string, { requestId }: Caller, detail: string): void {
  const { status, contentType, body } = renderRefusal(path, refuse('invalid', detail), requestId)
  response.statusCode = status
  response.setHeader('content-type', contentType)
  response.end(body)
}

/** Nothing is loaded but the one style sheet and the mark, nothing is run, and nobody puts a page into theirs (threats B32, G08). */
const contentSecurityPolicy = (formAction: string | undefined): string =>
  `default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'${formAction === undefined ? '' : ` ${formAction}`}; ` +
  `base-uri 'none'; frame-ancestors 'none'`

/** What people send with a browser, as opposed to what programs send. */
const isForm = (path: string): boolean =>
  path.startsWith('/sign-in') || path === '/oidc/device' || path.startsWith('/oidc/session/end')

function budgetOf(path: string, method: string): RateName {
  if (method !== 'POST') return 'unauthenticated'
  if (path === '/sign-in/forgotten') return 'password-reset'
  if (path.startsWith('/sign-in')) return 'sign-in'
  return path === '/oidc/device' ? 'device-code' : 'unauthenticated'
}

const routes = new Set(
  [
    'auth',
    'token',
    'jwks',
    'userinfo',
    'device',
    'device/auth',
    'token/revocation',
    'token/introspection',
    'session/end',
  ].map((name) => `/oidc/${name}`),
)

const isOfIssuer = (path: string): boolean =>
  routes.has(path) ||
  path === '/oidc/.well-known/openid-configuration' ||
  /^\/oidc\/(?:session\/end\/(?:confirm|success)|(?:auth|device)\/[\w-]+)$/.test(path)

/** For metrics: paths must not make endless names. */
function routeOf(path: string): string {
  if (routes.has(path)) return path
  return path.startsWith('/oidc') ? '/oidc other' : '/sign-in'
}

function splitOnce(text: string, at: string): [string, string] {
  const i = text.indexOf(at)
  return i < 0 ? [text, ''] : [text.slice(0, i), text.slice(i + 1)]
}

/** Two cookies of one name leave open which counts; a neighbouring domain may have put one of them there (threat C08). */
function ambiguousCookie(header: string | undefined): string | undefined {
  const seen = new Set<string>()
  for (const pair of (header ?? '').split(';')) {
    const name = splitOnce(pair.trim(), '=')[0]
    if (!name.includes('palisade')) continue
    if (seen.has(name)) return `the cookie ${name}`
    seen.add(name)
  }
  return undefined
}

/** A form's fields; each stands once. */
async function readForm(request: DoorRequest): Promise<ReadonlyMap<string, string> | 'unreadable'> {
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) return 'unreadable'
  const chunks: Buffer[] = []
  let bytes = 0
  // A request's chunks are bytes: no encoding was set on it.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxFormBytes) return 'unreadable'
    chunks.push(chunk)
  }
  const fields = [...new URLSearchParams(Buffer.concat(chunks).toString('utf8'))]
  const form = new Map(fields)
  // No field has any use for a NUL, and the database takes none.
  const readable = form.size === fields.length && fields.every(([, value]) => !value.includes('\u0000'))
  return readable ? form : 'unreadable'
}
