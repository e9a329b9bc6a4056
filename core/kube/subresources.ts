/**
 * What using a subresource amounts to, whatever the HTTP method: since Kubernetes speaks WebSocket, an exec is a GET, so
 * methods and verbs do not tell (KEP-4006).
 *
 * - `read`, `write`: the cluster's own roles decide
 * - `execute`: runs something in a pod, or connects to it
 * - `admin`: leads around what Palisade can decide about or end: credentials, other people's doors, finalizers
 */
export type SubresourceClass = 'read' | 'write' | 'execute' | 'admin'

/** Those any resource may have, custom ones included. */
const everywhere: Readonly<Record<string, SubresourceClass>> = { status: 'write', scale: 'write' }

/** The others of Kubernetes' own groups, by `<group>/<resource>`. */
const own: Readonly<Record<string, Readonly<Record<string, SubresourceClass>>>> = {
  '/namespaces': { finalize: 'admin' },
  '/nodes': { proxy: 'admin' },
  '/pods': {
    attach: 'execute',
    binding: 'write',
    ephemeralcontainers: 'execute',
    eviction: 'write',
    exec: 'execute',
    log: 'read',
    portforward: 'execute',
    proxy: 'admin',
    resize: 'write',
  },
  '/serviceaccounts': { token: 'admin' },
  '/services': { proxy: 'admin' },
  'certificates.k8s.io/certificatesigningrequests': { approval: 'admin' },
}

/** Groups in which what stands behind a name is no subresource but the name of a metric, and reading all there is. */
const metricGroups: ReadonlySet<string> = new Set(['custom.metrics.k8s.io'])

/** `undefined`: not known, and to be refused; compared exactly, since `Exec` and `exec.` are other names to Kubernetes. */
export function subresourceClass(
  apiGroup: string,
  resource: string,
  subresource: string,
): SubresourceClass | undefined {
  if (Object.hasOwn(everywhere, subresource)) return everywhere[subresource]
  if (metricGroups.has(apiGroup)) return 'read'
  const key = `${apiGroup}/${resource}`
  const known = Object.hasOwn(own, key) ? own[key] : undefined
  return known !== undefined && Object.hasOwn(known, subresource) ? known[subresource] : undefined
}
