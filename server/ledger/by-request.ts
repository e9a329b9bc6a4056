import { EntryUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { entriesByUid, type LogFilter, type LogLine, listEntries } from './log.ts'
import type { Sealer } from './pending.ts'

export type OfRequest = {
  /** Newest first. */
  readonly lines: readonly LogLine[]
  readonly looked: number
  readonly back: Date | undefined
  /** Look on below this index; undefined where there is nothing more to look for. */
  readonly next: number | undefined
}

/** How much one answer opens. */
export type LookMost = { readonly entries: number; readonly perPage: number }
const lookMost: LookMost = { entries: 5_000, perPage: 500 }
/** Entries of one request are neighbours, but for the end of a long call, which names its beginning. */
const neighboursMs = 60_000

/**
 * The entries of one request, by its id or by the uid of one of them. An entry is found at once; the id of a request stands in the
 * sealed line alone, so the log is opened from its newest entry on, a part at a time.
 *
 * @param filter what the caller may read
 * @param below only entries with a smaller index: where an answer before this one left off
 */
export async function entriesOfRequest(
  tx: Tx,
  sealer: Sealer,
  filter: LogFilter,
  { id, below }: { readonly id: string; readonly below?: number | undefined },
  most: LookMost = lookMost,
): Promise<OfRequest> {
  const uid = EntryUid.safeParse(id)
  const found = below === undefined && uid.success ? await entryWithin(tx, sealer, filter, uid.data) : undefined
  if (found)
    return { lines: await withBeginning(tx, sealer, filter, [found]), looked: 1, back: undefined, next: undefined }

  const lines: LogLine[] = []
  let looked = 0
  let oldest: LogLine | undefined
  const answer = (next: number | undefined) => ({ lines, looked, back: oldest?.columns.occurredAt, next })
  while (looked < most.entries) {
    const page = await listEntries(tx, sealer, filter, {
      below: oldest?.index ?? below,
      offset: 0,
      limit: most.perPage,
    })
    lines.push(...page.filter(({ entry }) => entry?.request === id))
    looked += page.length
    oldest = page.at(-1) ?? oldest
    const isOver = page.length < most.perPage || isPast(lines, oldest)
    if (isOver) return { ...answer(undefined), lines: await withBeginning(tx, sealer, filter, lines) }
  }
  if (lines.length > 0) return { ...answer(undefined), lines: await withBeginning(tx, sealer, filter, lines) }
  return answer(oldest?.index)
}

/** Whether what was opened last is too old to be of the request that was met. */
function isPast(lines: readonly LogLine[], oldest: LogLine | undefined): boolean {
  const met = lines.at(-1)
  return met !== undefined && oldest !== undefined && timeOf(met) - timeOf(oldest) > neighboursMs
}

const timeOf = ({ columns }: LogLine) => columns.occurredAt.getTime()

async function entryWithin(tx: Tx, sealer: Sealer, filter: LogFilter, uid: EntryUid): Promise<LogLine | undefined> {
  const [line] = await entriesByUid(tx, sealer, [uid])
  if (!line) return undefined
  return (filter.projects ?? []).every((project) => line.columns.project === project) ? line : undefined
}

/** The end of a call says nothing of why it was allowed: its beginning does, which may be far before it. */
async function withBeginning(
  tx: Tx,
  sealer: Sealer,
  filter: LogFilter,
  lines: readonly LogLine[],
): Promise<readonly LogLine[]> {
  const known = new Set<string>(lines.map(({ uid }) => uid))
  const begun: LogLine[] = []
  for (const { entry } of lines) {
    const intent = EntryUid.safeParse(entry?.intent)
    if (!intent.success || known.has(intent.data)) continue
    const line = await entryWithin(tx, sealer, filter, intent.data)
    if (line) begun.push(line)
    known.add(intent.data)
  }
  return [...lines, ...begun]
}
