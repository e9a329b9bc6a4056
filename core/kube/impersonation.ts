import { err, ok, type Result } from '../result.ts'
import type { Level } from './levels.ts'

/** One header line. Repeated names are separate lines; nothing ever joins or splits a value. */
export type Header = readonly [name: string, value: string]

/** Whom the cluster is to take the caller for, in the cluster's own words. */
export interface ClusterIdentity {
  readonly user: string
  readonly uid: string
  /** Each becomes a line of its own; none gives no line. */
  readonly groups: readonly string[]
  /** Several values of one key are separate lines. */
  readonly extra: Readonly<Partial<Record<ExtraKey, readonly string[]>>>
}

/** Attributes under `palisade.dev/`. The account Palisade uses on a cluster may impersonate these keys and no others. */
export const extraKeys = ['email', 'team', 'session', 'request'] as const
export type ExtraKey = (typeof extraKeys)[number]

/** What Palisade knows of the caller. */
export interface Caller {
  readonly tenantUid: string
  readonly userUid: string
  readonly email: string
  readonly levels: readonly Level[]
  readonly teams: readonly { readonly uid: string; readonly name: string }[]
  /** Absent for API keys. */
  readonly sessionUid: string | undefined
  /** Without it the lines hold for every request of the caller; `requestLine` is then added to them. */
  readonly requestId?: string
}

/** `problem` names the part at fault, never its value: a refused name goes into the log only escaped. */
export interface ImpersonationRefusal {
  readonly code: 'reserved_name' | 'foreign_name' | 'not_a_header_value' | 'too_many_groups' | 'too_large'
  readonly problem: string
}

/** More groups than this are refused, never cut off: the API server authorises each one by itself. */
export const maxGroups = 500
/** Of all lines together. Go's server takes 1 MiB of header, proxies in front of it often far less. */
export const maxImpersonationBytes = 64 * 1024

/** The contract's names: user `palisade:<tenant>:<user>`, groups per level and team, the rest under `palisade.dev/`. */
export function identityOf(caller: Caller): ClusterIdentity {
  return {
    user: `palisade:${caller.tenantUid}:${caller.userUid}`,
    uid: caller.userUid,
    groups: [
      ...caller.levels.map((level) => `palisade:level:${level}`),
      ...caller.teams.map(({ uid }) => `palisade:team:${caller.tenantUid}:${uid}`),
    ],
    extra: {
      email: [caller.email],
      team: caller.teams.map(({ name }) => name),
      ...(caller.sessionUid === undefined ? {} : { session: [caller.sessionUid] }),
      ...(caller.requestId === undefined ? {} : { request: [caller.requestId] }),
    },
  }
}

/**
 * The exact header lines of an impersonated request.
 *
 * Values travel as UTF-8, which Go reads back byte for byte; since the HTTP stack writes header strings as latin1, each
 * value is the string whose latin1 bytes are that UTF-8. Percent-encoding is what Kubernetes undoes in the *key* of an
 * extra, so keys alone are encoded. What a header cannot carry unchanged (control characters, a blank at either end,
 * lone surrogates) is refused, not repaired.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
 */
export function impersonationHeaders(identity: ClusterIdentity): Result<Header[], ImpersonationRefusal> {
  if (identity.groups.length > maxGroups) {
    return refuse('too_many_groups', `${identity.groups.length} groups, at most ${maxGroups} can be passed on`)
  }
  const user = ownName('user', identity.user, userForm)
  if (!user.ok) return user
  if (!uidForm.test(identity.uid)) return refuse('foreign_name', 'the uid is not a UID')
  const headers: Header[] = [
    ['Impersonate-User', identity.user],
    ['Impersonate-Uid', identity.uid],
  ]
  for (const group of identity.groups) {
    const checked = ownName('group', group, groupForm)
    if (!checked.ok) return checked
    headers.push(['Impersonate-Group', group])
  }
  for (const key of extraKeys) {
    for (const value of identity.extra[key] ?? []) {
      const bytes = headerBytes(value)
      if (bytes === undefined) return refuse('not_a_header_value', `the ${key} holds what no header can carry`)
      headers.push([`Impersonate-Extra-palisade.dev%2F${key}`, bytes])
    }
  }
  const size = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  if (size > maxImpersonationBytes) return refuse('too_large', `${size} bytes, at most ${maxImpersonationBytes}`)
  return ok(headers)
}

/** Names the request to the cluster. Throws for what is not one of Palisade's own ids. */
export function requestLine(requestId: string): Header {
  if (!uidForm.test(requestId)) throw new RangeError('a request id is a UID')
  return ['Impersonate-Extra-palisade.dev%2Frequest', requestId]
}

/**
 * Whether Kubernetes, or a distribution of it, gives this name a meaning of its own. Such a name may enter no mapping: it
 * is looked for anywhere in the name, because lists have been split at commas where nobody meant them to be.
 */
export function isReservedName(name: string): boolean {
  return /\b(?:system|kubeadm):/i.test(name.normalize('NFKC'))
}

/** Whether a text can be sent as (part of) a header's value and arrive unchanged. Names that people choose must be. */
export function isHeaderSafe(text: string): boolean {
  return headerBytes(text) !== undefined
}

const uidForm = /^[0-9a-f]{24}$/
const userForm = /^palisade:[0-9a-f]{24}:[0-9a-f]{24}$/
const groupForm = /^palisade:(?:level:(?:view|edit|admin)|team:[0-9a-f]{24}:[0-9a-f]{24})$/
const plainAscii = /^[!-~](?:[ -~]*[!-~])?$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

function ownName(what: 'user' | 'group', name: string, form: RegExp): Result<undefined, ImpersonationRefusal> {
  // The forms admit no reserved name; telling the two apart is for the log.
  if (form.test(name)) return ok(undefined)
  if (isReservedName(name)) return refuse('reserved_name', `the ${what} has a name that Kubernetes reserves`)
  return refuse('foreign_name', `the ${what} is not one of Palisade's own names`)
}

function headerBytes(value: string): string | undefined {
  if (plainAscii.test(value)) return value
  if (value === '' || value.trim() !== value || control.test(value) || !value.isWellFormed()) return undefined
  return Buffer.from(value, 'utf8').toString('latin1')
}

function refuse(code: ImpersonationRefusal['code'], problem: string): Result<never, ImpersonationRefusal> {
  return err({ code, problem })
}
