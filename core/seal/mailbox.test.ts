import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalEmail, mailboxOf } from './index.ts'

const of = (text: string) => {
  const email = canonicalEmail(text)
  assert.ok(email.ok, text)
  return mailboxOf(email.value)
}

for (const [rule, one, other, isSame] of [
  ['a plus sign and what follows is detail', 'ada@acme.example', 'ada+2@acme.example', true],
  ['of two details too', 'ada+1@acme.example', 'Ada+2+3@ACME.example', true],
  ['another local part is another person', 'ada@acme.example', 'adam@acme.example', false],
  ['another domain too', 'ada+1@acme.example', 'ada@globex.example', false],
  ['dots make a difference', 'a.da@acme.example', 'ada@acme.example', false],
  ['nothing before the plus is no mailbox', '+1@acme.example', '+2@acme.example', false],
] as const)
  test(rule, () => assert.equal(of(one) === of(other), isSame))
