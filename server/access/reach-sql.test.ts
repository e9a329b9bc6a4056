import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { compile, decide, type Reach, reachOf, type TagExpression, type TagFilter } from '../../core/access/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { reachCondition } from './reach-sql.ts'

let postgres: TestPostgres
let database: TestDatabase
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
})
after(() => postgres?.stop())

/** Small worlds from a small generator (Park and Miller), the same each time. */
function generator(seed: number) {
  let state = seed
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  const one = <T>(of: readonly T[]): T => of[next(of.length)] as T
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: next(most + 1) }, make)
  return { next, one, some }
}

const keys = ['env', 'team', "it's", 'a"b', 'ä', '__proto__']
const values = ['prod', 'dev', '', 'PROD', '{"x":1}', "o'k", 'null', 'pro', '%']
const numbers = ['5', '05', '-5', '10', '5.50', '0.000001', '123456789.123456', '1e3', ' 5', '5\n', '٥']
const times = ['2026-01-01', '2026-01-01T00:00:01Z', '2025-12-31', '2026-02-31', '2026-13-01', '2026-01-01T24:00:00Z']
const all = [...values, ...numbers, ...times]
const operators = ['eq', 'in', 'prefix', 'exists', 'lt', 'lte', 'gt', 'gte', 'before', 'after'] as const
const projects = ['p1', 'p2', 'p3']

test('what a condition selects is what would be allowed one by one, in 300 random worlds', async () => {
  const { next, one, some } = generator(4_711)
  const tags = () => Object.fromEntries(some(4, () => [one(keys), one(all)] as const))
  const expression = (): TagExpression => {
    const operator = one(operators)
    // Mostly of the operator's kind; anything else is as likely to be in the store as a mistake of ours.
    const of =
      next(8) === 0 ? all : /^[lg]te?$/.test(operator) ? numbers : /before|after/.test(operator) ? times : values
    return {
      ...{ key: one(keys), operator, negation: next(3) === 0 },
      values: operator === 'exists' && next(8) > 0 ? [] : [one(of), ...some(2, () => one(of))],
    }
  }
  const filter = (): TagFilter => ({
    conjunction: one(['and', 'or']),
    expressions: [expression(), ...some(2, expression)],
  })
  await withClient(database.superuser, async (client) => {
    await client.query('create temporary table things (uid text, project text, tags jsonb)')
    for (let world = 0; world < 300; world++) {
      const things = Array.from({ length: 25 }, (_, i) => ({ uid: `t${i}`, project: one(projects), tags: tags() }))
      const compiled = compile({
        tenantUid: 'tenant',
        epoch: '1',
        permissions: new Set(['cluster.get', 'cluster.list']),
        users: new Map([['u', { teams: ['g'], active: next(20) > 0 }]]),
        roles: new Map(
          (['project', 'resource'] as const).map((scope) => [
            scope,
            { uid: scope, name: scope, scope, permissions: [one(['cluster.get', 'cluster.list'] as const)] },
          ]),
        ),
        assignments: some(4, () => {
          const filtered = next(3) > 0
          return {
            id: String(next(1_000)),
            subject: one([{ kind: 'user', uid: 'u' } as const, { kind: 'team', uid: 'g' } as const]),
            roleUid: filtered ? 'resource' : 'project',
            scope:
              !filtered && next(4) === 0
                ? ({ kind: 'tenant' } as const)
                : ({ kind: 'project', projectUid: one(projects) } as const),
            filters: filtered ? some(3, filter) : ('none' as const),
            ...(next(5) === 0 ? { endsAt: 1_000 + next(3) - 1 } : {}),
          }
        }),
      })
      const subject = { userUid: 'u' }
      const wanted = things.filter(
        ({ uid, project, tags: own }) =>
          decide(
            {
              ...{ subject, permission: 'cluster.list', now: 1_000 },
              resource: { kind: 'x', uid, scope: { kind: 'project', projectUid: project }, tags: own },
            },
            compiled,
          ).effect === 'allow',
      )
      await client.query('truncate things')
      await client.query(
        `insert into things select uid, project, tags::jsonb from unnest($1::text[], $2::text[], $3::text[]) as t(uid, project, tags)`,
        [
          things.map(({ uid }) => uid),
          things.map(({ project }) => project),
          things.map(({ tags: own }) => JSON.stringify(own)),
        ],
      )
      const found = await select(reachOf(compiled, subject, 'cluster.list', 1_000))
      assert.deepEqual(
        found,
        wanted.map(({ uid }) => uid),
        `world ${world}`,
      )
    }

    async function select(reach: Reach): Promise<string[]> {
      const placed: unknown[] = []
      const condition = reachCondition(reach, { project: 't.project', tags: 't.tags' })
      const where = condition ? condition((of) => `$${placed.push(of)}`) : 'true'
      const text = `select uid from things t where ${where} order by substring(uid, 2)::integer`
      return (await client.query<{ uid: string }>(text, placed)).rows.map(({ uid }) => uid)
    }
  })
})

test('reach without anything, or with a filter that cannot be evaluated, selects nothing', () => {
  const none = (reach: Reach) => reachCondition(reach, { project: 'p', tags: 't' })?.(() => '$1')
  assert.equal(none(new Map()), 'false')
  assert.match(none(new Map([['p1', []]])) ?? '', /and \(false\)/)
  const odd = { conjunction: 'xor', expressions: [] } as unknown as TagFilter
  assert.match(none(new Map([['p1', [odd]]])) ?? '', /and \(false\)/)
})
