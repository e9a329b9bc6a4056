import { type Refusal, refuse } from '../../contract/errors.ts'
import { MacroUid, type ProjectUid, systemTenant } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type Macro = { readonly name: string; readonly value: string }

/** Whose macros: a project's, or with undefined the tenant's own. */
export type MacroScope = ProjectUid | undefined

/** A macro as it is stored, without its value. */
export type StoredMacro = { readonly uid: MacroUid; readonly name: string; readonly sealed: Buffer }

/** Bound to the row, so that a value moved to another macro does not open. */
const valueField = (uid: string): Field => ({ table: 'macros', column: 'value', row: uid })

/** All macros of a scope by name; locked, so that changes of the whole come one after the other, where `toChange`. */
export async function readMacros(tx: Tx, scope: MacroScope, { toChange = false } = {}): Promise<StoredMacro[]> {
  const rows = await tx.query<{ macro_id: string; name: string; value: Buffer }>(
    `select macro_id, name, value from macros where tenant_id = $1 and project_id is not distinct from $2
      order by name_key ${toChange ? 'for update' : ''}`,
    [tx.tenant, scope ?? null],
  )
  return rows.map(({ macro_id, name, value }) => ({ uid: MacroUid.parse(macro_id), name, sealed: value }))
}

export const openMacro = (sealer: TenantSealer, { uid, name, sealed }: StoredMacro): Macro => ({
  name,
  value: sealer.open(valueField(uid), sealed),
})

/** Adds macros; `macro_name_taken` where a name, in any case, is another's in the scope. */
export async function insertMacros(
  tx: Tx,
  sealer: TenantSealer,
  { scope, macros, by, now }: { scope: MacroScope; macros: readonly Macro[]; by: string; now: Date },
): Promise<Result<undefined, Refusal>> {
  const rows = macros.map((macro) => ({ uid: MacroUid.parse(newUid()), ...macro }))
  const inserted = await tx.query(
    `insert into macros (tenant_id, macro_id, project_id, name, name_key, value, created_by, created_at, updated_at)
     select $1, one.*, $6, $7, $7
       from (select uid, $2, name, name_key, value from unnest($3::text[], $4::text[], $5::text[], $8::bytea[])
               as given (uid, name, name_key, value)) as one
     on conflict on constraint macros_name do nothing returning macro_id`,
    [
      ...[tx.tenant, scope ?? null, rows.map(({ uid }) => uid), rows.map(({ name }) => name)],
      ...[rows.map(({ name }) => nameKey(name)), by, now],
      rows.map(({ uid, value }) => sealer.seal(valueField(uid), value)),
    ],
  )
  return inserted.length === rows.length ? ok(undefined) : err(refuse('macro_name_taken'))
}

/** Writes a macro anew; the name may change its case. */
export async function updateMacro(
  tx: Tx,
  sealer: TenantSealer,
  { uid, name, value, now }: Macro & { readonly uid: MacroUid; readonly now: Date },
): Promise<void> {
  await tx.query(`update macros set name = $3, value = $4, updated_at = $5 where tenant_id = $1 and macro_id = $2`, [
    ...[tx.tenant, uid, name, sealer.seal(valueField(uid), value), now],
  ])
}

export async function deleteMacros(tx: Tx, uids: readonly MacroUid[]): Promise<void> {
  await tx.query('delete from macros where tenant_id = $1 and macro_id = any($2)', [tx.tenant, uids])
}

/** The name of the project that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function projectName(tx: Tx, uid: string): Promise<string | undefined> {
  const [row] = await tx.query<{ name: string }>('select name from projects where tenant_id = $1 and project_id = $2', [
    tx.tenant,
    uid,
  ])
  return row?.name
}

/**
 * The names that `{{.spectro.macro.NAME}}` finds, each once: the project's, then the tenant's, then the installation's. Byte for
 * byte: names that differ in case are two to whoever writes one.
 */
export async function visibleMacroNames(tx: Tx, project: ProjectUid | undefined): Promise<string[]> {
  const scopes = [
    ...(project === undefined ? [] : [await readMacros(tx, project)]),
    await readMacros(tx, undefined),
    await tx.within(systemTenant, (system) => readMacros(system, undefined)),
  ]
  return [...new Set(scopes.flat().map(({ name }) => name))].toSorted()
}
