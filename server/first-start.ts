import { randomInt } from 'node:crypto'
import { type Refusal, refuse } from '../contract/errors.ts'
import { systemTenant } from '../contract/ids.ts'
import { err, ok, type Result } from '../core/result.ts'
import { Secret } from '../core/seal/index.ts'
import type { Config } from './config.ts'
import type { Keys, TenantSealer } from './keys/index.ts'
import type { Logger } from './platform/log/index.ts'
import { advisoryLocks, type InTenant, type Tx } from './platform/postgres/index.ts'

export type FirstAdministrator = { readonly email: string; readonly password: Secret | 'given' }

/**
 * Founds the tenant `system` with its key, its epoch and the first administrator, in one transaction. Does nothing where it
 * exists, so that a start that was cut off is simply made again.
 *
 * @returns the administrator, with the password where it was generated: shown once, never stored
 */
export async function firstStart(deps: {
  readonly admin: Config['admin']
  readonly inTenant: InTenant
  readonly keys: Keys
  readonly createAdministrator: (
    tx: Tx,
    sealer: TenantSealer,
    who: { readonly email: string; readonly password: Secret },
    now: Date,
  ) => Promise<Result<undefined, Refusal>>
  readonly now: Date
  readonly logger: Logger
}): Promise<Result<FirstAdministrator | undefined, string>> {
  const { admin, inTenant, keys, createAdministrator, now, logger } = deps
  const wrong = typeof admin === 'object' && 'problems' in admin ? admin.problems : []
  const given = typeof admin === 'object' && 'password' in admin ? admin : undefined
  const password = given?.password ?? new Secret(generatePassword())
  const email = given?.email ?? 'admin@palisade.local'
  // `attempt` takes back everything where the administrator is refused: the next start begins anew.
  const founded = await inTenant(systemTenant, (tx) => tx.attempt(() => found(tx)))
  return founded.ok
    ? founded
    : err(`the first administrator cannot be made: ${founded.error.detail ?? founded.error.code}`)

  async function found(tx: Tx): Promise<Result<FirstAdministrator | undefined, Refusal>> {
    await tx.query('select pg_advisory_xact_lock($1)', [advisoryLocks.firstStart])
    const known = await tx.query('select from tenants where tenant_id = $1', [systemTenant])
    if (known.length > 0) {
      if (wrong.length > 0) logger.warn({ problems: wrong }, 'what is said of the first administrator is not used')
      return ok(undefined)
    }
    if (wrong.length > 0) return err(refuse('invalid', wrong.join('; ')))
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
       values ($1, 'system', 'system', 'active', $2, $2)`,
      [systemTenant, now],
    )
    const sealer = await keys.create(tx)
    await tx.query('insert into access_epochs (tenant_id) values ($1)', [systemTenant])
    const made = await createAdministrator(tx, sealer, { email, password }, now)
    if (!made.ok) return made
    logger.info({ tenant: systemTenant }, 'the first system administrator was made')
    return ok({ email, password: given ? ('given' as const) : password })
  }
}

/** 20 characters of 57, about 116 bits, with all four classes; nothing that looks like something else. */
function generatePassword(): string {
  const classes = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnopqrstuvwxyz', '23456789', '-_.!+=']
  const all = classes.join('')
  const pick = (from: string) => from[randomInt(from.length)] ?? ''
  const characters = [...classes.map(pick), ...Array.from({ length: 16 }, () => pick(all))]
  // Fisher–Yates, so that the places of the four classes tell nothing.
  for (let i = characters.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    const swapped = characters[i] ?? ''
    characters[i] = characters[j] ?? ''
    characters[j] = swapped
  }
  return characters.join('')
}
