import type { SessionUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type LogFilter, listEntries } from './log.ts'
import type { Sealer } from './pending.ts'

/** Entries of the session's person that are opened at most. */
export const openedMost = 5_000
const perPage = 500
/** Clocks of replicas differ, and calls end a moment after their session. */
const slackMs = 600_000

/**
 * Where the entries stand that a session's person made with it, as far as the filter selects them. The session stands in the sealed line
 * alone, so whatever the person did while it could live is opened; what was destroyed is not found.
 *
 * @param sessionMs how long a session lives at most
 * @returns undefined where more than `openedMost` would have to be opened
 */
export async function indexesOfSession(
  tx: Tx,
  sealer: Sealer,
  filter: LogFilter,
  { session, sessionMs }: { readonly session: SessionUid; readonly sessionMs: number },
): Promise<readonly number[] | undefined> {
  const [started] = await tx.query<{ actor_id: string; occurred_at: Date }>(
    `select actor_id, occurred_at from audit_log
      where tenant_id = $1 and resource_uid = $2 and event = 'session.started' order by index limit 1`,
    [tx.tenant, session],
  )
  if (!started || (filter.actor !== undefined && filter.actor !== started.actor_id)) return []
  const startedMs = started.occurred_at.getTime()
  const end = new Date(startedMs + sessionMs + slackMs)
  const own = { ...filter, actor: started.actor_id }
  const windows: LogFilter[] = [
    { ...own, from: later(filter.from, new Date(startedMs - slackMs)), to: earlier(filter.to, end) },
  ]
  // What nobody knew the end of is closed whenever a server is there again.
  if (filter.outcome === undefined || filter.outcome === 'unknown')
    windows.push({ ...own, outcome: 'unknown', from: later(filter.from, new Date(end.getTime() + 1)) })

  const found: number[] = []
  let opened = 0
  for (const window of windows)
    for (let below: number | undefined; ; ) {
      const page = await listEntries(tx, sealer, window, { below, offset: 0, limit: perPage })
      opened += page.length
      if (opened > openedMost) return undefined
      found.push(...page.filter(({ entry }) => entry?.session === session).map(({ index }) => index))
      below = page.at(-1)?.index
      if (page.length < perPage) break
    }
  return found
}

const later = (a: Date | undefined, b: Date) => (a !== undefined && a > b ? a : b)
const earlier = (a: Date | undefined, b: Date) => (a !== undefined && a < b ? a : b)
