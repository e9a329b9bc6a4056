import { Agent, request as send } from 'undici'

/** Secrets that are looked for wherever something is written down or answered (threats C13, E05). */

/** A real secret, and where alone it may be seen: its owner is shown it there. */
export type Canary = {
  readonly name: string
  readonly value: string
  readonly shown: (place: Place) => boolean
}

/** A text that came out of the server. */
export type Place = {
  /** Which request, or which log. */
  readonly of: string
  readonly part: 'head' | 'body' | 'log'
  readonly text: string
}

/** Pieces shorter than this are met by chance. */
const pieceLength = 14

/**
 * What gives a secret away: any piece of it of some length, as it stands, and what the encodings of headers, URLs and dumps make of the
 * whole. Tokens and keys begin alike, so only their random ends are looked for.
 */
export function needlesOf(value: string): readonly string[] {
  const secret = value.slice(-40)
  const needles = new Set<string>()
  for (let at = 0; at + pieceLength <= secret.length; at += 4) needles.add(secret.slice(at, at + pieceLength))
  needles.add(secret.slice(-pieceLength))
  needles.add(Buffer.from(secret).toString('hex'))
  // In base64 a text stands in one of three ways, by where it begins; its ends depend on the neighbours.
  for (const offset of [0, 1, 2])
    for (const encoding of ['base64', 'base64url'] as const)
      needles.add(
        Buffer.from('x'.repeat(offset) + secret)
          .toString(encoding)
          .slice(4, 4 + 4 * Math.floor((secret.length - 6) / 3)),
      )
  if (encodeURIComponent(secret) !== secret) needles.add(encodeURIComponent(secret))
  return [...needles]
}

/** Where a secret is that may not be there: a line each. */
export function leaksOf(canaries: readonly Canary[], places: readonly Place[]): readonly string[] {
  const leaks: string[] = []
  for (const { name, value, shown } of canaries) {
    const needles = needlesOf(value)
    for (const place of places)
      if (needles.some((needle) => place.text.includes(needle)) && !shown(place))
        leaks.push(`${name} in the ${place.part} of ${place.of}`)
  }
  return leaks
}

export type Ask = {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, where it is no text. */
  readonly body?: unknown
  /** The name under which its answer is kept. */
  readonly as?: string
}

export type Seen = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // What a test expects of a body it says itself.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
  readonly setCookies: readonly string[]
  /** What of it is kept, to say where a secret may be seen. */
  readonly head: Place
  readonly content: Place
}

/** Sends requests to one server and keeps every answer whole, from the first redirect on. */
export type Recorder = {
  readonly places: readonly Place[]
  ask(method: string, target: string, ask?: Ask): Promise<Seen>
  /** From another address: budgets are counted by network. */
  from(address: string): Recorder
  keep(of: string, part: Place['part'], text: string): Place
  close(): Promise<void>
}

export function createRecorder(
  { url, caPem }: { readonly url: string; readonly caPem: string },
  places: Place[] = [],
  localAddress = '127.0.0.1',
): Recorder {
  const dispatcher = new Agent({ connect: { ca: caPem }, localAddress, maxHeaderSize: 64 * 1024 })
  const others: Recorder[] = []
  const keep = (of: string, part: Place['part'], text: string): Place => {
    const place = { of, part, text }
    places.push(place)
    return place
  }
  return {
    places,
    keep,
    async ask(method, target, { headers = {}, body, as = `${method} ${target}` } = {}) {
      const isText = typeof body === 'string'
      const answer = await send(new URL(target, url), {
        method: method as 'GET',
        dispatcher,
        headers: {
          ...(body === undefined || isText ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      })
      const text = await answer.body.text()
      const isJson = String(answer.headers['content-type'] ?? '').includes('json')
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text,
        body: isJson && text !== '' && !text.includes('}\n{') ? JSON.parse(text) : undefined,
        setCookies: [answer.headers['set-cookie'] ?? []].flat(),
        head: keep(as, 'head', JSON.stringify(answer.headers)),
        content: keep(as, 'body', text),
      }
    },
    from(address) {
      const other = createRecorder({ url, caPem }, places, address)
      others.push(other)
      return other
    },
    async close() {
      for (const other of others) await other.close()
      await dispatcher.close()
    },
  }
}
