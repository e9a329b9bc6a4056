import { Client, type Dispatcher } from 'undici'
import type { Dialler } from './dial.ts'
import type { TransportLimits } from './limits.ts'

/** A connection lent to one call. */
export interface Lease {
  readonly dispatcher: Dispatcher
  /**
   * Gives it back; further calls change nothing.
   *
   * @param reusable false when the call was broken off: the connection is then closed, and undici does not open another
   *   one for the request it still holds
   */
  done(reusable: boolean): void
}

/** The connections to one API server. One call at a time on each, so that no call waits behind another. */
export interface Connections {
  /** For an ordinary call: one that is idle, else a new one. How many there are is the caller's to limit. */
  ordinary(): Lease
  /** For a long call: new, and closed after it. */
  long(): Lease
  /** Closes what is idle now, and the others when their calls are over. */
  close(): void
  /** Closes all at once. */
  destroy(): Promise<void>
}

export function createConnections(origin: string, dialler: Dialler, limits: TransportLimits): Connections {
  /** The last one given back is taken first, so that those nobody needs fall silent and are closed. */
  const idle: Client[] = []
  const all = new Set<Client>()
  let isClosed = false

  function open(headersTimeout: number, bodyTimeout: number): Client {
    const client = new Client(origin, {
      pipelining: 1,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.responseHeadBytes,
      headersTimeout,
      bodyTimeout,
      connect: (_options, callback) => {
        dialler.dial().then(
          (socket) => callback(null, socket),
          (error: Error) => callback(error, null),
        )
      },
    })
    all.add(client)
    return client
  }

  function lend(client: Client, keeps: boolean): Lease {
    let isDone = false
    return {
      dispatcher: client,
      done(reusable) {
        if (isDone) return
        isDone = true
        if (keeps && reusable && !isClosed) {
          idle.push(client)
        } else {
          all.delete(client)
          void client.destroy()
        }
      },
    }
  }

  return {
    ordinary: () => lend(idle.pop() ?? open(limits.headersMs, limits.bodyGapMs), true),
    long: () => lend(open(0, 0), false),
    close() {
      isClosed = true
      for (const client of idle.splice(0)) {
        all.delete(client)
        void client.destroy()
      }
    },
    async destroy() {
      isClosed = true
      idle.length = 0
      await Promise.all([...all].map((client) => client.destroy()))
      all.clear()
    },
  }
}
