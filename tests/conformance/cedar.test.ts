import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import type { AnyPermission } from '../../contract/permissions.ts'
import { anyFacts, anyRequest } from '../../core/access/arbitrary-facts.ts'
import {
  type AccessRequest,
  type Assignment,
  compile,
  decide,
  decidePlain,
  type RequestConditions,
  type RoleDefinition,
  type Scope,
  type TagFilter,
  type TenantAccessFacts,
} from '../../core/access/index.ts'

// The access rules a third time, in a language and an engine that nobody here wrote (https://www.cedarpolicy.com). Of random
// worlds and requests all three must say the same, and name the same grants. More of them: CEDAR_PAIRS=1000000 CEDAR_SEED=7.

const pairs = Number(process.env.CEDAR_PAIRS ?? 20_000)
const seed = Number(process.env.CEDAR_SEED ?? Date.now() % 2 ** 31)
const requestsPerWorld = 50

test(`compiled engine, plain rule and Cedar agree on ${pairs} pairs of world and request (seed ${seed})`, (t) => {
  const worlds = Math.ceil(pairs / requestsPerWorld)
  const seen = { allow: 0, deny: 0, 'under conditions': 0 }
  for (let world = 0; world < worlds; world++) {
    const [facts]: TenantAccessFacts[] = fc.sample(anyFacts, { seed: seed + world, numRuns: 1 })
    if (!facts) throw new Error('one sample was asked for')
    const compiled = compile(facts)
    const conditional = new Set(facts.assignments.flatMap(({ id, conditions }) => (conditions ? [id] : [])))
    const parsed = cedar.preparsePolicySet('world', { staticPolicies: policiesOf(facts) })
    assert.equal(parsed.type, 'success', JSON.stringify(parsed))
    const requests: AccessRequest[] = fc.sample(anyRequest, { seed: seed + world, numRuns: requestsPerWorld })
    for (const request of requests) {
      const plain = decidePlain(request, facts)
      // Told only where they differ: to write it takes longer than to decide.
      const agree = (actual: unknown, expected: unknown): void => {
        if (isDeepStrictEqual(actual, expected)) return
        const where = { seed: seed + world, request, assignments: facts.assignments }
        assert.deepEqual(actual, expected, JSON.stringify(where, null, 1))
      }
      agree(decide(request, compiled), plain)
      const answer = cedar.statefulIsAuthorized({ ...asked(request, facts), preparsedPolicySetId: 'world' })
      if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors))
      const { decision, diagnostics } = answer.response
      agree(diagnostics.errors, [])
      const because = plain.effect === 'allow' ? plain.because.map((one) => JSON.stringify(one)) : []
      const reasons: string[] =
        decision === 'allow' ? diagnostics.reason.map((id: string) => JSON.stringify(reasonOf(id, facts))) : []
      agree([decision, reasons.toSorted()], [plain.effect, because.toSorted()])
      seen[plain.effect]++
      if (plain.effect === 'allow' && plain.because.some(({ assignment }) => conditional.has(assignment)))
        seen['under conditions']++
    }
  }
  t.diagnostic(`${worlds} worlds, ${worlds * requestsPerWorld} requests, seed ${seed}: ${JSON.stringify(seen)}`)
  assert.ok(seen.allow > pairs / 50 && seen.deny > pairs / 50, 'worlds in which both answers occur')
  assert.ok(seen['under conditions'] > pairs / 200, 'requests that meet conditions')
})

/** One permit for each assignment, and what holds for all of them as two forbids. */
function policiesOf(facts: TenantAccessFacts): Record<string, string> {
  const policies: Record<string, string> = {
    active: 'forbid (principal, action, resource) unless { principal has active && principal.active };',
    catalogue: 'forbid (principal, action, resource) unless { action in Action::"catalogue" };',
  }
  for (const [at, assignment] of facts.assignments.entries()) {
    const role = facts.roles.get(assignment.roleUid)
    if (role && mayStandHere(role, assignment, facts)) policies[`permit-${at}`] = permit(role, assignment)
  }
  return policies
}

/** As docs/access.md has it in its table of kinds. */
function mayStandHere({ scope: kind }: RoleDefinition, { scope, filters }: Assignment, facts: TenantAccessFacts) {
  if (kind === 'system') return scope.kind === 'system' && facts.tenantUid === 'system'
  if (kind === 'resource') return scope.kind === 'project' && filters !== 'none'
  if (scope.kind === 'workspace') return kind === 'project' && filters === 'none'
  return scope.kind === 'tenant' || (kind === 'project' && scope.kind === 'project')
}

function permit(role: RoleDefinition, { subject, scope, filters, endsAt, conditions: ofRequest }: Assignment): string {
  const principal = subject.kind === 'user' ? `principal == ${user(subject.uid)}` : `principal in ${team(subject.uid)}`
  const actions = role.permissions.map(action).join(', ')
  const conditions = [
    ...(endsAt === undefined ? [] : [`context.isTime && context.now < ${endsAt}`]),
    ...(filters === 'none' ? [] : [`resource.isObject && (${anyOf(filters.map(filterText))})`]),
    ...(ofRequest === undefined ? [] : [conditionsText(ofRequest)]),
  ]
  const when = conditions.map((condition) => `(${condition})`).join(' && ')
  return `permit (${principal}, action in [${actions}], resource in ${place(scope)})${when && ` when { ${when} }`};`
}

/** A document that names nothing is met by nothing, and a question that is nobody's request meets none. */
function conditionsText({ timeWindow, networks, signInWithinSeconds }: RequestConditions): string {
  const parts = [
    ...(timeWindow === undefined ? [] : [windowText(timeWindow)]),
    ...(networks === undefined
      ? []
      : [`context has address && (${anyOf(networks.map((one) => `context.address.isInRange(ip("${one}"))`))})`]),
    ...(signInWithinSeconds === undefined
      ? []
      : [`context.isTime && context has provedAt && context.now < context.provedAt + ${signInWithinSeconds * 1000}`]),
  ]
  return parts.length === 0 ? 'false' : ['context.isRequest', ...parts].map((one) => `(${one})`).join(' && ')
}

function windowText({ timeZone, days, from, to }: NonNullable<RequestConditions['timeWindow']>): string {
  const clock = `context.clocks[${JSON.stringify(timeZone)}]`
  const on = (names: readonly string[]) => `${JSON.stringify(names)}.contains(${clock}.day)`
  const next = days.map((day) => week[(week.indexOf(day) + 1) % week.length] ?? '')
  const [fromMinute, toMinute] = [from, to].map(minuteOf)
  if (fromMinute === toMinute || fromMinute === undefined || toMinute === undefined) return 'false'
  const isLate = `${clock}.minute >= ${fromMinute}`
  const isEarly = `${clock}.minute < ${toMinute}`
  const open =
    fromMinute < toMinute
      ? `${on(days)} && ${isLate} && ${isEarly}`
      : `(${on(days)} && ${isLate}) || (${on(next)} && ${isEarly})`
  return `context.clocks has ${JSON.stringify(timeZone)} && (${open})`
}

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const minuteOf = (text: string) => {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

const clocks = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'].map((timeZone) => {
  return [timeZone, new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })] as const
})

/** What the clocks of these zones show, by another way than the engine's: Cedar knows no zones. */
function clocksAt(now: number) {
  if (Number.isNaN(now)) return {}
  return Object.fromEntries(
    clocks.map(([timeZone, clock]) => {
      const [date = '', time = ''] = clock.format(now).split(' ')
      return [timeZone, { day: week[(new Date(date).getUTCDay() + 6) % 7] ?? '', minute: minuteOf(time) }]
    }),
  )
}

/** What is known of a request beside its time. */
function originOf({ origin, now }: AccessRequest) {
  const address = origin?.address?.replace('::ffff:', '')
  return {
    isRequest: origin !== undefined,
    clocks: clocksAt(now),
    ...(address === undefined || address === 'nowhere' ? {} : { address: { __extn: { fn: 'ip', arg: address } } }),
    ...(origin?.provedAt === undefined ? {} : { provedAt: origin.provedAt }),
  }
}

function filterText({ conjunction, expressions }: TagFilter): string {
  const parts = expressions.map(({ key, operator, negation, values }) => {
    const has = (name: string) => `resource.hasTag(${JSON.stringify(name)})`
    const is = (name: string, comparisons: readonly string[]) =>
      `(${has(name)} && (${anyOf(comparisons.map((one) => `resource.getTag(${JSON.stringify(name)}) ${one}`))}))`
    const not = negation ? '!' : ''
    if (operator === 'exists') return values.length === 0 ? `${not}${has(key)}` : 'false'
    if (values.length === 0) return 'false'
    if (operator === 'eq' || operator === 'in')
      return `${not}${is(
        key,
        values.map((value) => `== ${JSON.stringify(value)}`),
      )}`
    if (operator === 'prefix')
      return `${not}${is(
        key,
        values.map((value) => `like ${JSON.stringify(`${value}*`)}`),
      )}`
    const [kind, sign] = ordering[operator] ?? []
    if (kind === undefined) return 'false'
    const bounds = values.map((value) => longOf(kind, value))
    if (bounds.includes(undefined)) return 'false'
    // Of a tag that is none of the kind neither is so, nor the opposite.
    const so = is(
      `${kind} ${key}`,
      bounds.map((bound) => `${sign} ${bound}`),
    )
    return negation ? `(!${has(key)} || (${has(`${kind} ${key}`)} && !${so}))` : so
  })
  if (parts.length === 0) return 'false'
  return `(${parts.join(conjunction === 'and' ? ' && ' : ' || ')})`
}

const ordering: Readonly<Record<string, readonly ['number' | 'time', string]>> = {
  ...{ lt: ['number', '<'], lte: ['number', '<='], gt: ['number', '>'], gte: ['number', '>='] },
  ...{ before: ['time', '<'], after: ['time', '>'] },
}

/** What these worlds hold of numbers and times, as Cedar can compare it: millionths, and seconds. */
function longOf(kind: 'number' | 'time', text: string): number | undefined {
  const isIt = kind === 'number' ? /^\d+(\.\d+)?$/ : /^\d{4}-\d{2}-\d{2}(T.*Z)?$/
  if (!isIt.test(text)) return undefined
  return kind === 'number' ? Math.round(Number(text) * 1e6) : Date.parse(text) / 1000
}

/** Each tag, and beside it what it is as a number or time. */
const tagsOf = (tags: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(
    Object.entries(tags).flatMap(([key, text]): [string, string | number][] => [
      [key, text],
      ...(['number', 'time'] as const).flatMap((kind): [string, number][] => {
        const long = longOf(kind, text)
        return long === undefined ? [] : [[`${kind} ${key}`, long]]
      }),
    ]),
  )

const anyOf = (parts: readonly string[]) => (parts.length === 0 ? 'false' : parts.join(' || '))
const user = (uid: string) => `User::${JSON.stringify(uid)}`
const team = (uid: string) => `Team::${JSON.stringify(uid)}`
const action = (permission: string) => `Action::${JSON.stringify(permission)}`

/** The tenant holds its projects, a project its workspaces; the system scope is a place of its own. */
const place = (scope: Scope) => {
  const { type, id } = placeEntity(scope)
  return `${type}::${JSON.stringify(id)}`
}
function placeEntity(scope: Scope) {
  if (scope.kind === 'project') return { type: 'Project', id: scope.projectUid }
  if (scope.kind === 'workspace') return { type: 'Workspace', id: `${scope.projectUid} ${scope.workspaceUid}` }
  return { type: 'Place', id: scope.kind }
}
const projectEntity = (projectUid: string) => placeEntity({ kind: 'project', projectUid })

function asked(request: AccessRequest, facts: TenantAccessFacts) {
  const { subject, permission, resource, now } = request
  const { scope, tags } = resource
  const tenant = { type: 'Place', id: 'tenant' }
  const none = { attrs: {}, parents: [] }
  const principal = { type: 'User', id: subject.userUid }
  const known = facts.users.get(subject.userUid)
  return {
    principal,
    action: { type: 'Action', id: permission },
    resource: { type: 'Thing', id: 'asked' },
    // Cedar has no number that is none.
    context: { isTime: !Number.isNaN(now), now: Number.isNaN(now) ? 0 : now, ...originOf(request) },
    entities: [
      // Of users and actions the one that is asked for, if there is such: no answer can depend on another.
      ...(known
        ? [
            {
              uid: principal,
              attrs: { active: known.active },
              parents: [...new Set(known.teams)].map((one) => ({ type: 'Team', id: one })),
            },
          ]
        : []),
      ...(facts.permissions.has(permission as AnyPermission)
        ? [{ uid: { type: 'Action', id: permission }, attrs: {}, parents: [{ type: 'Action', id: 'catalogue' }] }]
        : []),
      {
        uid: { type: 'Thing', id: 'asked' },
        attrs: { isObject: tags !== undefined },
        parents: [placeEntity(scope)],
        tags: tagsOf(tags),
      },
      ...(scope.kind === 'workspace'
        ? [{ uid: placeEntity(scope), attrs: {}, parents: [projectEntity(scope.projectUid)] }]
        : []),
      ...('projectUid' in scope ? [{ uid: projectEntity(scope.projectUid), attrs: {}, parents: [tenant] }] : []),
      { uid: tenant, ...none },
    ],
  }
}

/** The reason that a permit stands for, as the other two name it. */
function reasonOf(policy: string, facts: TenantAccessFacts) {
  const assignment = facts.assignments[Number(policy.replace('permit-', ''))]
  const role = assignment && facts.roles.get(assignment.roleUid)
  if (!assignment || !role) throw new Error(`a permit ${policy} that nobody wrote`)
  const { kind, uid } = assignment.subject
  const via = kind === 'user' ? { kind } : { kind, teamUid: uid }
  return { assignment: assignment.id, roleUid: role.uid, roleName: role.name, via, scope: assignment.scope }
}
