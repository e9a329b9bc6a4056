import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsUntil, meets, problemOfConditions, sameUntil, unmetOf } from './request-conditions.ts'
import type { RequestConditions, RequestOrigin, TimeWindow } from './types.ts'

const at = (text: string) => Date.parse(text)
const office: TimeWindow = {
  timeZone: 'Europe/Berlin',
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '08:00',
  to: '18:00',
}
const night: TimeWindow = { timeZone: 'Europe/Berlin', days: ['fri'], from: '22:00', to: '06:00' }
const every: TimeWindow['days'] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const early = (from: string, to: string): TimeWindow => ({ timeZone: 'Europe/Berlin', days: every, from, to })

const windows: readonly (readonly [rule: string, window: TimeWindow, when: string, open: boolean])[] = [
  ['opens with its first moment', office, '2026-01-05T07:00:00.000Z', true],
  ['is closed just before', office, '2026-01-05T06:59:59.999Z', false],
  ['is open until its last moment', office, '2026-01-05T16:59:59.999Z', true],
  ['is closed at its end', office, '2026-01-05T17:00:00.000Z', false],
  ['is closed on days that are not named', office, '2026-01-04T10:00:00Z', false],
  [
    'goes by the day in its zone: Monday there, Sunday in UTC',
    { ...office, from: '00:00' },
    '2026-01-04T23:30:00Z',
    true,
  ],
  ['follows summer time', office, '2026-07-06T06:00:00Z', true],
  ['and is closed when it would open in winter', office, '2026-07-06T16:00:00Z', false],
  ['goes over midnight', night, '2026-01-10T04:59:59Z', true],
  ['of the day on which it began alone', night, '2026-01-09T04:00:00Z', false],
  ['and begins late', night, '2026-01-09T21:00:00Z', true],
  ['a whole day ends with it', { ...office, from: '00:00', to: '24:00' }, '2026-01-09T22:59:59Z', true],
  ['and not later', { ...office, from: '00:00', to: '24:00' }, '2026-01-09T23:00:00Z', false],
  // 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. 25 October: 03:00 becomes 02:00 at 01:00 UTC.
  ['in spring an hour is not there: still before it', early('01:00', '02:30'), '2026-03-29T00:59:59Z', true],
  ['and after it at once', early('01:00', '02:30'), '2026-03-29T01:00:00Z', false],
  ['one that lies in the missing hour is never open', early('02:00', '03:00'), '2026-03-29T01:00:00Z', false],
  ['in autumn an hour is there twice: the first', early('02:00', '03:00'), '2026-10-25T00:30:00Z', true],
  ['and the second', early('02:00', '03:00'), '2026-10-25T01:59:59Z', true],
  ['and then it is over', early('02:00', '03:00'), '2026-10-25T02:00:00Z', false],
  ['is never open in a zone that there is not', { ...office, timeZone: 'No/Where' }, '2026-01-05T10:00:00Z', false],
]
for (const [rule, timeWindow, when, open] of windows)
  test(`a time window ${rule}`, () => {
    const asked = { now: at(when), origin: {} }
    assert.equal(meets({ conditions: { timeWindow } }, asked), open)
    assert.deepEqual(unmetOf({ timeWindow }, asked), open ? [] : ['time-window'])
  })

test('a time that is none, or beyond all dates, is in no window', () => {
  for (const now of [Number.NaN, Number.POSITIVE_INFINITY, -9e15])
    assert.equal(meets({ conditions: { timeWindow: early('00:00', '24:00') } }, { now, origin: {} }), false)
})

const networks: readonly (readonly [
  rule: string,
  networks: readonly string[],
  address: string | undefined,
  inside: boolean,
])[] = [
  ['an address inside', ['10.0.0.0/8'], '10.255.0.1', true],
  ['one outside', ['10.0.0.0/8'], '11.0.0.1', false],
  ['any of several', ['192.0.2.0/24', '10.0.0.0/8'], '10.0.0.1', true],
  ['a single address', ['192.0.2.7/32'], '192.0.2.7', true],
  ['and its neighbour', ['192.0.2.7/32'], '192.0.2.6', false],
  ['a prefix that ends within an octet', ['192.0.2.128/25'], '192.0.2.200', true],
  ['the other half', ['192.0.2.128/25'], '192.0.2.100', false],
  ['IPv6', ['2001:db8::/32'], '2001:db8:1::7', true],
  ['IPv6 outside', ['2001:db8::/32'], '2001:db9::7', false],
  ['IPv6 in capitals and full length', ['2001:db8::/32'], '2001:0DB8:0000:0000:0000:0000:0000:0001', true],
  ['IPv4 that is written as IPv6 is IPv4', ['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  ['in groups too', ['10.0.0.0/8'], '::ffff:a01:203', true],
  ['and no IPv6', ['::/0'], '::ffff:10.1.2.3', false],
  ['all of IPv6 is not IPv4', ['::/0'], '10.1.2.3', false],
  ['all of IPv4 is not IPv6', ['0.0.0.0/0'], '2001:db8::1', false],
  ['an address that is none', ['0.0.0.0/0', '::/0'], 'localhost', false],
  ['an address with leading zeros, which some read as octal', ['0.0.0.0/0'], '010.0.0.1', false],
  ['one with too much in it', ['::/0'], '1::2::3', false],
  ['nobody says from where', ['0.0.0.0/0', '::/0'], undefined, false],
  ['a list without networks', [], '10.0.0.1', false],
  ['a network that is none', ['10.0.0.0'], '10.0.0.0', false],
]
for (const [rule, list, address, inside] of networks)
  test(`networks: ${rule}`, () => {
    assert.equal(meets({ conditions: { networks: list } }, { now: 0, origin: { address } }), inside)
  })

const proved: readonly (readonly [rule: string, provedAt: number | undefined, now: number, fresh: boolean])[] = [
  ['counts until the last moment', 1_000, 60_999, true],
  ['and not then', 1_000, 61_000, false],
  ['never of who proved nothing, as an API key', undefined, 0, false],
  ['of a replica whose clock is ahead', 5_000, 4_000, true],
  ['never at a time that is none', 1_000, Number.NaN, false],
]
for (const [rule, provedAt, now, fresh] of proved)
  test(`a sign-in ${rule}`, () => {
    const asked = { now, origin: { provedAt } }
    assert.equal(meets({ conditions: { signInWithinSeconds: 60 } }, asked), fresh)
    assert.deepEqual(unmetOf({ signInWithinSeconds: 60 }, asked), fresh ? [] : ['sign-in-age'])
  })

test('all conditions that are named must be met, and who asks for nobody’s request meets none', () => {
  const conditions: RequestConditions = { timeWindow: office, networks: ['10.0.0.0/8'], signInWithinSeconds: 60 }
  const now = at('2026-01-05T10:00:00Z')
  const good: RequestOrigin = { address: '10.0.0.1', provedAt: now - 1_000 }
  assert.equal(meets({ conditions }, { now, origin: good }), true)
  for (const origin of [{ ...good, address: '192.0.2.1' }, { ...good, provedAt: now - 60_000 }, {}, undefined])
    assert.equal(meets({ conditions }, { now, origin }), false)
  assert.equal(meets({ conditions: { timeWindow: office } }, { now }), false, 'a window neither')
  assert.equal(meets({ conditions: {} }, { now, origin: good }), false, 'what names nothing')
  assert.equal(meets({}, { now }), true)
  assert.deepEqual(unmetOf(conditions, { now }), ['network', 'sign-in-age'])
})

const ends: readonly (readonly [rule: string, window: TimeWindow, from: string, closes: string])[] = [
  ['an ordinary day', office, '2026-01-05T09:12:34.567Z', '2026-01-05T17:00:00Z'],
  ['its last minute', office, '2026-01-05T16:59:59.999Z', '2026-01-05T17:00:00Z'],
  ['over midnight', night, '2026-01-09T22:00:00Z', '2026-01-10T05:00:00Z'],
  ['the end of the day', { ...office, from: '00:00', to: '24:00' }, '2026-01-05T09:00:00Z', '2026-01-05T23:00:00Z'],
  ['an hour sooner in spring', early('01:00', '04:00'), '2026-03-29T00:30:00Z', '2026-03-29T02:00:00Z'],
  ['in the hour that is missing', early('01:00', '02:30'), '2026-03-29T00:30:00Z', '2026-03-29T01:00:00Z'],
  ['an hour later in autumn', early('01:00', '04:00'), '2026-10-24T23:30:00Z', '2026-10-25T03:00:00Z'],
  [
    'the first time that it is there in autumn',
    early('01:00', '02:30'),
    '2026-10-25T00:00:00Z',
    '2026-10-25T00:30:00Z',
  ],
  ['a window that is closed', office, '2026-01-05T03:00:00Z', '2026-01-05T03:00:00Z'],
]
for (const [rule, timeWindow, from, closes] of ends)
  test(`what counts now counts until the window closes: ${rule}`, () => {
    const asked = { now: at(from), origin: {} }
    assert.equal(
      new Date(countsUntil({ conditions: { timeWindow } }, asked)).toISOString(),
      new Date(closes).toISOString(),
    )
  })

test('what counts now counts until the first of its terms ends', () => {
  const asked = { now: 0, origin: { provedAt: 0 } }
  assert.equal(countsUntil({ endsAt: 5_000, conditions: { signInWithinSeconds: 60 } }, asked), 5_000)
  assert.equal(countsUntil({ conditions: { signInWithinSeconds: 3 } }, asked), 3_000)
  assert.equal(countsUntil({ conditions: { networks: ['10.0.0.0/8'] } }, asked), Number.POSITIVE_INFINITY)
  assert.equal(countsUntil({}, asked), Number.POSITIVE_INFINITY)
})

test('time alone changes nothing before the next minute, the end, or the age', () => {
  const asked = { now: 61_000, origin: { provedAt: 0 } }
  assert.equal(sameUntil({ conditions: { timeWindow: office } }, asked), 120_000)
  assert.equal(sameUntil({ endsAt: 70_000, conditions: { timeWindow: office } }, asked), 70_000)
  assert.equal(sameUntil({ endsAt: 60_000 }, asked), Number.POSITIVE_INFINITY, 'it has ended')
  assert.equal(sameUntil({ conditions: { signInWithinSeconds: 62 } }, asked), 62_000)
  assert.equal(
    sameUntil({ conditions: { signInWithinSeconds: 60 } }, asked),
    Number.POSITIVE_INFINITY,
    'too old for good',
  )
  assert.equal(sameUntil({ conditions: { signInWithinSeconds: 60 } }, { now: 0 }), Number.POSITIVE_INFINITY)
})

test('no window in any zone opens or closes within a minute', () => {
  const zones = ['Europe/Berlin', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/St_Johns', 'Pacific/Chatham']
  for (const timeZone of zones)
    for (let day = 0; day < 366; day++)
      for (const second of [1, 29, 59]) {
        const minute = at('2026-01-01T00:00:00Z') + day * 86_400_000 + ((day * 37) % 1440) * 60_000
        const conditions = { timeWindow: { ...early('07:15', '16:45'), timeZone } }
        assert.equal(
          meets({ conditions }, { now: minute, origin: {} }),
          meets({ conditions }, { now: minute + second * 1_000, origin: {} }),
        )
      }
})

const problems: readonly (readonly [RequestConditions, RegExp | undefined])[] = [
  [{ timeWindow: office, networks: ['10.0.0.0/8', '2001:db8::/32'], signInWithinSeconds: 1 }, undefined],
  [{ timeWindow: night }, undefined],
  [{ timeWindow: { ...office, timeZone: 'UTC' } }, undefined],
  [{ timeWindow: { ...office, timeZone: 'America/Argentina/Buenos_Aires' } }, undefined],
  [{}, /at least one/],
  [{ timeWindow: { ...office, timeZone: 'Mars/Olympus' } }, /Mars\/Olympus is no time zone/],
  [{ timeWindow: { ...office, timeZone: '+01:00' } }, /IANA name/],
  [{ timeWindow: { ...office, timeZone: 'CET' } }, /IANA name/],
  [{ timeWindow: { ...office, to: '08:00' } }, /the same/],
  [{ timeWindow: { ...office, from: '24:00' } }, /00:00/],
  [{ networks: ['10.0.0.1'] }, /write 10\.0\.0\.1\/32/],
  [{ networks: ['2001:db8::1'] }, /write 2001:db8::1\/128/],
  [{ networks: ['10.0.0.1/8'] }, /bits behind the first 8/],
  [{ networks: ['10.0.0.0/33'] }, /no network/],
  [{ networks: ['10.0.0/8'] }, /no network/],
  [{ networks: ['fe80::%eth0/64'] }, /no network/],
  [{ networks: ['::ffff:10.0.0.0/8'] }, /write it as IPv4/],
  [{ networks: ['10.0.0.0/8', 'example.com'] }, /example\.com is no network/],
]
test('what could never mean what its author thinks is told so', () => {
  for (const [conditions, says] of problems)
    if (says === undefined) assert.equal(problemOfConditions(conditions), undefined)
    else assert.match(problemOfConditions(conditions) ?? '', says)
})
