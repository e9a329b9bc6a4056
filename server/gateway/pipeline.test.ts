import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuse } from '../../contract/errors.ts'
import { ApiKeyUid, EntryUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok } from '../../core/result.ts'
import { CommitUncertainError, type InTenant, type Tx } from '../platform/postgres/index.ts'
import { endpoint } from './endpoint.ts'
import { createPipeline, type PipelineEntry } from './pipeline.ts'

// What becomes of work outside the database when the transaction that follows it ends in each way it can.

const tenant = TenantUid.parse('a'.repeat(24))
const principal = {
  ...{ tenant, user: UserUid.parse('b'.repeat(24)), epoch: 1n },
  credential: { kind: 'apiKey' as const, key: ApiKeyUid.parse('c'.repeat(24)) },
  origin: {},
  person: { email: 'a@b.c', firstName: 'A', lastName: 'B', org: 'acme' },
}
const raw = {
  ...{ id: 'd'.repeat(24), clientAddress: '127.0.0.1', userAgent: 'test', params: {}, query: {}, body: undefined },
  projectHeader: undefined,
}
const intent = EntryUid.parse('e'.repeat(24))

type How = 'commits' | 'is refused' | 'is rolled back' | 'ends nobody knows how'

/** Runs one request whose work outside succeeds, and whose transaction ends so. @returns what happened, in order */
async function happens(
  how: How,
  { work = 'succeeds', log = 'takes it', undo = 'works' }: { work?: string; log?: string; undo?: string } = {},
): Promise<string[]> {
  const seen: string[] = []
  let transactions = 0
  // The decision before the work is the first transaction, the one that follows it the second.
  const inTenant: InTenant = async (_tenant, run) => {
    const isSecond = ++transactions === 2 && work === 'succeeds'
    const committed: (() => void)[] = []
    const tx: Partial<Tx> = { tenant, attempt: (inner) => inner(), afterCommit: (done) => void committed.push(done) }
    const result = await run(tx as Tx) // the pipeline uses no more of it here
    if (isSecond && how === 'is rolled back') throw new Error('serialisation failure')
    if (isSecond && how === 'ends nobody knows how') throw new CommitUncertainError(new Error('connection terminated'))
    for (const done of committed) done()
    return result
  }
  const entry = ({ outcome, intent: of }: PipelineEntry) => seen.push(`${outcome}${of ? ' of the intent' : ''}`)
  const { runGuarded } = createPipeline<undefined, string>({
    inTenant,
    access: {
      current: async () => undefined,
      inTx: async () => undefined,
      lock: async () => undefined,
      raise: async () => undefined,
      decide: () => assert.fail('it is for anybody who is signed in'),
      requestAccess: () => ({}) as never, // the endpoint asks nothing of it
    },
    recheck: async () => ok({ endsAt: Number.POSITIVE_INFINITY }),
    calls: { register: () => assert.fail('the answer is given whole') },
    append: async (_tx, one) => {
      entry(one)
      return 'f'.repeat(24)
    },
    intents: {
      async open(one) {
        if (log !== 'takes it') throw new Error('the log takes no more')
        entry(one)
        return intent
      },
      end(one) {
        entry(one)
        seen.push(JSON.stringify(one.details))
      },
      leave: (uid) => seen.push(`${uid === intent ? 'the intent' : 'another'} is left`),
    },
    projectExists: async () => true,
    featureAllowed: async () => true,
    clock: { now: () => 0, monotonicMs: () => 0 },
  })
  const declared = endpoint({
    route: 'POST /v1/palisade/clusters',
    summary: 'Does something elsewhere',
    permission: { signedIn: 'a test' },
    reply: { status: 204 },
    refusals: [],
    audit: 'cluster.imported',
    async prepare({ intend }) {
      const { leaves } = await intend({ resource: { uid: 'none', name: 'x' } })
      seen.push('work')
      if (work === 'throws') throw new Error('a defect')
      if (work === 'is refused half way') leaves([{ kind: 'Namespace', name: 'half' }])
      if (work !== 'succeeds') return err(refuse('cluster_unreachable'))
      return ok({
        value: undefined,
        async undo() {
          seen.push('undone')
          if (undo === 'leaves something') leaves([{ kind: 'ServiceAccount', name: 'a' }])
          if (undo === 'throws') throw new Error('a defect')
        },
        forget: () => void seen.push('forgotten'),
      })
    },
    handle: async () => (how === 'is refused' ? err(refuse('cluster_name_taken')) : ok({ body: undefined })),
  })
  const outcome = await runGuarded(declared, raw, principal).catch((cause: Error) => cause)
  seen.push(outcome instanceof Error ? outcome.message : outcome.ok ? 'answered' : outcome.error.code)
  return seen
}

const takenBack = ['ended of the intent', '{"reason":"taken back"}']

const cases: readonly { how: How; seen: readonly string[] }[] = [
  { how: 'commits', seen: ['intended', 'work', 'done of the intent', 'forgotten', 'answered'] },
  {
    how: 'is refused',
    seen: ['intended', 'work', 'refused', 'undone', 'forgotten', ...takenBack, 'cluster_name_taken'],
  },
  {
    how: 'is rolled back',
    seen: [...['intended', 'work', 'done of the intent', 'undone', 'forgotten', ...takenBack], 'serialisation failure'],
  },
  {
    // The act may be stored: what it stands on stays, and the log says that nobody knows.
    how: 'ends nobody knows how',
    seen: [...['intended', 'work', 'done of the intent', 'the intent is left', 'forgotten', 'connection terminated']],
  },
]
for (const { how, seen } of cases)
  test(`H04 a transaction that ${how} after work elsewhere`, async () => assert.deepEqual(await happens(how), seen))

test('H04 work elsewhere that is refused has its end too', async () =>
  assert.deepEqual(await happens('commits', { work: 'is refused' }), [
    ...['intended', 'work', 'refused', ...takenBack, 'cluster_unreachable'],
  ]))

test('H04 what cannot be recorded is not begun', async () =>
  assert.deepEqual(await happens('commits', { log: 'is full' }), ['the log takes no more']))

test('H04 what could not be taken back is named by the end, whoever tried to', async () => {
  const left = (kind: string, name: string) =>
    JSON.stringify({ reason: 'not all of it was taken back', left: [{ kind, name }] })
  assert.deepEqual(await happens('is refused', { undo: 'leaves something' }), [
    ...['intended', 'work', 'refused', 'undone', 'forgotten', 'ended of the intent'],
    ...[left('ServiceAccount', 'a'), 'cluster_name_taken'],
  ])
  assert.deepEqual(await happens('commits', { work: 'is refused half way' }), [
    ...['intended', 'work', 'refused', 'ended of the intent', left('Namespace', 'half'), 'cluster_unreachable'],
  ])
})

test('H04 nobody says that it was taken back where that failed', async () => {
  const unknown = ['unknown of the intent', '{"reason":"whether it was taken back is not known"}', 'a defect']
  for (const how of ['is refused', 'is rolled back'] as const) {
    const seen = await happens(how, { undo: 'throws' })
    assert.deepEqual(seen.slice(-3), unknown, how)
    assert.equal(seen.filter((one) => one === 'undone').length, 1, 'and it is tried once')
  }
  assert.deepEqual((await happens('commits', { work: 'throws' })).slice(-3), unknown)
})
