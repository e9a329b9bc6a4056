import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Refusal, refusals, refuse } from '../../contract/errors.ts'
import type { Result } from '../../core/result.ts'
import type { Logger } from '../platform/log/index.ts'
import { databaseUnavailable, sqlState } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { callerWithin } from './callers.ts'
import type { Endpoint } from './endpoint.ts'
import { renderRefusal } from './envelope.ts'
import { parseJson } from './json.ts'
import { clientAddress, limits, networkOf, publishedRateOf, type RateLimiter } from './limits.ts'
import { createLogBudget } from './log-budget.ts'
import type { Outcome, RawRequest } from './pipeline.ts'
import { inLines, type Principal } from './principal.ts'
import { pathOf, splitRoute } from './routes.ts'
import { endWith } from './socket-reply.ts'

export type HttpDeps = {
  readonly endpoints: readonly Endpoint[]
  readonly authenticate: (presented: Presented) => Promise<Result<Principal, Refusal>>
  readonly runOpen: (endpoint: Endpoint, raw: RawRequest) => Promise<Outcome>
  readonly runGuarded: (endpoint: Endpoint, raw: RawRequest, principal: Principal) => Promise<Outcome>
  readonly rate: RateLimiter
  /** Whether the published request rates hold now. */
  readonly publishedRates: () => boolean
  readonly trustedProxies: readonly string[]
  readonly logger: Logger
  /** Told of every finished request, for metrics. `route` is the declared one, so that paths cannot make endless names. */
  readonly observe: (route: string, status: number, seconds: number) => void
  /** Liveness and readiness, and what stands in their way. */
  readonly ready: () => readonly string[]
  readonly openapi: unknown
}

export type Presented = {
  readonly authorization?: string
  readonly apiKey?: string
  readonly address?: string
  /** Asked before an API key that is not known here is looked up; false: it is refused as one too many. */
  readonly mayLookUp?: () => boolean
}

type Handler = (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => void

export type HttpApi = {
  readonly handler: Handler
  /** Answers an upgrade that nobody else takes: nothing of the API can be upgraded. */
  readonly refuseUpgrade: (request: IncomingMessage, socket: Duplex) => void
  /** A request from inside this process, through the same phases. `address` is who it is made for. */
  readonly call: (request: OwnRequest) => Promise<{ readonly status: number }>
  readonly close: () => Promise<void>
}

export type OwnRequest = {
  readonly method: 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly address: string
}

/** What a request carries from phase to phase. */
type State = { id: string; address: string; startedAt: number; principal?: Principal; route: string }

/**
 * The API as a request handler for a TLS server: request id, limits, authentication before any body is read, the phases, one
 * envelope.
 */
export async function createHttpApi(deps: HttpDeps): Promise<HttpApi> {
  const { endpoints, logger, rate } = deps
  const states = new WeakMap<FastifyRequest, State>()
  const strangers = createLogBudget()
  const outages = createLogBudget()
  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    exposeHeadRoutes: false,
    genReqId: newUid,
    routerOptions: {
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
      caseSensitive: true,
      maxParamLength: 4096,
    },
    // A path that cannot be decoded has no route and runs no hook; it is answered as any other all the same.
    frameworkErrors(_cause, request, reply) {
      begin(request, reply)
      reply.raw.once('close', () => finish(request, reply))
      refuseUnreadablePath(request, reply).catch((cause: Error) => send(request, reply, refusalOf(cause)))
    },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  const stateOf = (request: FastifyRequest): State => {
    const state = states.get(request)
    if (!state) throw new Error('a request without its state')
    return state
  }

  function send(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
    const { status, headers, body } = rendered(pathOf(request.url), refusal, stateOf(request).id)
    // As bytes: to a string Fastify would add a charset, which problem+json does not have.
    return reply.code(status).headers(headers).send(body)
  }

  app.addHook('onRequest', async (request, reply) => {
    begin(request, reply)
    const ambiguous = ambiguousHeader(request.raw.rawHeaders)
    if (ambiguous) return send(request, reply, refuse('invalid', `The header ${ambiguous} stands twice`))
  })
  app.addHook('onResponse', async (request, reply) => finish(request, reply))

  function begin(request: FastifyRequest, reply: FastifyReply): void {
    const id = request.id
    const address = addressOf(request.raw)
    states.set(request, { id, address, startedAt: performance.now(), route: 'unknown' })
    void reply.headers(headersOfAll(id))
  }

  function addressOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string {
    const forwarded = headers['x-forwarded-for']
    const said = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
    return clientAddress(socket.remoteAddress ?? '', said, deps.trustedProxies)
  }

  const finish = (request: FastifyRequest, reply: FastifyReply) =>
    finished(stateOf(request), request.method, reply.statusCode)

  function finished({ id, principal, route, startedAt, address }: State, method: string, status: number): void {
    const seconds = (performance.now() - startedAt) / 1000
    deps.observe(route, status, seconds)
    const more = principal ? {} : strangers.take()
    if (!more) return
    logger.info(
      {
        request: id,
        ...(principal ? inLines(principal) : {}),
        ...{ method, route, status },
        ms: Math.round(seconds * 1000),
        address,
        ...more,
      },
      'request',
    )
  }

  /** Any credential, before a byte of the body is read. Answers the refusal itself. */
  async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<Principal | undefined> {
    const caller = await callerOf(stateOf(request), request.headers)
    if (caller.ok) return caller.value
    void send(request, reply, caller.error)
    return undefined
  }

  async function callerOf(state: State, headers: IncomingMessage['headers']): Promise<Result<Principal, Refusal>> {
    const presented = presentedBy(headers)
    const caller = await callerWithin(
      rate,
      state.address,
      presented && ((mayLookUp) => deps.authenticate({ ...presented, address: state.address, mayLookUp })),
    )
    if (caller.ok) state.principal = caller.value
    return caller
  }

  /** As for any other request: who may not know what is there is told that first. */
  async function refusalOfUpgrade(state: State, request: IncomingMessage): Promise<Refusal> {
    const ambiguous = ambiguousHeader(request.rawHeaders)
    if (ambiguous) return refuse('invalid', `The header ${ambiguous} stands twice`)
    if (isGuardedPath(pathOf(request.url ?? ''))) {
      const caller = await callerOf(state, request.headers)
      if (!caller.ok) return caller.error
    }
    return refuse('invalid', 'Nothing at this path can be upgraded')
  }

  /** Like an unknown path: below the guarded ones a stranger is told nothing. */
  async function refuseUnreadablePath(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isGuardedPath(pathOf(request.url)) && !(await authenticate(request, reply))) return
    send(request, reply, refuse('invalid', 'The path is not readable'))
  }

  for (const endpoint of endpoints) addRoute(app, endpoint)

  function addRoute(instance: FastifyInstance, endpoint: Endpoint): void {
    const { method, path } = splitRoute(endpoint.route)
    const open = 'open' in endpoint.permission
    const published = publishedRateOf(path)
    instance.route({
      method,
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: endpoint.maxBodyBytes ?? limits.bodyBytes,
      onRequest: async (request, reply) => {
        const state = stateOf(request)
        state.route = endpoint.route
        if (endpoint.rate) {
          const wait = rate.take(endpoint.rate, networkOf(state.address))
          if (wait > 0) return send(request, reply, { ...refuse('too_many_requests'), retryAfterSeconds: wait })
        }
        if (published && deps.publishedRates()) {
          const wait = rate.take(published.rate, `${published.kind} ${networkOf(state.address)}`)
          if (wait > 0) return send(request, reply, { ...refuse('too_many_requests'), retryAfterSeconds: wait })
        }
        if (!open && !(await authenticate(request, reply))) return reply
      },
      handler: async (request, reply) => {
        const state = stateOf(request)
        const body = request.body === undefined || request.body === null ? undefined : (request.body as Buffer)
        const json = body && endpoint.body ? parseJson(body, limits.jsonDepth) : { ok: true as const, value: undefined }
        if (!json.ok) return send(request, reply, refuse('body_not_json', `The body ${json.error}`))
        const project = request.headers.projectuid
        const raw: RawRequest = {
          id: state.id,
          clientAddress: state.address,
          userAgent: String(request.headers['user-agent'] ?? '').slice(0, 512),
          params: request.params,
          query: request.query,
          body: json.value,
          projectHeader: Array.isArray(project) ? project[0] : project,
        }
        const outcome = state.principal
          ? await deps.runGuarded(endpoint, raw, state.principal)
          : await deps.runOpen(endpoint, raw)
        if (!outcome.ok) return send(request, reply, outcome.error)
        return answer(reply, endpoint, outcome.value)
      },
    })
  }

  app.setNotFoundHandler(async (request, reply) => {
    const path = pathOf(request.url)
    if (isGuardedPath(path) && !(await authenticate(request, reply))) return reply
    const known = endpoints.filter((one) => matches(splitRoute(one.route).path, path))
    const [route] = known
    if (!route)
      return send(request, reply, refuse('route_not_found', `No route ${request.method} ${withoutValues(path)}`))
    void reply.header('allow', known.map((one) => splitRoute(one.route).method).join(', '))
    const { path: template } = splitRoute(route.route)
    return send(request, reply, refuse('method_not_allowed', `${template} does not take ${request.method}`))
  })

  app.setErrorHandler((cause: Error & { code?: string; statusCode?: number }, request, reply) => {
    return send(request, reply, failed(cause, stateOf(request)))
  })

  function failed(cause: Error, { id, principal, route }: State): Refusal {
    const refusal = refusalOf(cause)
    const line = { request: id, ...(principal ? inLines(principal) : {}), route }
    // A database that is away fails every request; its absence is told once elsewhere, with its cause.
    if (refusal.code === 'unavailable') {
      const more = outages.take()
      if (more) logger.warn({ ...line, why: cause.message, ...more }, 'the database does not answer')
    } else if (refusals[refusal.code].status >= 500) logger.error({ ...line, cause }, 'request failed')
    return refusal
  }

  const json = (reply: FastifyReply, status: number, value: unknown) =>
    reply.code(status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(value))
  app.get('/livez', (_request, reply) => json(reply, 200, { status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const problems = deps.ready()
    return json(reply, problems.length > 0 ? 503 : 200, { status: problems.length > 0 ? 'not ready' : 'ok', problems })
  })
  // Written once: who asks for it on many streams and reads none of the answers holds one copy, not hundreds.
  const openapi = Buffer.from(JSON.stringify(deps.openapi))
  app.get('/openapi.json', (_request, reply) =>
    reply.header('content-type', 'application/json; charset=utf-8').send(openapi),
  )

  await app.ready()
  return {
    handler: app.routing as unknown as Handler,
    refuseUpgrade(request, socket) {
      const id = newUid()
      const state: State = { id, address: addressOf(request), startedAt: performance.now(), route: 'unknown' }
      void refusalOfUpgrade(state, request)
        .catch((cause: Error) => failed(cause, state))
        .then((refusal) => {
          const { status, headers, body } = rendered(pathOf(request.url ?? ''), refusal, id)
          finished(state, request.method ?? '', status)
          endWith(socket, status, { ...headersOfAll(id), ...headers }, body)
        })
    },
    async call({ method, path, headers, address }) {
      const { statusCode } = await app.inject({ method, url: path, headers: { ...headers }, remoteAddress: address })
      return { status: statusCode }
    },
    close: () => app.close(),
  }
}

/** What the API answers, checked against what the endpoint declared: nothing unnamed goes out. */
async function answer(
  reply: FastifyReply,
  { reply: declared }: Endpoint,
  { body, headers, auditUid }: Extract<Outcome, { ok: true }>['value'],
): Promise<FastifyReply> {
  void reply.code(declared.status)
  if (auditUid !== undefined) void reply.header('AuditUid', auditUid)
  for (const [name, value] of Object.entries(headers ?? {})) void reply.header(name, value)
  if (declared.status === 204 || !declared.body) return reply.removeHeader('content-type').send()
  if (declared.contentType) {
    void reply.header('content-type', declared.contentType)
    return reply.send(isStream(body) ? readable(body) : body)
  }
  const checked = declared.body.parse(body)
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(checked))
}

const isStream = (body: unknown): body is AsyncIterable<string | Buffer> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body

function readable(body: AsyncIterable<string | Buffer>): ReadableStream {
  const pieces = body[Symbol.asyncIterator]()
  // Not by a generator: one that was never begun tells its source nothing of the end.
  return new ReadableStream(
    {
      async pull(controller) {
        const piece = await pieces.next()
        if (piece.done) controller.close()
        else controller.enqueue(typeof piece.value === 'string' ? Buffer.from(piece.value) : piece.value)
      },
      async cancel() {
        await pieces.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

/** What every answer says. */
const headersOfAll = (id: string) => ({
  'x-request-id': id,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
})

/** A refusal as an answer. */
function rendered(path: string, refusal: Refusal, id: string) {
  const { status, contentType, body } = renderRefusal(path, refusal, id)
  const { retryAfterSeconds } = refusal
  const headers = {
    'content-type': contentType,
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    ...(status === 401 ? { 'www-authenticate': 'Bearer realm="palisade"' } : {}),
  }
  return { status, headers, body: Buffer.from(body) }
}

/** Headers of which two lines would leave open which one counts. */
const single = new Set(['host', 'authorization', 'apikey', 'projectuid', 'content-type', 'content-length'])

/** The name of a header that stands twice where only one may count. */
export function ambiguousHeader(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ''
    if (!single.has(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

function presentedBy({ authorization, apikey }: IncomingMessage['headers']): Presented | undefined {
  const apiKey = Array.isArray(apikey) ? apikey[0] : apikey
  if (!authorization && !apiKey) return undefined
  return { ...(authorization ? { authorization } : {}), ...(apiKey ? { apiKey } : {}) }
}

const isGuardedPath = (path: string) => /^\/(v1|canvas|k8s)(\/|$)/.test(path)

/** A path to be quoted: a part that is no plain word may be a token or a link that was sent to a wrong place (threat C13). */
const withoutValues = (path: string): string =>
  path
    .split('/')
    .map((part) => (/^(?:[A-Za-z]{1,24}|v1|)$/.test(part) ? part : '…'))
    .join('/')

function matches(template: string, path: string): boolean {
  const parts = path.split('/')
  const wanted = template.split('/')
  return parts.length === wanted.length && wanted.every((part, i) => part.startsWith('{') || part === parts[i])
}

/** PostgreSQL manual, appendix A. */
const diskFull = '53100'

/** What was thrown, as a refusal: Fastify's own complaints about a request, a database that is away, or our fault. */
function refusalOf(cause: Error & { code?: string; statusCode?: number; refusal?: Refusal }): Refusal {
  // What knows how it is to be answered says so: the audit log when it takes no more.
  if (cause.refusal) return cause.refusal
  if (cause.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return refuse('body_too_large', `A body may have at most ${limits.bodyBytes} bytes`)
  if (cause.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return refuse('media_type', 'Send application/json')
  if (cause.statusCode !== undefined && cause.statusCode >= 400 && cause.statusCode < 500)
    return refuse('invalid', 'The request could not be read')
  if (databaseUnavailable(cause)) {
    const why =
      sqlState(cause) === diskFull ? 'There is no space left for the database' : 'The database does not answer'
    return { ...refuse('unavailable', why), retryAfterSeconds: 1 }
  }
  return refuse('internal')
}
