import type pg from 'pg'
import type { Secret } from '../../../core/seal/index.ts'

export const appRole = 'palisade_app'
export const sequencerRole = 'palisade_sequencer'

/**
 * Makes the application's and the sequencer's logins, or sets their passwords anew, as the owner. Both own nothing and can
 * not bypass row-level security; a role of that name which can is refused rather than trusted (`roleProblem`).
 *
 * Role names belong to the whole PostgreSQL server, so one server holds one installation (`otherInstallation`).
 */
export async function ensureRoles(owner: pg.ClientBase, passwords: { app: Secret; sequencer: Secret }): Promise<void> {
  for (const [role, password] of [
    [appRole, passwords.app],
    [sequencerRole, passwords.sequencer],
  ] as const) {
    const exists = ((await owner.query('select 1 from pg_roles where rolname = $1', [role])).rowCount ?? 0) > 0
    // Of a role that is there only the password is touched: to name SUPERUSER or BYPASSRLS, even to deny them, takes a superuser.
    const attributes = exists ? '' : 'login nosuperuser nobypassrls nocreatedb nocreaterole noreplication inherit'
    await owner.query(
      `${exists ? 'alter' : 'create'} role ${role} ${attributes} password ${literal(password.reveal())}`,
    )
  }
}

/**
 * Another database of this PostgreSQL server where the application's login has rights: an installation that would lose its
 * passwords to ours.
 */
export async function otherInstallation(owner: pg.ClientBase): Promise<string | undefined> {
  const { rows } = await owner.query<{ datname: string }>(
    `select d.datname from pg_shdepend s join pg_database d on d.oid = s.dbid
      where s.refclassid = 'pg_authid'::regclass and s.refobjid = (select oid from pg_roles where rolname = $1)
        and d.datname <> current_database() limit 1`,
    [appRole],
  )
  return rows[0]?.datname
}

/** Why a login may not be used as the application's or the sequencer's, or nothing. */
export async function roleProblem(client: pg.ClientBase, role: string): Promise<string | undefined> {
  const { rows } = await client.query<{ rolsuper: boolean; rolbypassrls: boolean; owns: boolean }>(
    `select rolsuper, rolbypassrls,
            exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace) as owns
       from pg_roles r where rolname = $1`,
    [role],
  )
  const found = rows[0]
  if (!found) return `the database has no role ${role}`
  if (found.rolsuper) return `role ${role} is a superuser`
  if (found.rolbypassrls) return `role ${role} may bypass row-level security`
  if (found.owns) return `role ${role} owns tables`
  return undefined
}

/** A statement that takes no parameter (`create role`) needs its literal quoted (PostgreSQL manual, 4.1.2.1). */
function literal(text: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new Error('a generated password has an unexpected character')
  return `'${text}'`
}
