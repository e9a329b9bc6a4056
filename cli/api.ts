import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Credential } from './credentials.ts'
import { Failure } from './failure.ts'
import type { Server } from './settings.ts'
import { createTransport, interrupted, notPalisade, type Transport, unreachable } from './transport.ts'

export type CallOptions = {
  readonly body?: unknown
  /** UID of the project that the call is about. */
  readonly project?: string | undefined
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** Ends the call, whether it waits for its answer or reads it. */
  readonly signal?: AbortSignal
}

/** A refusal of the server, still as it came, for commands that know more about one than its sentence. */
export class Refused extends Failure {
  readonly status: number
  readonly code: string
  readonly requestId: string

  constructor(answer: { status: number; code: string; requestId: string; message: string; hints: readonly string[] }) {
    super(answer.message, { hints: answer.hints })
    this.status = answer.status
    this.code = answer.code
    this.requestId = answer.requestId
  }
}

/** One server as one caller. Every answer other than 2xx is thrown as a `Refused` that says what to do. */
export type Api = {
  readonly server: Server
  /** As it was used last: a session's is renewed on the way. */
  readonly credential: Credential
  /** @returns the parsed JSON; undefined where the answer has no content */
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<unknown>
  readonly text: (path: string, options?: CallOptions) => Promise<string>
  /** The answer's bytes as they come; a break in the middle is thrown, and so is an abort. */
  readonly stream: (path: string, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>
  /** Every item of a list, page by page to its end, as the server answers them. */
  readonly list: (path: string, options?: CallOptions) => Promise<readonly unknown[]>
  readonly close: () => void
}

/** A read that is asked to come again soon does, so often. */
const triesOfReads = 3
const longestRetryS = 5

/** @param renew gives a new credential in place of one that the server refused; throws where there is none */
export function createApi(
  server: Server,
  given: Credential,
  renew?: (refused: Credential) => Promise<Credential>,
): Api {
  const transport = createTransport(server)
  let credential = given

  async function send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    let isRenewed = false
    for (let attempt = 1; ; attempt++) {
      const used = credential
      const answer = await sendOnce(transport, server, used, method, path, options)
      const status = answer.statusCode ?? 0
      if (status >= 200 && status <= 299) return answer
      const waitS = Number(answer.headers['retry-after'] ?? Number.NaN)
      const refused = refusedBy(status, answer, await transport.readAll(answer), used, server)
      if (status === 401 && renew && !isRenewed) {
        // Who calls is asked before anything is done, so that what was refused can be sent again.
        isRenewed = true
        credential = await renew(used)
        continue
      }
      const comesAgain = method === 'GET' && (status === 429 || status === 503) && waitS <= longestRetryS
      if (!comesAgain || attempt >= triesOfReads) throw refused
      await delay(waitS * 1000)
    }
  }

  const call: Api['call'] = async (method, path, options = {}) => {
    const text = await transport.readAll(await send(method, path, options))
    return text === '' ? undefined : parseJson(text, server)
  }

  return {
    server,
    get credential() {
      return credential
    },
    call,
    text: async (path, options = {}) => transport.readAll(await send('GET', path, options)),
    async stream(path, signal) {
      const answer = await send('GET', path, { signal })
      return (async function* () {
        try {
          for await (const part of answer) yield part as Uint8Array
        } catch (cause) {
          throw signal.aborted ? interrupted() : unreachable(cause, server)
        }
      })()
    },
    async list(path, options = {}) {
      const items: unknown[] = []
      let next: string | undefined
      do {
        // 0: as much as one page may hold.
        const query = { ...options.query, limit: 0, continue: next }
        const page = await call('GET', path, { ...options, query })
        const { items: some, listmeta } = asPage(page, server)
        items.push(...some)
        next = some.length > 0 ? listmeta?.continue || undefined : undefined
      } while (next !== undefined)
      return items
    },
    close: transport.close,
  }
}

type Page = { readonly items: readonly unknown[]; readonly listmeta?: { readonly continue?: string } }

function asPage(value: unknown, server: Server): Page {
  if (typeof value === 'object' && value !== null && Array.isArray((value as { items?: unknown }).items))
    return value as Page // `continue` is only ever handed back to the server
  throw notPalisade(server)
}

function sendOnce(
  transport: Transport,
  server: Server,
  credential: Credential,
  method: string,
  path: string,
  { body, project, query = {}, signal }: CallOptions,
): Promise<IncomingMessage> {
  const url = new URL(path, server.url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return transport.send({
    ...{ method, url, signal },
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${credential.secret.reveal()}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(project === undefined ? {} : { ProjectUid: project }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
}

function parseJson(text: string, server: Server): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notPalisade(server)
  }
}

/** A refusal in either dialect (`{code, message, details, ref}`, or a problem of RFC 9457), with what to do about it. */
function refusedBy(
  status: number,
  answer: IncomingMessage,
  text: string,
  credential: Credential,
  server: Server,
): Failure {
  const body = jsonObject(text)
  const code = textOf(body?.code)
  if (code === undefined) return notPalisade(server)
  const said = textOf(body?.message) ?? textOf(body?.detail) ?? textOf(body?.title) ?? code
  const requestId = textOf(answer.headers['x-request-id']) ?? textOf(body?.ref) ?? textOf(body?.request) ?? ''
  const message = said.includes(requestId) ? said : `${said} (request ${requestId})`
  return new Refused({
    status,
    code,
    requestId,
    message,
    hints: hintsFor({ status, requestId, answer, credential, server }),
  })
}

function hintsFor({
  status,
  requestId,
  answer,
  credential,
  server,
}: {
  readonly status: number
  readonly requestId: string
  readonly answer: IncomingMessage
  readonly credential: Credential
  readonly server: Server
}): string[] {
  if (status === 401) {
    if (credential.kind === 'session') return [`palisade login --url ${server.url}`]
    const what = credential.kind === 'apiKey' ? 'API key' : 'token'
    return credential.from === 'PALISADE_TOKEN'
      ? [`The ${what} in PALISADE_TOKEN is not accepted: it was ended, switched off or has expired. Set a new one.`]
      : [
          `The stored ${what} is not accepted: it was removed, switched off or has expired.`,
          `palisade login --url ${server.url}`,
        ]
  }
  if (status === 403)
    return [
      'Ask for a role that has it: palisade request ROLE --for 2h --reason …',
      `What the log says, for who may read it: palisade why ${requestId}`,
    ]
  const waitS = answer.headers['retry-after']
  if ((status === 429 || status === 503) && waitS !== undefined) return [`Try again in ${String(waitS)} s.`]
  return []
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
