import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { AuditEntry } from '../../contract/audit.ts'
import { EntryUid } from '../../contract/ids.ts'
import { parseEntryBody } from '../../core/ledger/index.ts'
import { bodyText, composeEntry, entryText, type NewEntry, parseBody } from './entry.ts'

const given = { uid: '0123456789abcdef01234567', time: new Date('2026-11-22T03:04:05.678Z'), salt: Buffer.alloc(16, 7) }
const composeBody = (one: NewEntry, at: typeof given) => bodyText(composeEntry(one, at))
const entry: NewEntry = {
  event: 'project.created',
  outcome: 'done',
  actor: { kind: 'user', uid: 'a'.repeat(24), email: 'ada@example.com', credential: `session:${'b'.repeat(24)}` },
  resource: { uid: 'c'.repeat(24), name: 'payments' },
  request: 'd'.repeat(24),
}

test('the members stand in one order, and nothing is there that was not given', () => {
  const body = composeBody({ ...entry, project: 'p', session: 's', address: '::1', details: { a: 1 } }, given)
  assert.equal(
    body,
    '{"salt":"BwcHBwcHBwcHBwcHBwcHBw==","uid":"0123456789abcdef01234567","time":"2026-11-22T03:04:05.678Z",' +
      '"event":"project.created","action":"create","outcome":"done",' +
      `"actor":{"kind":"user","uid":"${'a'.repeat(24)}","email":"ada@example.com","credential":"session:${'b'.repeat(24)}"},` +
      `"resource":{"kind":"project","uid":"${'c'.repeat(24)}","name":"payments"},"project":"p",` +
      `"request":"${'d'.repeat(24)}","session":"s","address":"::1","details":{"a":1}}`,
  )
  assert.ok(!composeBody(entry, given).includes('details'))
})

test('an entry without an actor, a resource or a request is refused (H10)', () => {
  const { actor: _, ...noActor } = entry
  assert.throws(() => composeBody(noActor as NewEntry, given), /actor/)
  assert.throws(() => composeBody({ ...entry, actor: { kind: 'user', uid: '' } }, given), /actor/)
  assert.throws(() => composeBody({ ...entry, resource: { uid: '' } }, given), /resource/)
  assert.throws(() => composeBody({ ...entry, request: '' }, given), /request/)
  assert.throws(() => composeBody({ ...entry, event: 'no.such.event' as NewEntry['event'] }, given), /event/)
})

test('controls, bidirectional and invisible characters are escaped, and read back as they were (H07)', () => {
  const name = 'a\n\u001b[31m\u202eexe.\u2066\u200b\ufeff\u2028\u0085\u{e0041}é\ud800z'
  const body = composeBody({ ...entry, resource: { uid: 'x', name }, details: { [name]: name } }, given)
  assert.doesNotMatch(body, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
  assert.ok(body.includes('é'))
  assert.equal(parseBody(body).resource.name, name)
  assert.deepEqual(parseBody(body).details, { [name]: name })
})

test('a long text is cut, and its full length and hash are kept (H07)', () => {
  const agent = 'x'.repeat(1023) + '😀'.repeat(1000)
  const { details, cut } = parseBody(composeBody({ ...entry, details: { agent, 'a/b~c': { agent } } }, given))
  assert.equal(details?.agent, 'x'.repeat(1023)) // not half of a pair
  const whole = { bytes: 5023, sha256: hash('sha256', agent, 'base64') }
  assert.deepEqual(cut, { '/details/agent': whole, '/details/a~1b~0c/agent': whole })
  const named = parseBody(composeBody({ ...entry, resource: { uid: 'x', name: 'n'.repeat(300) } }, given))
  assert.equal(named.resource.name?.length, 256)
  assert.deepEqual(named.cut, { '/resource/name': { bytes: 300, sha256: hash('sha256', 'n'.repeat(300), 'base64') } })
})

test('bytes, too deep and too many values become their hash', () => {
  const bytes = Buffer.from([0, 1, 2, 255])
  const deep = JSON.parse(`${'['.repeat(20)}1${']'.repeat(20)}`)
  const many = Array.from({ length: 201 }, (_, i) => i)
  const { details, cut } = parseBody(composeBody({ ...entry, details: { bytes, many, n: 5n, at: given.time } }, given))
  assert.deepEqual(details, { bytes: null, many: null, n: '5', at: '2026-11-22T03:04:05.678Z' })
  assert.deepEqual(cut?.['/details/bytes'], { bytes: 4, sha256: hash('sha256', bytes, 'base64') })
  assert.deepEqual(cut?.['/details/many'], { bytes: 695, sha256: hash('sha256', JSON.stringify(many), 'base64') })
  assert.ok(
    Object.keys(parseBody(composeBody({ ...entry, details: { deep } }, given)).cut ?? {})[0]?.startsWith(
      '/details/deep/0/0',
    ),
  )
})

test('details that are too large as a whole leave only their hash', () => {
  const details = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`text${i}`, 'y'.repeat(1000)]))
  const read = parseBody(composeBody({ ...entry, details }, given))
  assert.deepEqual(read.details, {})
  assert.deepEqual(Object.keys(read.cut ?? {}), ['/details'])
})

test('whatever comes in, the entry is one line of the published shape, and its text is stable', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.object({ withBigInt: true, maxDepth: 12 }), (text, details) => {
      const whole = { ...entry, resource: { uid: 'x', name: text }, address: text, details }
      const body = composeBody(whole, given)
      const parsed = AuditEntry.parse(JSON.parse(body))
      assert.ok(!/[\n\r]/.test(body) && body.length < 100_000)
      assert.ok(parseEntryBody(body).ok)
      assert.equal(entryText(parseBody(body)), body)
      assert.equal(parsed.resource.name, text.length <= 256 ? text : parsed.resource.name)
    }),
  ))

test('a member called __proto__ is a member', () => {
  const details = JSON.parse('{"__proto__":{"kind":"admin"}}') as Record<string, unknown>
  assert.ok(composeBody({ ...entry, details }, given).includes('"details":{"__proto__":{"kind":"admin"}}'))
})

test('an end names its intent', () => {
  const intent = EntryUid.parse('f'.repeat(24))
  const body = composeBody({ ...entry, event: 'cluster.call.ended', outcome: 'ended', intent }, given)
  assert.equal(parseBody(body).intent, intent)
})
