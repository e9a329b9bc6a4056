import { rootCertificates, type SecureContextOptions } from 'node:tls'
import type { CustomFetch } from 'openid-client'
import { Agent, buildConnector, fetch } from 'undici'

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
}): { readonly fetch: CustomFetch; close(): Promise<void> } {
  const own = new URL(publicUrl)
  const ownPort = own.port === '' ? '443' : own.port
  const dispatcher = new Agent({
    connect(options, callback) {
      const anchors = [trusted() ?? []].flat().map(String)
      // The operator's own certificate may be signed by nobody we know: it is enough that it is the one we present.
      const connect = buildConnector({ ca: [...rootCertificates, ...anchors], allowPartialTrustChain: true })
      const isOwn = options.hostname === own.hostname && (options.port === '' ? '443' : options.port) === ownPort
      connect(
        isOwn ? { ...options, hostname: reachable(host), port: String(port), servername: nameOf(own) } : options,
        callback,
      )
    },
  })
  return {
    // The answers of this undici have all that a client of OpenID asks of a Response.
    fetch: ((url: string, init: object) => fetch(url, { ...init, dispatcher })) as unknown as CustomFetch,
    close: () => dispatcher.close(),
  }
}

const reachable = (host: string) => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host

const nameOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')
