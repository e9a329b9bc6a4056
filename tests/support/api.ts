import { Agent, request } from 'undici'
import { faultsOf } from '../conformance/published/value.ts'

/** An answer, read whole. `body` is parsed where it is JSON. */
export type ApiAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // What a test expects of a body it says itself; the wire gives anything.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
  readonly text: string
}

export type ApiCall = (
  method: string,
  path: string,
  options?: { readonly body?: unknown; readonly project?: string; readonly headers?: Readonly<Record<string, string>> },
) => Promise<ApiAnswer>

/**
 * A client of one server, as one caller. An answer under the published `/v1` that its clients could not read throws, whichever
 * test it was for; `must` throws on answers other than 2xx too.
 */
export type Api = {
  readonly call: ApiCall
  /** The body of a 2xx answer; throws with the whole answer otherwise. */
  readonly must: (...args: Parameters<ApiCall>) => Promise<ApiAnswer['body']>
  readonly as: (credential: Credential) => Api
}

export type Credential = { readonly token: string } | { readonly apiKey: string } | 'nobody'

/**
 * @param caPem the only authority that is trusted
 * @param from the address that the requests come from, such as 127.0.0.2: budgets are counted by network
 */
export function createApi(url: string, caPem: string, from?: string): Api & { close(): Promise<void> } {
  const dispatcher = new Agent({
    ...{ connect: { ca: caPem }, headersTimeout: 60_000, bodyTimeout: 60_000 },
    ...(from === undefined ? {} : { localAddress: from }),
  })
  const as = (credential: Credential): Api => {
    const call: ApiCall = async (method, path, { body, project, headers = {} } = {}) => {
      const response = await request(url + path, {
        method: method as 'GET',
        dispatcher,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(project === undefined ? {} : { ProjectUid: project }),
          ...credentialHeader(credential),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.body.text()
      const isJson = String(response.headers['content-type'] ?? '').includes('json')
      const isPublished = path.startsWith('/v1/') && !/^\/v1\/palisade(?:\/|$)/.test(path)
      if (isPublished) {
        const faults = faultsOf(method, path, response.statusCode, isJson && text !== '' ? JSON.parse(text) : text)
        // Here, so that every answer that any test is given is looked at.
        if (faults.length > 0) throw new Error(`${method} ${path} breaks the published API: ${faults.join('; ')}`)
      }
      return {
        status: response.statusCode,
        headers: response.headers,
        text,
        body: isJson && text !== '' && !text.includes('}\n{') ? JSON.parse(text) : undefined,
      }
    }
    return {
      call,
      async must(...args) {
        const answer = await call(...args)
        if (answer.status < 200 || answer.status > 299)
          throw new Error(`${args[0]} ${args[1]} was answered ${answer.status}: ${answer.text}`)
        return answer.body
      },
      as,
    }
  }
  return { ...as('nobody'), close: () => dispatcher.close() }
}

function credentialHeader(credential: Credential): Record<string, string> {
  if (credential === 'nobody') return {}
  return 'token' in credential ? { authorization: credential.token } : { ApiKey: credential.apiKey }
}
