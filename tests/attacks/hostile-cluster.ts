import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { createAuthority } from '../support/certificates.ts'

/** A request as it came from Palisade. */
export type SeenRequest = {
  readonly method: string
  /** The request target, byte for byte. */
  readonly target: string
  /** Names and values, line by line, as they came. */
  readonly lines: readonly (readonly [name: string, value: string])[]
  /** Which connection it came on. */
  readonly connection: number
}

/**
 * Stands where a cluster's API server would: notes what comes, and passes it on to a real one (or a fake) unless the test
 * wants it answered otherwise. Palisade knows no other server.
 */
export type HostileCluster = {
  readonly server: string
  readonly port: number
  readonly caPem: string
  /** What came since `forget`, oldest first. */
  readonly seen: readonly SeenRequest[]
  forget(): void
  /** Answers in the API server's place where it answers true. */
  onRequest: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  /** The same for upgrades. */
  onUpgrade: ((request: IncomingMessage, socket: Duplex, early: Buffer) => boolean) | undefined
  close(): Promise<void>
}

/** The API server behind it. */
export type Backend = { readonly port: number; readonly caPem: string }

export async function startHostileCluster(backend: Backend): Promise<HostileCluster> {
  const authority = await createAuthority('hostile cluster')
  const leaf = await authority.issue({ commonName: 'hostile', dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const seen: SeenRequest[] = []
  const sockets = new Set<TLSSocket>()
  const numbers = new WeakMap<object, number>()
  let accepted = 0

  const note = (request: IncomingMessage) => {
    const { method = '', url: target = '', rawHeaders } = request
    const lines = pairs(rawHeaders)
    seen.push({ method, target, lines, connection: numbers.get(request.socket) ?? -1 })
  }

  const behind = (request: IncomingMessage) =>
    httpsRequest({
      ...{ host: '127.0.0.1', port: backend.port, ca: backend.caPem, agent: false, setHost: false },
      ...{ method: request.method, path: request.url, headers: request.rawHeaders },
    })

  const server = createServer({ cert: leaf.certPem, key: leaf.keyPem, maxHeaderSize: 256 * 1024 })
  server.on('secureConnection', (socket: TLSSocket) => {
    numbers.set(socket, ++accepted)
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  })
  server.on('request', (request, response) => {
    note(request)
    if (cluster.onRequest?.(request, response)) return
    const onward = behind(request)
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      // A watch has to be heard of before its first event.
      response.flushHeaders()
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, early: Buffer) => {
    note(request)
    socket.on('error', () => socket.destroy())
    if (cluster.onUpgrade?.(request, socket, early)) return
    const onward = behind(request)
    const refused = (answer: IncomingMessage) => {
      socket.write(headText(answer))
      answer.pipe(socket)
    }
    onward.on('response', refused)
    onward.on('upgrade', (answer: IncomingMessage, upgraded: Duplex, first: Buffer) => {
      upgraded.on('error', () => upgraded.destroy())
      socket.write(headText(answer))
      socket.write(first)
      upgraded.write(early)
      upgraded.pipe(socket).pipe(upgraded)
      upgraded.on('close', () => socket.destroy())
      socket.on('close', () => upgraded.destroy())
    })
    onward.on('error', () => socket.destroy())
    onward.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP

  const cluster: HostileCluster = {
    server: `https://127.0.0.1:${port}`,
    port,
    caPem: authority.certPem,
    seen,
    forget: () => void seen.splice(0),
    onRequest: undefined,
    onUpgrade: undefined,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return cluster
}

/** The values of a header in the order of its lines, whatever the case of its name. */
export function valuesOf(request: SeenRequest | undefined, name: string): string[] {
  const lines = request?.lines ?? []
  return lines.filter(([one]) => one.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''])
}

function headText({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = pairs(rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join('')}\r\n`
}
