import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, systemTenant, type TenantUid, type UserUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { type AccessRequestAct, type AccessRequestRefusal, afterAct } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { canonicalEmail, mailboxOf } from '../../core/seal/index.ts'
import {
  findHeld,
  giveUntil,
  mayAssign,
  mayNotAssign,
  type Place,
  roleToGive,
  type StoredAssignment,
} from '../access/index.ts'
import type { Principal, RequestAccess, Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import { readUsers } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting } from '../settings/index.ts'
import {
  countOpen,
  forgetOldest,
  insertRequest,
  lockRequester,
  mailboxIndex,
  readRequest,
  type StoredRequest,
  settleRequest,
} from './request-store.ts'
import { requestSettings } from './settings.ts'

export type RequestPorts = {
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly findCluster: (c: {
    readonly tx: Tx
    readonly params: { readonly uid: string }
  }) => Promise<Target | undefined>
}

/** Who acts, on which access data, when. */
export type Acting = {
  readonly tx: Tx
  readonly principal: Principal
  readonly access: RequestAccess
  readonly now: Date
}

export type Asked = {
  readonly role: string
  readonly project?: string | undefined
  readonly cluster?: string | undefined
  readonly seconds: number
  readonly reason: string
}

/** Open ones of a whole tenant: who may decide sees all of theirs at once. */
const mostOpen = 1_000

/** Asks for a role for a time. Anybody may ask for anything that can be given there; the answer is somebody else's. */
export async function askFor(
  ports: RequestPorts,
  { tx, principal, now }: Acting,
  asked: Asked,
): Promise<Result<{ readonly request: StoredRequest; readonly roleName: string }, Refusal>> {
  if (tx.tenant === systemTenant)
    return err(refuse('invalid', 'What a system administrator may do follows from the kind of account, not from roles'))
  const settings = await readSetting(tx, requestSettings)
  if (asked.seconds > settings.maxSeconds) return err(tooLong(settings.maxSeconds))
  const place = await placeAsked(ports, tx, asked)
  if (!place.ok) return place
  const subject = { user: principal.user }
  const role = await roleToGive(tx, asked.role, { subject, place: place.value })
  if (!role.ok) return role
  const held = await findHeld(tx, { subject, place: place.value, role: role.value.role })
  if (held?.conditions)
    return err(refuse('conflict', `You hold "${held.name}" there already, under conditions`, { uid: held.uid }))
  if (held && held.endsAt === undefined)
    return err(refuse('conflict', `You hold "${held.name}" there already, without an end`))

  await lockRequester(tx, principal.user)
  const { own, all } = await countOpen(tx, principal.user)
  if (own >= settings.openPerPerson)
    return err(
      refuse('resource_limit', `At most ${settings.openPerPerson} of your requests may be open; withdraw one`, {
        limit: settings.openPerPerson,
      }),
    )
  if (all >= mostOpen)
    return err(refuse('resource_limit', 'Too many requests of the tenant are open', { limit: mostOpen }))
  const sealer = await ports.sealerOf(tx.tenant)
  const uid = await insertRequest(tx, sealer, {
    user: principal.user,
    mailbox: (await mailboxesNow(tx, sealer, [principal.user]))(principal.user),
    role: role.value.role,
    project: place.value === 'tenant' ? undefined : place.value,
    ...{ seconds: asked.seconds, reason: asked.reason },
    ...{ createdAt: now, expiresAt: new Date(now.getTime() + settings.answerSeconds * 1_000) },
  })
  if (!uid) return err(refuse('conflict', `You have asked for "${role.value.name}" there already`))
  await forgetOldest(tx, principal.user)
  const request = await readRequest(tx, sealer, uid)
  if (!request) throw new Error(`the request ${uid} that was made is not there`)
  return ok({ request, roleName: role.value.name })
}

export type Act = {
  readonly uid: string
  readonly act: Exclude<AccessRequestAct, 'expire'>
  readonly note?: string | undefined
}

/**
 * Approves, denies or withdraws. Everything is looked at in this transaction, with the row locked: what was true when
 * somebody read it, or when it was asked for, counts for nothing (threat D19).
 *
 * @returns of an approval what was given by it
 */
export async function decideRequest(
  { sealerOf }: RequestPorts,
  acting: Acting,
  { uid, act, note }: Act,
): Promise<Result<{ readonly request: StoredRequest; readonly given: StoredAssignment | undefined }, Refusal>> {
  const { tx, principal, access, now } = acting
  const sealer = await sealerOf(tx.tenant)
  const request = await readRequest(tx, sealer, uid, { toChange: true })
  if (!request || !maySee(acting, request)) return err(refuse('not_found'))
  const state = afterAct(act, {
    state: request.state,
    isOver: request.expiresAt <= now,
    isRequester: request.user === principal.user,
    isSamePerson: (await samePersonAs(tx, sealer, principal.user, [request]))(request),
    mayGive: couldGive(access, request, now).ok,
  })
  if (!state.ok) return err(refusalOf(state.error, acting, request))
  let given: StoredAssignment | undefined
  if (act === 'approve') {
    const { maxSeconds } = await readSetting(tx, requestSettings)
    if (request.seconds > maxSeconds) return err(refuse('conflict', tooLong(maxSeconds).detail, { maxSeconds }))
    const gift = await give(acting, request)
    if (!gift.ok) return gift
    given = gift.value
  }
  await settleRequest(tx, sealer, request.uid, {
    ...{ state: state.value as 'approved' | 'denied' | 'withdrawn', at: now, by: principal.user, note },
    ...(given?.endsAt ? { endsAt: given.endsAt } : {}),
  })
  return ok({ request, given })
}

/** Gives what was asked for, from now on. */
async function give(
  { tx, principal, access, now }: Acting,
  request: StoredRequest,
): Promise<Result<StoredAssignment, Refusal>> {
  const person = await tx.query<{ state: string }>('select state from users where tenant_id = $1 and user_id = $2', [
    ...[tx.tenant, request.user],
  ])
  if (person[0]?.state !== 'active') return err(refuse('conflict', 'The account that asked is switched off'))
  const subject = { user: request.user }
  const place = placeOf(request)
  const role = await roleToGive(tx, request.role, { subject, place })
  if (!role.ok) return role
  return giveUntil(
    tx,
    { by: principal.user, covers: access.coversRoles, stored: access.assignments, now },
    { subject, place, role: request.role, endsAt: endIfGiven(request, now), held: 'extend' },
  )
}

/**
 * Whether it is there for the caller: their own, in a place where they say who holds roles, or with the rights by which one
 * asks about others.
 */
export function maySee({ access, principal }: Pick<Acting, 'access' | 'principal'>, request: StoredRequest): boolean {
  const tenant = { kind: 'tenant' } as const
  return (
    request.user === principal.user ||
    request.decidedBy === principal.user ||
    (access.allows('user.get', tenant) && access.allows('role.get', tenant)) ||
    mayAssign(access, 'user', placeOf(request))
  )
}

/** Refuses unless the caller may say who holds roles there, and holds for long enough what is asked for. */
export function couldGive(access: RequestAccess, request: StoredRequest, now: Date): Result<undefined, Refusal> {
  const place = placeOf(request)
  if (!mayAssign(access, 'user', place)) return err(mayNotAssign('user', place))
  return access.coversRoles([
    { roleUid: request.role, scope: scopeIn(place), endsAt: endIfGiven(request, now).getTime() },
  ])
}

type FromSomebody = Pick<StoredRequest, 'user' | 'mailbox'>

/**
 * Of these requests, whether an account is the one that asked, or another of the same person: by the mailbox then, and by that
 * of now. Everybody's is read in one query.
 */
export async function samePersonAs(
  tx: Tx,
  sealer: TenantSealer,
  user: UserUid,
  requests: readonly FromSomebody[],
): Promise<(request: FromSomebody) => boolean> {
  const others = requests.filter((one) => one.user !== user)
  const mailboxNow = await mailboxesNow(tx, sealer, others.length === 0 ? [] : [user, ...others.map((one) => one.user)])
  return (request) => {
    if (request.user === user) return true
    const mailbox = mailboxNow(user)
    return mailbox.equals(request.mailbox) || mailbox.equals(mailboxNow(request.user))
  }
}

/** The mailbox of each of these users. */
async function mailboxesNow(
  tx: Tx,
  sealer: TenantSealer,
  users: readonly UserUid[],
): Promise<(user: UserUid) => Buffer> {
  const people = await readUsers(tx, sealer, [...new Set(users)])
  const mailboxes = new Map<string, Buffer>()
  for (const { uid, email: written } of people) {
    const email = canonicalEmail(written)
    if (email.ok) mailboxes.set(uid, mailboxIndex(sealer, mailboxOf(email.value)))
  }
  return (user) => {
    const mailbox = mailboxes.get(user)
    if (!mailbox) throw new Error(`user ${user} has no e-mail address`)
    return mailbox
  }
}

const endIfGiven = ({ seconds }: StoredRequest, now: Date) => new Date(now.getTime() + seconds * 1_000)

export const placeOf = ({ project }: Pick<StoredRequest, 'project'>): Place => project ?? 'tenant'

const scopeIn = (place: Place) =>
  place === 'tenant' ? ({ kind: 'tenant' } as const) : ({ kind: 'project', projectUid: place } as const)

const tooLong = (maxSeconds: number) =>
  refuse('invalid', `seconds: roles are given for at most ${maxSeconds} seconds at a time here`, { maxSeconds })

function refusalOf(why: AccessRequestRefusal, { access, now }: Acting, request: StoredRequest): Refusal {
  switch (why) {
    case 'own':
      return refuse('own_request', 'Somebody else decides about what you asked for, and no other account of yours')
    case 'not-own':
      return refuse('forbidden', 'Only who asked withdraws a request')
    case 'may-not-give': {
      const could = couldGive(access, request, now)
      return could.ok ? refuse('forbidden') : could.error
    }
    case 'closed':
    case 'not-over':
      return refuse('request_closed', `It is ${request.state === 'open' ? 'expired' : request.state}`)
  }
}

async function placeAsked(
  { findCluster }: RequestPorts,
  tx: Tx,
  { project, cluster }: Pick<Asked, 'project' | 'cluster'>,
): Promise<Result<Place, Refusal>> {
  if (project !== undefined && cluster !== undefined)
    return err(refuse('invalid', 'Name a cluster or a project, not both: a cluster is in one project'))
  if (cluster !== undefined) {
    const found = await findCluster({ tx, params: { uid: cluster } })
    return found?.scope.kind === 'project'
      ? ok(ProjectUid.parse(found.scope.projectUid))
      : err(refuse('not_found', `No cluster ${cluster} in this tenant`))
  }
  if (project === undefined) return ok('tenant')
  const [row] = await tx.query<{ project_id: string }>(
    `select project_id from projects where tenant_id = $1 and (project_id = $2::text or name_key = $3)
      order by project_id = $2::text desc limit 1`,
    [tx.tenant, project, nameKey(project)],
  )
  return row ? ok(ProjectUid.parse(row.project_id)) : err(refuse('not_found', `No project ${project} in this tenant`))
}
