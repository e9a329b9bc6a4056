import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { writeFileAtomically } from '../platform/data-folder/index.ts'
import type { Logger } from '../platform/log/index.ts'

/** How often a process says that it is alive. */
const beatMs = 5_000
/**
 * Who has said nothing for this long is gone. A process that cannot reach the database has ended its own streams long
 * before: access data of more than 10 s ends them.
 */
export const silenceMs = 30_000

/** This process, as the others see it in the table `replicas`. */
export type Replica = {
  readonly uid: string
  /** Registers, and declares dead whoever ran on this data folder before: the folder has one server at a time. */
  start(): Promise<void>
  /** Nothing of this process is alive any more. */
  stop(): Promise<void>
}

/**
 * @param folder of this process alone; remembers its uid for the next one
 */
export function createReplica(deps: {
  readonly pool: pg.Pool
  readonly folder: string
  readonly uid: string
  readonly logger: Logger
}): Replica {
  const { pool, uid, logger } = deps
  const file = join(deps.folder, 'replica')
  let timer: NodeJS.Timeout | undefined
  let beating: Promise<void> = Promise.resolve()

  const beat = async () => {
    await pool.query(
      `insert into replicas (replica_id, seen_at) values ($1, clock_timestamp())
       on conflict (replica_id) do update set seen_at = excluded.seen_at`,
      [uid],
    )
  }

  return {
    uid,
    async start() {
      await beat()
      const previous = (await readFile(file, 'utf8').catch(() => '')).trim()
      // Ours is written first: a crash in between leaves the previous one to be noticed by its silence.
      await writeFileAtomically(file, `${uid}\n`, 0o600)
      await pool.query(`delete from replicas where replica_id = $1 or seen_at < clock_timestamp() - interval '1 day'`, [
        previous,
      ])
      timer = setInterval(() => {
        beating = beat().catch((cause) => logger.warn({ cause }, 'this process could not say that it is alive'))
      }, beatMs)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await beating
      await pool.query('delete from replicas where replica_id = $1', [uid])
    },
  }
}
