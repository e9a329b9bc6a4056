import type pg from 'pg'

/** One connection of the sequencer's. */
export type Connection = {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** A statement that is not answered in this time has lost its server: the connection is given up, and with it the lead. */
const answerMs = 40_000

export function connectionOf(client: pg.ClientBase): Connection {
  return {
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      // pg reads query_timeout here too, which its types leave out; rows are typed any, the caller names its columns.
      const config = { text, values: [...values], query_timeout: answerMs } as pg.QueryConfig
      return (await client.query<Row>(config)).rows
    },
  }
}
