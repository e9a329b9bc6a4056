import { hash } from 'node:crypto'
import { type AuditActor, type AuditEntry, type CutValue, entryOutcomes } from '../../contract/audit.ts'
import { type AuditEvent, auditEvents } from '../../contract/audit-events.ts'
import type { EntryUid } from '../../contract/ids.ts'
import type { EntryBody } from '../../core/ledger/index.ts'

/** Who did it, as the log names them. */
export type Actor = Readonly<AuditActor>

/** An event to be recorded. Texts of any length and content may come in: they are escaped, and cut with their hash. */
export type NewEntry = {
  readonly event: AuditEvent
  /** `intended` opens an intent: a later entry must name it in `intent` and so end it (docs/adr/0003). */
  readonly outcome: 'done' | 'refused' | 'intended' | 'ended' | 'unknown'
  readonly actor: Actor
  /** `kind` defaults to the event's. */
  readonly resource: {
    readonly kind?: string | undefined
    readonly uid: string
    readonly name?: string | undefined
  }
  readonly project?: string | undefined
  /** Request id. */
  readonly request: string
  readonly session?: string | undefined
  readonly address?: string | undefined
  /** The entry that was `intended`, and that this one ends: with `ended`, `unknown`, or `done` where the act itself is recorded. */
  readonly intent?: EntryUid | undefined
  /** JSON values; bytes are replaced by their hash. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** Longest text in a member that is ours to fill, and in `details`; in UTF-16 units. */
const maxMember = 256
const maxText = 1024
/** Of `details` as JSON; above that only its hash is kept. */
const maxDetails = 8192
const maxKey = 128
const maxMembers = 200
const maxDepth = 8

/**
 * Composes an entry but for its place in the log.
 *
 * Throws where the entry is not complete: an event without an actor fails the request that wanted to record it (threat H10).
 *
 * @param salt 16 random bytes, never used again
 */
export function composeEntry(
  entry: NewEntry,
  given: { readonly uid: string; readonly time: Date; readonly salt: Uint8Array },
): AuditEntry {
  assertComplete(entry)
  const cuts: Cuts = {}
  const member = (pointer: string, text: string) => cutText(text, maxMember, pointer, cuts)
  const optional = (pointer: string, text: string | undefined) =>
    text === undefined ? undefined : member(pointer, text)

  const { actor, resource } = entry
  const { action, kind } = auditEvents[entry.event]
  return {
    salt: Buffer.from(given.salt).toString('base64'),
    uid: given.uid,
    time: given.time.toISOString(),
    event: entry.event,
    action,
    outcome: entry.outcome,
    actor: {
      kind: actor.kind,
      uid: member('/actor/uid', actor.uid),
      email: optional('/actor/email', actor.email),
      firstName: optional('/actor/firstName', actor.firstName),
      lastName: optional('/actor/lastName', actor.lastName),
      org: optional('/actor/org', actor.org),
      credential: optional('/actor/credential', actor.credential),
    },
    resource: {
      kind: member('/resource/kind', resource.kind ?? kind),
      uid: member('/resource/uid', resource.uid),
      name: optional('/resource/name', resource.name),
    },
    project: optional('/project', entry.project),
    request: member('/request', entry.request),
    session: optional('/session', entry.session),
    address: optional('/address', entry.address),
    intent: entry.intent,
    details: entry.details === undefined ? undefined : cutDetails(entry.details, cuts),
    cut: Object.keys(cuts).length > 0 ? cuts : undefined,
  }
}

/** The text of what `composeEntry` composed. */
export function bodyText(composed: AuditEntry): EntryBody {
  // Cast: JSON of an object with a salt and without index and prev, on one line, of bounded length. What comes back from the
  // database is parsed once more when it gets its place; the tests send every kind of text through both.
  return entryText(composed) as EntryBody
}

/** Types say so already; what is recorded is too important to rely on that every caller was checked. */
function assertComplete({ event, outcome, actor, resource, request }: NewEntry): void {
  const missing = [
    !Object.hasOwn(auditEvents, event) && 'a known event',
    !entryOutcomes.includes(outcome) && 'a known outcome',
    !(actor?.uid && actorKinds.has(actor.kind)) && 'an actor',
    !resource?.uid && 'a resource',
    !request && 'a request',
  ].filter((one) => one !== false)
  if (missing.length > 0) throw new Error(`an audit entry lacks ${missing.join(', ')}`)
}

const actorKinds: ReadonlySet<string> = new Set(['user', 'system', 'service'])

/** The entry's fields as text, in the one order of `AuditEntry`. */
export function entryText(entry: AuditEntry): string {
  const { salt, uid, time, event, action, outcome, actor, resource, project } = entry
  const { request, session, address, intent, details, cut } = entry
  // JSON leaves undefined members out.
  const what = { salt, uid, time, event, action, outcome, actor, resource, project }
  return escapeUnsafe(JSON.stringify({ ...what, request, session, address, intent, details, cut }))
}

/** Reads a body that was composed here. */
export function parseBody(body: string): AuditEntry {
  return JSON.parse(body) as AuditEntry // It was sealed by us, and what opens is what was sealed.
}

type Cuts = Record<string, CutValue>

function cutOf(full: string | Uint8Array): CutValue {
  const bytes = typeof full === 'string' ? Buffer.from(full, 'utf8') : full
  return { bytes: bytes.length, sha256: hash('sha256', bytes, 'base64') }
}

function cutText(text: string, max: number, pointer: string, cuts: Cuts): string {
  if (text.length <= max) return text
  cuts[pointer] = cutOf(text)
  const splitsPair = (text.charCodeAt(max - 1) & 0xfc00) === 0xd800
  return text.slice(0, splitsPair ? max - 1 : max)
}

function cutDetails(details: Readonly<Record<string, unknown>>, cuts: Cuts): Readonly<Record<string, unknown>> {
  // Nearly always: no copy, and no pointers to what is not cut.
  if (mostUnits(details, maxDepth) <= maxDetails) return details
  const own: Cuts = {}
  const kept = cutValue(details, '/details', maxDepth, own)
  if (isRecord(kept) && JSON.stringify(kept).length <= maxDetails) {
    Object.assign(cuts, own)
    return kept
  }
  cuts['/details'] = cutOf(json(details))
  return {}
}

/** How many units a value has as JSON at most, and far fewer mostly; infinitely many where something of it has to be cut or replaced. */
function mostUnits(value: unknown, depth: number): number {
  // A number or a literal, with a comma.
  const other = 26
  switch (typeof value) {
    case 'string':
      // Every unit as `\uXXXX`, quotes and a comma.
      return value.length > maxText ? Number.POSITIVE_INFINITY : 6 * value.length + 3
    case 'bigint':
      return Number.POSITIVE_INFINITY
    case 'object': {
      if (value === null) return other
      if (depth === 0 || value instanceof Uint8Array || hasToJson(value)) return Number.POSITIVE_INFINITY
      const members = Object.entries(value)
      if (members.length > maxMembers) return Number.POSITIVE_INFINITY
      let units = 3
      for (const [key, item] of members) {
        if (key.length > maxKey) return Number.POSITIVE_INFINITY
        units += 6 * key.length + 3 + mostUnits(item, depth - 1)
      }
      return units
    }
    default:
      return other
  }
}

/** A JSON value of bounded depth, breadth and length; what does not fit becomes null and a hash. */
function cutValue(value: unknown, pointer: string, depth: number, cuts: Cuts): unknown {
  switch (typeof value) {
    case 'string':
      return cutText(value, maxText, pointer, cuts)
    case 'bigint':
      return value.toString()
    case 'object':
      return value === null ? null : cutObject(value, pointer, depth, cuts)
    default:
      return value
  }
}

function cutObject(value: object, pointer: string, depth: number, cuts: Cuts): unknown {
  if (value instanceof Uint8Array) {
    cuts[pointer] = cutOf(value)
    return null
  }
  if (hasToJson(value)) return cutValue(value.toJSON(), pointer, depth, cuts)
  const members: [string, unknown][] = Object.entries(value)
  if (depth === 0 || members.length > maxMembers || members.some(([key]) => key.length > maxKey)) {
    cuts[pointer] = cutOf(json(value))
    return null
  }
  const inside = ([key, item]: [string, unknown]) =>
    cutValue(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth - 1, cuts)
  // fromEntries defines members: one called __proto__ stays a member.
  return Array.isArray(value) ? members.map(inside) : Object.fromEntries(members.map((one) => [one[0], inside(one)]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}

function json(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString() : item))
}

/**
 * Escapes what JSON leaves as it is but a terminal, an editor or a log viewer may act upon: controls, bidirectional marks,
 * invisible and private characters, line separators (threat H07). They can only stand inside strings, where `\u` is the same.
 */
function escapeUnsafe(text: string): string {
  if (!/[^\x20-\x7e]/.test(text)) return text
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}
