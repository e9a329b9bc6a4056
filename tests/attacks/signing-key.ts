import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CryptoKey, importJWK, type JWK } from 'jose'
import { rootKey } from '../../core/seal/index.ts'
import { createKeys, openInstallation } from '../../server/keys/index.ts'
import { systemClock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { createInTenant, openPool } from '../../server/platform/postgres/index.ts'
import { withClient } from '../support/database.ts'
import type { OpenedPalisade } from './support.ts'

/**
 * The key that a running server signs its tokens with, taken as somebody could who holds root key and database: a token of
 * this key is refused for what it says, never for its signature. `jwk` is its public half.
 */
export async function tokenSigningKey({
  dataFolder,
  database,
}: OpenedPalisade): Promise<{ readonly key: CryptoKey; readonly jwk: Readonly<JWK> }> {
  const text = await readFile(join(dataFolder, 'keys', 'root.key'), 'utf8')
  const root = rootKey(Buffer.from(text.trim(), 'base64'))
  const installation = await withClient(database.superuser, (client) =>
    openInstallation(client, { root, auditHost: 'localhost', now: new Date() }),
  )
  if (!installation.ok) throw new Error(installation.error)
  const silent = createLogger('error', () => undefined)
  const pool = openPool(database.superuser, 'attack', 1, silent)
  try {
    const { salt } = installation.value
    const keys = createKeys({ root, salt, inTenant: createInTenant(pool), clock: systemClock })
    const { rows } = await pool.query<{ version: number; sealed: Buffer }>(
      `select version, sealed from installation_secrets where kind = 'jwt' order by version desc limit 1`,
    )
    const row = rows[0]
    if (!row) throw new Error('the server has no signing key')
    // What opens was written by the server.
    const jwk = JSON.parse((await keys.installation.open('jwt', row.version, row.sealed)).toString('utf8')) as JWK
    const key = await importJWK(jwk, 'ES256')
    if (key instanceof Uint8Array) throw new Error('a signing key is a pair')
    const { d: _private, ...publicPart } = jwk
    return { key, jwk: publicPart }
  } finally {
    await pool.end()
  }
}
