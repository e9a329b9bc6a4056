import { type Level, type LevelRow, permissionFor, reaches } from './levels.ts'
import type { RequestInfo } from './request-info.ts'
import { type SubresourceClass, subresourceClass } from './subresources.ts'

/** What the table needs to know beside the request info. */
export interface PolicyContext {
  /** Held by the caller on this cluster. */
  readonly levels: readonly Level[]
  readonly protectedNamespaces: ReadonlySet<string>
  /** The cluster was imported to be read only. */
  readonly readOnly: boolean
  /** The request asks for a protocol upgrade (SPDY, WebSocket). */
  readonly upgrade: boolean
  /** As on the request line. */
  readonly method: string
  /** Names of the header lines as they came, any case. */
  readonly headers: readonly string[]
}

export interface PolicyRefusal {
  readonly rule: RuleId
  readonly status: 400 | 403 | 405
  /** A sentence without scope and request id, which the caller adds. */
  readonly message: string
  /** The level that would be enough; `undefined` where none is. */
  readonly needed: Level | undefined
  readonly permission: LevelRow['permission'] | undefined
}

/** Where writes, exec and reading Secrets need the admin level, unless configured otherwise. */
export const defaultProtectedNamespaces: readonly string[] = ['kube-system', 'palisade-system']

export type RuleId =
  | 'identity-headers'
  | 'method'
  | 'no-level'
  | 'read-only'
  | 'upgrade'
  | 'proxy'
  | 'service-account-token'
  | 'admin-subresource'
  | 'execute'
  | 'unknown-subresource'
  | 'protected-execute'
  | 'protected-write'
  | 'protected-secrets'
  | 'secrets-everywhere'
  | 'namespace-itself'

/** One row of the table; `refuses` and `because` are what the documentation prints. */
export interface Rule {
  readonly id: RuleId
  readonly refuses: string
  readonly because: string
  /** The level from which on it no longer applies; `undefined`: it always does. */
  readonly needs: Level | undefined
  readonly status: 400 | 403 | 405
  readonly applies: (info: RequestInfo, context: PolicyContext) => boolean
  readonly message: (info: RequestInfo) => string
}

/**
 * Everything Palisade refuses on its own account, before the cluster is asked. Whatever is not here is the cluster's to
 * decide: view, edit and admin are its own roles. The first row that applies is the answer.
 */
export const rules: readonly Rule[] = [
  {
    id: 'identity-headers',
    refuses: 'requests that say whom to act as (`kubectl --as`, `Impersonate-*` headers)',
    because: 'identity headers are how Palisade itself tells the cluster who calls; nobody else may set them',
    needs: undefined,
    status: 403,
    applies: (_info, { headers }) => headers.some(isIdentityHeader),
    message: () => 'acting as somebody else (kubectl --as, --as-group, --as-uid) is not supported through Palisade',
  },
  {
    id: 'method',
    refuses: 'methods other than GET, HEAD, POST, PUT, PATCH and DELETE',
    because: 'Kubernetes has no verb for them, so nothing says what they would be allowed to do',
    needs: undefined,
    status: 405,
    applies: (_info, { method }) => !methods.has(method),
    message: () => 'Kubernetes has no verb for this method',
  },
  {
    id: 'no-level',
    refuses: 'everything, for callers without a level on the cluster',
    because: 'a call without a level group would run with the rights every authenticated user of the cluster has',
    needs: 'view',
    status: 403,
    applies: () => true,
    message: () => 'reaching this cluster',
  },
  {
    id: 'read-only',
    refuses: 'everything that changes or executes something, on clusters that were imported read-only',
    because: 'whoever imported the cluster allowed it to be looked at; what else is bound there does not count',
    needs: undefined,
    status: 403,
    applies: (info, { readOnly }) => readOnly && !isReading(info),
    message: () => 'this cluster was imported read-only: it may be looked at, and nothing else',
  },
  {
    id: 'upgrade',
    refuses: 'protocol upgrades other than exec, attach, port-forward, proxied applications and watches',
    because: 'nothing else in Kubernetes upgrades, and an upgraded connection carries what nobody can look into',
    needs: undefined,
    status: 400,
    applies: (info, { upgrade }) =>
      upgrade && info.subresource === '' && info.verb !== 'watch' && info.verb !== 'proxy',
    message: () => 'there is nothing to upgrade to at this path',
  },
  {
    id: 'proxy',
    refuses: '`pods/proxy`, `services/proxy`, `nodes/proxy` and the old `…/proxy/…` paths',
    because: 'they reach any port, a kubelet’s own API included, past every rule below; on nodes they can execute',
    needs: 'admin',
    status: 403,
    applies: (info) => info.verb === 'proxy' || info.subresource === 'proxy',
    message: (info) => `proxying to ${info.resource}`,
  },
  {
    id: 'service-account-token',
    refuses: 'asking for ServiceAccount tokens (`serviceaccounts/token`)',
    because: 'such a token works without Palisade, with rights of its own, and outlives the revocation of the caller’s',
    needs: 'admin',
    status: 403,
    applies: (info) => info.apiGroup === '' && info.resource === 'serviceaccounts' && info.subresource === 'token',
    message: () => 'asking for a ServiceAccount token',
  },
  {
    id: 'admin-subresource',
    refuses: '`namespaces/finalize`, `certificatesigningrequests/approval`',
    because: 'they remove what protects others, or make credentials',
    needs: 'admin',
    status: 403,
    applies: (info) => classOf(info) === 'admin',
    message: (info) => `using ${resourcePath(info)}`,
  },
  {
    id: 'execute',
    refuses: '`pods/exec`, `pods/attach`, `pods/portforward`, `pods/ephemeralcontainers`, whatever the HTTP method',
    because: 'over WebSocket an exec is a GET, which roles that may only read would pass',
    needs: 'edit',
    status: 403,
    applies: (info) => classOf(info) === 'execute',
    message: (info) => `using ${resourcePath(info)}`,
  },
  {
    id: 'unknown-subresource',
    refuses: 'subresources that are not known to Palisade; of custom resources all but `status` and `scale`',
    because: 'what is not known may execute, mint credentials or lead elsewhere',
    needs: 'admin',
    status: 403,
    applies: (info) => info.subresource !== '' && classOf(info) === undefined,
    message: (info) => `using ${resourcePath(info)}, a subresource that Palisade does not know,`,
  },
  {
    id: 'protected-execute',
    refuses: 'exec, attach, port-forward and debug containers in protected namespaces',
    because: 'the pods there hold credentials of the cluster',
    needs: 'admin',
    status: 403,
    applies: (info, { protectedNamespaces }) => protectedNamespaces.has(info.namespace) && classOf(info) === 'execute',
    message: (info) => `using ${resourcePath(info)} in the protected namespace "${info.namespace}"`,
  },
  {
    id: 'protected-write',
    refuses: 'writes in protected namespaces, and to those namespaces themselves',
    because: 'who writes there can make itself administrator of the cluster, or stop Palisade’s own account',
    needs: 'admin',
    status: 403,
    applies: (info, { protectedNamespaces }) =>
      isWrite(info) && (protectedNamespaces.has(info.namespace) || isNamespaceCollection(info)),
    message: (info) =>
      info.namespace === ''
        ? 'deleting namespaces all at once, the protected ones included,'
        : `changing anything in the protected namespace "${info.namespace}"`,
  },
  {
    id: 'protected-secrets',
    refuses: 'reading Secrets in protected namespaces',
    because: 'they hold credentials of the cluster, and Palisade’s own',
    needs: 'admin',
    status: 403,
    applies: (info, { protectedNamespaces }) => isSecrets(info) && protectedNamespaces.has(info.namespace),
    message: (info) => `reading Secrets in the protected namespace "${info.namespace}"`,
  },
  {
    id: 'secrets-everywhere',
    refuses: 'Secrets of all namespaces at once',
    because: 'the answer would hold those of the protected namespaces',
    needs: 'admin',
    status: 403,
    applies: (info) => isSecrets(info) && info.namespace === '',
    message: () =>
      'asking for the Secrets of all namespaces at once, the protected ones included (name a namespace with -n instead),',
  },
  {
    id: 'namespace-itself',
    refuses: 'creating and changing namespaces themselves',
    because: 'their labels say what pods there may do (Pod Security), and which policies reach them',
    needs: 'admin',
    status: 403,
    applies: (info) => info.apiGroup === '' && info.resource === 'namespaces' && changesLabels.has(info.verb),
    message: (info) =>
      info.verb === 'create' ? 'creating a namespace' : `changing the namespace "${info.name}" itself`,
  },
]

/** `undefined`: Palisade itself has nothing against it. */
export function refusedByPalisade(info: RequestInfo, context: PolicyContext): PolicyRefusal | undefined {
  for (const { id, needs, status, applies, message } of rules) {
    if (needs !== undefined && reaches(context.levels, needs)) continue
    if (!applies(info, context)) continue
    if (needs === undefined)
      return { rule: id, status, message: message(info), needed: undefined, permission: undefined }
    const permission = permissionFor(needs)
    const text = `${message(info)} needs level "${needs}" on this cluster (permission ${permission})`
    return { rule: id, status, message: text, needed: needs, permission }
  }
  return undefined
}

/** `Impersonate-*` however it is spelled: some servers read `_` and `-` alike. */
export function isIdentityHeader(name: string): boolean {
  return /^impersonate[-_]/i.test(name.trim())
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const changesLabels: ReadonlySet<string> = new Set(['create', 'update', 'patch'])
const readVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

function classOf(info: RequestInfo): SubresourceClass | undefined {
  return info.subresource === '' ? undefined : subresourceClass(info.apiGroup, info.resource, info.subresource)
}

function isWrite(info: RequestInfo): boolean {
  // Access reviews are created, but nothing is there afterwards.
  return info.isResourceRequest && !readVerbs.has(info.verb) && info.apiGroup !== 'authorization.k8s.io'
}

/** Also what asks who one is or what one may do: nothing is there afterwards. */
function isReading(info: RequestInfo): boolean {
  if (!info.isResourceRequest) return readVerbs.has(info.verb) || info.verb === 'head' || info.verb === 'options'
  if (info.apiGroup === 'authorization.k8s.io' || info.apiGroup === 'authentication.k8s.io')
    return readVerbs.has(info.verb) || (info.verb === 'create' && info.resource.startsWith('selfsubject'))
  return readVerbs.has(info.verb) && (info.subresource === '' || classOf(info) === 'read' || classOf(info) === 'write')
}

function isNamespaceCollection(info: RequestInfo): boolean {
  return info.apiGroup === '' && info.resource === 'namespaces' && info.verb === 'deletecollection'
}

/** Exactly the core group's: a custom resource may bear the same name. */
function isSecrets(info: RequestInfo): boolean {
  return info.apiGroup === '' && info.resource === 'secrets'
}

function resourcePath(info: RequestInfo): string {
  return `${info.resource}${info.apiGroup === '' ? '' : `.${info.apiGroup}`}/${info.subresource}`
}
