import type { z } from 'zod'
import type { UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** A setting of a tenant: its name, what it may be, and what it is where nobody has set it. */
export type Setting<T> = { readonly kind: string; readonly schema: z.ZodType<T>; readonly unset: T }

/** The setting of `tx.tenant`. Throws for a stored value that is none: only `writeSetting` stores any. */
export async function readSetting<T>(tx: Tx, { kind, schema, unset }: Setting<T>): Promise<T> {
  const [row] = await tx.query<{ value: unknown }>('select value from settings where tenant_id = $1 and kind = $2', [
    tx.tenant,
    kind,
  ])
  return row ? schema.parse(row.value) : unset
}

export async function writeSetting<T>(
  tx: Tx,
  { kind, schema }: Setting<T>,
  value: T,
  { by, now }: { readonly by: UserUid; readonly now: Date },
): Promise<void> {
  await tx.query(
    `insert into settings (tenant_id, kind, value, updated_by, updated_at) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, kind) do update set value = excluded.value, updated_by = excluded.updated_by,
            updated_at = excluded.updated_at`,
    [tx.tenant, kind, JSON.stringify(schema.parse(value)), by, now],
  )
}
