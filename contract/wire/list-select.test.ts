import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listQuery, parseFilters, parseOrder } from './list-filters.ts'
import { selectPage, sortBy, sorted, textFilter, textMatcher } from './list-select.ts'

const columns = { 'metadata.name': (name: string) => name, 'metadata.length': (name: string) => name.length }
const names = ['bob', 'Ada', 'eve', 'Cid']
const select = (query: Record<string, string>) => {
  const result = selectPage(names, listQuery.parse(query), columns)
  return result.ok ? result.value.items : result.error
}

const selections: readonly { rule: string; query: Record<string, string>; answers: readonly string[] | RegExp }[] = [
  { rule: 'sorts by the first path unless told', query: {}, answers: ['Ada', 'bob', 'Cid', 'eve'] },
  { rule: 'sorts downwards', query: { orderBy: 'metadata.name=-1' }, answers: ['eve', 'Cid', 'bob', 'Ada'] },
  { rule: 'filters byte for byte', query: { filters: 'metadata.name=Ada' }, answers: ['Ada'] },
  { rule: 'does not fold case in filters', query: { filters: 'metadata.name=ada' }, answers: [] },
  { rule: 'all comparisons must hold', query: { filters: 'metadata.name=AdaANDmetadata.length=3' }, answers: ['Ada'] },
  { rule: 'cuts a page', query: { limit: '2', offset: '1' }, answers: ['bob', 'Cid'] },
  { rule: 'knows no other path', query: { filters: 'spec.secret=1' }, answers: /"spec\.secret" is not known/ },
  {
    rule: 'nor behind the word AND',
    query: { filters: 'metadata.name=AdaANDspec.secret=1' },
    answers: /"spec\.secret" is not known/,
  },
  { rule: 'knows no other order', query: { orderBy: 'spec.secret=1' }, answers: /not known/ },
  { rule: 'takes no other direction', query: { orderBy: 'metadata.name=2' }, answers: /=1 or =-1/ },
  { rule: 'takes no invented token', query: { continue: 'x' }, answers: /continue/ },
]
for (const { rule, query, answers } of selections)
  test(rule, () => {
    const found = select(query)
    if (answers instanceof RegExp) assert.match(String(found), answers)
    else assert.deepEqual(found, answers)
  })

test('the word AND divides only before a path and =', () => {
  const parsed = parseFilters('metadata.name=BRANDYANDmetadata.uid=x', ['metadata.name', 'metadata.uid'])
  assert.deepEqual(parsed, {
    ok: true,
    value: [
      { path: 'metadata.name', value: 'BRANDY' },
      { path: 'metadata.uid', value: 'x' },
    ],
  })
  assert.equal(parseFilters('metadata.name', ['metadata.name']).ok, false)
  assert.deepEqual(parseOrder('a=1,b=-1', ['a', 'b']), {
    ok: true,
    value: [
      { path: 'a', descending: false },
      { path: 'b', descending: true },
    ],
  })
})

const texts: readonly { rule: string; filter: object | null; yes: readonly string[]; no: readonly string[] }[] = [
  { rule: 'no filter takes everything', filter: null, yes: ['', 'x'], no: [] },
  { rule: 'null members say nothing', filter: { eq: null, contains: null }, yes: ['x'], no: [] },
  { rule: 'eq ignores case', filter: { eq: 'Ada' }, yes: ['ada', 'ADA', '\uff21da'], no: ['adam', ''] },
  { rule: 'eq minds case when told', filter: { eq: 'Ada', ignoreCase: false }, yes: ['Ada'], no: ['ada'] },
  { rule: 'an empty eq is a comparison too', filter: { eq: '' }, yes: [''], no: ['x'] },
  { rule: 'ne', filter: { ne: 'ada' }, yes: ['bob'], no: ['ADA'] },
  { rule: 'every member must hold', filter: { contains: 'd', beginsWith: 'a' }, yes: ['adam'], no: ['dada', 'abc'] },
]
for (const { rule, filter, yes, no } of texts)
  test(`text filter: ${rule}`, () => {
    const matches = textMatcher(textFilter.parse(filter))
    for (const text of yes) assert.equal(matches(text), true, text)
    for (const text of no) assert.equal(matches(text), false, text)
  })

test('a summary’s sort: null says nothing, the first entry counts most', () => {
  const schema = sortBy(['name', 'length'])
  assert.deepEqual(schema.parse(null), [])
  assert.deepEqual(schema.parse([{ field: null, order: 'asc' }]), [])
  assert.equal(schema.safeParse([{ field: 'secret' }]).success, false)
  const order = schema.parse([{ field: 'length', order: 'desc' }, { field: 'name' }])
  const by = { name: (text: string) => text, length: (text: string) => text.length }
  assert.deepEqual(sorted(['b', 'aa', 'a', 'bb'], order, by), ['aa', 'bb', 'a', 'b'])
})
