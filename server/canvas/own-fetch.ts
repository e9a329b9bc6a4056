import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { rootCertificates, type SecureContextOptions } from 'node:tls'
import type { CustomFetch } from 'openid-client'
import { Agent, buildConnector, fetch, Headers, type RequestInit } from 'undici'

export type OwnFetch = {
  readonly fetch: CustomFetch
  /** Runs work whose requests to our own listener are for somebody at this address. */
  onBehalfOf<T>(address: string, work: () => T): T
  /**
   * For whom a request is that came in on one of these connections; undefined for every other one. Believed for the connection and for
   * no word in it: nobody else has its address and port while it is open.
   */
  endClientOf(request: {
    readonly socket: Pick<Socket, 'remoteAddress' | 'remotePort'>
    readonly headers: IncomingHttpHeaders
  }): string | undefined
  close(): Promise<void>
}

const endClientHeader = 'x-palisade-end-client'

/**
 * `fetch` for an issuer that this very program may be. What is asked of our own public URL goes straight to our own listener: the name
 * may lead to a load balancer, or nowhere from here. Who answers still has to prove that name.
 *
 * @param trusted asked at each connection: the certificates that our own listener is known by, beside those that the system trusts
 */
export function createOwnFetch({
  publicUrl,
  host,
  port,
  trusted,
}: {
  readonly publicUrl: string
  /** Where we listen; an address of all interfaces stands for loopback. */
  readonly host: string
  readonly port: number
  readonly trusted: () => SecureContextOptions['cert']
}): OwnFetch {
  const endClient = new AsyncLocalStorage<string>()
  const connections = new Set<string>()
  const own = new URL(publicUrl)
  const ownPort = own.port === '' ? '443' : own.port
  const dispatcher = new Agent({
    connect(options, callback) {
      const anchors = [trusted() ?? []].flat().map(String)
      // The operator's own certificate may be signed by nobody we know: it is enough that it is the one we present.
      const connect = buildConnector({ ca: [...rootCertificates, ...anchors], allowPartialTrustChain: true })
      const isOwn = options.hostname === own.hostname && (options.port === '' ? '443' : options.port) === ownPort
      if (!isOwn) return connect(options, callback)
      connect(
        { ...options, hostname: reachable(host), port: String(port), servername: nameOf(own) },
        (...connected) => {
          const [, socket] = connected
          const name = socket ? nameOfEnd(socket.localAddress, socket.localPort) : undefined
          if (name !== undefined) {
            connections.add(name)
            socket?.once('close', () => connections.delete(name))
          }
          callback(...connected)
        },
      )
    },
  })
  return {
    fetch: ((url: string, init: RequestInit) => {
      const headers = new Headers(init.headers)
      const address = endClient.getStore()
      if (address !== undefined && new URL(url).origin === own.origin) headers.set(endClientHeader, address)
      // The answers of this undici have all that a client of OpenID asks of a Response.
      return fetch(url, { ...init, headers: Object.fromEntries(headers), dispatcher })
    }) as unknown as CustomFetch,
    onBehalfOf: (address, work) => endClient.run(address, work),
    endClientOf({ socket, headers }) {
      const name = nameOfEnd(socket.remoteAddress, socket.remotePort)
      const address = headers[endClientHeader]
      return name !== undefined && connections.has(name) && typeof address === 'string' ? address : undefined
    },
    close: () => dispatcher.close(),
  }
}

const reachable = (host: string) => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host

const nameOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')

/** One end of a connection; both sides must name it alike. */
function nameOfEnd(address: string | undefined, port: number | undefined): string | undefined {
  return address === undefined || port === undefined ? undefined : `${address.replace(/^::ffff:/, '')} ${port}`
}
