import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { createCa, createPki, ownCertificate, present, type ServerTls } from './index.ts'

const home = await mkdtemp(join(tmpdir(), 'palisade-own-certificate-'))
after(() => rm(home, { recursive: true, force: true }))

const quiet = createLogger('silent', () => {})
const ca = await createCa({ now: new Date(), randomBytes })
/** A new certificate, as the operator's own CA would give it. */
async function issue(lifetimeHours = 24 * 90) {
  const pki = await createPki({ ca, clock: systemClock, logger: quiet, leafLifetimeHours: lifetimeHours })
  return pki.leaf('gateway', { dnsNames: ['localhost'], ipAddresses: [] })
}
type Issued = Awaited<ReturnType<typeof issue>>

test('a pair that is replaced by rename is presented to new connections', async (t) => {
  const { certFile, keyFile, first } = await files('rename')
  const { tls } = await own(t, certFile, keyFile)
  const port = await listen(t, tls)
  assert.equal(await presented(port), serial(first))
  const second = await issue()
  const renewed = nextRenewal(tls)
  await replace(certFile, second.certPem)
  await replace(keyFile, second.keyPem)
  await renewed
  assert.equal(await presented(port), serial(second))
  assert.deepEqual(tls.notAfter, second.notAfter)
})

test('a pair that is written in place is taken once both halves fit, and the half way is not told as an error', async (t) => {
  const { certFile, keyFile } = await files('in-place')
  const { tls, log } = await own(t, certFile, keyFile)
  const second = await issue()
  const renewed = nextRenewal(tls)
  await writeFile(certFile, second.certPem)
  await writeFile(keyFile, second.keyPem)
  await renewed
  assert.equal(tls.secureContextOptions.cert, second.certPem)
  assert.deepEqual(
    log.filter((line) => line.includes('"error"')),
    [],
  )
})

test('a link that is swapped, as Kubernetes does with a mounted Secret, is followed', async (t) => {
  const mount = join(home, 'secret')
  await mkdir(mount)
  const version = async (name: string, issued: Issued) => {
    await mkdir(join(mount, name))
    await writeFile(join(mount, name, 'tls.crt'), issued.certPem)
    await writeFile(join(mount, name, 'tls.key'), issued.keyPem)
    await symlink(name, join(mount, '..data_tmp'))
    await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  }
  await version('..2026_01_01', await issue())
  for (const file of ['tls.crt', 'tls.key']) await symlink(`..data/${file}`, join(mount, file))
  const { tls } = await own(t, join(mount, 'tls.crt'), join(mount, 'tls.key'))
  const second = await issue()
  const renewed = nextRenewal(tls)
  await version('..2026_02_01', second)
  await rm(join(mount, '..2026_01_01'), { recursive: true })
  await renewed
  assert.equal(tls.secureContextOptions.cert, second.certPem)
})

test('what no watch sees is found by looking', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const elsewhere = await files('elsewhere')
  const folder = join(home, 'links')
  await mkdir(folder)
  await symlink(elsewhere.certFile, join(folder, 'tls.crt'))
  await symlink(elsewhere.keyFile, join(folder, 'tls.key'))
  // No watch would be acted on before the test ends.
  const { tls } = await own(t, join(folder, 'tls.crt'), join(folder, 'tls.key'), { settleMs: 600_000 })
  const second = await issue()
  await writeFile(elsewhere.certFile, second.certPem)
  await writeFile(elsewhere.keyFile, second.keyPem)
  const renewed = nextRenewal(tls)
  t.mock.timers.tick(30_000)
  await renewed
  assert.equal(tls.secureContextOptions.cert, second.certPem)
})

const badPairs = [
  { name: 'another key', change: async (_: string, keyFile: string) => replace(keyFile, (await issue()).keyPem) },
  { name: 'no certificate', change: (certFile: string) => replace(certFile, 'not a certificate') },
  { name: 'missing', change: (certFile: string) => unlink(certFile) },
]
for (const { name, change } of badPairs)
  test(`a new pair that is no good (${name}) is told once, the old one stays, and a good one is taken later`, async (t) => {
    const { certFile, keyFile, first } = await files(`bad ${name}`)
    const { tls, log, nextError } = await own(t, certFile, keyFile)
    const told = nextError()
    await change(certFile, keyFile)
    assert.match(await told, /the new certificate is no good; the old one stays/)
    assert.equal(tls.secureContextOptions.cert, first.certPem)
    const second = await issue()
    const renewed = nextRenewal(tls)
    await replace(keyFile, second.keyPem)
    await replace(certFile, second.certPem)
    await renewed
    assert.equal(tls.secureContextOptions.key, second.keyPem)
    assert.equal(log.filter((line) => line.includes('no good')).length, 1)
  })

test('at the start every problem is told, and nothing watches', async () => {
  const { certFile, keyFile } = await files('refused')
  await writeFile(certFile, (await issue(-1)).certPem)
  const refused = await ownCertificate({ certFile, keyFile, clock: systemClock, logger: quiet })
  assert.ok(!refused.ok)
  assert.equal(refused.error.problems.length, 2)
  assert.match(refused.error.problems.join('\n'), /expired on .*\n.*does not belong to the certificate/)
  const missing = join(home, 'nowhere', 'tls.crt')
  const unreadable = await ownCertificate({ certFile: missing, keyFile, clock: systemClock, logger: quiet })
  assert.deepEqual(unreadable, {
    ok: false,
    error: { problems: [`the certificate cannot be read: ${missing} (ENOENT)`] },
  })
})

test('an end that is near is told every day, and the end itself', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { certFile, keyFile } = await files('ends', 24 * 3 - 1)
  let wall = Date.now()
  const { log } = await own(t, certFile, keyFile, { clock: { now: () => wall, monotonicMs: () => 0 } })
  const told = () => log.splice(0).map((line) => /"daysLeft":\d+|has expired/.exec(line)?.[0])
  assert.deepEqual(told(), ['"daysLeft":2'])
  t.mock.timers.tick(60_000)
  assert.deepEqual(told(), [])
  wall += 24 * 3_600_000
  t.mock.timers.tick(60_000)
  assert.deepEqual(told(), ['"daysLeft":1'])
  wall += 72 * 3_600_000
  t.mock.timers.tick(60_000)
  assert.deepEqual(told(), ['has expired'])
})

async function files(name: string, lifetimeHours?: number) {
  const folder = join(home, name)
  await mkdir(folder)
  const first = await issue(lifetimeHours)
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  await writeFile(certFile, first.certPem)
  await writeFile(keyFile, first.keyPem)
  return { certFile, keyFile, first }
}

async function own(t: TestContext, certFile: string, keyFile: string, { clock = systemClock, settleMs = 30 } = {}) {
  const log: string[] = []
  let tellError: (line: string) => void = () => {}
  const logger = createLogger('info', (line) => {
    log.push(line)
    if (line.includes('"error"')) tellError(line)
  })
  const certificate = await ownCertificate({ certFile, keyFile, clock, logger, settleMs })
  assert.ok(certificate.ok, certificate.ok ? '' : certificate.error.problems.join('\n'))
  const tls = certificate.value
  t.after(() => tls.stop())
  const nextError = () =>
    new Promise<string>((resolve) => {
      tellError = resolve
    })
  return { tls, log, nextError }
}

async function listen(t: TestContext, tls: ServerTls): Promise<number> {
  const server = createServer({ ...tls.secureContextOptions }, (socket) => socket.end())
  t.after(present(server, tls, { minVersion: 'TLSv1.3' }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function presented(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.certificatePem })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

function serial({ certPem }: Issued): string {
  return new X509Certificate(certPem).serialNumber
}

async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content)
  await rename(`${file}.new`, file)
}

function nextRenewal(tls: ServerTls): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = tls.onRenew(() => {
      unsubscribe()
      resolve()
    })
  })
}
