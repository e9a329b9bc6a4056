import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matches } from './rules.ts'
import type { TagExpression, TagFilter } from './types.ts'

const is = (key: string, ...values: string[]): TagExpression => ({ key, operator: 'eq', negation: false, values })
const isNot = (key: string, ...values: string[]): TagExpression => ({ ...is(key, ...values), negation: true })
const all = (...expressions: TagExpression[]): TagFilter => ({ conjunction: 'and', expressions })
const any = (...expressions: TagExpression[]): TagFilter => ({ conjunction: 'or', expressions })
// Cast in both: what the store may hold although no parser of ours lets it in.
const unknownOperator = (it: TagExpression): TagExpression => ({ ...it, operator: 'contains' as 'eq' })
const unknownConjunction = (it: TagFilter): TagFilter => ({ ...it, conjunction: 'xor' as 'or' })

const tags = { env: 'prod', team: 'payments', claims: 'spectro__tag', empty: '' }
const cases: readonly { readonly rule: string; readonly filter: TagFilter; readonly matches: boolean }[] = [
  { rule: 'equal', filter: all(is('env', 'prod')), matches: true },
  { rule: 'not equal', filter: all(is('env', 'test')), matches: false },
  { rule: 'any of several values', filter: all(is('env', 'test', 'prod')), matches: true },
  { rule: 'negated: none of several values', filter: all(isNot('env', 'test', 'prod')), matches: false },
  { rule: 'negated: another value', filter: all(isNot('env', 'test', 'dev')), matches: true },
  { rule: 'an absent key equals nothing', filter: all(is('region', 'eu')), matches: false },
  { rule: 'an absent key equals not even the empty value', filter: all(is('region', '')), matches: false },
  { rule: 'an absent key is unequal to everything', filter: all(isNot('region', 'eu')), matches: true },
  { rule: 'the empty value is a value', filter: all(is('empty', '')), matches: true },
  { rule: 'values compare byte for byte', filter: all(is('env', 'Prod')), matches: false },
  { rule: 'so do keys', filter: all(is('Env', 'prod')), matches: false },
  { rule: 'a bare tag is a label', filter: all(is('claims', 'spectro__tag')), matches: true },
  { rule: 'values are never patterns', filter: all(is('env', 'p*', '.*', '%')), matches: false },
  { rule: 'and: all of them', filter: all(is('env', 'prod'), is('team', 'payments')), matches: true },
  { rule: 'and: not one less', filter: all(is('env', 'prod'), is('team', 'claims')), matches: false },
  { rule: 'or: one of them', filter: any(is('env', 'test'), is('team', 'payments')), matches: true },
  { rule: 'or: none of them', filter: any(is('env', 'test'), is('team', 'claims')), matches: false },
  { rule: 'nothing to compare matches nothing (and)', filter: all(), matches: false },
  { rule: 'nothing to compare matches nothing (or)', filter: any(), matches: false },
  { rule: 'no values match nothing', filter: all(is('env')), matches: false },
  { rule: 'no values match nothing, negated', filter: all(isNot('env')), matches: false },
  { rule: 'an unknown operator matches nothing', filter: all(unknownOperator(is('env', 'prod'))), matches: false },
  {
    rule: 'an unknown operator matches nothing, negated',
    filter: all(unknownOperator(isNot('env', 'x'))),
    matches: false,
  },
  {
    rule: 'an unknown conjunction matches nothing',
    filter: unknownConjunction(any(is('env', 'prod'))),
    matches: false,
  },
  {
    rule: 'what every object inherits is no tag',
    filter: all(isNot('constructor', 'x'), is('toString', 'x')),
    matches: false,
  },
  { rule: 'nor does it hide that the key is absent', filter: all(isNot('constructor', 'x')), matches: true },
]
for (const c of cases) test(c.rule, () => assert.equal(matches(c.filter, tags), c.matches))

test('only an object’s own tags count, not what its prototype has', () => {
  assert.equal(matches(all(is('env', 'prod')), Object.create({ env: 'prod' })), false)
  assert.equal(matches(all(isNot('env', 'prod')), Object.create({ env: 'prod' })), true)
})
