import type { TenantUid } from '../../contract/ids.ts'
import {
  appendLeaf,
  type Checkpoint,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  type NoteSigner,
  openCheckpoint,
  serializeFrontier,
  signCheckpoint,
} from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Connection } from './connection.ts'
import { readSignable, type SignableHead, signerOf } from './heads.ts'
import type { Anchor, LogName, Outside } from './outside.ts'
import type { SealerOf } from './pending.ts'

/** Leaf hashes read at once. */
const leavesPerPage = 2_000

export type SigningDeps = {
  readonly sealerOf: SealerOf
  readonly host: string
  readonly outside: Outside
  readonly now: () => Date
}

export type Signed = {
  readonly signed: readonly TenantUid[]
  /** Logs that were not signed, and why: each contradicts what was signed before, or cannot be read. */
  readonly refused: readonly { readonly tenant: TenantUid; readonly why: string }[]
}

/**
 * Signs the heads of these logs, each only if it extends the checkpoint that is kept outside the database and the one
 * inside.
 *
 * The outside copy is written first: what is published is never ahead of it.
 */
export async function signHeads(db: Connection, tenants: readonly TenantUid[], deps: SigningDeps): Promise<Signed> {
  const refused: { tenant: TenantUid; why: string }[] = []
  const next: NextAnchor[] = []
  for (const [tenant, head] of await readSignable(db, tenants)) {
    const anchor = head.ok ? await nextAnchor(db, head.value, deps) : head
    if (anchor.ok) next.push(anchor.value)
    else refused.push({ tenant, why: anchor.error })
  }
  // All files at once: they share the flushes of the disk.
  const kept = await Promise.all(next.map((anchor) => keepOutside(anchor, deps.outside)))
  const anchors = next.filter((_, i) => kept[i] === undefined)
  for (const [i, why] of kept.entries()) if (why !== undefined) refused.push({ tenant: next[i]!.tenant, why })
  await publish(db, anchors, deps.now())
  return { signed: anchors.map((anchor) => anchor.tenant), refused }
}

type NextAnchor = Anchor & LogName & { readonly isKept: boolean }

async function nextAnchor(db: Connection, head: SignableHead, deps: SigningDeps): Promise<Result<NextAnchor, string>> {
  const { tenant, generation, frontier } = head
  let signer: NoteSigner
  try {
    signer = signerOf(head, await deps.sealerOf(tenant), deps.host)
  } catch (cause) {
    return err(`its signing key cannot be used: ${cause instanceof Error ? cause.message : 'error'}`)
  }
  const kept = await deps.outside.read({ tenant, generation })
  if (!kept.ok) return kept
  const before: Anchor[] = []
  for (const [where, anchor] of [
    ['outside the database', kept.value],
    ['in the database', head.signed],
  ] as const) {
    if (anchor === undefined || before.some((one) => one.note === anchor.note)) continue
    const problem = anchorProblem(anchor, signer)
    if (problem !== undefined) return err(`the checkpoint kept ${where} ${problem}`)
    before.push(anchor)
  }
  const problem = await extensionProblem(db, head, before)
  if (problem !== undefined) return err(problem)
  const note = signCheckpoint({ origin: signer.name, size: frontier.size, root: frontierRoot(frontier) }, signer)
  return ok({ tenant, generation, note, frontier, isKept: kept.value?.note === note })
}

/** Why it could not be kept, or nothing. */
async function keepOutside(anchor: NextAnchor, outside: Outside): Promise<string | undefined> {
  if (anchor.isKept) return undefined
  try {
    await outside.write(anchor, anchor)
    return undefined
  } catch (cause) {
    return `its checkpoint cannot be kept outside the database: ${cause instanceof Error ? cause.message : 'error'}`
  }
}

/** Why an anchor is not one of this log: its signature is another key's, or its peaks are of another tree. */
function anchorProblem({ note, frontier }: Anchor, signer: NoteSigner): string | undefined {
  const checkpoint: Result<Checkpoint, string> = openCheckpoint(note, signer)
  if (!checkpoint.ok) return `is not one of this log (${checkpoint.error})`
  const { size, root } = checkpoint.value
  return size === frontier.size && root.equals(frontierRoot(frontier)) ? undefined : 'has the frontier of another tree'
}

/**
 * Whether the log goes on from every anchor: from the smallest on, its stored leaves are appended one by one, and must
 * give the root of each larger anchor on the way and of the head at the end.
 */
async function extensionProblem(
  db: Connection,
  head: SignableHead,
  anchors: readonly Anchor[],
): Promise<string | undefined> {
  const { size } = head.frontier
  const ahead = anchors.find((anchor) => anchor.frontier.size > size)
  if (ahead) return `the log has ${size} entries, but ${ahead.frontier.size} were signed: it was rolled back`
  const steps = [...anchors.map((anchor) => anchor.frontier), head.frontier].sort((a, b) => a.size - b.size)
  let frontier = anchors.length > 0 ? steps[0]! : emptyFrontier // there is an anchor, so there is a first step
  for (const step of steps) {
    const grown = await grow(db, head.tenant, frontier, step.size)
    if (grown === undefined) return `an entry between ${frontier.size} and ${step.size} is missing`
    frontier = grown
    if (!frontierRoot(frontier).equals(frontierRoot(step)))
      return `the log does not extend what was signed: its first ${step.size} entries give another root`
  }
  return undefined
}

/** The frontier with the log's stored leaves up to `size`; undefined where one is missing. */
async function grow(db: Connection, tenant: TenantUid, from: Frontier, size: number): Promise<Frontier | undefined> {
  let frontier = from
  while (frontier.size < size) {
    const rows = await db.query<{ index: string; leaf: Buffer }>(
      'select index, leaf from audit_log where tenant_id = $1 and index >= $2 and index < $3 order by index limit $4',
      [tenant, frontier.size, size, leavesPerPage],
    )
    if (rows.length === 0) return undefined
    for (const row of rows) {
      if (Number(row.index) !== frontier.size) return undefined
      frontier = appendLeaf(frontier, row.leaf)
    }
  }
  return frontier
}

async function publish(
  db: Connection,
  anchors: readonly (Anchor & { readonly tenant: TenantUid })[],
  now: Date,
): Promise<void> {
  if (anchors.length === 0) return
  await db.query(
    `update audit_heads h
        set checkpoint = n.checkpoint, checkpoint_size = n.size, checkpoint_frontier = n.frontier, signed_at = $5
       from unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) as n (tenant_id, checkpoint, size, frontier)
      where h.tenant_id = n.tenant_id`,
    [
      anchors.map((anchor) => anchor.tenant),
      anchors.map((anchor) => anchor.note),
      anchors.map((anchor) => anchor.frontier.size),
      anchors.map((anchor) => serializeFrontier(anchor.frontier)),
      now,
    ],
  )
}

/** Logs that have grown since they were last signed. */
export async function unsignedLogs(db: Connection): Promise<TenantUid[]> {
  const rows = await db.query<{ tenant_id: string }>('select tenant_id from audit_heads where size > checkpoint_size')
  return rows.map((row) => row.tenant_id as TenantUid) // Cast: the column's domain is what the parser asks for.
}
