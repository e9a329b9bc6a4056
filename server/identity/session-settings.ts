import { z } from 'zod'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from '../settings/index.ts'
import { sessionIdleSeconds } from './lifetimes.ts'

/** How long a session may go without being used, in minutes: the bounds of the published API. */
export const idleMinutes = z.int().min(15).max(1440)

/** Of a tenant; of the system administrators in the tenant `system`. */
export const sessionSettings: Setting<{ readonly idleMinutes: number }> = {
  kind: 'session',
  schema: z.strictObject({ idleMinutes }),
  unset: { idleMinutes: sessionIdleSeconds / 60 },
}

/** For a session that begins now, in seconds. */
export async function idleSecondsNow(tx: Tx): Promise<number> {
  return (await readSetting(tx, sessionSettings)).idleMinutes * 60
}

/**
 * Shortens the sessions that may be idle for longer than this from now on. Longer ones are not given: who signed in under a
 * shorter time was promised that.
 *
 * @returns how many
 */
export async function shortenSessions(tx: Tx, seconds: number): Promise<number> {
  const rows = await tx.query(
    'update sessions set idle_seconds = $2 where tenant_id = $1 and idle_seconds > $2 and ended_at is null returning 1',
    [tx.tenant, seconds],
  )
  return rows.length
}
