import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { Failure } from './failure.ts'
import type { Server } from './settings.ts'

export type Outgoing = {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Ends the call, whether it waits for its answer or reads it. */
  readonly signal?: AbortSignal | undefined
}

/** HTTPS to one server, by the one authority that it is believed by. What a person can do something about is a `Failure`. */
export type Transport = {
  /** Resolves with the head of the answer, whatever its status. */
  readonly send: (outgoing: Outgoing) => Promise<IncomingMessage>
  readonly readAll: (answer: IncomingMessage) => Promise<string>
  readonly close: () => void
}

/** Silence of the server that ends a call. An import waits for a cluster for up to 25 s. */
const patienceMs = 60_000
const connectPatienceMs = 10_000

export function createTransport(server: Server): Transport {
  const agent = new Agent({
    keepAlive: true,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: a credential goes to a server that proved who it is, or nowhere.
    rejectUnauthorized: true,
    ...(server.caPem === undefined ? {} : { ca: server.caPem }),
  })

  return {
    send: ({ method, url, headers, body, signal }) =>
      new Promise((resolve, reject) => {
        if (url.origin !== server.url) throw new Error(`a request for ${url.origin} on the way to ${server.url}`)
        const outgoing = request(
          url,
          {
            ...{ agent, method, timeout: patienceMs },
            headers: {
              'user-agent': 'palisade-cli',
              ...headers,
              ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
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
        outgoing.once('error', (cause) => reject(unreachable(cause, server)))
        const stop = () => outgoing.destroy(interrupted())
        if (signal?.aborted) stop()
        else signal?.addEventListener('abort', stop, { once: true })
        outgoing.end(body)
      }),
    async readAll(answer) {
      const parts: Buffer[] = []
      try {
        for await (const part of answer) parts.push(part as Buffer)
      } catch (cause) {
        throw unreachable(cause, server)
      }
      return Buffer.concat(parts).toString('utf8')
    },
    close: () => agent.destroy(),
  }
}

export const interrupted = (): Failure => new Failure('interrupted')
const timedOut = () => Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })

export const notPalisade = ({ url }: Server): Failure =>
  new Failure(`${url} answers, and not as Palisade does`, { hints: ['Is this the right address? See --url.'] })

/** Of Node's and OpenSSL's codes, those that a person can do something about. */
export function unreachable(cause: unknown, server: Server): unknown {
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
