import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRequestAct, type AccessRequestFacts, type AccessRequestState, afterAct } from './access-requests.ts'

const open: AccessRequestFacts = {
  ...{ state: 'open', isOver: false },
  ...{ isRequester: false, isSamePerson: false, mayGive: true },
}
const requester = { isRequester: true, isSamePerson: true }
const secondAccount = { isRequester: false, isSamePerson: true }

const cases: readonly [rule: string, act: AccessRequestAct, facts: Partial<AccessRequestFacts>, becomes: string][] = [
  ['who may give it approves', 'approve', {}, 'approved'],
  ['who may give it denies', 'deny', {}, 'denied'],
  ['who may not give it does not approve', 'approve', { mayGive: false }, 'may-not-give'],
  ['who may not give it does not deny', 'deny', { mayGive: false }, 'may-not-give'],
  ['D19 nobody approves their own, whatever they hold', 'approve', requester, 'own'],
  ['D19 nor denies it, which would say that somebody looked at it', 'deny', requester, 'own'],
  ['D19 nor with a second account', 'approve', secondAccount, 'own'],
  ['D19 nor denies it with one', 'deny', secondAccount, 'own'],
  [
    'D19 an account that asked is that person, whatever is known of the person',
    'approve',
    { isRequester: true },
    'own',
  ],
  ['who asked takes it back', 'withdraw', requester, 'withdrawn'],
  ['who asked takes it back without any right', 'withdraw', { ...requester, mayGive: false }, 'withdrawn'],
  ['nobody else takes it back', 'withdraw', {}, 'not-own'],
  ['a second account does not take it back', 'withdraw', secondAccount, 'not-own'],
  ['D19 it expires when its time is over', 'expire', { isOver: true }, 'expired'],
  ['and not before', 'expire', {}, 'not-over'],
  ['D19 what is over is not approved any more', 'approve', { isOver: true }, 'closed'],
  ['nor denied', 'deny', { isOver: true }, 'closed'],
  ['nor taken back', 'withdraw', { ...requester, isOver: true }, 'closed'],
]
for (const [rule, act, facts, becomes] of cases)
  test(rule, () => {
    const after = afterAct(act, { ...open, ...facts })
    assert.equal(after.ok ? after.value : after.error, becomes)
  })

test('D19 what is no longer open stays what it is, whoever does what', () => {
  const states: readonly AccessRequestState[] = ['approved', 'denied', 'withdrawn', 'expired']
  const both = [true, false]
  for (const state of states)
    for (const act of ['approve', 'deny', 'withdraw', 'expire'] as const)
      for (const isOver of both)
        for (const isRequester of both)
          for (const isSamePerson of both)
            for (const mayGive of both)
              assert.deepEqual(afterAct(act, { state, isOver, isRequester, isSamePerson, mayGive }), {
                ok: false,
                error: 'closed',
              })
})
