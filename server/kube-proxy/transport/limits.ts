/** Times in milliseconds, sizes in bytes; each is on purpose. */
export interface TransportLimits {
  /** Name resolution, TCP and TLS together. */
  readonly connectMs: number
  /** Until the cluster answers an ordinary call. kube-apiserver itself gives up after 60 s unless told otherwise. */
  readonly headersMs: number
  /** The most that a client's own `timeout` parameter extends `headersMs` to. */
  readonly maxHeadersMs: number
  /** Between two pieces of an ordinary answer. */
  readonly bodyGapMs: number
  /** How long a client may neither read what is there nor send what it announced. */
  readonly clientStallMs: number
  /** How long an idle connection to a cluster is kept; kube-apiserver keeps its side for 90 s or more. */
  readonly keepAliveMs: number
  /** A stream that ends cleanly must have been read by then. */
  readonly endGraceMs: number
  /** Upgraded streams: after one side has closed, the other has this long without a byte. */
  readonly halfOpenMs: number
  /** A WebSocket's client that is told why it ends has this long to hear it. */
  readonly lastWordMs: number
  /** Ordinary calls to one cluster at once. More are refused, not queued: a queue would hide which side is slow. */
  readonly callsPerCluster: number
  /** Of them, one subject's: a few slow clients of one person must not use up everybody's. */
  readonly callsPerSubject: number
  /** Watches, followed logs, proxied applications and upgrades of one subject, over all clusters. */
  readonly streamsPerSubject: number
  /** kube-apiserver takes 3 MiB of a resource; proxied applications are not limited. */
  readonly requestBytes: number
  readonly responseHeadBytes: number
  /** An answer that refuses an upgrade is read whole before it is passed on. */
  readonly upgradeRefusalBytes: number
  /** What a client may send before its upgrade is granted. */
  readonly earlyBytes: number
}

export const defaultLimits: TransportLimits = {
  connectMs: 5000,
  headersMs: 65_000,
  maxHeadersMs: 600_000,
  bodyGapMs: 60_000,
  clientStallMs: 60_000,
  keepAliveMs: 60_000,
  endGraceMs: 250,
  halfOpenMs: 30_000,
  lastWordMs: 500,
  callsPerCluster: 256,
  callsPerSubject: 128,
  streamsPerSubject: 500,
  requestBytes: 8 * 1024 * 1024,
  responseHeadBytes: 64 * 1024,
  upgradeRefusalBytes: 256 * 1024,
  earlyBytes: 64 * 1024,
}
