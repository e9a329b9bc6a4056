/** Secrets of a running server, taken as somebody could who holds its root key and its database. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CryptoKey, importJWK, type JWK } from 'jose'
import type pg from 'pg'
import { rootKey } from '../../core/seal/index.ts'
import { createKeys, type Keys, openInstallation } from '../../server/keys/index.ts'
import { systemClock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { createInTenant, openPool } from '../../server/platform/postgres/index.ts'
import { withClient } from '../support/database.ts'
import type { OpenedPalisade } from './support.ts'

/**
 * The key that the server signs its tokens with: a token of this key is refused for what it says, never for its signature.
 * `jwk` is its public half.
 */
export function tokenSigningKey(
  palisade: OpenedPalisade,
): Promise<{ readonly key: CryptoKey; readonly jwk: Readonly<JWK> }> {
  return withKeys(palisade, async (keys, pool) => {
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
  })
}

async function withKeys<T>(
  { dataFolder, database }: OpenedPalisade,
  work: (keys: Keys, pool: pg.Pool) => Promise<T>,
): Promise<T> {
  const text = await readFile(join(dataFolder, 'keys', 'root.key'), 'utf8')
  const root = rootKey(Buffer.from(text.trim(), 'base64'))
  const installation = await withClient(database.superuser, (client) =>
    openInstallation(client, { root, auditHost: 'localhost', now: new Date() }),
  )
  if (!installation.ok) throw new Error(installation.error)
  const pool = openPool(
    database.superuser,
    'attack',
    1,
    createLogger('error', () => undefined),
  )
  try {
    const { salt } = installation.value
    return await work(createKeys({ root, salt, inTenant: createInTenant(pool), clock: systemClock }), pool)
  } finally {
    await pool.end()
  }
}
