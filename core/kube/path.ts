import { err, ok, type Result } from '../result.ts'

/**
 * A request target in the one form that is authorised *and* forwarded.
 *
 * Two spellings that kube-apiserver reads alike come out equal here; a spelling that another program on the way could
 * read otherwise does not come out at all.
 */
export interface Target {
  /** Percent-encoded, upper-case hex, begins with `/`. A single trailing slash is kept. */
  readonly path: string
  /** The same, decoded: Go's `req.URL.Path`. */
  readonly decodedPath: string
  /** As it came, without the `?`; `''` for none. */
  readonly query: string
  /** The query's pairs, decoded, in their order. */
  readonly parameters: readonly Parameter[]
  /** What stands on the request line: path, and `?` with the query where there is one. */
  readonly requestTarget: string
}

export type Parameter = readonly [name: string, value: string]

/** Why a target is refused (400), as a clause for people: "the path holds an encoded slash". */
export type TargetProblem = string

/** Longer ones are refused. A `kubectl exec` carries its whole command in the query, hence not less. */
export const maxTargetLength = 64 * 1024

/**
 * Parses the raw request target of HTTP/1.1 (`req.url`) or HTTP/2 (`:path`).
 *
 * Refused: everything but origin-form (RFC 9112 §3.2.1), fragments, empty, `.` and `..` segments, and in any spelling
 * slashes inside a segment, backslashes, `;` (path parameters), `?` and `#` inside a segment, control characters and
 * what is not UTF-8; escapes that decode to an escape; bytes that RFC 3986 wants encoded; `;` in the query, whose pair
 * Go drops where others split at it.
 *
 * A trailing slash is kept, as kube-apiserver does: it tells `…/proxy` from `…/proxy/`, while request info ignores it.
 */
export function parseTarget(raw: string): Result<Target, TargetProblem> {
  if (raw.length > maxTargetLength) return err(`the request target is longer than ${maxTargetLength} characters`)
  const mark = raw.indexOf('?')
  const path = parsePath(mark < 0 ? raw : raw.slice(0, mark))
  if (!path.ok) return path
  const query = mark < 0 ? '' : raw.slice(mark + 1)
  const parameters = parseQuery(query)
  if (!parameters.ok) return parameters
  return ok(target(path.value, query, parameters.value))
}

/** A target below a cluster's mount point. */
export interface ClusterTarget {
  readonly clusterUid: string
  /** Relative to the cluster: its path begins with `/api`, `/apis`, `/version`, … */
  readonly target: Target
}

/** `undefined`: canonical, but not under the mount point or not followed by a cluster UID; answer 404. */
export type ClusterTargetResult = Result<ClusterTarget | undefined, TargetProblem>

/**
 * Splits `<mount>/<clusterUid>/…`. The mount point is cut from the canonical path, never from the raw one: a prefix
 * that is compared before decoding is how routers are bypassed.
 *
 * @param mount without trailing slash, e.g. `/k8s/clusters`
 */
export function parseClusterTarget(raw: string, mount = '/k8s/clusters'): ClusterTargetResult {
  const parsed = parseTarget(raw)
  if (!parsed.ok) return parsed
  const { path, decodedPath, query, parameters } = parsed.value
  if (!path.startsWith(`${mount}/`)) return ok(undefined)
  const start = mount.length + 1
  const clusterUid = path.slice(start, start + 24)
  const rest = start + 24
  if (!uidForm.test(clusterUid) || (path.length > rest && path[rest] !== '/')) return ok(undefined)
  // Up to here every character is plain, so the same offset cuts the decoded path.
  const below = { path: path.slice(rest) || '/', decodedPath: decodedPath.slice(rest) || '/' }
  return ok({ clusterUid, target: target(below, query, parameters) })
}

/** The value kube-apiserver acts on: the first of that name (Go's `url.Values.Get`). */
export function firstParameter(target: Target, name: string): string | undefined {
  for (const [key, value] of target.parameters) if (key === name) return value
  return undefined
}

/** All values of that name, in their order. */
export function allParameters(target: Target, name: string): string[] {
  return target.parameters.filter(([key]) => key === name).map(([, value]) => value)
}

interface Path {
  readonly path: string
  readonly decodedPath: string
}

const uidForm = /^[0-9a-f]{24}$/
/** RFC 3986 `pchar` and `/`, less `;`: what a path may hold as it is, and `%`. */
const pathCharacters = /^[A-Za-z0-9\-._~!$&'()*+,=:@/%]+$/
/** RFC 3986 `query` less `;`, and the brackets that browsers leave as they are. */
const queryCharacters = /^[A-Za-z0-9\-._~!$&'()*+,=:@/?[\]%]*$/
const brokenEscape = /%(?![0-9A-Fa-f]{2})/
const percentEscape = /%[0-9A-Fa-f]{2}/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001f\u007f-\u009f]/
const noParameters: readonly Parameter[] = []

function target({ path, decodedPath }: Path, query: string, parameters: readonly Parameter[]): Target {
  return { path, decodedPath, query, parameters, requestTarget: query === '' ? path : `${path}?${query}` }
}

function parsePath(raw: string): Result<Path, TargetProblem> {
  if (raw[0] !== '/') return err('the request target is not a path that begins with a slash')
  if (!pathCharacters.test(raw)) return err(`the path holds ${firstForbidden(raw, pathCharacters)}`)
  if (raw.includes('//')) return err('the path holds an empty segment')
  if (!raw.includes('%')) {
    return hasDotSegment(raw) ? err(dotSegments) : ok({ path: raw, decodedPath: raw })
  }
  if (brokenEscape.test(raw)) return err('the path holds a broken percent escape')

  const segments: string[] = []
  for (const segment of raw.split('/')) {
    const decoded = decode(segment)
    if (decoded === undefined) return err('the path is not UTF-8')
    const problem = segmentProblem(decoded)
    if (problem !== undefined) return err(problem)
    segments.push(decoded)
  }
  const decodedPath = segments.join('/')
  if (hasDotSegment(decodedPath)) return err(dotSegments)
  return ok({ path: segments.map(encodeSegment).join('/'), decodedPath })
}

const dotSegments = 'the path holds a "." or ".." segment'

function hasDotSegment(path: string): boolean {
  return path.includes('/.') && path.split('/').some((segment) => segment === '.' || segment === '..')
}

function segmentProblem(decoded: string): TargetProblem | undefined {
  if (decoded.includes('/')) return 'the path holds an encoded slash'
  if (decoded.includes('\\')) return 'the path holds an encoded backslash'
  if (decoded.includes(';')) return 'the path holds an encoded semicolon'
  if (decoded.includes('?') || decoded.includes('#')) return 'the path holds an encoded question mark or number sign'
  if (control.test(decoded)) return 'the path holds an encoded control character'
  if (percentEscape.test(decoded)) return 'the path is percent-encoded twice'
  return undefined
}

function parseQuery(raw: string): Result<readonly Parameter[], TargetProblem> {
  if (raw === '') return ok(noParameters)
  if (!queryCharacters.test(raw)) return err(`the query holds ${firstForbidden(raw, queryCharacters)}`)
  if (brokenEscape.test(raw)) return err('the query holds a broken percent escape')
  const parameters: Parameter[] = []
  for (const pair of raw.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQuery(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decodeQuery(pair.slice(equals + 1))
    if (name === undefined || value === undefined) return err('the query is not UTF-8')
    // Other control characters are legal here: the command of an exec may hold a line break.
    if (name.includes('\0') || value.includes('\0')) return err('the query holds an encoded NUL')
    parameters.push([name, value])
  }
  return ok(parameters)
}

function decodeQuery(text: string): string | undefined {
  return decode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}

/** Strict: overlong forms, surrogates and truncated sequences are `undefined`. */
function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Leaves what RFC 3986 lets stand in a segment, so that one spelling is left for every path. */
function encodeSegment(decoded: string): string {
  return encodeURIComponent(decoded).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent)
}

function firstForbidden(raw: string, allowed: RegExp): string {
  for (const character of raw) {
    if (allowed.test(character)) continue
    if (character === '#') return 'a fragment'
    if (character === '\\') return 'a backslash'
    if (character === ';') return 'a semicolon'
    if (character === ' ' || control.test(character)) return 'a space or control character'
    return character > '~' ? 'a byte that has to be percent-encoded' : `"${character}", which has to be percent-encoded`
  }
  return 'nothing' // an empty path; the caller has found its first slash missing before it comes here
}
