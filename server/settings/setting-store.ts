import type { z } from 'zod'
import type { ProjectUid, UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** A setting of a tenant, or of a project: its name, what it may be, and what it is where nobody has set it. */
export type Setting<T> = { readonly kind: string; readonly schema: z.ZodType<T>; readonly unset: T }

/** A setting of the form that a schema says, which must not transform: what is kept is what is read. */
export const settingOf = <Shape extends z.ZodType>(
  kind: string,
  schema: Shape,
  unset: z.output<Shape>,
): Setting<z.output<Shape>> => ({
  kind,
  // Cast: input and output of it are the same.
  schema: schema as unknown as z.ZodType<z.output<Shape>>,
  unset,
})

/** The setting of `tx.tenant`. Throws for a stored value that is none: only `writeSetting` stores any. */
export async function readSetting<T>(tx: Tx, { kind, schema, unset }: Setting<T>): Promise<T> {
  const [row] = await tx.query<{ value: unknown }>('select value from settings where tenant_id = $1 and kind = $2', [
    tx.tenant,
    kind,
  ])
  return row ? schema.parse(row.value) : unset
}

/** Who writes, and when. */
export type Writing = { readonly by: UserUid; readonly now: Date }

export async function writeSetting<T>(
  tx: Tx,
  { kind, schema }: Setting<T>,
  value: T,
  { by, now }: Writing,
): Promise<void> {
  await tx.query(
    `insert into settings (tenant_id, kind, value, updated_by, updated_at) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, kind) do update set value = excluded.value, updated_by = excluded.updated_by,
            updated_at = excluded.updated_at`,
    [tx.tenant, kind, JSON.stringify(schema.parse(value)), by, now],
  )
}

/** The setting of one project; nothing where nobody has set it there. It goes with the project. */
export async function readProjectSetting<T>(
  tx: Tx,
  { kind, schema }: Setting<T>,
  project: ProjectUid,
): Promise<T | undefined> {
  const [row] = await tx.query<{ value: unknown }>(
    'select value from project_settings where tenant_id = $1 and project_id = $2 and kind = $3',
    [tx.tenant, project, kind],
  )
  return row && schema.parse(row.value)
}

export async function writeProjectSetting<T>(
  tx: Tx,
  { kind, schema }: Setting<T>,
  project: ProjectUid,
  value: T,
  { by, now }: Writing,
): Promise<void> {
  await tx.query(
    `insert into project_settings (tenant_id, project_id, kind, value, updated_by, updated_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, project_id, kind) do update set value = excluded.value, updated_by = excluded.updated_by,
            updated_at = excluded.updated_at`,
    [tx.tenant, project, kind, JSON.stringify(schema.parse(value)), by, now],
  )
}
