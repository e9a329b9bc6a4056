import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from './secret.ts'

const canary = 'correct horse battery staple'
const secret = new Secret(canary)

const showings = [
  { by: 'a template', shown: `${secret}` },
  { by: 'JSON', shown: JSON.stringify({ secret }) },
  { by: 'inspect, hidden members too', shown: inspect({ secret }, { showHidden: true, depth: 9 }) },
  { by: 'format', shown: format('%s %o %O %j', secret, secret, secret, secret) },
  { by: 'its members', shown: JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret), { ...secret }]) },
  { by: 'an error', shown: inspect(new Error('failed', { cause: secret })) },
]
for (const { by, shown } of showings)
  test(`a secret does not show itself by ${by}`, () => assert.ok(!shown.includes(canary), shown))

test('a secret says that it is one, and is revealed on demand', () => {
  assert.equal(String(secret), '[secret]')
  assert.equal(inspect(secret), '[secret]')
  assert.equal(secret.reveal(), canary)
})
