import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntryUid, TenantUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { createRecent } from './recent.ts'

const uid = (i: number) => i.toString(16).padStart(24, '0')
const tenant = (i: number) => TenantUid.parse(uid(i))

/** Whether a reader of this tenant's log, which has nothing yet, is made to wait for what was committed. */
async function waits(recent: ReturnType<typeof world>, of: number): Promise<boolean> {
  const before = recent.hurried()
  const tx: Partial<Tx> = { tenant: tenant(of), query: async () => [] }
  await recent.settle(tx as Tx) // it asks whether an entry is there, and nothing else
  return recent.hurried() > before
}

/** On a clock that gives up waiting at once. */
function world() {
  let hurried = 0
  let now = 0
  let isWaiting = false
  const clock = {
    now: () => 0,
    monotonicMs() {
      if (isWaiting) now += 600
      return now
    },
  }
  const recent = createRecent(clock, () => hurried++)
  return {
    committed: recent.committed,
    hurried: () => hurried,
    async settle(tx: Tx) {
      isWaiting = true
      await recent.settle(tx)
      isWaiting = false
      now = 0
    },
  }
}

test('who was told that something happened waits for it to be in the log, and others do not', async () => {
  const recent = world()
  recent.committed(tenant(1), EntryUid.parse(uid(7)))
  assert.equal(await waits(recent, 1), true)
  assert.equal(await waits(recent, 2), false)
})

test('of very many tenants those that write are remembered, whenever they began', async () => {
  const recent = world()
  const busy = 1
  recent.committed(tenant(busy), EntryUid.parse(uid(1)))
  for (let i = 2; i <= 25_000; i++) {
    recent.committed(tenant(i), EntryUid.parse(uid(i)))
    if (i % 100 === 0) recent.committed(tenant(busy), EntryUid.parse(uid(i)))
  }
  assert.equal(await waits(recent, busy), true, 'the busiest, which was the first')
  assert.equal(await waits(recent, 25_000), true, 'the last')
  assert.equal(await waits(recent, 2), false, 'one that has been silent since')
})
