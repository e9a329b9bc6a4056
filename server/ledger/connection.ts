import { hash } from 'node:crypto'
import type pg from 'pg'

/** One connection of the sequencer's. */
export type Connection = {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** A statement that is not answered in this time has lost its server: the connection is given up, and with it the lead. */
const answerMs = 40_000

/**
 * Makes a connection the sequencer's: every statement is prepared once and goes by an index.
 *
 * audit_pending is emptied all the time, which misleads the planner: it would walk through what was deleted since the last
 * vacuum, again and again.
 */
export async function openConnection(client: pg.ClientBase): Promise<Connection> {
  await client.query('set enable_seqscan = off; set enable_bitmapscan = off')
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      const name = hash('sha256', text, 'base64url').slice(0, 32)
      const parameters = [...values]
      // pg reads query_timeout here too, which its types leave out; rows are typed any, the caller names its columns.
      const config = { name, text, values: parameters, query_timeout: answerMs } as pg.QueryConfig
      try {
        return (await client.query<Row>(config)).rows
      } finally {
        // The query may live until the next full collection; what it was sent with, some hundred KiB, need not.
        parameters.length = 0
      }
    },
  }
}
