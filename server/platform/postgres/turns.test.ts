import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseUnavailable } from './errors.ts'
import { createTurns } from './turns.ts'

/** Work that lasts until it is told to end, and says who has begun. */
function stage() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    work: (name: string) => () => {
      begun.push(name)
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
    },
    end: (name: string) => ends.get(name)?.(),
  }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('of one key few run at a time, those who wait in the order in which they came; other keys run meanwhile', async () => {
  const { begun, work, end } = stage()
  const turns = createTurns({ key: 2, all: 3 })
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2'].map((name) => turns(name[0] ?? '', work(name)))
  await settled()
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  end('a2')
  await settled()
  assert.deepEqual(begun.slice(3), ['a3'], 'as long as it may')
  end('b1')
  await settled()
  assert.deepEqual(begun.slice(4), ['b2'])
  for (const name of ['a1', 'a3', 'b2']) end(name)
  await settled()
  end('a4')
  assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'a3', 'a4', 'b1', 'b2'])
})

test('whoever fails gives the turn on, and nothing is left of who has ended', async () => {
  const turns = createTurns({ key: 1, all: 1 })
  const failing = turns('a', async () => {
    throw new Error('no')
  })
  const next = turns('b', async () => 'next')
  await assert.rejects(failing, /no/)
  assert.equal(await next, 'next')
  assert.equal(await turns('a', async () => 'again'), 'again')
})

test('a turn that does not come in time is refused like a lock that does not, and the line goes on', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { work, end } = stage()
  const turns = createTurns({ key: 1, all: 1 })
  const first = turns('a', work('first'))
  const second = turns('a', work('second'))
  const refused = assert.rejects(second, databaseUnavailable)
  t.mock.timers.tick(10_000)
  await refused
  const third = turns('a', async () => 'third')
  end('first')
  assert.deepEqual([await first, await third], ['first', 'third'])
})
