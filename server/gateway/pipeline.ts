import type { z } from 'zod'
import type { AuditEvent } from '../../contract/audit-events.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { Feature } from '../../contract/features.ts'
import { type EntryUid, ProjectUid, systemTenant } from '../../contract/ids.ts'
import { systemPermissions } from '../../contract/permissions.ts'
import type { Decision, ResourceRef, Scope } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Clock } from '../platform/clock/index.ts'
import { CommitUncertainError, type InTenant, type Tx, type TxOptions } from '../platform/postgres/index.ts'
import type {
  Answer,
  Context,
  Endpoint,
  GuardedEndpoint,
  Intended,
  Recorded,
  RequestAccess,
  Target,
} from './endpoint.ts'
import { type HeldStream, holdStream } from './held-stream.ts'
import type { Principal } from './principal.ts'
import { unmetConditions } from './unmet-conditions.ts'

/** What the phases need of the features; `S` is the access data, which only passes through, `E` why an open call is ended. */
export type PipelinePorts<S, E extends string = string> = {
  readonly inTenant: InTenant
  readonly access: {
    current(tenant: Principal['tenant']): Promise<S>
    inTx(tx: Tx): Promise<S>
    lock(tx: Tx): Promise<void>
    raise(tx: Tx, kind: 'access' | 'sessions'): Promise<void>
    decide(snapshot: S, principal: Principal, permission: string, resource: ResourceRef, now: number): Decision
    requestAccess(snapshot: S, principal: Principal, now: number): RequestAccess
  }
  /** Whether the credential is still valid on this access data. */
  readonly recheck: (
    principal: Principal,
    snapshot: S,
  ) => Promise<Result<{ readonly endsAt: number }, Refusal & { readonly reason: E }>>
  /** Where answers that are given in pieces are ended with what they rest on. */
  readonly calls: {
    register(call: {
      readonly uid: string
      readonly tenant: Principal['tenant']
      readonly user: string
      readonly cluster: undefined
      recheck(snapshot: S): Promise<{ readonly end: E | 'right-withdrawn' } | { readonly recheckAt: number }>
      end(reason: string): void
    }): { recheckAt(ms: number): void; done(): void }
  }
  readonly append: (tx: Tx, entry: PipelineEntry) => Promise<string>
  /** What is begun elsewhere before it can be written down here (docs/adr/0003). */
  readonly intents: {
    /** Durable when it resolves; rejected, what was intended must not happen. */
    open(entry: PipelineEntry): Promise<EntryUid>
    /** Records the end of one that was taken back, and what is left of it; tries until that is durable. */
    end(entry: PipelineEntry): void
    /** Nobody here can say what became of it: it is closed as unknown, unless it has its end. */
    leave(intent: EntryUid): void
  }
  readonly projectExists: (tx: Tx, project: ProjectUid) => Promise<boolean>
  /** Whether the installation allows a feature, as of the transaction. */
  readonly featureAllowed: (tx: Tx, feature: Feature) => Promise<boolean>
  readonly clock: Clock
}

/** An audit entry as the phases write it. */
export type PipelineEntry = {
  readonly event: AuditEvent
  readonly outcome: 'done' | 'refused' | 'intended' | 'ended' | 'unknown'
  /** The intent that this entry ends. */
  readonly intent?: EntryUid
  readonly principal: Principal
  readonly resource: { readonly kind?: string; readonly uid: string; readonly name?: string }
  readonly project?: string
  readonly request: string
  readonly address: string
  readonly details: Readonly<Record<string, unknown>>
}

/** A request, read but not yet believed. */
export type RawRequest = {
  readonly id: string
  readonly clientAddress: string
  readonly userAgent: string
  readonly params: unknown
  readonly query: unknown
  /** Undefined: none was sent. */
  readonly body: unknown
  readonly projectHeader: string | undefined
}

/** A handled request: the answer with the uid of its audit entry, or a refusal. */
export type Outcome = Result<Answer<unknown> & { readonly auditUid: string | undefined }, Refusal>

/** How often an answer that goes on is asked again although nothing was changed. */
const streamRecheckMs = 1_000

/** An answer in pieces, from before its decision to its end. */
type StreamWatch<S> = {
  decidedOn(epoch: bigint): void
  restsOn(holds: (snapshot: S) => boolean): void
  hold(body: AsyncIterable<string | Buffer>): AsyncIterable<string | Buffer>
  /** It was refused, or is held by now. */
  decided(): void
}

type Guarded = GuardedEndpoint<z.ZodType, z.ZodType, z.ZodType, z.ZodType, unknown>
type Parsed = { readonly params: unknown; readonly query: unknown; readonly body: unknown }

/**
 * The phases every endpoint runs through, in one order: parse → (prepare) → transaction { lock → access data → credential
 * again → decide → handle → audit → raise } → reply. Authentication has happened: see `app.ts`, before a body is read.
 *
 * A refusal's entry commits although what the handler wrote is taken back.
 */
export function createPipeline<S, E extends string>(ports: PipelinePorts<S, E>) {
  const { inTenant, access, clock } = ports

  /** Runs an endpoint that needs no credential: it finds its tenant itself and records what it does. */
  async function runOpen(declared: Endpoint, raw: RawRequest): Promise<Outcome> {
    const endpoint = declared as Extract<Endpoint, { permission: { open: string } }>
    const parsed = parse(endpoint, raw)
    if (!parsed.ok) return parsed
    const { id: requestId, clientAddress, userAgent } = raw
    const now = new Date(clock.now())
    const answer: Result<Answer<unknown>, Refusal> = await endpoint.handle({
      ...parsed.value,
      requestId,
      clientAddress,
      userAgent,
      now,
    })
    return answer.ok ? ok({ ...answer.value, auditUid: undefined }) : answer
  }

  async function runGuarded(declared: Endpoint, raw: RawRequest, principal: Principal): Promise<Outcome> {
    const endpoint = declared as Guarded
    const parsed = parse(endpoint, raw)
    if (!parsed.ok) return parsed
    const call: Call = {
      ...{ endpoint, raw, principal, parsed: parsed.value, now: new Date(clock.now()), intent: undefined },
      // Registered before anything is decided: no change of access falls into a gap.
      watch: endpoint.reply.streams ? watchStream(raw, principal) : undefined,
    }
    try {
      const outcome = await runPhases(call)
      if (!outcome.ok || !call.watch) return outcome
      return ok({ ...outcome.value, body: call.watch.hold(outcome.value.body as AsyncIterable<string | Buffer>) })
    } finally {
      call.watch?.decided()
    }
  }

  async function runPhases(call: Call): Promise<Outcome> {
    const { endpoint, principal } = call
    if (!endpoint.prepare)
      return inTenant(principal.tenant, (tx) => decideAndHandle(call, tx, undefined), lockOf(endpoint))

    let work: Awaited<ReturnType<typeof endpoint.prepare>> | undefined
    try {
      work = await prepare(call, endpoint.prepare)
      if (!work.ok) return work
      const { value: prepared, undo } = work.value
      const outcome = await inTenant(principal.tenant, (tx) => decideAndHandle(call, tx, prepared), lockOf(endpoint))
      if (!outcome.ok) await takeBack(call, undo)
      return outcome
    } catch (cause) {
      // What may be stored must not be taken away from under it.
      if (cause instanceof CommitUncertainError) leaveIntent(call)
      else if (work?.ok && !call.intent?.unsure) await takeBack(call, work.value.undo)
      else if (call.intent) call.intent.unsure = true
      throw cause
    } finally {
      if (work?.ok) work.value.forget?.()
      endIntent(call)
    }
  }

  async function takeBack(call: Call, undo: (() => Promise<void>) | undefined): Promise<void> {
    try {
      await undo?.()
    } catch (cause) {
      if (call.intent) call.intent.unsure = true
      throw cause
    }
  }

  async function intend(call: Call, project: string | undefined, what: Recorded): Promise<Intended> {
    const event = call.endpoint.audit
    if (event === 'refusals-only') throw new Error(`${call.endpoint.route} intends what it does not record`)
    if (call.intent) throw new Error(`${call.endpoint.route} intends twice`)
    const entry = entryOf(call, event, 'intended', what, project)
    const left: object[] = []
    call.intent = { uid: await ports.intents.open(entry), entry, left, unsure: false }
    return { leaves: (more) => void left.push(...more) }
  }

  /** What was intended was taken back, as far as that went; where it was not, the entry that says so has ended the intent. */
  function endIntent(call: Call): void {
    if (!call.intent) return
    const { uid, entry, left, unsure } = call.intent
    call.intent = undefined
    const reason = unsure
      ? 'whether it was taken back is not known'
      : left.length > 0
        ? 'not all of it was taken back'
        : 'taken back'
    const details = { reason, ...(left.length > 0 ? { left } : {}) }
    ports.intents.end({ ...entry, outcome: unsure ? 'unknown' : 'ended', intent: uid, details })
  }

  function leaveIntent(call: Call): void {
    if (call.intent) ports.intents.leave(call.intent.uid)
    call.intent = undefined
  }

  type Call = {
    readonly endpoint: Guarded
    readonly raw: RawRequest
    readonly principal: Principal
    readonly parsed: Parsed
    readonly now: Date
    readonly watch: StreamWatch<S> | undefined
    /** What was recorded as intended, until its end is. */
    intent:
      | {
          readonly uid: EntryUid
          readonly entry: PipelineEntry
          /** What may be left where it was done. */
          readonly left: readonly object[]
          /** Nobody knows whether it was taken back. */
          unsure: boolean
        }
      | undefined
  }

  /** Ends an answer that is given in pieces when its credential or one of the rights that it rests on is gone. */
  function watchStream({ id }: RawRequest, principal: Principal): StreamWatch<S> {
    const restsOn: ((snapshot: S) => boolean)[] = []
    let held: HeldStream | undefined
    let ended: string | undefined
    /** Of the data that it was decided on; what is older says nothing about it. */
    let decidedOn: bigint | undefined
    const registration = ports.calls.register({
      ...{ uid: id, tenant: principal.tenant, user: principal.user, cluster: undefined },
      async recheck(snapshot) {
        const { epoch } = access.requestAccess(snapshot, principal, clock.now())
        if (!held || decidedOn === undefined || epoch < decidedOn) return { recheckAt: 0 }
        const valid = await ports.recheck(principal, snapshot)
        if (!valid.ok) return { end: valid.error.reason }
        if (!restsOn.every((holds) => holds(snapshot))) return { end: 'right-withdrawn' }
        // Assignments may end by themselves, too.
        return { recheckAt: Math.min(valid.value.endsAt, clock.now() + streamRecheckMs) }
      },
      end(reason) {
        ended = reason
        held?.end(reason)
      },
    })
    return {
      decidedOn(epoch) {
        decidedOn = epoch
      },
      restsOn: (holds) => restsOn.push(holds),
      hold(body) {
        held = holdStream(body, () => registration.done())
        if (ended !== undefined) held.end(ended)
        // A change may have been heard while it was decided.
        registration.recheckAt(0)
        return held.body
      },
      decided() {
        if (!held) registration.done()
      },
    }
  }

  /** Slow work outside any transaction, after a decision in a short one; the real one decides again. */
  async function prepare(call: Call, work: NonNullable<Guarded['prepare']>) {
    const { raw, principal, parsed, now } = call
    const decide = async (tx: Tx) => {
      const decided = await decideInTx(call, tx)
      if (decided.ok) return decided
      return err(await refused(call, tx, decided.error, undefined))
    }
    const locks = call.endpoint.changes ? ({ lock: 'access' } as const) : {}
    const first = await inTenant(principal.tenant, decide, locks)
    if (!first.ok) return first
    const { target, project, snapshot } = first.value
    const prepared = await work({
      principal,
      ...parsed,
      project,
      target,
      requestId: raw.id,
      clientAddress: raw.clientAddress,
      now,
      access: access.requestAccess(snapshot, principal, now.getTime()),
      intend: (what) => intend(call, projectOf(target) ?? project, what),
    })
    if (prepared.ok) return prepared
    // What the work met (a wrong password, a cluster that refuses) is an outcome of the act and recorded as one.
    return err(await inTenant(principal.tenant, (tx) => refused(call, tx, prepared.error, target)))
  }

  async function decideAndHandle(call: Call, tx: Tx, prepared: unknown): Promise<Outcome> {
    const { endpoint, raw, principal, parsed, now } = call
    const decided = await decideInTx(call, tx)
    if (!decided.ok) return err(await refused(call, tx, decided.error, undefined))
    const { target, project, snapshot, decision } = decided.value

    const record = (inside: Tx, event: AuditEvent, what: Recorded) =>
      ports.append(inside, entryOf(call, event, 'done', what, projectOf(target) ?? project))
    const mayDo = access.requestAccess(snapshot, principal, now.getTime())
    call.watch?.decidedOn(mayDo.epoch)
    const context: Context<unknown, unknown, unknown, unknown> = {
      tx,
      principal,
      ...parsed,
      prepared,
      project,
      target,
      requestId: raw.id,
      clientAddress: raw.clientAddress,
      now,
      access: call.watch ? noting(call.watch, mayDo, principal) : mayDo,
      record,
    }
    const handled = await tx.attempt(() => endpoint.handle(context))
    if (!handled.ok) {
      // A read that finds nothing is no event; an act that was refused is one, whatever the reason.
      if (endpoint.audit === 'refusals-only' && !isDenial(handled.error)) return handled
      return err(await refused(call, tx, handled.error, target))
    }
    let auditUid: string | undefined
    if (endpoint.audit !== 'refusals-only') {
      const resource =
        handled.value.resource ?? (target && { uid: target.uid, ...(target.name ? { name: target.name } : {}) })
      const details = { ...handled.value.details, ...reasons(decision, endpoint) }
      const what = { ...(resource ? { resource } : {}), details }
      const entry = entryOf(call, endpoint.audit, 'done', what, projectOf(target) ?? project)
      auditUid = await ports.append(tx, call.intent ? { ...entry, intent: call.intent.uid } : entry)
      tx.afterCommit(() => {
        call.intent = undefined
      })
    }
    if (endpoint.changes && !handled.value.unchanged) await access.raise(tx, endpoint.changes)
    return ok({ ...handled.value, auditUid })
  }

  async function decideInTx(call: Call, tx: Tx) {
    const { endpoint, raw, principal, parsed, now } = call
    if (endpoint.changes) await access.lock(tx)
    const snapshot = await access.inTx(tx)
    const valid = await ports.recheck(principal, snapshot)
    if (!valid.ok) return err({ refusal: valid.error, denial: undefined })
    const project = await selectProject(raw.projectHeader, principal, tx)
    if (!project.ok) return err({ refusal: project.error, denial: undefined })

    const { feature } = endpoint
    if (feature !== undefined && !(await ports.featureAllowed(tx, feature)))
      return err({ refusal: refuse('feature_off', `${feature}: is switched off`, { feature }), denial: undefined })

    const rule = endpoint.permission
    const found = { snapshot, project: project.value, target: undefined as Target | undefined }
    const allowedNow = (snapshot: S, permission: string, resource: ResourceRef) =>
      access.decide(snapshot, principal, permission, resource, clock.now()).effect === 'allow'
    const granted = (target: Target | undefined, decision: Decision | undefined) => ok({ ...found, target, decision })
    const ask = (permission: string, resource: ResourceRef, target?: Target, hint = '') => {
      const decision = access.decide(snapshot, principal, permission, resource, now.getTime())
      if (decision.effect === 'allow') {
        call.watch?.restsOn((later) => allowedNow(later, permission, resource))
        return granted(target, decision)
      }
      const mayDo = access.requestAccess(snapshot, principal, now.getTime())
      const conditions = unmetConditions(mayDo, principal, permission, resource)
      return err({ refusal: forbidden(decision, raw.id, principal, hint, conditions), denial: { decision, target } })
    }
    if ('signedIn' in rule) return granted(undefined, undefined)
    if ('system' in rule) return ask(rule.system, { kind: 'system', scope: { kind: 'system' } })
    if ('tenant' in rule) {
      const scope = wholeScope(rule.tenant, principal)
      return ask(rule.tenant, { kind: scope.kind, scope })
    }
    if ('project' in rule) {
      const scope: Scope = found.project
        ? { kind: 'project', projectUid: found.project }
        : wholeScope(rule.project, principal)
      // The commonest mistake of clients, and not to be seen from the permission alone.
      const hint = found.project ? '' : '; if you meant a project, send the ProjectUid header'
      return ask(rule.project, { kind: scope.kind, scope }, undefined, hint)
    }
    const target = await rule.find({ tx, params: parsed.params, principal, project: found.project })
    if (!target) return err({ refusal: refuse('not_found'), denial: undefined })
    if (rule.orOwn?.({ target, principal })) return granted(target, undefined)
    return ask(rule.object, target, target)
  }

  /** Decisions for a handler whose answer goes on: what it was allowed must stay so. */
  function noting(watch: StreamWatch<S>, now: RequestAccess, principal: Principal): RequestAccess {
    return {
      ...now,
      allows(permission, on) {
        const yes = now.allows(permission, on)
        if (yes) watch.restsOn((later) => access.requestAccess(later, principal, clock.now()).allows(permission, on))
        return yes
      },
    }
  }

  /** A ProjectUid header is looked at whatever the endpoint: an unknown or foreign one is never silently dropped. */
  async function selectProject(
    header: string | undefined,
    principal: Principal,
    tx: Tx,
  ): Promise<Result<ProjectUid | undefined, Refusal>> {
    if (header === undefined || header === '') return ok(undefined)
    const uid = ProjectUid.safeParse(header)
    // System administrators have no projects, so that they can name none.
    if (principal.tenant === systemTenant || !uid.success || !(await ports.projectExists(tx, uid.data)))
      return err(refuse('project_not_found', 'The ProjectUid header names no project of this tenant'))
    return ok(uid.data)
  }

  type Refused = {
    readonly refusal: Refusal
    readonly denial: { decision: Decision; target: Target | undefined } | undefined
  }

  /** Writes the entry of a refusal. What never was in this tenant (404) and what was not readable (400) is no event. */
  async function refused(call: Call, tx: Tx, what: Refused | Refusal, target: Target | undefined): Promise<Refusal> {
    const { endpoint, raw } = call
    const refusal = 'refusal' in what ? what.refusal : what
    const object = 'refusal' in what ? what.denial?.target : target
    if (!isDenial(refusal) && endpoint.audit === 'refusals-only') return refusal
    if (refusal.code === 'unauthenticated' || refusal.code === 'not_found' || refusal.code === 'invalid') return refusal
    const event = endpoint.audit === 'refusals-only' ? 'access.refused' : endpoint.audit
    const resource = object
      ? { kind: object.kind, uid: object.uid, ...(object.name ? { name: object.name } : {}) }
      : undefined
    await ports.append(tx, {
      ...entryOf(call, event, 'refused', {}, projectOf(object)),
      resource: resource ?? { uid: 'none' },
      details: {
        route: endpoint.route,
        refusal: refusal.code,
        ...(refusal.details ?? {}),
        ...(raw.projectHeader ? { projectHeader: raw.projectHeader } : {}),
      },
    })
    return refusal
  }

  function entryOf(
    { raw, principal }: Call,
    event: AuditEvent,
    outcome: PipelineEntry['outcome'],
    what: Recorded,
    project: string | undefined,
  ): PipelineEntry {
    return {
      event,
      outcome,
      principal,
      resource: what.resource ?? { uid: 'none' },
      ...(project === undefined ? {} : { project }),
      request: raw.id,
      address: raw.clientAddress,
      details: what.details ?? {},
    }
  }

  return { runOpen, runGuarded }
}

const projectOf = (target: Target | undefined) =>
  target !== undefined && 'projectUid' in target.scope ? target.scope.projectUid : undefined

/** All of the caller's tenant. What system administrators hold too (the log's rights) is theirs in the system. */
function wholeScope(permission: string, { tenant }: Principal): Scope {
  // Cast: any string may be looked up.
  const isSystem = tenant === systemTenant && (systemPermissions as ReadonlySet<string>).has(permission)
  return { kind: isSystem ? 'system' : 'tenant' }
}

/** What an endpoint's transaction waits for: who changes access locks the epoch, and who may meet a limit is counted under a lock. */
function lockOf({ changes, refusals }: Pick<Guarded, 'changes' | 'refusals'>): TxOptions {
  if (changes) return { lock: 'access' }
  return refusals.includes('resource_limit') ? { lock: 'limits' } : {}
}

const isDenial = ({ code }: Refusal) => code === 'forbidden' || code === 'exceeds_own_rights' || code === 'feature_off'

/** Why it was allowed, for the audit entry: the right, the assignments that give it, and the epoch of the data. */
function reasons(decision: Decision | undefined, { permission: rule }: Pick<Endpoint, 'permission'>) {
  if (decision?.effect !== 'allow') return {}
  const because = decision.because.map((reason) => reason.assignment)
  return { decision: { permission: decidedBy(rule), epoch: decision.epoch, because } }
}

function decidedBy(rule: Endpoint['permission']): string | undefined {
  if ('system' in rule) return rule.system
  if ('tenant' in rule) return rule.tenant
  if ('project' in rule) return rule.project
  return 'object' in rule ? rule.object : undefined
}

/** Own tenant, right missing: says which right and where, by uid, and how to ask for it (the request id). */
function forbidden(
  decision: Decision,
  requestId: string,
  principal: Principal,
  hint: string,
  conditions: ReturnType<typeof unmetConditions>,
): Refusal {
  if (decision.effect === 'allow') throw new Error('an allowed request is not refused')
  const { missing, scope, why } = decision
  const uid = uidOf(scope, principal)
  const where = scope.kind === 'system' ? 'the system scope' : `${scope.kind} ${uid}`
  const outside =
    principal.tenant === systemTenant && scope.kind !== 'system'
      ? '; system administrators have no access inside tenants'
      : (conditions?.inWords ?? hint)
  return refuse('forbidden', `This needs ${missing} in ${where}${outside} (request ${requestId})`, {
    permission: missing,
    scope: { kind: scope.kind, uid },
    reason: why,
    ...(conditions === undefined ? {} : { unmet: conditions.unmet }),
  })
}

function uidOf(scope: Scope, principal: Principal): string {
  switch (scope.kind) {
    case 'workspace':
      return scope.workspaceUid
    case 'project':
      return scope.projectUid
    case 'tenant':
      return principal.tenant
    case 'system':
      return 'system'
  }
}

function parse(endpoint: Endpoint, raw: RawRequest): Result<Parsed, Refusal> {
  const parts = [
    ['path', endpoint.params, raw.params],
    ['query', endpoint.query, raw.query],
    ['body', endpoint.body, raw.body],
  ] as const
  const values: unknown[] = []
  const issues: { in: string; path: string; problem: string }[] = []
  for (const [part, schema, value] of parts) {
    if (!schema) {
      values.push(undefined)
      continue
    }
    const result = (schema as z.ZodType).safeParse(value)
    if (result.success) values.push(result.data)
    else
      for (const issue of result.error.issues.slice(0, 20))
        issues.push({ in: part, path: issue.path.join('.'), problem: issue.message })
  }
  const [first] = issues
  if (first)
    return err(refuse('invalid', `${first.in}${first.path ? ` ${first.path}` : ''}: ${first.problem}`, { issues }))
  return ok({ params: values[0], query: values[1], body: values[2] })
}
