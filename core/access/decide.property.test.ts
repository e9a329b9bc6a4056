import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyAssignment, anyFacts, anyRequest, withOneMore } from './arbitrary-facts.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import { decidePlain } from './decide-plain.ts'

const runs = { numRuns: 5000 }

test('D07: the compiled engine answers what the plain rule answers, reasons included, filters, negation and ends too', () => {
  const seen = { allow: 0, deny: 0 }
  fc.assert(
    fc.property(anyFacts, anyRequest, (facts, request) => {
      const plain = decidePlain(request, facts)
      assert.deepEqual(decide(request, compile(facts)), plain)
      seen[plain.effect]++
    }),
    runs,
  )
  // The worlds must be worth asking about: a generator gone wrong would make this property hold of refusals only.
  assert.ok(seen.allow > runs.numRuns / 20 && seen.deny > runs.numRuns / 20, JSON.stringify(seen))
})

test('D05, D06: what was asked before changes no answer', () => {
  fc.assert(
    fc.property(anyFacts, fc.array(anyRequest, { maxLength: 30 }), (facts, requests) => {
      const warm = compile(facts)
      for (const request of requests) assert.deepEqual(decide(request, warm), decidePlain(request, facts))
    }),
    { numRuns: 500 },
  )
})

test('one more grant never takes away: what was allowed stays allowed, for the same reasons and perhaps more', () => {
  fc.assert(
    fc.property(anyFacts, anyRequest, anyAssignment, fc.nat({ max: 12 }), (facts, request, extra, place) => {
      const before = decide(request, compile(facts))
      if (before.effect === 'deny') return
      const after = decide(request, compile(withOneMore(facts, extra, place)))
      assert.equal(after.effect, 'allow')
      const kept = after.because.filter((reason) => before.because.some((it) => deepEqual(it, reason)))
      assert.ok(kept.length >= before.because.length)
    }),
    runs,
  )
})

test('deciding changes nothing in the facts', () => {
  fc.assert(
    fc.property(anyFacts, anyRequest, (facts, request) => {
      const before = structuredClone(facts)
      decide(request, compile(facts))
      assert.deepEqual(facts, before)
    }),
    { numRuns: 300 },
  )
})

function deepEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
