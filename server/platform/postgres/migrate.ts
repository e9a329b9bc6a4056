import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type pg from 'pg'
import { err, ok, type Result } from '../../../core/result.ts'
import { advisoryLocks } from './advisory-locks.ts'

export type Migration = {
  readonly number: number
  readonly name: string
  readonly sql: string
  readonly sha256: string
}

/** Reads `NNNN-name.sql` files; a gap or a double number throws, since it is a mistake of the release. */
export function readMigrations(folder: URL): readonly Migration[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  return files.map((name, i) => {
    const number = Number(/^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1])
    if (number !== i + 1) throw new Error(`migration ${name} should be number ${i + 1}`)
    const sql = readFileSync(new URL(name, folder), 'utf8')
    return { number, name, sql, sha256: hash('sha256', sql) }
  })
}

/**
 * Whether a database may be migrated to this release, which is asked before anything in it is changed.
 *
 * @returns how many migrations it has; refuses a database that is not ours, one of a newer release, and one whose applied
 *   migrations differ from this release's files
 */
export async function appliedMigrations(
  owner: pg.ClientBase,
  migrations: readonly Migration[],
): Promise<Result<number, string>> {
  const foreign = await foreignTables(owner)
  if (foreign.length > 0)
    return err(
      `the database holds tables that are not Palisade's (${foreign.slice(0, 3).join(', ')}); use an empty one`,
    )
  if (!(await hasTable(owner))) return ok(0)
  const applied = (
    await owner.query<{ number: number; sha256: string }>(
      'select number, sha256 from schema_migrations order by number',
    )
  ).rows
  if (applied.length > migrations.length)
    return err(
      `the database is of a newer release (schema ${applied.length}, this one knows ${migrations.length}); start that release`,
    )
  for (const [i, one] of applied.entries())
    if (migrations[i]?.sha256 !== one.sha256)
      return err(
        `migration ${one.number} in the database differs from this release's file; it was changed after it ran`,
      )
  return ok(applied.length)
}

/**
 * Brings the schema up to the newest migration, each in a transaction of its own, one replica at a time.
 *
 * @returns how many ran; refuses what {@link appliedMigrations} refuses
 */
export async function migrate(owner: pg.ClientBase, migrations: readonly Migration[]): Promise<Result<number, string>> {
  await owner.query('select pg_advisory_lock($1)', [advisoryLocks.migrations])
  try {
    const applied = await appliedMigrations(owner, migrations)
    if (!applied.ok) return applied
    await owner.query(`create table if not exists schema_migrations (
      number integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())`)
    const missing = migrations.slice(applied.value)
    for (const migration of missing) await apply(owner, migration)
    return ok(missing.length)
  } finally {
    await owner.query('select pg_advisory_unlock($1)', [advisoryLocks.migrations])
  }
}

async function apply(owner: pg.ClientBase, { number, name, sql, sha256 }: Migration): Promise<void> {
  await owner.query('begin')
  try {
    await owner.query(sql)
    await owner.query('insert into schema_migrations (number, name, sha256) values ($1, $2, $3)', [
      number,
      name,
      sha256,
    ])
    await owner.query('commit')
  } catch (cause) {
    await owner.query('rollback')
    throw new Error(`migration ${name} failed`, { cause })
  }
}

async function foreignTables(owner: pg.ClientBase): Promise<string[]> {
  if (await hasTable(owner)) return []
  const { rows } = await owner.query<{ relname: string }>(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by relname`,
  )
  return rows.map((row) => row.relname)
}

/** Whether the table of applied migrations is there, and ours: others use its name too, with other columns. */
async function hasTable(owner: pg.ClientBase): Promise<boolean> {
  const { rows } = await owner.query(
    `select from pg_attribute
      where attrelid = to_regclass('public.schema_migrations') and attname = 'sha256' and not attisdropped`,
  )
  return rows.length > 0
}
