import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, type SecureContextOptions, type TLSSocket } from 'node:tls'
import type { Clock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import {
  type Ca,
  type ComponentName,
  componentOf,
  createCa,
  createPki,
  expectComponent,
  type LeafNames,
  type Pki,
  present,
} from './index.ts'
import { generateKeys, keyAlgorithm, signingAlgorithm, x509 } from './x509.ts'

const hour = 3_600_000
const local: LeafNames = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] }
const ca = await createCa({ now: new Date(), randomBytes })

type TestClock = Clock & { wall: number }
function testClock(wall = Date.now()): TestClock {
  const clock = { wall, now: () => clock.wall, monotonicMs: () => performance.now() }
  return clock
}

function pkiOf(authority: Ca, clock: Clock = testClock(), leafLifetimeHours = 24): Promise<Pki> {
  return createPki({ ca: authority, clock, leafLifetimeHours, logger: createLogger('silent', () => {}) })
}

test('the CA signs leaves only, for TLS only, and no two have one name or serial', async () => {
  const certificate = new X509Certificate(ca.certificatePem)
  assert.ok(certificate.ca && certificate.verify(certificate.publicKey))
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  const years = (certificate.validToDate.getTime() - Date.now()) / (365.25 * 24 * hour)
  assert.ok(years > 9.9 && years < 10.1, `${years}`)
  const other = new X509Certificate((await createCa({ now: new Date(), randomBytes })).certificatePem)
  assert.notEqual(certificate.subject, other.subject)
  assert.notEqual(certificate.serialNumber, other.serialNumber)
})

test('a leaf names its component and where it listens, for a day, and chains to the CA', async () => {
  const clock = testClock(Date.UTC(2030, 0, 1, 12, 0, 0, 700))
  const authority = await createCa({ now: new Date(clock.wall), randomBytes })
  const { certPem, notBefore, notAfter } = await (await pkiOf(authority, clock)).leaf('gateway', local)
  const leaf = new X509Certificate(certPem)
  const issuer = new X509Certificate(authority.certificatePem)
  assert.ok(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey))
  assert.equal(leaf.ca, false)
  assert.equal(
    leaf.subjectAltName,
    'URI:spiffe://palisade/gateway, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  assert.deepEqual([leaf.validFromDate, leaf.validToDate], [notBefore, notAfter])
  assert.equal(notBefore.toISOString(), '2030-01-01T11:55:00.000Z')
  assert.equal(notAfter.toISOString(), '2030-01-02T12:00:00.000Z')
  assert.match(leaf.serialNumber, /^[4-7][0-9A-F]{31}$/)
})

test('a leaf never outlives its CA, and there is none before or after it', async () => {
  const made = Date.UTC(2030, 0, 1)
  const clock = testClock(made)
  const authority = await createCa({ now: new Date(made), randomBytes })
  const pki = await pkiOf(authority, clock)
  const end = Date.UTC(2040, 0, 1)
  clock.wall = end - hour
  assert.equal((await pki.leaf('gateway', local)).notAfter.getTime(), end)
  clock.wall = end
  await assert.rejects(pki.leaf('gateway', local), /the internal CA expired on 2040-01-01T00:00:00.000Z/)
  clock.wall = made - 24 * hour
  await assert.rejects(
    pki.leaf('gateway', local),
    /valid from 2029-12-31T23:55:00.000Z; set this machine's clock right/,
  )
})

test('a certificate and a key that are not one CA are refused', async () => {
  const other = await createCa({ now: new Date(), randomBytes })
  await assert.rejects(pkiOf({ ...ca, privateKeyPkcs8: other.privateKeyPkcs8 }), /the internal CA is damaged/)
  const leaf = await (await pkiOf(ca)).leaf('gateway', local)
  const key = Buffer.from(leaf.keyPem.replace(/-----.*-----/g, ''), 'base64')
  await assert.rejects(pkiOf({ certificatePem: leaf.certPem, privateKeyPkcs8: key }), /the internal CA is damaged/)
})

for (const names of [
  { ...local, dnsNames: ['local host'] },
  { ...local, dnsNames: ['a,DNS:b'] },
  { ...local, dnsNames: ['10.0.0.1'] },
  { ...local, dnsNames: [''] },
  { ...local, ipAddresses: ['localhost'] },
])
  test(`a wrong name is refused: ${JSON.stringify(names)}`, async () => {
    await assert.rejects((await pkiOf(ca)).leaf('gateway', names), /not (a DNS name|an IP address): /)
  })

test('two components speak mutual TLS; each sees who the other is', async (t) => {
  const pki = await pkiOf(ca)
  const server = await listen(t, await pki.serverTls('identity', local))
  const answer = await call(server, { ...(await client(pki, 'gateway')), expect: 'identity' })
  assert.equal(answer, 'hello gateway')
})

test('a component that is another than expected is refused, by either side', async (t) => {
  const pki = await pkiOf(ca)
  const server = await listen(t, await pki.serverTls('identity', local))
  await assert.rejects(
    call(server, { ...(await client(pki, 'gateway')), expect: 'ledger' }),
    /the peer's certificate is not that of spiffe:\/\/palisade\/ledger/,
  )
  assert.equal(await call(server, { ...(await client(pki, 'bus')), expect: 'identity' }), 'hello bus')
})

const strangers = [
  { name: 'nobody', make: async () => ({ ca: ca.certificatePem }) },
  {
    name: "another CA's gateway",
    make: async () => ({
      ...(await client(await pkiOf(await createCa({ now: new Date(), randomBytes })), 'gateway')),
      ca: ca.certificatePem,
    }),
  },
  { name: 'an expired gateway', make: async () => client(await pkiOf(ca, testClock(), -0.001), 'gateway') },
  {
    name: 'a gateway signed by a leaf',
    make: async () => {
      const { certPem, keyPem } = await (await pkiOf(ca)).leaf('hub', local)
      const forged = await forge(certPem, keyPem)
      return { ca: ca.certificatePem, cert: `${forged.certPem}${certPem}`, key: forged.keyPem }
    },
  },
]
for (const { name, make } of strangers)
  test(`mutual TLS refuses ${name}`, async (t) => {
    const server = await listen(t, await (await pkiOf(ca)).serverTls('identity', local))
    // In TLS 1.3 the client learns of it at its first read, as an alert or a reset.
    await assert.rejects(call(server, { ...(await make()), expect: 'identity' }), /alert|ECONNRESET|socket hang up/)
  })

test('a server with an expired leaf, or below an expired CA, is refused', async (t) => {
  const expiredLeaf = await listen(t, await (await pkiOf(ca, testClock(), -0.001)).serverTls('identity', local))
  const past = testClock(Date.now() - 20 * 365 * 24 * hour)
  const oldCa = await createCa({ now: new Date(past.wall), randomBytes })
  const expiredCa = await listen(t, await (await pkiOf(oldCa, past)).serverTls('identity', local))
  const identity = await client(await pkiOf(ca), 'gateway')
  await assert.rejects(call(expiredLeaf, { ...identity, expect: 'identity' }), { code: 'CERT_HAS_EXPIRED' })
  await assert.rejects(call(expiredCa, { ...identity, ca: oldCa.certificatePem, expect: 'identity' }), {
    code: 'CERT_HAS_EXPIRED',
  })
})

test('a leaf is renewed after two thirds of its life: new connections get it, open ones go on, mTLS stays', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  // Half a day and more ago, so that both leaves are valid for the handshakes, which go by the real clock.
  const clock = testClock(Date.now() - 17 * hour)
  const authority = await createCa({ now: new Date(clock.wall), randomBytes })
  const pki = await pkiOf(authority, clock, 24)
  const tls = await pki.serverTls('identity', local)
  const server = await listen(t, tls)
  const identity = { ...(await client(pki, 'gateway')), ca: authority.certificatePem }
  const kept = await open(server, identity)
  const before = serialOf(kept)

  const look = () => t.mock.timers.tick(60_000)
  clock.wall += 15.9 * hour
  look()
  // Had it been due, the renewal would finish before another leaf that is asked for later.
  await pki.leaf('bus', local)
  assert.equal(serialOf(await open(server, identity)), before)

  clock.wall += 0.2 * hour
  const renewed = nextRenewal(tls)
  look()
  await renewed
  const after = serialOf(await open(server, identity))
  assert.notEqual(after, before)
  assert.equal(tls.notAfter.getTime(), Math.floor((clock.wall + 24 * hour) / 1_000) * 1_000)
  kept.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [answer] = await once(kept, 'data')
  assert.match(String(answer), /hello gateway/)
  await assert.rejects(call(server, { ca: identity.ca, expect: 'identity' }), /alert|ECONNRESET|socket hang up/)

  // A laptop that slept: one look, one renewal, however late.
  clock.wall += 400 * hour
  const afterSleep = nextRenewal(tls)
  look()
  await afterSleep
  const awake = tls.notAfter
  // A clock set back to before the leaf begins.
  clock.wall -= 300 * hour
  const afterJump = nextRenewal(tls)
  look()
  await afterJump
  assert.ok(tls.notAfter < awake)
})

test('a renewal that fails keeps the old leaf and is tried again; after stop there is none', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const clock = testClock()
  const log: string[] = []
  const failed = Promise.withResolvers<void>()
  const logger = createLogger('error', (line) => {
    log.push(line)
    failed.resolve()
  })
  const pki = await createPki({ ca, clock, logger })
  const tls = await pki.serverTls('identity', local)
  const before = tls.secureContextOptions
  const start = clock.wall
  clock.wall += 20 * 365 * 24 * hour
  t.mock.timers.tick(60_000)
  await failed.promise
  assert.match(String(log), /"message":"the internal CA expired.*certificate not renewed; that is tried again/)
  assert.deepEqual(tls.secureContextOptions, before)

  clock.wall = start + 17 * hour
  const renewed = nextRenewal(tls)
  t.mock.timers.tick(60_000)
  await renewed
  const after = tls.secureContextOptions
  assert.notDeepEqual(after, before)

  tls.stop()
  clock.wall += 100 * hour
  t.mock.timers.tick(600_000)
  await pki.leaf('bus', local)
  assert.deepEqual(tls.secureContextOptions, after)
})

test('who a peer is comes from its one URI; without a certificate it is nobody', async () => {
  const { certPem } = await (await pkiOf(ca)).leaf('tunnels', { dnsNames: ['gateway'], ipAddresses: [] })
  assert.equal(componentOf({ raw: new X509Certificate(certPem).raw }), 'tunnels')
  assert.equal(componentOf({ raw: new X509Certificate(ca.certificatePem).raw }), undefined)
  // What getPeerCertificate gives where there is none.
  assert.equal(componentOf({}), undefined)
})

type Tls = Awaited<ReturnType<Pki['serverTls']>>

/** A server that asks for a client certificate of the internal CA and greets whom it names. */
async function listen(t: TestContext, tls: Tls): Promise<number> {
  const server = createServer(
    { ...tls.secureContextOptions, requestCert: true, rejectUnauthorized: true },
    (request, response) => response.end(`hello ${componentOf((request.socket as TLSSocket).getPeerCertificate())}`),
  )
  const unsubscribe = present(server, tls, {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    unsubscribe()
    tls.stop()
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function client(pki: Pki, component: ComponentName): Promise<SecureContextOptions> {
  const { certPem, keyPem } = await pki.leaf(component, { dnsNames: [], ipAddresses: [] })
  return { ca: ca.certificatePem, cert: certPem, key: keyPem }
}

function call(port: number, { expect, ...options }: SecureContextOptions & { expect: ComponentName }): Promise<string> {
  return new Promise((resolve, reject) => {
    get(
      { ...options, host: '127.0.0.1', port, agent: false, checkServerIdentity: expectComponent(expect) },
      (response) => {
        let body = ''
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => resolve(body)).on('error', reject)
      },
    ).on('error', reject)
  })
}

async function open(port: number, options: SecureContextOptions): Promise<TLSSocket> {
  const socket = connect({ ...options, host: '127.0.0.1', port, checkServerIdentity: expectComponent('identity') })
  await once(socket, 'secureConnect')
  return socket
}

function serialOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().serialNumber
}

function nextRenewal(tls: Tls): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = tls.onRenew(() => {
      unsubscribe()
      resolve()
    })
  })
}

/** A gateway's certificate that a mere leaf has signed. */
async function forge(issuerPem: string, issuerKeyPem: string) {
  const pkcs8 = (pem: string) => createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8(issuerKeyPem), keyAlgorithm, false, ['sign']),
    signingAlgorithm,
    publicKey: keys.publicKey,
    subject: 'CN=gateway',
    issuer: new x509.X509Certificate(issuerPem).subjectName,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://palisade/gateway' }])],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    certPem: `${certificate.toString('pem')}\n`,
    keyPem: createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}
