import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTimeWindow } from './time-window.ts'

const berlin = { timeZone: 'Europe/Berlin', from: '08:00', to: '18:00' }
const read = [
  { text: 'mon-fri 08:00-18:00 Europe/Berlin', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
  { text: '  Mon-Fri  08:00-18:00  Europe/Berlin ', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
  { text: 'sat-mon,wed 08:00-18:00 Europe/Berlin', days: ['mon', 'wed', 'sat', 'sun'] },
  { text: 'wed,mon-wed 08:00-18:00 Europe/Berlin', days: ['mon', 'tue', 'wed'] },
  { text: 'sun 08:00-18:00 Europe/Berlin', days: ['sun'] },
  { text: 'daily 08:00-18:00 Europe/Berlin', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] },
]
for (const { text, days } of read)
  test(`a time window is read: ${text}`, () => assert.deepEqual(parseTimeWindow(text), { ...berlin, days }))

const texts = [
  ...['', 'mon-fri', 'mon-fri 08:00-18:00', 'mon-fri 8-18 UTC', 'mon-fri 08:00 18:00 UTC', 'mon-fri 08:00-18:00 UTC x'],
  ...['monday 08:00-18:00 UTC', 'mon- 08:00-18:00 UTC', 'mon-tue-wed 08:00-18:00 UTC', ',mon 08:00-18:00 UTC'],
]
for (const text of texts) test(`is no time window: "${text}"`, () => assert.equal(parseTimeWindow(text), undefined))
