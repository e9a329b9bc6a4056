import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { type Postgres, postgresSkipReason, startPostgres } from './postgres15.ts'

describe('a PostgreSQL of the distribution', { skip: await postgresSkipReason() }, () => {
  let postgres: Postgres
  before(async () => {
    postgres = await startPostgres()
  })
  after(() => postgres?.stop())

  test('the owner owns the database over verified TLS and is no superuser', async () => {
    const ssl = { ca: readFileSync(postgres.caFile, 'utf8') }
    const [row] = await ask({ connectionString: withoutTls(postgres.ownerUrl), ssl })
    assert.deepEqual(row, { user: 'palisade_owner', is_super: false, makes_roles: true, owns: true, tls: true })
  })

  test('its certificate is not good for another CA', async () => {
    const ssl = { ca: readFileSync(postgres.foreignCaFile, 'utf8') }
    await assert.rejects(ask({ connectionString: withoutTls(postgres.ownerUrl), ssl }), /certificate/)
  })

  test('the same login works without TLS and over the socket', async () => {
    for (const url of [postgres.plainUrl, postgres.socketUrl]) {
      const [row] = await ask({ connectionString: withoutTls(url) })
      assert.equal(row?.user, 'palisade_owner')
      assert.equal(row?.tls, false)
    }
  })

  test('a wrong password is refused on every way in', async () => {
    for (const url of [postgres.plainUrl, postgres.socketUrl]) {
      await assert.rejects(ask({ connectionString: withoutTls(url).replace(':only-for-tests@', ':wrong@') }), {
        code: '28P01', // invalid_password
      })
    }
  })

  test('stop removes everything', async () => {
    await postgres.stop()
    assert.equal(existsSync(dirname(postgres.caFile)), false)
    await assert.rejects(ask({ connectionString: withoutTls(postgres.plainUrl) }), { code: 'ECONNREFUSED' })
  })
})

interface Facts {
  readonly user: string
  readonly is_super: boolean
  readonly makes_roles: boolean
  readonly owns: boolean
  readonly tls: boolean
}

async function ask(config: pg.ClientConfig): Promise<Facts[]> {
  const client = new pg.Client(config)
  try {
    await client.connect()
    const { rows } = await client.query<Facts>(`
      select current_user as user, rolsuper as is_super, rolcreaterole as makes_roles,
        (select datdba = r.oid from pg_database where datname = current_database()) as owns,
        (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as tls
      from pg_roles r where rolname = current_user`)
    return rows
  } finally {
    await client.end()
  }
}

/** The driver reads the `ssl…` parameters in a way of its own: the test says plainly what it wants. */
function withoutTls(url: string): string {
  return url.replace(/[?&]ssl\w+=[^&]*/g, '')
}
