import { Agent, request } from 'node:https'

/** A reply of the API server; `body` is parsed JSON where it is JSON, else the text. */
export interface ApiReply {
  readonly status: number
  readonly body: unknown
}

export interface AdminApi {
  /** One request as the cluster's administrator; every status is an answer, only a broken connection throws. */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<ApiReply>
  close(): void
}

export interface AdminCredentials {
  readonly port: number
  readonly caPem: string
  readonly certPem: string
  readonly keyPem: string
}

/** A plain HTTPS client of the API server: the harness itself should not need a kubectl process for each question. */
export function createAdminApi({ port, caPem, certPem, keyPem }: AdminCredentials): AdminApi {
  const agent = new Agent({ keepAlive: true, ca: caPem, cert: certPem, key: keyPem })
  return {
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
        const sent = request(
          { host: '127.0.0.1', port, path, method, agent, headers: body === undefined ? {} : { 'content-type': type } },
          (reply) => {
            let text = ''
            reply.setEncoding('utf8').on('data', (chunk: string) => {
              text += chunk
            })
            reply.once('error', reject)
            reply.once('end', () => {
              const isJson = reply.headers['content-type']?.startsWith('application/json') === true
              // A response that has been received has a status.
              resolve({ status: reply.statusCode!, body: isJson ? JSON.parse(text) : text })
            })
          },
        )
        sent.once('error', reject)
        sent.end(body === undefined ? undefined : JSON.stringify(body))
      }),
    close: () => agent.destroy(),
  }
}
