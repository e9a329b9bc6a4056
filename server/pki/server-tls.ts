import type { SecureContextOptions, Server } from 'node:tls'

/** A certificate that a listener presents and that is renewed while it listens. */
export type ServerTls = {
  /** What to make the listener, or a client's connection, with: certificate and key as they are now. */
  readonly secureContextOptions: Readonly<SecureContextOptions>
  /** End of the certificate as it is now. */
  readonly notAfter: Date
  /** Calls back when there is a new one. Returns how to unsubscribe. */
  onRenew(listener: () => void): () => void
  /** Ends the renewal. */
  stop(): void
}

/**
 * Keeps a listener's certificate current: new connections get the new one at once, open ones live on.
 *
 * @param options what else the listener's secure context was made with, such as `minVersion`: the whole context is
 *   replaced, so that what is left out here would be lost at the first renewal
 * @returns how to end it
 */
export function present(server: Server, tls: ServerTls, options: Readonly<SecureContextOptions>): () => void {
  const apply = () => server.setSecureContext({ ...options, ...tls.secureContextOptions })
  apply()
  return tls.onRenew(apply)
}

/** Who wants to know of a renewal. */
export function createListeners() {
  const listeners = new Set<() => void>()
  return {
    add(listener: () => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    tell(): void {
      for (const listener of listeners) listener()
    },
  }
}
