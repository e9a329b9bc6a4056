import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { Connection } from './connection.ts'
import { pack } from './packs.ts'
import { createPreparer, type Sealer } from './pending.ts'
import { entriesPerTurn, maxRows, type PendingRow, readPacks } from './pending-packs.ts'
import { someEntry } from './testing.ts'

test('packs of others are read in steps, between which the event loop goes on', async () => {
  const tenant = 'a'.repeat(24)
  let opened = 0
  const sealer: Sealer = {
    seal: (_field, text) => Buffer.from(text),
    open(_field, sealed) {
      opened++
      return Buffer.from(sealed).toString()
    },
  }
  const prepare = createPreparer({ clock: systemClock, newUid })
  const packs = Array.from({ length: maxRows }, () => pack(sealer, newUid, [prepare(someEntry()).own])).flat()
  const rows = packs.map(({ uid }, i): PendingRow => ({ pending_id: String(i), tenant_id: tenant, pack_id: uid }))
  const bodies = packs.map(({ body }, i) => ({ pending_id: String(i), body }))
  // Answers within this turn, so that the only turns are those that reading itself gives.
  const db = { query: async () => bodies } as unknown as Connection

  const atTurns: number[] = []
  let isOver = false
  const everyTurn = () => {
    atTurns.push(opened)
    if (!isOver) setImmediate(everyTurn)
  }
  setImmediate(everyTurn)
  const read = await readPacks(db, rows, new Map([[tenant, sealer]]), { find: () => undefined })
  isOver = true

  assert.equal(read.size, maxRows)
  assert.ok([...read.values()].every((one) => one.ok))
  const steps = atTurns.map((count, i) => count - (atTurns[i - 1] ?? 0))
  assert.ok(Math.max(...steps, opened - (atTurns.at(-1) ?? 0)) <= entriesPerTurn, `packs a turn: ${steps.join(' ')}`)
})
