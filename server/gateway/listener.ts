import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { Logger } from '../platform/log/index.ts'
import { newUid } from '../platform/random/index.ts'
import { isTrusted, limits, networkOf } from './limits.ts'
import { createLogBudget } from './log-budget.ts'
import { endWith } from './socket-reply.ts'

export type DoorRequest = IncomingMessage | Http2ServerRequest
export type DoorResponse = ServerResponse | Http2ServerResponse

/** The paths behind the one listener. */
export type Doors = {
  readonly api: (request: DoorRequest, response: DoorResponse) => void
  /** Answers an upgrade that nobody takes. */
  readonly refuseUpgrade: (request: IncomingMessage, socket: Duplex) => void
  readonly kube: (request: DoorRequest, response: DoorResponse) => void
  readonly kubeUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** What else answers requests by itself, asked in this order before the API. */
  readonly mounts?: readonly Mount[]
}

/** A part of the server with a way of its own, chosen by the raw request. */
export type Mount = {
  readonly owns: (request: DoorRequest) => boolean
  readonly request: (request: DoorRequest, response: DoorResponse) => void
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** A mount that owns a path and everything below it. */
export const below = (prefix: string, mount: Omit<Mount, 'owns'>): Mount => ({
  ...mount,
  owns({ url = '' }) {
    const [path = ''] = url.split('?', 1)
    return path === prefix || path.startsWith(`${prefix}/`)
  },
})

export type Listener = {
  listen(host: string, port: number): Promise<void>
  setCertificate(context: SecureContextOptions): void
  address(): { readonly address: string; readonly port: number }
  connections(): number
  /** Stops accepting, lets requests under way finish for `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>
}

const prefix = '/k8s/'

/**
 * The main listener: TLS 1.2 or newer, HTTP/2 and HTTP/1.1, with its limits on from the first connection. Requests below
 * `/k8s/` go the Kubernetes way, others to who owns them, everything else to the API; the choice is made on the raw target, which both then judge.
 */
export function createListener(
  certificate: SecureContextOptions,
  doors: Doors,
  logger: Logger,
  bounds: { readonly [Name in keyof typeof limits]: number } = limits,
  trustedProxies: readonly string[] = [],
): Listener {
  const perNetwork = new Map<string, number>()
  const refusals = createLogBudget()
  const unread = createLogBudget()
  const server = createSecureServer(
    {
      ...certificate,
      allowHTTP1: true,
      minVersion: 'TLSv1.2',
      handshakeTimeout: bounds.handshakeTimeoutMs,
      settings: { maxConcurrentStreams: bounds.http2Streams, maxHeaderListSize: bounds.headerBytes },
      maxSessionMemory: 10,
      maxHeaderListPairs: 128,
      // Options of the HTTP/1.1 side. Strict parsing: what is ambiguous ends the connection (threat A23).
      ...{ maxHeaderSize: bounds.headerBytes, insecureHTTPParser: false, connectionsCheckingInterval: 2_000 },
      // Asked for here, since Node's own answer would carry no request id.
      ...{ requireHostHeader: false },
    },
    (request, response) => {
      if (request.httpVersion === '1.1' && request.headers.host === undefined)
        refuseUnread(request, response, 400, 'no Host')
      else route(request, response)
    },
  )
  server.maxConnections = bounds.connections
  // HTTP/1.1 limits are fields that the types of the HTTP/2 server do not name.
  Object.assign(server, {
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: bounds.requestTimeoutMs,
    keepAliveTimeout: bounds.keepAliveMs,
  })

  /** Answers what is not even looked at by a door; over HTTP/1.1 the connection ends with it. */
  function refuseUnread(
    { socket, httpVersion }: DoorRequest,
    response: DoorResponse,
    status: number,
    why: string,
  ): void {
    const out = response as ServerResponse // Both kinds agree in what is used here; only their overloads differ.
    const close = httpVersion.startsWith('1.') ? { connection: 'close' } : {}
    out.writeHead(status, {
      'x-request-id': notRead(socket.remoteAddress, status, why),
      'content-length': '0',
      ...close,
    })
    out.end()
  }

  /** Logs a request that got no further than here. @returns its id */
  function notRead(address: string | undefined, status: number, why: string): string {
    const request = newUid()
    const more = unread.take()
    if (more) logger.info({ request, address, status, why, ...more }, 'a request could not be read')
    return request
  }

  const mountOf = (request: DoorRequest) => doors.mounts?.find((mount) => mount.owns(request))

  function route(request: DoorRequest, response: DoorResponse): void {
    const answer = (request.url ?? '').startsWith(prefix) ? doors.kube : (mountOf(request)?.request ?? doors.api)
    answer(request, response)
  }

  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? ''
    // Behind one address of a proxy there is everybody; the proxy has limits of its own.
    if (isTrusted(address, trustedProxies)) return
    const network = networkOf(address)
    const open = (perNetwork.get(network) ?? 0) + 1
    if (open > bounds.connectionsPerAddress) {
      const more = refusals.take()
      if (more) logger.warn({ network, ...more }, 'too many connections from one network')
      socket.destroy()
      return
    }
    perNetwork.set(network, open)
    socket.once('close', () => {
      const left = (perNetwork.get(network) ?? 1) - 1
      if (left > 0) perNetwork.set(network, left)
      else perNetwork.delete(network)
    })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // An upgraded socket has nobody else who hears its errors until it is piped.
    socket.on('error', () => socket.destroy())
    const upgrade = (request.url ?? '').startsWith(prefix) ? doors.kubeUpgrade : mountOf(request)?.upgrade
    if (upgrade) upgrade(request, socket, head)
    else doors.refuseUpgrade(request, socket)
  })
  server.on('checkExpectation', (request, response) => refuseUnread(request, response, 417, 'an unknown expectation'))
  server.on('session', (session) => {
    let streams = 0
    session.on('stream', (stream) => {
      streams++
      endStalled(stream, bounds.requestTimeoutMs)
      stream.once('close', () => {
        streams--
      })
    })
    // Watches are silent for long; only a connection without any stream is idle.
    session.setTimeout(bounds.keepAliveMs, () => {
      if (streams === 0) session.close()
    })
    session.on('error', () => session.destroy())
  })
  server.on('clientError', (cause: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy()
    const { code = 'unknown' } = cause
    const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
    const { remoteAddress } = socket as TLSSocket // It is always one; the event is declared for any stream.
    endWith(socket, status, { 'x-request-id': notRead(remoteAddress, status, code) })
  })
  server.on('tlsClientError', (_cause, socket: TLSSocket) => socket.destroy())

  const sockets = new Set<Duplex>()
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port, backlog: 1024 }, () => {
          server.off('error', reject)
          resolve()
        })
      }),
    // The whole context is replaced: what is left out here would be lost at the first renewal.
    setCertificate: (context) => server.setSecureContext({ minVersion: 'TLSv1.2', ...context }),
    address() {
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('the listener does not listen')
      return { address: address.address, port: address.port }
    },
    connections: () => sockets.size,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      // HTTP/1.1 connections that wait for a next request end now.
      ;(server as unknown as { closeIdleConnections?: () => void }).closeIdleConnections?.()
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

/**
 * What `requestTimeout` is for HTTP/1.1, which Node does not know for HTTP/2: a stream whose body does not come, or whose
 * finished answer is not read, ends. Otherwise nobody would ever end them, and strangers can open any number.
 */
function endStalled(stream: ServerHttp2Stream, ms: number): void {
  const timer = setInterval(() => {
    const awaitsBody = !stream.endAfterHeaders && !stream.readableEnded
    // An answer that is still being written may take as long as it likes: a watch, a followed log.
    if (stream.writableEnded || (awaitsBody && !stream.headersSent)) stream.close(constants.NGHTTP2_CANCEL)
  }, ms)
  timer.unref()
  stream.once('close', () => clearInterval(timer))
}
