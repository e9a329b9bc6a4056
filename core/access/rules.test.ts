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

const by = (operator: TagExpression['operator'], key: string, ...values: string[]) => ({
  ...is(key, ...values),
  operator,
})
const not = (it: TagExpression): TagExpression => ({ ...it, negation: true })
const tags = {
  ...{ env: 'prod', team: 'payments', claims: 'spectro__tag', empty: '' },
  ...{ tier: '3', price: '10.50', since: '2026-01-01', seen: '2026-01-01T08:00:00Z' },
}
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
  { rule: 'in: any of the values', filter: all(by('in', 'env', 'dev', 'prod')), matches: true },
  { rule: 'prefix: how it begins', filter: all(by('prefix', 'team', 'x', 'pay')), matches: true },
  { rule: 'prefix: byte for byte', filter: all(by('prefix', 'team', 'Pay')), matches: false },
  { rule: 'prefix: every tag begins with nothing', filter: all(by('prefix', 'empty', '')), matches: true },
  { rule: 'prefix: an absent key does not', filter: all(by('prefix', 'region', '')), matches: false },
  { rule: 'exists: whatever the value', filter: all(by('exists', 'empty')), matches: true },
  { rule: 'exists: not an absent key', filter: all(by('exists', 'region')), matches: false },
  { rule: 'exists negated: an absent key', filter: all(not(by('exists', 'region'))), matches: true },
  {
    rule: 'exists takes no values',
    filter: any(by('exists', 'env', 'prod'), not(by('exists', 'x', ''))),
    matches: false,
  },
  { rule: 'numbers compare as numbers', filter: all(by('lt', 'tier', '20'), by('gt', 'price', '9')), matches: true },
  {
    rule: 'lte and gte have their bound',
    filter: all(by('lte', 'tier', '3'), by('gte', 'price', '10.5')),
    matches: true,
  },
  { rule: 'lt and gt have not', filter: any(by('lt', 'tier', '3'), by('gt', 'price', '10.5')), matches: false },
  {
    rule: 'what is no number is neither',
    filter: any(by('lt', 'env', '1'), not(by('lt', 'env', '1'))),
    matches: false,
  },
  {
    rule: 'nor is a bound that is none',
    filter: any(by('lt', 'tier', 'x'), not(by('lt', 'tier', 'x'))),
    matches: false,
  },
  { rule: 'an absent key is no number below', filter: all(by('lt', 'region', '5')), matches: false },
  { rule: 'negated, it is not below', filter: all(not(by('lt', 'region', '5'))), matches: true },
  { rule: 'a day is its first second', filter: all(by('before', 'since', '2026-01-01T00:00:01Z')), matches: true },
  {
    rule: 'and not before itself',
    filter: any(by('before', 'since', '2026-01-01'), by('after', 'since', '2026-01-01')),
    matches: false,
  },
  { rule: 'a time after', filter: all(by('after', 'seen', '2026-01-01')), matches: true },
  {
    rule: 'what is no time is neither',
    filter: any(by('after', 'tier', '2026-01-01'), not(by('after', 'tier', '2026-01-01'))),
    matches: false,
  },
]
for (const c of cases) test(c.rule, () => assert.equal(matches(c.filter, tags), c.matches))

test('only an object’s own tags count, not what its prototype has', () => {
  assert.equal(matches(all(is('env', 'prod')), Object.create({ env: 'prod' })), false)
  assert.equal(matches(all(isNot('env', 'prod')), Object.create({ env: 'prod' })), true)
})
