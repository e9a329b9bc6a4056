import { randomUUID } from 'node:crypto'
import { ok } from '../../core/result.ts'
import type { ClusterClient } from '../../server/clusters/index.ts'

type Stored = {
  metadata: { name: string; labels?: Record<string, string>; [member: string]: unknown }
  [member: string]: unknown
}

/**
 * The objects of an API server, without one: what is asked of it by path is looked up, made, replaced and removed, with uid,
 * resourceVersion and preconditions as Kubernetes has them. What a real one says is tried in `*.slow.test.ts`.
 */
export type MemoryKubernetes = {
  readonly client: ClusterClient
  /** By path. */
  readonly objects: Map<string, Stored>
  /** Everything that was asked but GET, as `METHOD path`. */
  readonly writes: string[]
  /** Puts an object there that somebody else made. */
  readonly put: (path: string, object?: object) => void
}

export function createMemoryKubernetes(): MemoryKubernetes {
  const objects = new Map<string, Stored>()
  const writes: string[] = []
  let version = 0
  const stamped = (object: Stored, uid: string = randomUUID()): Stored => ({
    ...object,
    metadata: { ...object.metadata, uid, resourceVersion: String(++version) },
  })
  const answer = (status: number, body: unknown = { kind: 'Status', message: `answered ${status}` }) =>
    ok({ status, body, dateMs: undefined })

  const call: ClusterClient['call'] = async (method, target, { body } = {}) => {
    const [path = '', query = ''] = target.split('?')
    if (method !== 'GET') writes.push(`${method} ${path}`)
    const found = objects.get(path)
    switch (method) {
      case 'GET': {
        if (found) return answer(200, found)
        return isCollection(path) ? answer(200, { metadata: {}, items: selected(path, query) }) : answer(404)
      }
      case 'POST': {
        const object = body as Stored // what is made is an object
        const namespace = /^(.*\/namespaces\/[^/]+)\/[^/]+$/
          .exec(path)?.[1]
          ?.replace(/^.*\/namespaces\//, '/api/v1/namespaces/')
        if (namespace && !objects.has(namespace)) return answer(404)
        const at = `${path}/${object.metadata.name}`
        if (objects.has(at)) return answer(409)
        objects.set(at, stamped(object))
        return answer(201, objects.get(at))
      }
      case 'PUT': {
        const object = body as Stored
        if (!found) return answer(404)
        if (
          object.metadata.uid !== found.metadata.uid ||
          object.metadata.resourceVersion !== found.metadata.resourceVersion
        )
          return answer(409)
        objects.set(path, stamped(object, String(found.metadata.uid)))
        return answer(200, objects.get(path))
      }
      case 'DELETE': {
        const { preconditions } = body as { preconditions: { uid: string } }
        if (!found) return answer(404)
        if (preconditions.uid !== found.metadata.uid) return answer(409)
        objects.delete(path)
        return answer(200, {})
      }
      default:
        return answer(405)
    }
  }

  /** Of all namespaces, or of one. */
  function selected(path: string, query: string): Stored[] {
    const [, root = '', plural = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? []
    const label = new URLSearchParams(query).get('labelSelector')?.split('=')
    return [...objects]
      .filter(([at]) => at.startsWith(`${root}/`) && at.split('/').at(-2) === plural)
      .map(([, object]) => object)
      .filter(({ metadata }) => label === undefined || metadata.labels?.[label[0] ?? ''] === label[1])
  }

  return {
    client: { call },
    ...{ objects, writes },
    put(path, object = {}) {
      const name = path.split('/').at(-1) ?? ''
      const namespace = /\/namespaces\/([^/]+)\//.exec(path)?.[1]
      objects.set(
        path,
        stamped({
          ...object,
          metadata: { name, ...(namespace ? { namespace } : {}), ...(object as Partial<Stored>).metadata },
        }),
      )
    },
  }
}

const isCollection = (path: string) =>
  /\/(?:namespaces|resourcequotas|rolebindings|clusterrolebindings|persistentvolumeclaims)$/.test(path)
