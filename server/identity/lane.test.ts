import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLane } from './lane.ts'

test('so many are in at once, so many wait, the rest are turned away; a failure frees its place', async () => {
  const lane = createLane({ atOnce: 2, waiting: 3 })
  let inside = 0
  let most = 0
  const open = Promise.withResolvers<void>()
  const enter = (fails: boolean) =>
    lane.enter(async () => {
      most = Math.max(most, ++inside)
      await open.promise
      inside--
      if (fails) throw new Error('as told')
      return 'done'
    })
  const all = Array.from({ length: 7 }, (_, i) => enter(i < 2))
  open.resolve()
  const ends = await Promise.allSettled(all)
  assert.deepEqual(
    ends.map((end) => (end.status === 'rejected' ? 'failed' : end.value.ok ? end.value.value : end.value.error)),
    ['failed', 'failed', 'done', 'done', 'done', 'full', 'full'],
  )
  assert.equal(most, 2)
  assert.deepEqual(await lane.enter(async () => 'again'), { ok: true, value: 'again' })
})
