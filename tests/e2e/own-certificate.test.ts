import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { type Authority, type Certificate, createAuthority } from '../support/certificates.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { environment, type Run, readiness, runToEnd, startRun } from './program.ts'

// PALISADE_TLS_CERT and PALISADE_TLS_KEY: presented, renewed while the server runs, and refused when they are no good.

const host = 'palisade.test'

let family: ProcessFamily
let authority: Authority
let env: Record<string, string>
let run: Run

const issue = (lifeMs = 3_600_000): Promise<Certificate> =>
  authority.issue({ commonName: host, dnsNames: [host], notAfter: new Date(Date.now() + lifeMs) })

/** As a renewal does it: each file is replaced in one step. */
async function write({ certPem, keyPem }: Certificate): Promise<void> {
  for (const [path = '', text] of [
    [env.PALISADE_TLS_KEY, keyPem],
    [env.PALISADE_TLS_CERT, certPem],
  ] as const) {
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
}

/** A new connection, as a client that trusts the authority alone. */
async function open(): Promise<TLSSocket> {
  const port = Number(env.PALISADE_PORT)
  const socket = connect({ host: '127.0.0.1', port, servername: host, ca: authority.certPem })
  await once(socket, 'secureConnect')
  return socket
}

async function presented(): Promise<string> {
  const socket = await open()
  const pem = socket.getPeerX509Certificate()?.toString() ?? ''
  socket.destroy()
  return pem.trim()
}

async function answers(socket: TLSSocket): Promise<string> {
  socket.write(`GET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  return String(answer).split('\r\n', 1)[0] ?? ''
}

before(async () => {
  family = await createProcessFamily('certificate')
  authority = await createAuthority('An operator’s own CA')
  const ports = await environment(join(family.folder, 'data'))
  env = {
    ...ports,
    PALISADE_PUBLIC_URL: `https://${host}:${ports.PALISADE_PORT}`,
    PALISADE_TLS_CERT: join(family.folder, 'tls.crt'),
    PALISADE_TLS_KEY: join(family.folder, 'tls.key'),
  }
})
after(() => family?.stop())

test('one that has expired is refused at the start, and nothing is made', async () => {
  await write(await issue(-1_000))
  const { how, output } = await runToEnd(family, env)
  assert.equal(how, 'exit code 1')
  assert.match(
    output,
    /^palisade: PALISADE_TLS_CERT and PALISADE_TLS_KEY: the certificate expired on \S+; renew it .*\n$/,
  )
  assert.ok(!existsSync(env.PALISADE_DATA_DIR ?? ''))
})

test('the operator’s own is presented, and nobody is told to trust another CA', async () => {
  const first = await issue()
  await write(first)
  run = await startRun(family, env)
  const [, url] = await run.says(readiness)
  await run.says(/Ctrl-C stops the server/)
  assert.equal(url, env.PALISADE_PUBLIC_URL)
  assert.doesNotMatch(await run.output(), /CA to trust|cacert/)
  assert.equal(await presented(), first.certPem.trim())
})

test('a renewed one is taken while the server runs, and open connections go on', async () => {
  const old = await open()
  assert.equal(await answers(old), 'HTTP/1.1 200 OK')
  const next = await issue()
  await write(next)
  await until('the new certificate', async () => (await presented()) === next.certPem.trim() || undefined)
  assert.equal(await answers(old), 'HTTP/1.1 200 OK')
  old.destroy()
})

test('one that is no good is told in the log, and the old one stays', async () => {
  const good = await presented()
  await write({ ...(await issue()), keyPem: (await issue()).keyPem })
  await run.says(/"the key does not belong to the certificate".*the new certificate is no good; the old one stays/)
  assert.equal(await presented(), good)
  run.daemon.kill('SIGTERM')
  assert.equal(await run.ended(), 'exit code 0')
})
