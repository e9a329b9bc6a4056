/**
 * For the tests beside it: a door with nothing but the transport behind it, and clusters that do as they are told. What is
 * opened inside a test or suite is closed when that ends.
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { after } from 'node:test'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { failure, type Header, parseTarget, requestInfo } from '../../../core/kube/index.ts'
import { createAuthority } from '../../../tests/support/certificates.ts'
import { systemClock } from '../../platform/clock/index.ts'
import { createLogger, RequestLog } from '../../platform/log/index.ts'
import {
  type Call,
  type CallEnd,
  createDestinationPolicy,
  createTransport,
  type DestinationPolicy,
  parseHead,
  replyStatus,
  replyStatusOnSocket,
  type Transport,
  type TransportLimits,
  type Upstream,
} from './index.ts'

export const authority = await createAuthority('test clusters')
const leaf = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
export const tlsOptions = { key: leaf.keyPem, cert: leaf.certPem }

export const identity: readonly Header[] = [
  ['Impersonate-User', 'palisade:t:u'],
  ['Impersonate-Group', 'palisade:level:view'],
  ['Impersonate-Group', 'palisade:level:edit'],
]
export const credential = 'Bearer of-the-cluster'

export interface TestDoor {
  readonly port: number
  readonly transport: Transport
  /** Log lines of the transport. */
  readonly log: string[]
  /** Ends of calls, in their order. */
  readonly ends: CallEnd[]
  nextEnd(): Promise<CallEnd>
  /** HTTP/1.1, a connection each. */
  ask(path: string, options?: AskOptions): Promise<Answer>
  http2(): ClientHttp2Session
  /** A connection of one's own on which anything can be written. */
  raw(): Promise<RawClient>
}

export interface DoorSettings {
  readonly upstream: Partial<Upstream> & { readonly port: number }
  readonly limits?: Partial<TransportLimits>
  readonly destination?: DestinationPolicy
  readonly call?: (call: Call) => Partial<Call>
  /** Stands in for the time that deciding takes. */
  readonly decide?: () => Promise<void>
  /** Where to leave what closes the door, when that is not the end of the test or suite at hand (in a `before`). */
  readonly closeLater?: (close: () => Promise<void>) => void
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export async function openDoor(settings: DoorSettings): Promise<TestDoor> {
  const { upstream, limits, destination, call: change, decide, closeLater = after } = settings
  const log: string[] = []
  const ends: CallEnd[] = []
  const waiting: ((end: CallEnd) => void)[] = []
  const transport = createTransport({
    destination:
      destination ?? createDestinationPolicy({ ownListeners: () => [], allowLoopback: true, allowedRanges: [] }),
    clock: systemClock,
    ...(limits === undefined ? {} : { limits }),
  })

  const logger = createLogger('debug', (line) => log.push(line))

  const callOf = (request: IncomingMessage | Http2ServerRequest): Call | string => {
    const head = parseHead(request)
    if (!head.ok) return head.error
    const target = parseTarget(head.value.rawTarget)
    if (!target.ok) return target.error
    const info = requestInfo(head.value.method, target.value)
    if (!info.ok) return info.error
    const call: Call = {
      upstream: {
        clusterUid: 'c',
        host: '127.0.0.1',
        basePath: '',
        caPem: authority.certPem,
        systemRoots: false,
        servername: undefined,
        ...upstream,
      },
      subject: 't:u',
      requestId: 'req-1',
      log: new RequestLog(logger, 'req-1'),
      head: head.value,
      target: target.value,
      info: info.value,
      authorization: credential,
      identity,
      recorded: undefined,
      signal: new AbortController().signal,
      endedWith: () => undefined,
      decorateResponse: () => [],
      onEnd: (end) => {
        ends.push(end)
        waiting.shift()?.(end)
      },
    }
    return { ...call, ...change?.(call) }
  }

  const server = createSecureServer({ ...tlsOptions, allowHTTP1: true })
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const call = callOf(request)
    if (typeof call === 'string') replyStatus(response, failure(400, call))
    else if (decide === undefined) transport.forward(call, request, response)
    else void decide().then(() => transport.forward(call, request, response))
  })
  server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, early: Buffer) => {
    const call = callOf(request)
    socket.on('error', () => {})
    if (typeof call === 'string') replyStatusOnSocket(socket, failure(400, call))
    else if (decide === undefined) transport.upgrade(call, socket, early)
    else void decide().then(() => transport.upgrade(call, socket, early))
  })
  const port = await listen(server)
  const sessions = new Set<ClientHttp2Session>()
  const sockets = track(server)
  closeLater(async () => {
    for (const session of sessions) session.destroy()
    await transport.close()
    await close(server, sockets)
  })

  return {
    port,
    transport,
    log,
    ends,
    nextEnd: () => new Promise((resolve) => waiting.push(resolve)),
    ask: (path, options) => ask(port, path, options),
    http2() {
      const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: authority.certPem })
      session.on('error', () => {})
      sessions.add(session)
      return session
    },
    raw: () => openRaw(port),
  }
}

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
}

export interface TestCluster {
  readonly port: number
  readonly seen: SeenRequest[]
  /** Connections accepted so far, and those still open. */
  connections(): { readonly accepted: number; readonly open: number }
}

/** An API server of HTTP/1.1 over TLS that answers as the handler does. */
export async function startCluster(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  onUpgrade?: (request: IncomingMessage, socket: TLSSocket, early: Buffer) => void,
): Promise<TestCluster> {
  const seen: SeenRequest[] = []
  const note = ({ method = '', url = '', rawHeaders, headers }: IncomingMessage): void => {
    seen.push({ method, url, rawHeaders, headers })
  }
  const server = createHttpsServer({ ...tlsOptions, requireHostHeader: true }, (request, response) => {
    note(request)
    handler(request, response)
  })
  if (onUpgrade !== undefined) {
    server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, early: Buffer) => {
      note(request)
      socket.on('error', () => {})
      onUpgrade(request, socket, early)
    })
  }
  let accepted = 0
  server.on('connection', () => accepted++)
  const sockets = track(server)
  const port = await listen(server)
  after(() => close(server, sockets))
  return { port, seen, connections: () => ({ accepted, open: sockets.size }) }
}

/** A server that speaks whatever bytes it is told: called with each head it has received, up to the empty line. */
export async function startHostile(
  onHead: (socket: TLSSocket, head: string, index: number) => void,
): Promise<{ readonly port: number; readonly received: () => string }> {
  let everything = ''
  let index = 0
  const server = createTlsServer(tlsOptions, (socket) => {
    let text = ''
    let isAnswered = false
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      everything += chunk.toString('latin1')
      text += chunk.toString('latin1')
      if (isAnswered || !text.includes('\r\n\r\n')) return
      isAnswered = true
      onHead(socket, text, index++)
    })
  })
  const sockets = track(server)
  const port = await listen(server)
  after(() => close(server, sockets))
  return { port, received: () => everything }
}

export interface RawClient {
  readonly socket: TLSSocket
  text(): string
  write(text: string): void
  /** Waits until what has come matches. */
  waitFor(pattern: RegExp): Promise<string>
  /** Resolves with everything when the connection is closed. */
  readonly closed: Promise<string>
}

async function openRaw(port: number): Promise<RawClient> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certPem, ALPNProtocols: ['http/1.1'] })
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  await once(socket, 'secureConnect')
  return {
    socket,
    text: () => text,
    write: (more) => void socket.write(Buffer.from(more, 'latin1')),
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const settle = (how: () => void): void => {
          socket.off('data', look)
          socket.off('close', giveUp)
          how()
        }
        const look = (): void => {
          if (pattern.test(text)) settle(() => resolve(text))
        }
        const giveUp = (): void => settle(() => reject(new Error(`closed before ${pattern}: ${text}`)))
        socket.on('data', look)
        socket.once('close', giveUp)
        look()
      }),
    closed,
  }
}

function ask(port: number, path: string, { method = 'GET', headers = {}, body }: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port, path, method, headers, ca: authority.certPem, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port // it listens on TCP
}

function track(server: Server): Set<TLSSocket> {
  const sockets = new Set<TLSSocket>()
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

async function close(server: Server, sockets: ReadonlySet<TLSSocket>): Promise<void> {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
}
