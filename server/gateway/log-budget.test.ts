import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogBudget } from './log-budget.ts'

test('whoever writes faster than the budget is counted, and the next line says how often', () => {
  let now = 0
  const budget = createLogBudget(() => now)
  let written = 0
  while (budget.take()) written++
  assert.equal(written, 500)
  assert.equal(budget.take(), undefined)
  now += 1_000
  assert.deepEqual(budget.take(), { unlogged: 2 })
  assert.deepEqual(budget.take(), {})
})

test('an hour of requests, 1,000 a second, writes no more than the budget', () => {
  let now = 0
  const budget = createLogBudget(() => now)
  let written = 0
  for (; now < 3_600_000; now++) if (budget.take()) written++
  assert.ok(written <= 500 + 20 * 3_600, String(written))
  assert.ok(written >= 20 * 3_600 - 1, String(written))
})
