import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { startTestPostgres, type TestDatabase, type TestPostgres } from '../../../tests/support/database.ts'
import { createLogger } from '../log/index.ts'
import { databaseUnavailable } from './errors.ts'
import { openPool } from './pools.ts'

// A server that goes down may say so right behind an answer, in the same packet. pg then hands the connection to the next who
// waits, and tells of its loss, in one turn of the event loop.

let postgres: TestPostgres
let database: TestDatabase
let relay: Server
/** How many answers pass before one gets the server's last words behind it, on one connection. */
let answersLeft = Number.POSITIVE_INFINITY
const sockets = new Set<Socket>()

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  const { host, port } = database.app
  relay = createServer((client) => {
    const upstream = createConnection(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    }
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      if (!chunk.subarray(-6).equals(readyForQuery) || --answersLeft > 0) {
        client.write(chunk)
        return
      }
      answersLeft = Number.POSITIVE_INFINITY
      upstream.destroy()
      client.end(Buffer.concat([chunk, fatal('57P01', 'terminating connection due to unexpected postmaster exit')]))
    })
    upstream.on('close', () => client.destroySoon())
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
})
after(async () => {
  for (const socket of sockets) socket.destroy()
  relay?.close()
  await postgres?.stop()
})

/** ReadyForQuery, idle (PostgreSQL manual, 55.7). */
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

function openRelayed() {
  const { port } = relay.address() as AddressInfo
  const target = { ...database.app, host: '127.0.0.1', port }
  return openPool(
    target,
    'test',
    1,
    createLogger('fatal', () => undefined),
  )
}

/** As a transaction does: with a connection for itself, of which it has to wait to hear. */
async function ask(pool: pg.Pool, text: string): Promise<void> {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query(text)
    broken = false
  } finally {
    client.release(broken)
  }
}

test('a connection that is lost in the packet that sets it up is the loss of whoever asked for it, and of nobody else', async () => {
  const pool = openRelayed()
  answersLeft = 1
  await assert.rejects(ask(pool, 'select 0'), databaseUnavailable)
  assert.deepEqual((await pool.query('select 1 as one')).rows, [{ one: 1 }])
  await pool.end()
})

test('a connection that is lost while it is handed on fails the one who gets it, and the next gets another', async () => {
  const pool = openRelayed()
  await pool.query('select 1')
  answersLeft = 1
  const [first, second, third] = await Promise.allSettled([
    pool.query('select 1 as one'),
    ask(pool, 'select 2'),
    pool.query('select 3 as three'),
  ])
  assert.equal(first?.status, 'fulfilled')
  assert.ok(second?.status === 'rejected' && databaseUnavailable(second.reason), JSON.stringify(second))
  assert.ok(third?.status === 'fulfilled')
  assert.deepEqual(third.value.rows, [{ three: 3 }])
  assert.equal(pool.totalCount, 1)
  await pool.end()
})
