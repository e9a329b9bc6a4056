import fc from 'fast-check'
import type { AnyPermission } from '../../contract/permissions.ts'
import { whoCan } from './explain.ts'
import type {
  AccessRequest,
  Assignment,
  Day,
  RequestConditions,
  RequestOrigin,
  RoleDefinition,
  Scope,
  TagFilterSet,
  TenantAccessFacts,
} from './types.ts'

/**
 * Small worlds for property tests. Everything comes from a few names, so that grants and requests meet often, and every
 * way for a grant to be worth nothing occurs: unknown roles and users, roles given where they may not be, ended
 * assignments, filters that match, do not match or cannot be evaluated.
 */
const users = ['ada', 'bob', 'cleo']
const strangers = ['zoe']
const teams = ['blue', 'red']
const roles = ['r1', 'r2', 'r3', 'r4', 'r5']
const catalogue: readonly AnyPermission[] = ['cluster.get', 'cluster.update', 'project.list', 'tenant.get']
/** Carried by roles, but not in the catalogue of these worlds. */
const unlisted: AnyPermission = 'workspace.get'
const hour = 3_600_000
/** Around the moments at which clocks in Europe are put forward (1:00 UTC on 29 March 2026) and back (on 25 October), and a midnight. */
const moments = [Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1), Date.UTC(2026, 0, 1)].flatMap((at) =>
  [-hour, -60_000, -1, 0, 1, 60_000, hour / 2, hour, 2 * hour].map((by) => at + by),
)
const early = [0, 1000, 2000, 3000]
const times = [...early, ...moments]

const anyScope: fc.Arbitrary<Scope> = fc.constantFrom<Scope>(
  { kind: 'system' },
  { kind: 'tenant' },
  { kind: 'tenant' },
  { kind: 'project', projectUid: 'p1' },
  { kind: 'project', projectUid: 'p1' },
  { kind: 'project', projectUid: 'p2' },
  { kind: 'workspace', projectUid: 'p1', workspaceUid: 'w1' },
  { kind: 'workspace', projectUid: 'p1', workspaceUid: 'w2' },
  // The same name in another project: no such thing is stored, and it must not be taken for the other.
  { kind: 'workspace', projectUid: 'p2', workspaceUid: 'w1' },
)

/** Records with an ordinary prototype: the others are not deeply equal to their own copies. */
const ordinary = { noNullPrototype: true }

const anyTags = fc.dictionary(
  fc.constantFrom('env', 'team', 'toString'),
  fc.constantFrom('prod', 'test', '', '5', '10.5', '2026-01-01', '2026-01-01T08:00:00Z'),
  ordinary,
)

const tagOperators = ['eq', 'in', 'prefix', 'exists', 'lt', 'lte', 'gt', 'gte', 'before', 'after'] as const

const anyFilters: fc.Arbitrary<TagFilterSet> = fc.array(
  fc.record(
    {
      conjunction: fc.constantFrom('and', 'or'),
      expressions: fc.array(
        fc.record(
          {
            key: fc.constantFrom('env', 'team', 'toString'),
            // Cast: what an older or newer release may have stored.
            operator: fc.constantFrom(...tagOperators, 'eq', 'eq', 'eq', 'matches' as 'eq'),
            negation: fc.boolean(),
            values: fc.uniqueArray(fc.constantFrom('prod', 'te', '', '5', '7', '2025-12-31', '2026-01-01'), {
              maxLength: 2,
            }),
          },
          ordinary,
        ),
        { maxLength: 2 },
      ),
    },
    ordinary,
  ),
  { maxLength: 2 },
)

const anyRole = fc.record(
  {
    name: fc.constantFrom('Viewer', 'Editor'),
    scope: fc.constantFrom('system', 'tenant', 'project', 'project', 'project', 'resource'),
    permissions: fc.uniqueArray(fc.constantFrom(...catalogue, unlisted), { minLength: 3, maxLength: 5 }),
  },
  ordinary,
)

const days: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const anyTimeOfDay = fc.constantFrom('00:00', '00:30', '01:00', '02:00', '02:30', '03:00', '09:00', '17:00', '23:59')

const anyConditions: fc.Arbitrary<RequestConditions> = fc
  .record(
    {
      timeWindow: fc.record(
        {
          timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'No/Where'),
          days: fc.oneof(fc.constant(days), fc.uniqueArray(fc.constantFrom(...days), { minLength: 1, maxLength: 5 })),
          from: anyTimeOfDay,
          to: fc.oneof(anyTimeOfDay, fc.constant('24:00')),
        },
        ordinary,
      ),
      networks: fc.uniqueArray(
        fc.constantFrom('10.0.0.0/8', '10.1.2.3/32', '0.0.0.0/0', '2001:db8::/32', '::/0', '2001:db8::1/128'),
        { maxLength: 2 },
      ),
      signInWithinSeconds: fc.constantFrom(1, 60, 3_600),
    },
    { requiredKeys: [], ...ordinary },
  )
  .map((conditions) => conditions as RequestConditions) // Cast: fast-check widens the literal days to string.

const anyOrigin: fc.Arbitrary<RequestOrigin | undefined> = fc.option(
  fc.record(
    {
      address: fc.constantFrom(
        '10.1.2.3',
        '10.200.0.1',
        '::ffff:10.1.2.3',
        '192.0.2.1',
        '2001:db8::1',
        'fe80::1',
        'nowhere',
      ),
      provedAt: fc.constantFrom(...times),
    },
    { requiredKeys: [], ...ordinary },
  ),
  { nil: undefined, freq: 8 },
)

export const anyAssignment: fc.Arbitrary<Assignment> = fc
  .record(
    {
      id: fc.stringMatching(/^[a-f]{1,3}$/),
      subject: fc.oneof(
        fc.record({ kind: fc.constant('user'), uid: fc.constantFrom(...users) }, ordinary),
        fc.record({ kind: fc.constant('team'), uid: fc.constantFrom(...teams) }, ordinary),
      ),
      roleUid: fc.constantFrom(...roles, 'no-such-role'),
      scope: anyScope,
      filters: fc.oneof({ weight: 2, arbitrary: fc.constant('none' as const) }, { weight: 1, arbitrary: anyFilters }),
      endsAt: fc.oneof(fc.constantFrom(...times), fc.constant(Date.UTC(2030, 0, 1))),
      conditions: fc.option(anyConditions, { nil: undefined, freq: 2 }),
    },
    { requiredKeys: ['id', 'subject', 'roleUid', 'scope', 'filters'], ...ordinary },
  )
  // Cast: fast-check widens the literal kinds to string.
  .map(({ conditions, ...assignment }) => ({ ...assignment, ...(conditions ? { conditions } : {}) }) as Assignment)

const anyUser = fc.record(
  {
    teams: fc.array(fc.constantFrom(...teams), { minLength: 1, maxLength: 3 }),
    active: fc.constantFrom(true, true, true, true, false),
  },
  ordinary,
)

export const anyFacts: fc.Arbitrary<TenantAccessFacts> = fc.record(
  {
    tenantUid: fc.constantFrom('t1', 't1', 'system'),
    epoch: fc.constantFrom('7', '9007199254740993'),
    permissions: fc.constant(new Set(catalogue)),
    users: fc.tuple(...users.map((uid) => fc.tuple(fc.constant(uid), anyUser))).map((entries) => new Map(entries)),
    assignments: fc.array(anyAssignment, { minLength: 8, maxLength: 20, size: 'max' }),
    roles: fc
      .tuple(...roles.map((uid) => anyRole.map((role): [string, RoleDefinition] => [uid, { uid, ...role }])))
      .map((entries) => new Map(entries)),
  },
  ordinary,
)

export const anyRequest: fc.Arbitrary<AccessRequest> = fc.record(
  {
    subject: fc.constantFrom(...users, ...users, ...users, ...strangers).map((userUid) => ({ userUid })),
    permission: fc.constantFrom(...catalogue, ...catalogue, ...catalogue, unlisted, '', 'toString'),
    resource: fc.record(
      { kind: fc.constant('cluster'), scope: anyScope, tags: anyTags },
      { requiredKeys: ['kind', 'scope'], ...ordinary },
    ),
    now: fc.constantFrom(...early, ...early, ...early, ...moments, Number.NaN),
    origin: anyOrigin,
  },
  ordinary,
)

/** The facts with one more assignment, somewhere. */
export function withOneMore(facts: TenantAccessFacts, extra: Assignment, place: number): TenantAccessFacts {
  return { ...facts, assignments: facts.assignments.toSpliced(place, 0, extra) }
}

/** Everybody who may by UID, each with every way in which. */
export function ableUsers(...asked: Parameters<typeof whoCan>) {
  const { users, waysOf } = whoCan(...asked)
  return users.toSorted().map((user) => ({ user, ...waysOf(user) }))
}
