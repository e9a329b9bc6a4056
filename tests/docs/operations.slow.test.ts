import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { refreshTokenGrant } from 'openid-client'
import pg from 'pg'
import { signInByCode } from '../support/oidc.ts'
import { createTenant, startPalisade } from '../support/palisade.ts'
import { type Postgres, postgresSkipReason, startPostgres } from '../support/postgres15.ts'
import { createProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { blocksOf, readDoc, sectionOf } from './markdown.ts'

// docs/operations.md tells operators to run SQL and to copy folders: here it is done.

const page = readDoc('docs/operations.md')

/** The SQL of a section, with a password in the place of `choose one`, for an owner and a database of the test's own. */
function sqlOf(heading: string): string {
  const block = blocksOf(sectionOf(page, heading)).find(({ words }) => words[0] === 'sql')
  assert.ok(block, `"${heading}" has no SQL`)
  return block.text.replaceAll('palisade_owner', 'docs_owner').replaceAll('database palisade ', 'database docs ')
}

describe('a PostgreSQL of the operator’s', { skip: await postgresSkipReason() }, () => {
  for (const { heading, appLogin } of [
    { heading: 'Database', appLogin: undefined },
    { heading: 'Roles of the database', appLogin: 'palisade_app:choose%20another' },
  ])
    test(`"${heading}": with what its SQL makes the server starts, and starts again`, async () => {
      const postgres = await startPostgres()
      const family = await createProcessFamily('operations')
      try {
        await runSql(postgres, 'superuser', sqlOf(heading))
        const palisade = await startPalisade({
          family,
          env: {
            PALISADE_DATABASE_URL: loginUrl(postgres, 'docs_owner:choose%20one'),
            ...(appLogin ? { PALISADE_DATABASE_APP_URL: loginUrl(postgres, appLogin) } : {}),
          },
        })
        await stopped(palisade.daemon)
        await palisade.restart()
        assert.equal((await palisade.api.call('GET', '/readyz')).status, 200)
        await palisade.stop()
      } finally {
        await family.stop()
        await postgres.stop()
      }
    })

  test('"Restore": its SQL makes every token void and ends every session, and nobody is locked out', async () => {
    const postgres = await startPostgres()
    const family = await createProcessFamily('operations')
    try {
      const palisade = await startPalisade({ family, env: { PALISADE_DATABASE_URL: postgres.ownerUrl } })
      await palisade.system.must('GET', '/v1/tenants')
      const acme = await createTenant(palisade, 'acme')
      const { config, browser, tokens } = await signInByCode(palisade, { email: acme.adminEmail })
      await stopped(palisade.daemon)
      await runSql(postgres, 'owner', sqlOf('Restore'))
      await palisade.restart()
      await assert.rejects(refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
      await browser.close()
      assert.equal((await palisade.system.call('GET', '/v1/tenants')).status, 401)
      const { email, password } = palisade.administrator
      await palisade.api.must('POST', '/v1/auth/syslogin', { body: { username: email, password } })
      await palisade.stop()
    } finally {
      await family.stop()
      await postgres.stop()
    }
  })
})

test('"Backup": a copy of the data folder of a stopped server is a server', async () => {
  const family = await createProcessFamily('operations')
  try {
    const palisade = await startPalisade({ family })
    await stopped(palisade.daemon)
    const copy = join(family.folder, 'copy')
    const command = blocksOf(sectionOf(page, 'Backup'))[0]?.text ?? ''
    assert.match(command, /^cp -a data \S+$/)
    await promisify(execFile)('cp', ['-a', palisade.dataFolder, copy])
    // Signs the administrator in with the password that the copied database knows; what the start is told is ignored.
    const restored = await startPalisade({ family, name: 'restored', env: { PALISADE_DATA_DIR: copy } })
    await restored.system.must('GET', '/v1/tenants')
    assert.equal(restored.caPem, palisade.caPem)
    await restored.stop()
  } finally {
    await family.stop()
  }
})

async function stopped(daemon: { kill(signal: 'SIGTERM'): void; ended(): string | undefined }): Promise<void> {
  daemon.kill('SIGTERM')
  const how = await until('the server to stop', () => daemon.ended())
  assert.match(how, /exit code 0$/)
}

/** The page's statements, one by one: `create database` takes no company. */
async function runSql(postgres: Postgres, as: 'superuser' | 'owner', sql: string): Promise<void> {
  const connectionString = (as === 'owner' ? postgres.socketUrl : postgres.superuserUrl).replace(
    /[?&]ssl\w+=[^&]*/g,
    '',
  )
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    for (const statement of sql.split(';')) if (statement.trim() !== '') await client.query(statement)
  } finally {
    await client.end()
  }
}

function loginUrl({ port, caFile }: Postgres, login: string): string {
  return `postgres://${login}@127.0.0.1:${port}/docs?sslmode=verify-full&sslrootcert=${caFile}`
}
