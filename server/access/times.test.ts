import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssignmentChange, NewAssignment } from '../../contract/assignments.ts'
import { time, timeIn, wireTime } from '../../contract/wire/common.ts'
import { termsToShow } from './terms.ts'

// In UTC this is in the year 10000, which RFC 3339 cannot write.
const carried = '9999-12-31T23:59:59-14:00'
const last = '9999-12-31T23:59:59.999Z'

test('a time that no answer could show is refused', () => {
  assert.equal(timeIn.safeParse(carried).success, false)
  assert.equal(NewAssignment.safeParse({ role: 'r', endsAt: carried }).success, false)
  assert.equal(AssignmentChange.safeParse({ endsAt: carried }).success, false)
  assert.equal(timeIn.parse(last)?.toISOString(), last)
  assert.equal(timeIn.parse('9999-12-31T23:59:59+14:00')?.toISOString(), '9999-12-31T09:59:59.000Z')
  assert.equal(AssignmentChange.safeParse({ endsAt: last }).success, true)
})

test('one that was stored all the same is shown as the last that can be written', () => {
  assert.equal(time.parse(wireTime(new Date(carried))), last)
  assert.equal(time.parse(termsToShow({ endsAt: new Date(carried) }).endsAt), last)
})
