import { z } from 'zod'
import { AuditProof } from '../../contract/audit-proof.ts'
import {
  auditHistogram,
  auditHistogramQuery,
  auditListQuery,
  auditRequest,
  auditRequestQuery,
} from '../../contract/audit-queries.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { EntryUid, systemTenant, type TenantUid } from '../../contract/ids.ts'
import { auditMsgUpdate, auditSysMsg, audits, audit as auditWire } from '../../contract/wire/audits.ts'
import { type Page, pageOf, uidPath } from '../../contract/wire/common.ts'
import type { Scope } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal, type Target } from '../gateway/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import { createShares } from '../platform/shares/index.ts'
import { actorOf, sessionOf } from './actor.ts'
import { entriesOfRequest } from './by-request.ts'
import { indexesOfSession, openedMost } from './by-session.ts'
import type { NewEntry } from './entry.ts'
import { exportText, type Pinned, pinCheckpoint } from './export.ts'
import { createInclusion } from './inclusion.ts'
import {
  countEntries,
  countOverTime,
  entriesByUid,
  findEntry,
  histogramMost,
  type LogFilter,
  listEntries,
  readHead,
  readNotes,
  writeNote,
} from './log.ts'
import type { SealerOf } from './pending.ts'
import { messages, toAudit } from './wire.ts'

/** What may take the database a second, at the same time: one tenant must not occupy all its connections. */
const costlyAtOnce = { tenant: 3, all: 12 } as const

/** The most that one page holds when a client asks for everything (`limit=0`); `continue` leads on. */
const largestPage = 1_000

export type AuditRoutesDeps = {
  readonly inTenant: InTenant
  readonly sealerOf: SealerOf
  readonly record: (tenant: TenantUid, entry: NewEntry) => Promise<{ readonly uid: EntryUid }>
  readonly settle: (tx: Tx) => Promise<void>
  readonly clock: Clock
  /** How long a session lives at most. */
  readonly sessionMs: number
}

export function auditEndpoints(deps: AuditRoutesDeps): readonly Endpoint[] {
  const { inTenant, sealerOf, record, settle, clock, sessionMs } = deps
  const inclusion = createInclusion()
  const costly = createShares(costlyAtOnce)

  async function inShare<T>(tx: Tx, work: () => Promise<Result<T, Refusal>>): Promise<Result<T, Refusal>> {
    const giveBack = costly.take(tx.tenant)
    if (!giveBack)
      return err({
        ...refuse('busy', 'The log is being counted and proved for others; try again'),
        retryAfterSeconds: 1,
      })
    try {
      return await work()
    } finally {
      giveBack()
    }
  }

  /** @param project the one that the request's header names */
  async function selection(
    tx: Tx,
    query: AuditQuery,
    project: string | undefined,
  ): Promise<Result<LogFilter, Refusal>> {
    const filter = filterOf(query, project)
    const session = query.sessionUid
    if (session === undefined) return ok(filter)
    const indexes = await indexesOfSession(tx, await sealerOf(tx.tenant), filter, { session, sessionMs })
    return indexes ? ok({ ...filter, indexes }) : err(refuse('invalid', tooManyToOpen))
  }

  /** The entry that a path names, with who did it as its owner. */
  async function findTarget({ tx, params }: { tx: Tx; params: { uid: string } }): Promise<Target | undefined> {
    const uid = EntryUid.safeParse(params.uid)
    if (!uid.success) return undefined
    await settle(tx)
    const found = await findEntry(tx, uid.data)
    if (!found) return undefined
    const owner = found.actor === undefined ? {} : { owner: found.actor }
    return { kind: 'audit', uid: uid.data, scope: scopeOf(tx.tenant, found.project), ...owner }
  }

  async function readEntry(tx: Tx, target: Target | undefined) {
    const uid = EntryUid.parse(target?.uid) // an object rule has found its target
    const sealer = await sealerOf(tx.tenant)
    const [line] = await entriesByUid(tx, sealer, [uid])
    if (!line) throw new Error('an entry has left the log')
    return { line, note: (await readNotes(tx, sealer, [uid])).get(uid) }
  }

  const list = endpoint({
    route: 'GET /v1/audits',
    summary: 'Lists audit entries, newest first: of the project that the ProjectUid header names, else of the tenant',
    permission: { project: 'audit.list' },
    query: auditListQuery,
    reply: { status: 200, body: audits },
    refusals: ['not_found', 'busy'],
    audit: 'refusals-only',
    async handle({ tx, query, project }) {
      const page = auditPageOf(query)
      if (!page.ok) return err(refuse('invalid', page.error))
      if (query.tenantUid !== undefined && query.tenantUid !== tx.tenant) return err(refuse('not_found'))
      await settle(tx)
      const select = () => selection(tx, query, project)
      // Only a session is looked for by opening entries.
      const filter = await (query.sessionUid === undefined ? select() : inShare(tx, select))
      if (!filter.ok) return filter
      const { limit, offset, below } = page.value
      const sealer = await sealerOf(tx.tenant)
      const skipped = below === undefined ? offset : 0
      // One more than asked for tells whether there is a next page.
      const found = await listEntries(tx, sealer, filter.value, { below, offset: skipped, limit: limit + 1 })
      const lines = found.slice(0, limit)
      const notes = await readNotes(
        tx,
        sealer,
        lines.map((line) => line.uid),
      )
      const count = await countEntries(tx, filter.value)
      const last = lines.at(-1)
      const next = found.length > limit && last ? continueToken(offset + lines.length, count, last.index) : ''
      return ok({
        body: {
          items: lines.map((line) => toAudit(line, notes.get(line.uid))),
          listmeta: { continue: next, count, limit, offset },
        },
      })
    },
  })

  const histogram = endpoint({
    route: 'GET /v1/palisade/audit/histogram',
    summary:
      'How many audit entries fit, over time: of the project that the ProjectUid header names, else of the tenant',
    permission: { project: 'audit.list' },
    query: auditHistogramQuery,
    reply: { status: 200, body: auditHistogram },
    refusals: ['not_found', 'busy'],
    audit: 'refusals-only',
    async handle({ tx, query, project, now }) {
      if (query.tenantUid !== undefined && query.tenantUid !== tx.tenant) return err(refuse('not_found'))
      return inShare(tx, async () => {
        await settle(tx)
        const filter = await selection(tx, query, project)
        if (!filter.ok) return filter
        const counted = await countOverTime(tx, filter.value, query.buckets, now)
        if (!counted.ok) {
          const since = counted.error.looksBackTo.toISOString()
          return err(
            refuse(
              'invalid',
              `query endTime: the newest ${histogramMost.looksAmong} entries are counted, and they begin at ${since}`,
            ),
          )
        }
        const { from, to, buckets, more } = counted.value
        return ok({
          body: { from: from?.toISOString() ?? null, to: to?.toISOString() ?? null, buckets: [...buckets], more },
        })
      })
    },
  })

  const ofRequest = endpoint({
    route: 'GET /v1/palisade/audit/requests',
    summary: 'What the log has of one request, by its id or by the uid of one of its entries',
    permission: { project: 'audit.list' },
    query: auditRequestQuery,
    reply: { status: 200, body: auditRequest },
    refusals: ['busy'],
    audit: 'refusals-only',
    async handle({ tx, query, project }) {
      return inShare(tx, async () => {
        await settle(tx)
        const sealer = await sealerOf(tx.tenant)
        const filter = project === undefined ? {} : { projects: [project] }
        const found = await entriesOfRequest(tx, sealer, filter, { id: query.request, below: query.below })
        const notes = await readNotes(
          tx,
          sealer,
          found.lines.map((line) => line.uid),
        )
        return ok({
          body: {
            items: found.lines.map((line) => toAudit(line, notes.get(line.uid))),
            looked: found.looked,
            back: found.back?.toISOString() ?? null,
            next: found.next ?? null,
          },
        })
      })
    },
  })

  const get = endpoint({
    route: 'GET /v1/audits/{uid}',
    summary: 'One audit entry',
    permission: { object: 'audit.get', find: findTarget },
    params: uidPath,
    reply: { status: 200, body: auditWire },
    refusals: [],
    audit: 'refusals-only',
    async handle({ tx, target }) {
      const { line, note } = await readEntry(tx, target)
      return ok({ body: toAudit(line, note) })
    },
  })

  const sysMsg = endpoint({
    route: 'GET /v1/audits/{uid}/sysMsg',
    summary: 'What the log itself says of an entry',
    permission: { object: 'audit.get', find: findTarget },
    params: uidPath,
    reply: { status: 200, body: auditSysMsg },
    refusals: [],
    audit: 'refusals-only',
    async handle({ tx, target }) {
      return ok({ body: messages((await readEntry(tx, target)).line) })
    },
  })

  const userMsg = endpoint({
    route: 'PATCH /v1/audits/{uid}/userMsg',
    summary: 'Writes a note beside an entry; who did it may explain it, others need to see it',
    permission: {
      object: 'audit.get',
      find: findTarget,
      orOwn: ({ target, principal }) => target.owner === principal.user,
    },
    params: uidPath,
    body: auditMsgUpdate,
    reply: { status: 204 },
    refusals: [],
    audit: 'audit.noted',
    async handle({ tx, target, body, now }) {
      const entry = EntryUid.parse(target?.uid)
      await writeNote(tx, await sealerOf(tx.tenant), entry, body.userMsg, now)
      // A later note replaces this one beside the entry; in the log all of them stay.
      return ok({ body: undefined, resource: { uid: entry }, details: { note: body.userMsg } })
    },
  })

  const exportLog = endpoint({
    route: 'GET /v1/palisade/audit/export',
    summary:
      'The whole log as JSON Lines, with a signed checkpoint that covers all that was committed before the request',
    permission: { object: 'audit.list', find: async ({ principal }) => wholeLog(principal) },
    reply: { status: 200, contentType: 'application/jsonl', streams: true, body: z.custom<AsyncIterable<string>>() },
    refusals: ['unavailable', 'busy'],
    // `prepare` records `audit.exported` itself: the entry is what the pinned checkpoint has to cover.
    audit: 'refusals-only',
    feature: 'auditExport',
    async prepare(c): Promise<Result<{ readonly value: Pinned }, Refusal>> {
      const log = wholeLog(c.principal)
      if (!c.access.allows('audit.get', log)) return err(lacksGet(log))
      const entry = exported(c)
      const { uid } = await record(c.principal.tenant, { ...entry, outcome: 'done' })
      const pinned = await pinCheckpoint({ inTenant, clock }, c.principal.tenant, uid)
      if (pinned) return ok({ value: pinned })
      await record(c.principal.tenant, { ...entry, outcome: 'refused', details: { refusal: 'unavailable' } })
      return err({ ...refuse('unavailable', 'The log has not been signed in time; try again'), retryAfterSeconds: 2 })
    },
    async handle({ principal, access, prepared }) {
      const log = wholeLog(principal)
      if (!access.allows('audit.get', log)) return err(lacksGet(log))
      const { tenant } = principal
      return ok({ body: exportText(inTenant, tenant, await sealerOf(tenant), prepared) })
    },
  })

  const proof = endpoint({
    route: 'GET /v1/palisade/audit/entries/{uid}/proof',
    summary: 'An entry’s line, and the proof that it stands at its place in the tree of a signed checkpoint',
    permission: { object: 'audit.get', find: findTarget },
    params: uidPath,
    reply: { status: 200, body: AuditProof },
    refusals: ['unavailable', 'busy'],
    audit: 'refusals-only',
    // Signing comes up to a second after the entry, and nobody waits for it in a transaction.
    async prepare({ params, principal }): Promise<Result<{ readonly value: Pinned }, Refusal>> {
      const pinned = await pinCheckpoint({ inTenant, clock }, principal.tenant, EntryUid.parse(params.uid))
      if (pinned) return ok({ value: pinned })
      return err({ ...refuse('unavailable', 'The log has not been signed in time; try again'), retryAfterSeconds: 2 })
    },
    async handle({ tx, target, prepared: { note, size } }) {
      return inShare(tx, async () => {
        const { line } = await readEntry(tx, target)
        const path = await inclusion(tx, line.index, size)
        if (!path)
          return err({ ...refuse('busy', 'The tree of this log is still being read; try again'), retryAfterSeconds: 1 })
        const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
        return ok({
          body: {
            ...{ index: line.index, size, checkpoint: note, leaf: base64(line.leaf), path: path.map(base64) },
            ...(typeof line.line === 'string' ? { content: line.line } : { line: line.line.text }),
          },
        })
      })
    },
  })

  const forEverybody = "the log's key and head tell nothing of its content, and the more people hold them the better"

  const key = endpoint({
    route: 'GET /v1/palisade/audit/key',
    summary: "The log's public key, as `palisade audit verify --key` takes it",
    permission: { signedIn: forEverybody },
    reply: { status: 200, contentType: 'text/plain; charset=utf-8', body: z.string() },
    refusals: ['unavailable'],
    audit: 'refusals-only',
    async handle({ tx }) {
      await settle(tx)
      const head = await readHead(tx)
      return head ? ok({ body: head.verifierKey }) : err(notYet)
    },
  })

  const checkpoint = endpoint({
    route: 'GET /v1/palisade/audit/checkpoint',
    summary: "The log's last signed checkpoint (a C2SP signed note)",
    permission: { signedIn: forEverybody },
    reply: { status: 200, contentType: 'text/plain; charset=utf-8', body: z.string() },
    refusals: ['unavailable'],
    audit: 'refusals-only',
    async handle({ tx }) {
      const head = await readHead(tx)
      return head?.checkpoint === undefined ? err(notYet) : ok({ body: head.checkpoint })
    },
  })

  return [list, histogram, ofRequest, get, sysMsg, userMsg, proof, exportLog, key, checkpoint]
}

const notYet: Refusal = { ...refuse('unavailable', 'The log has not been signed yet; try again'), retryAfterSeconds: 1 }

function scopeOf(tenant: TenantUid, project: string | undefined): Scope {
  if (tenant === systemTenant) return { kind: 'system' }
  return project === undefined ? { kind: 'tenant' } : { kind: 'project', projectUid: project }
}

/** All of a tenant's log, as an object: a right in one project does not reach it. */
function wholeLog({ tenant }: Principal): Target {
  return { kind: 'audit', uid: tenant, scope: scopeOf(tenant, undefined) }
}

function lacksGet(log: Target): Refusal {
  return refuse('forbidden', `This needs audit.get as well as audit.list in the ${log.scope.kind} scope`, {
    permission: 'audit.get',
    scope: { kind: log.scope.kind, uid: log.uid },
  })
}

function exported(c: {
  readonly principal: Principal
  readonly requestId: string
  readonly clientAddress: string
}): Omit<NewEntry, 'outcome'> {
  const { principal } = c
  return {
    event: 'audit.exported',
    actor: actorOf(principal),
    resource: { uid: principal.tenant },
    request: c.requestId,
    session: sessionOf(principal),
    address: c.clientAddress,
  }
}

type AuditQuery = Omit<z.output<typeof auditHistogramQuery>, 'buckets'>

const tooManyToOpen = `sessionUid: the session's person did too much to look through (${openedMost.toLocaleString('en')} entries): ask for less at a time by startTime and endTime, or by another filter`

const filterOf = (query: AuditQuery, project: string | undefined): LogFilter => ({
  from: query.startTime,
  to: query.endTime,
  actor: query.userUid,
  projects: [project, query.projectUid].filter((one) => one !== undefined),
  resourceKind: query.resourceKind,
  resourceUid: query.resourceUid,
  action: query.actionType,
  outcome: query.outcome,
})

/**
 * Paging as everywhere on `/v1`, but `continue` remembers the last entry's index: the list grows at its beginning, and
 * counting from there would show entries twice.
 */
function auditPageOf(query: z.output<typeof auditListQuery>): Result<Page & { readonly below?: number }, string> {
  const page = pageOf(query, largestPage)
  if (!page.ok || query.continue === undefined || query.continue === '') return page
  const token = z.object({ token: z.string().regex(/^(0|[1-9]\d{0,15})$/) }).safeParse(decoded(query.continue))
  if (!token.success) return err('continue is not a token of this list')
  return ok({ ...page.value, below: Number(token.data.token) })
}

function continueToken(offset: number, count: number, lastIndex: number): string {
  return Buffer.from(JSON.stringify({ offset, count, token: String(lastIndex) })).toString('base64')
}

function decoded(token: string): unknown {
  return JSON.parse(Buffer.from(token, 'base64').toString('utf8')) // pageOf has read it as JSON before
}
