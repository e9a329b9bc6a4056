import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type pg from 'pg'
import { err, ok, type Result } from '../core/result.ts'
import type { Config } from './config.ts'
import type { Keys } from './keys/index.ts'
import {
  CaOutOfTime,
  createCa,
  createPki,
  type LeafNames,
  ownCertificate,
  type Pki,
  type ServerTls,
} from './pki/index.ts'
import type { Clock } from './platform/clock/index.ts'
import { writeFileAtomically } from './platform/data-folder/index.ts'
import type { Logger } from './platform/log/index.ts'

type Edges = { readonly pool: pg.Pool; readonly keys: Keys; readonly clock: Clock; readonly logger: Logger }

/**
 * The installation's internal CA: made once, its key sealed in the database, so that every replica issues from the same one.
 * The certificate is also written to `<data>/pki/ca.crt`, for clients to trust.
 */
export async function openPki(
  folder: string,
  { pool, keys, clock, logger }: Edges,
): Promise<{ pki: Pki; caFile: string }> {
  const version = 1
  const read = async () =>
    (
      await pool.query<{ sealed: Buffer; public_part: string }>(
        `select sealed, public_part from installation_secrets where kind = 'ca' and version = $1`,
        [version],
      )
    ).rows[0]
  if (!(await read())) {
    const now = new Date(clock.now())
    const made = await createCa({ now, randomBytes })
    const sealed = await keys.installation.seal('ca', version, made.privateKeyPkcs8)
    // Of two replicas that start at once, one makes the CA; both read it afterwards.
    await pool.query(
      `insert into installation_secrets (kind, version, sealed, public_part, created_at) values ('ca', $1, $2, $3, $4)
       on conflict do nothing`,
      [version, sealed, made.certificatePem, now],
    )
  }
  const row = await read()
  if (!row) throw new Error('the internal CA was not stored')
  const ca = {
    certificatePem: row.public_part,
    privateKeyPkcs8: await keys.installation.open('ca', version, row.sealed),
  }
  const caFile = join(folder, 'ca.crt')
  await writeFileAtomically(caFile, ca.certificatePem, 0o644)
  return { pki: await createPki({ ca, clock, logger }), caFile }
}

/** The main listener's certificate: the operator's own, or a leaf of the internal CA for every name it is reached by. */
export async function gatewayCertificate(
  config: Config,
  pki: Pki,
  { clock, logger }: Pick<Edges, 'clock' | 'logger'>,
): Promise<Result<ServerTls, string>> {
  if (config.tls === 'internal')
    try {
      return ok(await pki.serverTls('gateway', gatewayNames(config)))
    } catch (cause) {
      if (cause instanceof CaOutOfTime) return err(cause.message)
      throw cause
    }
  const own = await ownCertificate({ ...config.tls, clock, logger })
  return own.ok ? own : err(own.error.problems.map((problem) => `PALISADE_TLS_CERT: ${problem}`).join('\n'))
}

function gatewayNames(config: Config): LeafNames {
  const { hostname } = new URL(config.publicUrl)
  const host = hostname.replace(/^\[|\]$/g, '')
  const named = [host, config.host === 'localhost' ? '127.0.0.1' : config.host, 'localhost', '127.0.0.1', '::1']
  const everywhere = new Set(['0.0.0.0', '::'])
  const names = [...new Set(named)].filter((name) => !everywhere.has(name))
  return {
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
  }
}
