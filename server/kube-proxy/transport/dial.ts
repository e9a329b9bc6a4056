import { isIP, type LookupFunction } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import type { DestinationPolicy, DestinationRefusal } from './destination.ts'

/** Where a cluster's API server is, and by what it is known. From the cluster's record, checked at import. */
export interface Upstream {
  readonly clusterUid: string
  /** Name or IP literal, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Before every path, canonical, without trailing slash; `''` for none. */
  readonly basePath: string
  /** The certificate authorities pinned at import, PEM. */
  readonly caPem: string | undefined
  /** Trust the authorities this machine's Node trusts, too. Without these and without `caPem` nothing is trusted and nothing connects. */
  readonly systemRoots: boolean
  /** The name the certificate has to bear, where it is not the host (`tls-server-name`). */
  readonly servername: string | undefined
}

/** Why there is no connection. `detail` is for the log and, within the tenant, for whoever may see the cluster's address. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  readonly kind: 'destination' | 'timeout' | 'certificate' | 'network' | 'aborted'
  /** Short and safe to show: an error code or the reason of the destination policy. */
  readonly detail: string

  constructor(kind: ConnectError['kind'], detail: string, cause?: unknown) {
    super(`${kind}: ${detail}`, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.detail = detail
  }
}

/** Makes TLS connections to one API server. */
export interface Dialler {
  /**
   * Resolves, judges the addresses, connects to one of them and verifies the certificate, all within the time given.
   *
   * @throws ConnectError
   */
  dial(signal?: AbortSignal): Promise<TLSSocket>
}

export interface DiallerSettings {
  readonly upstream: Upstream
  readonly destination: DestinationPolicy
  /** For everything together, name resolution included. */
  readonly connectMs: number
}

export function createDialler({ upstream, destination, connectMs }: DiallerSettings): Dialler {
  const { host, port } = upstream
  const expectedName = upstream.servername ?? host
  // Made once: with the public authorities it costs milliseconds.
  const secureContext = trustOf(upstream)
  let session: Buffer | undefined

  return {
    async dial(signal) {
      const timeout = AbortSignal.timeout(connectMs)
      const ended = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
      const whyEnded = (): ConnectError =>
        timeout.aborted ? new ConnectError('timeout', `no connection within ${connectMs} ms`) : abortedByCaller()

      const checked = await orEnded(destination.check(host, port), ended, whyEnded)
      if (!checked.ok) throw refusedDestination(checked.error)
      const socket = connect({
        host,
        port,
        // Only the addresses just judged: a second look-up could answer otherwise. IP literals are not looked up.
        lookup: pinned(checked.value.addresses),
        ALPNProtocols: ['http/1.1'],
        secureContext,
        ...(isIP(expectedName) === 0 ? { servername: expectedName } : {}),
        checkServerIdentity: (_host, certificate) => checkServerIdentity(expectedName, certificate),
        ...(session === undefined ? {} : { session }),
      })
      // Whoever uses the socket listens for errors; between one user and the next there would be nobody.
      socket.on('error', () => {})
      socket.setNoDelay(true)
      socket.setKeepAlive(true, 30_000)
      socket.on('session', (fresh) => {
        session = fresh
      })
      try {
        await orEnded(secured(socket), ended, whyEnded)
      } catch (cause) {
        socket.destroy()
        throw cause instanceof ConnectError ? cause : connectError(cause)
      }
      return socket
    },
  }
}

function trustOf({ caPem, systemRoots }: Upstream): SecureContext {
  // An empty list trusts nobody; `undefined` would mean those Node trusts by default.
  const ca = [...(caPem === undefined ? [] : [caPem]), ...(systemRoots ? getCACertificates('default') : [])]
  return createSecureContext({ ca, minVersion: 'TLSv1.2' })
}

function pinned(addresses: readonly { readonly address: string; readonly family: 4 | 6 }[]): LookupFunction {
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, [...addresses])
    else callback(null, addresses[0]!.address, addresses[0]!.family) // the policy answers with at least one
  }
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('secureConnect', connected)
      socket.off('error', failed)
      socket.off('close', closed)
    }
    const connected = (): void => {
      settle()
      resolve()
    }
    const failed = (error: Error): void => {
      settle()
      reject(error)
    }
    const closed = (): void => failed(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    socket.once('secureConnect', connected)
    socket.once('error', failed)
    socket.once('close', closed)
  })
}

/** What `promise` gives, unless `ended` comes first. */
function orEnded<T>(promise: Promise<T>, ended: AbortSignal, why: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(why())
    if (ended.aborted) return abort()
    ended.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => ended.removeEventListener('abort', abort))
  })
}

function abortedByCaller(): ConnectError {
  return new ConnectError('aborted', 'the call was ended')
}

function refusedDestination({ code, message }: DestinationRefusal): ConnectError {
  return new ConnectError(code === 'unresolved' ? 'network' : 'destination', message)
}

function connectError(cause: unknown): ConnectError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'error'
  const isTls = /CERT|ISSUER|SIGNATURE|SSL|TLS|CRL|CHAIN|HOSTNAME|EPROTO|SELF_SIGNED/.test(code)
  return new ConnectError(isTls ? 'certificate' : 'network', code, cause)
}
