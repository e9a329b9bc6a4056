import { Agent, Headers, request, WebSocket } from 'undici'
import { quantile } from '../support/fleet.ts'

/** One way to the cluster: where it begins, whom it trusts, and what a caller says. */
export type Way = {
  readonly name: 'direct' | 'go' | 'palisade'
  readonly base: string
  readonly caFile: string
  readonly agent: Agent
  readonly headers: Readonly<Record<string, string>>
  /** Impersonation lines, for the direct call, which has nobody to set them. */
  readonly identity: readonly (readonly [string, string])[]
}

export const agentOf = (caPem: string): Agent =>
  new Agent({ connect: { ca: caPem }, bodyTimeout: 0, headersTimeout: 30_000 })

const linesOf = ({ headers, identity }: Way): string[] => [...Object.entries(headers).flat(), ...identity.flat()]

export async function statusOf(way: Way, path: string): Promise<number> {
  const { statusCode, body } = await request(way.base + path, { dispatcher: way.agent, headers: linesOf(way) })
  await body.dump()
  return statusCode
}

export type Times = { readonly p50: number; readonly p99: number }

/**
 * Keeps `open` watches on one object and changes it; milliseconds from the change to each watch's line.
 *
 * @param change changes the object once
 */
export async function measureWatches(
  way: Way,
  path: string,
  open: number,
  changes: number,
  change: (n: number) => Promise<unknown>,
): Promise<Times> {
  const abort = new AbortController()
  const hear: ((at: number) => void)[] = []
  for (let i = 0; i < open; i++) {
    const first = new Promise<number>((resolve) => {
      hear[i] = resolve
    })
    const { body, statusCode } = await request(way.base + path, {
      ...{ dispatcher: way.agent, headers: linesOf(way), signal: abort.signal },
    })
    if (statusCode !== 200) throw new Error(`a watch through ${way.name} was answered ${statusCode}`)
    body.on('data', () => hear[i]?.(performance.now()))
    body.on('error', () => undefined) // the abort below
    await first
  }
  const times: number[] = []
  for (let n = 0; n < changes; n++) {
    const heard = hear.map(
      (_, i) =>
        new Promise<number>((resolve) => {
          hear[i] = resolve
        }),
    )
    const from = performance.now()
    await change(n)
    times.push(...(await Promise.all(heard)).map((at) => at - from))
  }
  abort.abort()
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

const [stdin, stdout] = [0, 1]

/** Echoes 1 KiB through an exec of `cat` again and again; milliseconds a round trip. */
export function measureExec(way: Way, path: string, times: number): Promise<Times> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(way.base.replace(/^https/, 'wss') + path, {
      protocols: ['v4.channel.k8s.io'],
      dispatcher: way.agent,
      // Headers joins lines of one name, which would be another group: the last one, which may exec, is enough.
      headers: new Headers({ ...Object.fromEntries(way.identity), ...way.headers }),
    })
    socket.binaryType = 'arraybuffer'
    const message = Buffer.concat([Buffer.of(stdin), Buffer.alloc(1023, 'x'), Buffer.from('\n')])
    const took: number[] = []
    let from = 0
    let received = 0
    const send = () => {
      received = 0
      from = performance.now()
      socket.send(message)
    }
    socket.addEventListener('open', send)
    socket.addEventListener('message', ({ data }) => {
      const bytes = Buffer.from(data as ArrayBuffer) // binaryType says so
      if (bytes[0] !== stdout) return
      received += bytes.length - 1
      if (received < message.length - 1) return
      took.push(performance.now() - from)
      if (took.length < times) return send()
      socket.close()
      resolve({ p50: quantile(took, 0.5), p99: quantile(took, 0.99) })
    })
    socket.addEventListener('error', () => reject(new Error(`exec through ${way.name} failed`)))
  })
}
