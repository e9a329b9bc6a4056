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
  /**
   * For an ordinary call of this subject: one of theirs that is idle, else a new one. The bytes of two people never stand on one
   * connection, so that nothing of a call can reach another's (threat A23). How many there are is the caller's to limit.
   */
  ordinary(subject: string): Lease
  /** For a long call: new, and closed after it. */
  long(): Lease
  /** Closes what is idle now, and the others when their calls are over. */
  close(): void
  /** Closes all at once. */
  destroy(): Promise<void>
}

export function createConnections(origin: string, dialler: Dialler, limits: TransportLimits): Connections {
  /** By subject. The last one given back is taken first, so that those nobody needs fall silent and are closed. */
  const idle = new Map<string, Client[]>()
  const all = new Set<Client>()
  const connected = new WeakSet<Client>()
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

  function take(subject: string): Client {
    const theirs = idle.get(subject)
    const client = theirs?.pop()
    if (theirs?.length === 0) idle.delete(subject)
    if (client) return client
    const made = open(limits.headersMs, limits.bodyGapMs)
    made.on('connect', () => connected.add(made))
    // Idle for too long, or closed by the cluster: a subject who does not come back leaves nothing behind.
    made.on('disconnect', () => {
      connected.delete(made)
      forgetIdle(subject, made)
    })
    return made
  }

  function forgetIdle(subject: string, client: Client): void {
    const theirs = idle.get(subject)
    const place = theirs?.indexOf(client) ?? -1
    if (!theirs || place < 0) return
    theirs.splice(place, 1)
    if (theirs.length === 0) idle.delete(subject)
    all.delete(client)
    void client.destroy()
  }

  /** @param subject whose idle connections it joins afterwards; undefined: it is closed */
  function lend(client: Client, subject: string | undefined): Lease {
    let isDone = false
    return {
      dispatcher: client,
      done(reusable) {
        if (isDone) return
        isDone = true
        // One that the cluster has closed by now is nothing to keep.
        if (subject !== undefined && reusable && !isClosed && connected.has(client)) {
          const theirs = idle.get(subject)
          if (theirs) theirs.push(client)
          else idle.set(subject, [client])
        } else {
          all.delete(client)
          void client.destroy()
        }
      },
    }
  }

  return {
    ordinary: (subject) => lend(take(subject), subject),
    long: () => lend(open(0, 0), undefined),
    close() {
      isClosed = true
      for (const client of [...idle.values()].flat()) {
        all.delete(client)
        void client.destroy()
      }
      idle.clear()
    },
    async destroy() {
      isClosed = true
      idle.clear()
      await Promise.all([...all].map((client) => client.destroy()))
      all.clear()
    },
  }
}
