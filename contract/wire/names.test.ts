import assert from 'node:assert/strict'
import { test } from 'node:test'
import { displayName, nameKey } from './common.ts'

const name = displayName(64)

test('D03 names that look alike are one name', () => {
  const pairs = [
    ['Tenant Admin', 'tenant  admin'],
    ['Tenant Admin', 'Tenant\u00a0\u2003Admin'],
    ['straße', 'STRASSE'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['ΟΔΟΣ', 'οδος'],
    ['ﬁle', 'FILE'],
    ['cafe\u0301', 'CAFÉ'],
  ] as const
  for (const [one, other] of pairs) assert.equal(nameKey(one), nameKey(other), `${one} and ${other}`)
  for (const one of ['Tenant Admin', 'straße', 'ΟΔΟΣ']) assert.equal(nameKey(nameKey(one)), nameKey(one))
  assert.notEqual(nameKey('ab'), nameKey('a b'))
})

test('D03 what cannot be seen is in no name, and no name is made of it', () => {
  const refused = [
    'Tenant Admin\ufe0f',
    'a\u034fb',
    'a\u200bb',
    '\u3164',
    '\u2800',
    '\u0301',
    ' ',
    '\u115fa',
    'a\u{e0041}',
  ]
  for (const one of refused) assert.equal(name.safeParse(one).success, false, JSON.stringify(one))
  for (const one of ['a', '7', '東京', 'مدينة', '🚀', '-', 'e\u0301t\u00e9', 'नमस्ते'])
    assert.equal(name.safeParse(one).success, true, one)
})
