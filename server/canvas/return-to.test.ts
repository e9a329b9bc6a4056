import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { returnTo } from './return-to.ts'

const us = 'https://palisade.example'

for (const path of ['/', '/clusters', '/clusters/abc?tab=a&b=%2Fc#top', '/a%2f%2fb', '/a/@b:c', '/%2f%2fevil.example'])
  test(`leads to ${path}`, () => assert.equal(returnTo(us, path), us + path))

// B22
const strange = [
  ...['', 'clusters', '//evil.example', '///evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example'],
  ...['/\n/evil.example', 'https://evil.example', 'https:evil.example', 'https:/evil.example', 'javascript:alert(1)'],
  ...['/.//evil.example', '/a/..//evil.example', '/%2e//evil.example', '//user@evil.example', ' /clusters', '/a b'],
  ...['https://palisade.example@evil.example/', 'https://palisade.example.evil.example/', '/é', `/${'x'.repeat(3000)}`],
  ...['/canvas/logout', '/canvas', '/CANVAS/login', '/oidc/auth', '/v1/users', '/a/../canvas/login', '/sign-in/x'],
]
for (const path of strange)
  test(`leads to the start page instead of ${JSON.stringify(path.slice(0, 40))}`, () =>
    assert.equal(returnTo(us, path), `${us}/`))

test('leads to the start page without a wish', () => assert.equal(returnTo(us, null), `${us}/`))

test('never leads elsewhere, whatever is asked for', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '%2f',
    '%5c',
    'evil.example',
    '@',
    ':',
    '?',
    '#',
    '\t',
    '\n',
    'https:',
    'a',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (wanted) => {
        const there = new URL(returnTo(us, wanted))
        assert.equal(there.origin, us)
        assert.equal(new URL(there.pathname, 'https://elsewhere.example').origin, 'https://elsewhere.example')
      },
    ),
  )
})
