import { Refused } from './client.ts'
import { signInAgain } from './session.ts'

type Parameters = readonly (readonly [name: string, value: string])[]

/** An address of a cluster's own API, through canvas. `path` is the cluster's, such as `/api/v1/pods`. */
export function kubeUrl(cluster: string, path: string, parameters: Parameters = []): string {
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString()
  return `/canvas/k8s/clusters/${encodeURIComponent(cluster)}${path}${query === '' ? '' : `?${query}`}`
}

/** The path of a pod, or of what is below it. */
export const podPath = (namespace: string, pod: string, below = '') =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}${below}`

/** A good answer; anything else throws `Refused` with what the cluster's Status, or Palisade's, says. */
export async function kubeFetch(
  url: string,
  options: { readonly accept?: string; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const { accept = 'application/json', signal } = options
  const response = await fetch(url, { headers: { accept }, cache: 'no-store', ...(signal ? { signal } : {}) })
  if (response.status === 401) signInAgain()
  if (!response.ok) throw new Refused(response, withRight(await response.json().catch(() => undefined)))
  return response
}

/**
 * A Kubernetes Status has no member for the right that is missing and where; Palisade's own ones name both in their message, and the
 * cluster's own say that it was the cluster.
 */
function withRight(status: unknown): unknown {
  if (typeof status !== 'object' || status === null || !('message' in status)) return status
  const message = String(status.message)
  const permission = /\bpermission ([a-zA-Z]+\.[a-zA-Z]+)/.exec(message)?.[1]
  const project = /\bin project ([0-9a-f]{24})\b/.exec(message)?.[1]
  if (permission === undefined || project === undefined) return status
  return { message, details: { permission, scope: { kind: 'project', uid: project } } }
}

/** The lines of an answer as they come. */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (!reader) return
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
