import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootKey } from '../../core/seal/index.ts'
import { createKeys, type Keys, openInstallation } from '../../server/keys/index.ts'
import { systemClock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { createInTenant, type InTenant, openPool } from '../../server/platform/postgres/index.ts'
import { startTestPostgres, withClient } from '../../tests/support/database.ts'
import { type Palisade, startPalisade } from '../../tests/support/palisade.ts'
import { createProcessFamily } from '../../tests/support/processes.ts'

/** A server on a database that the benchmark fills itself, with rows sealed under the installation's own keys. */
export type Installation = {
  readonly server: Palisade
  /** Reaches every tenant, and what row-level security would hide. */
  readonly inTenant: InTenant
  readonly keys: Keys
  /** After much was inserted, as autovacuum would in time. */
  analyze(): Promise<void>
  stop(): Promise<void>
}

export async function startInstallation(name: string): Promise<Installation> {
  const family = await createProcessFamily(name)
  const postgres = await startTestPostgres({ fsync: true })
  const { superuser } = await postgres.create()
  const secret = randomBytes(32)
  const rootKeyFile = join(family.folder, 'root.key')
  await writeFile(rootKeyFile, secret.toString('base64'), { mode: 0o600 })
  const { user, password, host, database } = superuser
  const url = new URL(`postgres://${user}:${password.reveal()}@localhost/${database}`)
  url.searchParams.set('host', host)
  const server = await startPalisade({
    ...{ family, name },
    env: { PALISADE_DATABASE_URL: url.href, PALISADE_ROOT_KEY_FILE: rootKeyFile },
  })
  const pool = openPool(superuser, name, 4, createLogger('error', console.error))
  const inTenant = createInTenant(pool)
  const root = rootKey(secret)
  const opened = await withClient(superuser, (client) =>
    openInstallation(client, { root, auditHost: 'localhost', now: new Date() }),
  )
  if (!opened.ok) throw new Error(opened.error)
  return {
    ...{ server, inTenant },
    keys: createKeys({ root, salt: opened.value.salt, inTenant, clock: systemClock }),
    async analyze() {
      await withClient(superuser, (client) => client.query('vacuum analyze'))
    },
    async stop() {
      await pool.end()
      await server.stop()
      await family.stop()
      await postgres.stop()
    },
  }
}
