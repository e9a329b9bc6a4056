import { randomBytes } from 'node:crypto'
import { TenantUid } from '../../contract/ids.ts'
import {
  emptyFrontier,
  type Frontier,
  logOrigin,
  type NoteSigner,
  noPrevLeaf,
  noteSigner,
  parseFrontier,
  serializeFrontier,
  verifierKeyText,
} from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Connection } from './connection.ts'
import type { SealedField, Sealer } from './pending.ts'

/** Where a tenant's log ends. */
export type Head = {
  readonly tenant: TenantUid
  readonly generation: number
  readonly frontier: Frontier
  readonly lastLeaf: Buffer
  /** Of the last entry. */
  readonly lastTime: Date | undefined
}

/** A head with what signing needs. */
export type SignableHead = Head & {
  readonly sealedKey: Buffer
  readonly verifierKey: string
  /** What was signed last, as the database has it. */
  readonly signed: { readonly note: string; readonly frontier: Frontier } | undefined
}

type Row = {
  tenant_id: string
  generation: number
  size: string
  frontier: Buffer
  last_leaf: Buffer
  last_time: Date | null
}

/** What a head cannot be read for: somebody has changed it by hand. The others go on. */
type Damage = string

/** Locks the heads of these tenants, in one order for all who do so. A log without entries has none. */
export async function lockHeads(
  db: Connection,
  tenants: readonly TenantUid[],
): Promise<Map<TenantUid, Result<Head, Damage>>> {
  const rows = await db.query<Row>(
    `select tenant_id, generation, size, frontier, last_leaf, last_time
       from audit_heads where tenant_id = any($1) order by tenant_id for update`,
    [tenants],
  )
  return new Map(rows.map((row) => [TenantUid.parse(row.tenant_id), headOf(row)]))
}

/**
 * Begins a tenant's log, with a signing key of its own. Another sequencer may have done so just now: `lockHeads` tells.
 *
 * @param host part of every log's origin, the same for ever
 */
export async function createHead(db: Connection, tenant: TenantUid, sealer: Sealer, host: string): Promise<void> {
  const generation = 1
  const seed = randomBytes(32)
  const signer = noteSigner(logOrigin({ host, tenantUid: tenant, generation }), seed)
  await db.query(
    `insert into audit_heads (tenant_id, generation, size, frontier, last_leaf, signing_key, verifier_key)
     values ($1, $2, 0, $3, $4, $5, $6) on conflict (tenant_id) do nothing`,
    [
      tenant,
      generation,
      serializeFrontier(emptyFrontier),
      noPrevLeaf,
      sealer.seal(signingKey(tenant, generation), seed.toString('base64')),
      verifierKeyText(signer),
    ],
  )
  seed.fill(0)
}

export async function readSignable(
  db: Connection,
  tenants: readonly TenantUid[],
): Promise<Map<TenantUid, Result<SignableHead, Damage>>> {
  const rows = await db.query<
    Row & {
      signing_key: Buffer
      verifier_key: string
      checkpoint: string | null
      checkpoint_frontier: Buffer | null
    }
  >(
    `select tenant_id, generation, size, frontier, last_leaf, last_time,
            signing_key, verifier_key, checkpoint, checkpoint_frontier
       from audit_heads where tenant_id = any($1)`,
    [tenants],
  )
  const signable = (row: (typeof rows)[number]): Result<SignableHead, Damage> => {
    const head = headOf(row)
    if (!head.ok) return head
    const { signing_key: sealedKey, verifier_key: verifierKey, checkpoint: note, checkpoint_frontier: peaks } = row
    if (note === null || peaks === null) return ok({ ...head.value, sealedKey, verifierKey, signed: undefined })
    const frontier = parseFrontier(peaks)
    if (!frontier.ok) return err('its checkpoint has a frontier that is none')
    return ok({ ...head.value, sealedKey, verifierKey, signed: { note, frontier: frontier.value } })
  }
  return new Map(rows.map((row) => [TenantUid.parse(row.tenant_id), signable(row)]))
}

/** Opens the key that signs this log; throws where it is not the one whose public part was handed out. */
export function signerOf(head: SignableHead, sealer: Sealer, host: string): NoteSigner {
  const { tenant, generation } = head
  const seed = Buffer.from(sealer.open(signingKey(tenant, generation), head.sealedKey), 'base64')
  const signer = noteSigner(logOrigin({ host, tenantUid: tenant, generation }), seed)
  seed.fill(0)
  if (verifierKeyText(signer) !== head.verifierKey) throw new Error(`the log of ${tenant} has another public key`)
  return signer
}

/** Bound to the generation too: raising it by hand does not carry the key over. */
function signingKey(tenant: TenantUid, generation: number): SealedField {
  return { table: 'audit_heads', column: 'signing_key', row: `${tenant}/${generation}` }
}

function headOf(row: Row): Result<Head, Damage> {
  const frontier = parseFrontier(row.frontier)
  if (!frontier.ok || frontier.value.size !== Number(row.size)) return err('its head has a frontier of another size')
  return ok({
    tenant: TenantUid.parse(row.tenant_id),
    generation: row.generation,
    frontier: frontier.value,
    lastLeaf: row.last_leaf,
    lastTime: row.last_time ?? undefined,
  })
}
