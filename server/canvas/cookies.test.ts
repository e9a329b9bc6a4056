import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCookie, sessionCookie, setCookie } from './cookies.ts'

const value = 'a'.repeat(43)
const name = sessionCookie

const cases: readonly (readonly [rule: string, header: string | undefined, found: string | undefined])[] = [
  ['finds it alone', `${name}=${value}`, value],
  ['finds it among others', `a=b; ${name}=${value};c=d`, value],
  ['takes no longer name', `${name}-state=${value}`, undefined],
  ['takes no name that ends in it', `x${name}=${value}`, undefined],
  ['takes no other case', `${name.toUpperCase()}=${value}`, undefined],
  ['takes none of two, even equal ones', `${name}=${value}; ${name}=${value}`, undefined],
  ['takes none of two, the other one being broken', `${name}=; ${name}=${value}`, undefined],
  ['takes no other form', `${name}="${value}"`, undefined],
  ['takes none that is too long', `${name}=${value}a`, undefined],
  ['takes no bare value that looks like one', `=${name}=${value}`, undefined],
  ['finds nothing in nothing', undefined, undefined],
]
for (const [rule, header, found] of cases) test(rule, () => assert.equal(readCookie(header, name), found))

test('writes fixed attributes', () =>
  assert.equal(
    setCookie(name, value, { sameSite: 'Strict' }),
    `__Host-palisade=${value}; Path=/; Secure; HttpOnly; SameSite=Strict`,
  ))

test('writes nothing that could end the value (threat C08)', () => {
  for (const bad of ['a;Domain=evil.example', 'a\r\nSet-Cookie: b=c', 'a b', ''.padEnd(42, 'a')])
    assert.throws(() => setCookie(name, bad, { sameSite: 'Lax' }))
})
