import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntryUid, TenantUid } from '../../contract/ids.ts'
import { createOwnEntries, type OwnEntry } from './own-entries.ts'

const tenant = TenantUid.parse('a'.repeat(24))
// What is kept is handed back as it is; nothing looks into it.
const entries = [{ uid: EntryUid.parse('b'.repeat(24)) } as OwnEntry]

test('what this process wrote is found while it moves entries, and kept for nobody while another one does', () => {
  const own = createOwnEntries()
  own.committed(tenant, { uid: 'before', entries })
  assert.equal(own.find(tenant, 'before'), undefined)
  own.lead(true)
  assert.equal(own.find(tenant, 'before'), undefined, 'it was not kept')
  own.committed(tenant, { uid: 'one', entries })
  assert.equal(own.find(tenant, 'one'), entries)
  assert.equal(own.find(TenantUid.parse('c'.repeat(24)), 'one'), undefined)
  own.moved()
  own.committed(tenant, { uid: 'two', entries })
  assert.deepEqual([own.find(tenant, 'one'), own.find(tenant, 'two')], [entries, entries])
  own.moved()
  assert.deepEqual([own.find(tenant, 'one'), own.find(tenant, 'two')], [undefined, entries])
  own.lead(false)
  assert.equal(own.find(tenant, 'two'), undefined, 'another process moves it now')
  own.committed(tenant, { uid: 'after', entries })
  own.lead(true)
  assert.equal(own.find(tenant, 'after'), undefined)
})

test('of more than fits the newest are kept', () => {
  const own = createOwnEntries()
  own.lead(true)
  for (let i = 0; i < 1_000; i++) own.committed(tenant, { uid: String(i), entries })
  assert.equal(own.find(tenant, '999'), entries)
  assert.equal(own.find(tenant, '0'), undefined)
})
