import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOptions } from '@node-rs/argon2'
import { ok } from '../../core/result.ts'
import { createPasswordHasher, type Hashing, type PasswordHasher } from './password-hash.ts'

const inside = async <T>(hasher: PasswordHasher, work: (hashing: Hashing) => Promise<T>): Promise<T> => {
  const done = await hasher.admit(async (hashing) => ok(await work(hashing)))
  assert.ok(done.ok)
  return done.value
}

test('a password is kept as argon2id with the parameters that are meant', async () => {
  const stored = await inside(createPasswordHasher(), (hashing) => hashing.hash('secret'))
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.partialDeepStrictEqual(parseOptions(stored), {
    memoryCost: 19_456,
    timeCost: 2,
    parallelism: 1,
    outputLen: 32,
  })
})

test('two hashes of one password differ, and both fit it', async () => {
  const hasher = createPasswordHasher()
  const [one, two] = await Promise.all([
    inside(hasher, (hashing) => hashing.hash('secret')),
    inside(hasher, (hashing) => hashing.hash('secret')),
  ])
  assert.notEqual(one, two)
  for (const stored of [one, two]) {
    assert.equal(await inside(hasher, (hashing) => hashing.verify(stored, 'secret')), true)
    assert.equal(await inside(hasher, (hashing) => hashing.verify(stored, 'Secret')), false)
  }
})

test('a password fits however its characters were put together', async () => {
  const hasher = createPasswordHasher()
  const stored = await inside(hasher, (hashing) => hashing.hash('Pa\u0308ss'))
  assert.equal(await inside(hasher, (hashing) => hashing.verify(stored, 'P\u00e4ss')), true)
})

test('a lone surrogate fits nothing, not even another one', async () => {
  const hasher = createPasswordHasher()
  const stored = await inside(hasher, (hashing) => hashing.hash('x\ufffd'))
  assert.equal(await inside(hasher, (hashing) => hashing.verify(stored, 'x\ud800')), false)
})

test('B29 one hash is computed where there is something to compare with, and where there is nothing', async () => {
  const hasher = createPasswordHasher()
  const stored = await inside(hasher, (hashing) => hashing.hash('secret'))
  for (const against of [stored, undefined]) {
    const before = hasher.stats().computed
    await inside(hasher, (hashing) => hashing.verify(against, 'anything'))
    assert.equal(hasher.stats().computed - before, 1)
  }
  assert.equal(await inside(hasher, (hashing) => hashing.verify(undefined, 'anything')), false)
})

test('who comes when too many are in is refused at once, and let in when some have left', async () => {
  const hasher = createPasswordHasher()
  const gates: (() => void)[] = []
  const waiting = Array.from({ length: 66 }, () =>
    hasher.admit(async () => ok(await new Promise<void>((resolve) => gates.push(resolve)))),
  )
  assert.equal(hasher.stats().inside, 66)
  const refused = await hasher.admit(async () => ok(assert.fail('was let in')))
  assert.partialDeepStrictEqual(refused, { ok: false, error: { code: 'busy', retryAfterSeconds: 2 } })
  gates[0]?.()
  await waiting[0]
  assert.ok((await hasher.admit(async () => ok(undefined))).ok)
  for (const open of gates) open()
  await Promise.all(waiting)
  assert.equal(hasher.stats().inside, 0)
})

test('who fails inside leaves again', async () => {
  const hasher = createPasswordHasher()
  await assert.rejects(
    hasher.admit(() => Promise.reject(new Error('database away'))),
    /database away/,
  )
  assert.equal(hasher.stats().inside, 0)
  await assert.rejects(inside(hasher, (hashing) => hashing.verify('not a hash', 'x')))
  assert.equal(await inside(hasher, (hashing) => hashing.verify(undefined, 'x')), false)
})
