import { createServer } from 'node:http'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What the server counts, and its listener for Prometheus: loopback only, without TLS, the one listener that is (threat A26). */
export type Metrics = {
  readonly requests: (route: string, status: number, seconds: number) => void
  readonly streamEnded: (reason: string) => void
  /** A value that is read when somebody asks. */
  readonly gauge: (name: string, help: string, read: () => number) => void
  readonly counter: (
    name: string,
    help: string,
    labels?: readonly string[],
  ) => (labels?: Record<string, string>) => void
  listen(port: number): Promise<void>
  close(): Promise<void>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'palisade_' })
  const requests = new Histogram({
    name: 'palisade_http_request_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  const streams = new Counter({
    name: 'palisade_streams_ended_total',
    help: 'Open calls to clusters that Palisade ended, by reason',
    labelNames: ['reason'],
    registers: [registry],
  })
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  server.maxConnections = 16

  return {
    requests: (route, status, seconds) => requests.observe({ route, status: `${Math.floor(status / 100)}xx` }, seconds),
    streamEnded: (reason) => streams.inc({ reason }),
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read())
        },
      })
    },
    counter(name, help, labels = []) {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] })
      return (values = {}) => counter.inc(values)
    },
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject)
          resolve()
        })
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
