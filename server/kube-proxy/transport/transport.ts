import type { Duplex } from 'node:stream'
import { failure, isLongRunning, type Status } from '../../../core/kube/index.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { Call } from './call.ts'
import { type Connections, createConnections } from './connections.ts'
import type { DestinationPolicy } from './destination.ts'
import { createDialler, type Dialler, type Upstream } from './dial.ts'
import { forward } from './forward.ts'
import { defaultLimits, type TransportLimits } from './limits.ts'
import { type ClientResponse, replyStatus, replyStatusOnSocket } from './reply.ts'
import type { ClientRequest } from './request-head.ts'
import { addedHeaders } from './response-head.ts'
import { tunnel } from './tunnel.ts'

/** Everything between a decided, recorded call and bytes. */
export interface Transport {
  /** Streams one request to the cluster and the answer back. Takes over the response; `call.onEnd` tells when it is done. */
  forward(call: Call, request: ClientRequest, response: ClientResponse): void
  /**
   * Asks the cluster for the upgrade, and once it has agreed joins the two connections. Takes over the socket.
   *
   * @param early what Node had read beyond the request's head
   */
  upgrade(call: Call, socket: Duplex, early: Buffer): void
  /** Drops the connections to a cluster that is gone or has changed. Calls under way on them fail. */
  forget(clusterUid: string): void
  stats(): TransportStats
  /** Refuses what comes, and drops all connections. End the calls by their signals first. */
  close(): Promise<void>
}

export interface TransportStats {
  /** Clusters with a pool of connections. */
  readonly clusters: number
  /** Ordinary calls under way. */
  readonly calls: number
  /** Watches, followed logs, proxied applications and upgraded connections. */
  readonly streams: number
  /** Who has any of them. */
  readonly subjects: number
}

export interface TransportSettings {
  readonly destination: DestinationPolicy
  readonly clock: Clock
  readonly limits?: Partial<TransportLimits>
}

/**
 * Ordinary calls of one subject to one cluster use each other's connections, one call at a time on each; no connection serves two
 * subjects or two clusters (threat A23). Long calls and upgrades have one each, used once, so that they cannot use up those of
 * the ordinary ones.
 */
export function createTransport({ destination, clock, limits: given }: TransportSettings): Transport {
  const limits: TransportLimits = { ...defaultLimits, ...given }
  const clusters = new Map<string, ClusterConnections>()
  const subjects = new Map<string, Usage>()
  const total: Usage = { calls: 0, streams: 0 }
  let isClosed = false
  let sweptAt = clock.monotonicMs()

  function connectionsTo(upstream: Upstream): ClusterConnections {
    const known = clusters.get(upstream.clusterUid)
    const now = clock.monotonicMs()
    if (known !== undefined && (known.upstream === upstream || isSame(known.upstream, upstream))) {
      known.usedAt = now
      return known
    }
    // The record has changed: what is under way ends by itself, new calls use the new one.
    known?.connections.close()
    if (now - sweptAt > idleClusterMs) {
      sweptAt = now
      sweep(now)
    }
    const made = connectTo(upstream, now)
    clusters.set(upstream.clusterUid, made)
    return made
  }

  function connectTo(upstream: Upstream, now: number): ClusterConnections {
    const dialler = createDialler({ upstream, destination, connectMs: limits.connectMs })
    const host = upstream.host.includes(':') ? `[${upstream.host}]` : upstream.host
    const authority = `${host}:${upstream.port}`
    const connections = createConnections(`https://${authority}`, dialler, limits)
    return { upstream, authority, dialler, connections, calls: 0, streams: 0, usedAt: now }
  }

  /** Forgets clusters that nobody has called for a while: their records may be gone. */
  function sweep(now: number): void {
    for (const [uid, cluster] of clusters) {
      if (cluster.calls + cluster.streams > 0 || now - cluster.usedAt < idleClusterMs) continue
      clusters.delete(uid)
      cluster.connections.close()
    }
  }

  /** A place among the calls under way, or why there is none. */
  function admit(call: Call, cluster: ClusterConnections, isStream: boolean): Status | (() => void) {
    const own = subjects.get(call.subject) ?? { calls: 0, streams: 0 }
    const kind = isStream ? 'streams' : 'calls'
    const most = isStream ? limits.streamsPerSubject : limits.callsPerSubject
    const seconds = { retryAfterSeconds: 1 }
    if (own[kind] >= most) {
      const what = isStream ? 'open streams' : 'calls at once'
      return failure(429, `you have ${most} ${what}, which is the limit (request ${call.requestId})`, seconds)
    }
    if (!isStream && cluster.calls >= limits.callsPerCluster) {
      return failure(429, `too many calls to this cluster at once (request ${call.requestId})`, seconds)
    }
    const usages = [own, cluster, total]
    for (const usage of usages) usage[kind]++
    subjects.set(call.subject, own)
    return () => {
      for (const usage of usages) usage[kind]--
      if (own.calls + own.streams === 0) subjects.delete(call.subject)
    }
  }

  function shutDown(call: Call): Status {
    return failure(503, `Palisade is shutting down (request ${call.requestId})`)
  }

  return {
    forward(call, request, response) {
      const refuse = (status: Status): void => {
        replyStatus(response, status, addedHeaders(call, { status: status.code, fromCluster: false }))
        call.onEnd(refused(status))
      }
      if (isClosed) return refuse(shutDown(call))
      const cluster = connectionsTo(call.upstream)
      const isLong = isLongRunning(call.info, call.target)
      const release = admit(call, cluster, isLong)
      if (typeof release !== 'function') return refuse(release)
      const { connections } = cluster
      const lease = isLong ? connections.long() : connections.ordinary(call.subject)
      forward(call, request, response, { limits, lease, isLong, release })
    },

    upgrade(call, socket, early) {
      const refuse = (status: Status): void => {
        replyStatusOnSocket(socket, status, addedHeaders(call, { status: status.code, fromCluster: false }))
        call.onEnd(refused(status))
      }
      if (isClosed) return refuse(shutDown(call))
      const cluster = connectionsTo(call.upstream)
      const release = admit(call, cluster, true)
      if (typeof release !== 'function') return refuse(release)
      tunnel(call, socket, early, { limits, dialler: cluster.dialler, authority: cluster.authority, release })
    },

    forget(clusterUid) {
      const cluster = clusters.get(clusterUid)
      if (cluster === undefined) return
      clusters.delete(clusterUid)
      void cluster.connections.destroy()
    },

    stats: () => ({ clusters: clusters.size, ...total, subjects: subjects.size }),

    async close() {
      isClosed = true
      const all = [...clusters.values()]
      clusters.clear()
      await Promise.all(all.map(({ connections }) => connections.destroy()))
    },
  }
}

interface Usage {
  calls: number
  streams: number
}

interface ClusterConnections extends Usage {
  readonly upstream: Upstream
  /** For the Host line of upgrades. */
  readonly authority: string
  readonly dialler: Dialler
  readonly connections: Connections
  usedAt: number
}

const idleClusterMs = 600_000

function isSame(a: Upstream, b: Upstream): boolean {
  return (
    a.host === b.host &&
    a.port === b.port &&
    a.basePath === b.basePath &&
    a.caPem === b.caPem &&
    a.systemRoots === b.systemRoots &&
    a.servername === b.servername
  )
}

function refused(status: Status) {
  return { reason: 'refused', detail: status.reason, status: status.code, bytesIn: 0, bytesOut: 0 } as const
}
