import { err, ok, type Result } from '../result.ts'
import { firstParameter, type Target } from './path.ts'
import { isInt64, isLabelSelector, parseFieldSelector, requiredValue } from './selectors.ts'

/**
 * What kube-apiserver takes a request to be, before it authorises it.
 *
 * The names are upstream's. A proxy that reads a request otherwise than the API server decides about something else than
 * what will happen, so this follows `RequestInfoFactory.NewRequestInfo` with the prefixes `api` and `apis`, quirks
 * included; `testdata/request-info.jsonl` holds upstream's own answers.
 *
 * @see k8s.io/apiserver/pkg/endpoints/request/requestinfo.go (v0.36)
 */
export interface RequestInfo {
  readonly isResourceRequest: boolean
  /** Decoded. */
  readonly path: string
  /**
   * `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; `proxy` for the legacy path
   * prefix; `''` for a method without a verb. For non-resource requests the method in lower case.
   */
  readonly verb: string
  /** `api` or `apis`; `''` for non-resource requests. */
  readonly apiPrefix: string
  /** `''` for the core group. */
  readonly apiGroup: string
  readonly apiVersion: string
  /** `''` for cluster-scoped requests and for all namespaces. The namespace itself for requests on a namespace. */
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  /** From the path, or from `fieldSelector=metadata.name=…`; `''` where the request names no object. */
  readonly name: string
  /** The path's segments from the resource on. */
  readonly parts: readonly string[]
  /** Unparsed; only for verbs that kube-apiserver authorises with selectors. */
  readonly fieldSelector: string
  readonly labelSelector: string
}

/** `/api/v1/watch` and the like name no resource; kube-apiserver answers 500, better is 400. */
export type RequestInfoProblem = 'special_verb_without_resource'

const specialVerbs: ReadonlySet<string> = new Set(['proxy', 'watch'])
/** What follows a namespace's name and still belongs to the namespace; anything else is a resource inside it. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize'])
const verbsWithSelectors: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection'])
const verbByMethod: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
])

/** @param method as it stands on the request line; methods are case-sensitive, `get` is no `GET` */
export function requestInfo(method: string, target: Target): Result<RequestInfo, RequestInfoProblem> {
  const path = target.decodedPath
  let parts = splitPath(path)
  const prefix = parts[0]
  // api/{version}/{resource}… or apis/{group}/{version}/{resource}…
  const headLength = prefix === 'apis' ? 3 : 2
  if ((prefix !== 'api' && prefix !== 'apis') || parts.length <= headLength) {
    // Upstream has noted the prefix by the time it finds `apis/{group}/{version}` too short.
    return ok(nonResource(method, path, prefix === 'apis' && parts.length === 3 ? prefix : ''))
  }
  const apiGroup = prefix === 'apis' ? parts[1]! : '' // the length has been checked
  const apiVersion = parts[headLength - 1]!
  parts = parts.slice(headLength)

  let verb = verbByMethod.get(method) ?? ''
  const verbIsInPath = specialVerbs.has(parts[0]!)
  if (verbIsInPath) {
    if (parts.length < 2) return err('special_verb_without_resource')
    verb = parts[0]!
    parts = parts.slice(1)
  }

  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1]!
    if (parts.length > 2 && !namespaceSubresources.has(parts[2]!)) parts = parts.slice(2)
  }

  const resource = parts[0]!
  let name = parts[1] ?? ''
  // `…/proxy/…/pods/foo/a/b`: what follows the name is the path to call, not a subresource.
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '')

  if (name === '' && verb === 'get') {
    const options = listOptions(target)
    verb = options.watch ? 'watch' : 'list'
    name = options.name
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection'

  // Watches by path prefix do not support selectors consistently, so upstream does not authorise by them.
  const readsSelectors = !verbIsInPath && verbsWithSelectors.has(verb)
  return ok({
    isResourceRequest: true,
    path,
    verb,
    apiPrefix: prefix,
    apiGroup,
    apiVersion,
    namespace,
    resource,
    subresource,
    name,
    parts,
    fieldSelector: (readsSelectors ? firstParameter(target, 'fieldSelector') : undefined) ?? '',
    labelSelector: (readsSelectors ? firstParameter(target, 'labelSelector') : undefined) ?? '',
  })
}

/**
 * Whether the answer may go on for as long as both sides like: watches, followed logs, proxied applications. Exec,
 * attach and port-forward are upgrades and do not come here.
 */
export function isLongRunning(info: RequestInfo, target: Target): boolean {
  if (!info.isResourceRequest) return false
  if (info.verb === 'watch' || info.verb === 'proxy' || info.subresource === 'proxy') return true
  return info.subresource === 'log' && isTrue(firstParameter(target, 'follow'))
}

function nonResource(method: string, path: string, apiPrefix: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix,
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
    fieldSelector: '',
    labelSelector: '',
  }
}

/** Watch and name out of the query, as decoding into `ListOptions` has them. */
function listOptions(target: Target): { readonly watch: boolean; readonly name: string } {
  if (target.parameters.length === 0) return { watch: false, name: '' }
  const watch = firstParameter(target, 'watch')
  const terms = parseFieldSelector(firstParameter(target, 'fieldSelector') ?? '')
  const decodes =
    terms !== undefined &&
    isLabelSelector(firstParameter(target, 'labelSelector') ?? '') &&
    isInt64(firstParameter(target, 'timeoutSeconds') ?? '0') &&
    isInt64(firstParameter(target, 'limit') ?? '0')
  if (!decodes) {
    // Upstream forgets everything it has decoded then, except that it looks once more for `watch`, with a plain
    // lower-casing where the decoder folds case.
    const lower = watch?.toLowerCase()
    return { watch: lower !== undefined && lower !== 'false' && lower !== '0', name: '' }
  }
  const name = requiredValue(terms, 'metadata.name') ?? ''
  return { watch: isTrue(watch), name: isPathSegmentName(name) ? name : '' }
}

/** Any value but these is true, the empty one too (`Convert_Slice_string_To_bool`). */
function isTrue(value: string | undefined): boolean {
  // `u` and `i` together fold case as Go's EqualFold does: the long s of "falſe" counts as an s.
  return value !== undefined && value !== '0' && !/^false$/iu.test(value)
}

function isPathSegmentName(name: string): boolean {
  return name !== '.' && name !== '..' && !name.includes('/') && !name.includes('%')
}

function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? [] : trimmed.split('/')
}
