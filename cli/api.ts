import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Credential } from './credentials.ts'
import { Failure } from './failure.ts'
import type { Server } from './settings.ts'

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

/** Silence of the server that ends a call. An import waits for a cluster for up to 25 s. */
const patienceMs = 60_000
const connectPatienceMs = 10_000
/** A read that is asked to come again soon does, so often. */
const triesOfReads = 3
const longestRetryS = 5

export function createApi(server: Server, credential: Credential): Api {
  const agent = new Agent({
    keepAlive: true,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: the credential goes to a server that proved who it is, or nowhere.
    rejectUnauthorized: true,
    ...(server.caPem === undefined ? {} : { ca: server.caPem }),
  })

  async function send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      const answer = await sendOnce(agent, server, credential, method, path, options)
      const status = answer.statusCode ?? 0
      if (status >= 200 && status <= 299) return answer
      const waitS = Number(answer.headers['retry-after'] ?? Number.NaN)
      const refused = refusedBy(status, answer, await readAll(answer, server), credential, server)
      const comesAgain = method === 'GET' && (status === 429 || status === 503) && waitS <= longestRetryS
      if (!comesAgain || attempt === triesOfReads) throw refused
      await delay(waitS * 1000)
    }
  }

  const call: Api['call'] = async (method, path, options = {}) => {
    const text = await readAll(await send(method, path, options), server)
    return text === '' ? undefined : parseJson(text, server)
  }

  return {
    server,
    credential,
    call,
    text: async (path, options = {}) => readAll(await send('GET', path, options), server),
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
    close: () => agent.destroy(),
  }
}

type Page = { readonly items: readonly unknown[]; readonly listmeta?: { readonly continue?: string } }

function asPage(value: unknown, server: Server): Page {
  if (typeof value === 'object' && value !== null && Array.isArray((value as { items?: unknown }).items))
    return value as Page // `continue` is only ever handed back to the server
  throw notPalisade(server)
}

function sendOnce(
  agent: Agent,
  server: Server,
  credential: Credential,
  method: string,
  path: string,
  { body, project, query = {}, signal }: CallOptions,
): Promise<IncomingMessage> {
  const url = new URL(path, server.url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => reject(unreachable(cause, server))
    const outgoing: ClientRequest = request(
      url,
      {
        agent,
        method,
        timeout: patienceMs,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${credential.secret.reveal()}`,
          'user-agent': 'palisade-cli',
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...(project === undefined ? {} : { ProjectUid: project }),
        },
      },
      resolve,
    )
    const slow = setTimeout(() => outgoing.destroy(timedOut()), connectPatienceMs)
    outgoing.once('socket', (socket) => {
      if (socket.connecting) socket.once('secureConnect', () => clearTimeout(slow))
      else clearTimeout(slow)
    })
    outgoing.once('close', () => clearTimeout(slow))
    outgoing.once('timeout', () => outgoing.destroy(timedOut()))
    outgoing.once('error', fail)
    const stop = () => outgoing.destroy(interrupted())
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
    outgoing.end(text)
  })
}

const interrupted = () => new Failure('interrupted')
const timedOut = () => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })

async function readAll(answer: IncomingMessage, server: Server): Promise<string> {
  const parts: Buffer[] = []
  try {
    for await (const part of answer) parts.push(part as Buffer)
  } catch (cause) {
    throw unreachable(cause, server)
  }
  return Buffer.concat(parts).toString('utf8')
}

function parseJson(text: string, server: Server): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notPalisade(server)
  }
}

const notPalisade = ({ url }: Server) =>
  new Failure(`${url} answers, and not as Palisade does`, { hints: ['Is this the right address? See --url.'] })

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
  return new Refused({ status, code, requestId, message, hints: hintsFor(status, requestId, answer, credential) })
}

function hintsFor(status: number, requestId: string, answer: IncomingMessage, credential: Credential): string[] {
  if (status === 401) {
    const what = credential.kind === 'apiKey' ? 'API key' : 'token'
    return credential.from === 'PALISADE_TOKEN'
      ? [`The ${what} in PALISADE_TOKEN is not accepted: it was ended, switched off or has expired. Set a new one.`]
      : [`The stored ${what} is not accepted: it was removed, switched off or has expired.`, 'palisade login --api-key']
  }
  if (status === 403)
    return [
      'Ask an administrator for a role that has it.',
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

/** Of Node's and OpenSSL's codes, those that a person can do something about. */
function unreachable(cause: unknown, server: Server): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  if (code === undefined) return cause
  const { url, caFile } = server
  const unknownAuthority = [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_SIGNATURE_FAILURE',
  ]
  if (unknownAuthority.includes(code))
    return new Failure(
      caFile === undefined
        ? `the certificate of ${url} is issued by an authority that is not known here`
        : `the certificate of ${url} is not issued by the authority in ${caFile}`,
      {
        hints: [
          'Name the certificate of the right one: --ca-file FILE, or PALISADE_CA_FILE.',
          'Of a server without a certificate of its own it is data/pki/ca.crt in the server’s folder.',
        ],
      },
    )
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return new Failure(`the certificate of ${url} is not valid now (${code})`, {
      hints: ['Its administrator has to renew it; or the clock of this machine is wrong.'],
    })
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new Failure(`the certificate of ${url} is for another name`, {
      hints: ['Use the address that the server has in PALISADE_PUBLIC_URL.'],
    })
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return new Failure(`${url} does not speak TLS (${code})`, { hints: ['Is this the right port? See --url.'] })
  return new Failure(`${url} does not answer (${code})`, {
    hints: ['Is the server running, and is this its address? See --url and PALISADE_URL.'],
  })
}
