import assert from 'node:assert/strict'
import { createPrivateKey, webcrypto } from 'node:crypto'
import { test } from 'node:test'
import { inspectCertificate } from './index.ts'
import { keyAlgorithm, signingAlgorithm, x509 } from './x509.ts'

const day = 24 * 3_600_000
const now = new Date()
const p256 = { algorithm: keyAlgorithm, signing: signingAlgorithm }
const rsa = (modulusLength: number, hash = 'SHA-256') => {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash, modulusLength, publicExponent: new Uint8Array([1, 0, 1]) }
  return { algorithm, signing: algorithm }
}
const good = await pair()
const other = await pair()
const intermediate = await pair({ name: 'CN=Intermediate' })

const cases: { name: string; cert: string; key: string; problems: RegExp[] }[] = [
  { name: 'P-256', cert: good.cert, key: good.key, problems: [] },
  { name: 'RSA 2048', ...(await pair(rsa(2048))), problems: [] },
  { name: 'a chain', cert: good.cert + intermediate.cert, key: good.key, problems: [] },
  { name: 'SEC 1 key', cert: good.cert, key: sec1(good.key), problems: [] },
  { name: 'no usages at all', ...(await pair({ usages: [] })), problems: [] },
  { name: 'any usage', ...(await pair({ usages: ['2.5.29.37.0'] })), problems: [] },
  {
    name: 'empty files',
    cert: '',
    key: '',
    problems: [/holds no certificate; write it as PEM/, /holds no private key/],
  },
  {
    name: 'swapped files',
    cert: good.key,
    key: good.cert,
    problems: [/certificate file holds a private key; are the two files swapped/, /key file holds a certificate/],
  },
  { name: 'binary', cert: der(good.cert), key: good.key, problems: [/binary \(DER\); convert it with openssl/] },
  { name: 'damaged', cert: damaged(good.cert), key: good.key, problems: [/certificate 1 of the file is damaged/] },
  {
    name: 'damaged later',
    cert: good.cert + damaged(good.cert),
    key: good.key,
    problems: [/certificate 2 of the file is damaged/],
  },
  { name: 'damaged key', cert: good.cert, key: damaged(good.key), problems: [/the private key is damaged/] },
  { name: 'encrypted key', cert: good.cert, key: encrypted(good.key), problems: [/encrypted with a passphrase/] },
  { name: 'another key', cert: good.cert, key: other.key, problems: [/does not belong to the certificate/] },
  {
    name: 'wrong order',
    cert: intermediate.cert + good.cert,
    key: good.key,
    problems: [/belongs to certificate 2 of the file; put the server's certificate first/],
  },
  { name: 'expired', ...(await pair({ to: -day })), problems: [/^the certificate expired on \d{4}-.*; renew it/] },
  { name: 'not yet valid', ...(await pair({ from: day })), problems: [/^the certificate is valid only from \d{4}-/] },
  {
    name: 'expired intermediate',
    cert: good.cert + (await pair({ to: -day })).cert,
    key: good.key,
    problems: [/^certificate 2 of the file, an intermediate, expired/],
  },
  { name: 'RSA 1024', ...(await pair(rsa(1024))), problems: [/too small \(RSA with 1024 bits\)/] },
  {
    name: 'Ed25519',
    ...(await pair({ algorithm: { name: 'Ed25519' }, signing: { name: 'Ed25519' } })),
    problems: [/do not take a key of this kind \(ed25519\)/],
  },
  { name: 'SHA-1', ...(await pair(rsa(2048, 'SHA-1'))), problems: [/signed with .*sha1.*, which clients refuse/i] },
  { name: 'no host', ...(await pair({ hosts: [] })), problems: [/names no host in subjectAltName/] },
  {
    name: 'for clients only',
    ...(await pair({ usages: [x509.ExtendedKeyUsage.clientAuth] })),
    problems: [/not made for TLS servers/],
  },
  {
    name: 'several at once',
    cert: (await pair({ to: -day, hosts: [] })).cert,
    key: encrypted(good.key),
    problems: [/encrypted/, /expired/, /names no host/],
  },
]
for (const { name, cert, key, problems } of cases)
  test(`${problems.length === 0 ? 'good' : 'a problem'}: ${name}`, () => {
    const found = inspectCertificate(cert, key, now)
    assert.equal(found.length, problems.length, found.join('\n'))
    for (const [index, problem] of problems.entries()) assert.match(String(found[index]), problem)
  })

test('no problem quotes the key', () => {
  const secret = good.key.split('\n')[1] as string
  for (const cert of ['', other.cert, good.key])
    for (const problem of inspectCertificate(cert, good.key, now)) assert.ok(!problem.includes(secret.slice(0, 8)))
})

async function pair({
  algorithm = p256.algorithm as webcrypto.Algorithm,
  signing = p256.signing as webcrypto.Algorithm,
  name = 'CN=palisade.example.com',
  from = -2 * day,
  to = 30 * day,
  hosts = ['palisade.example.com'],
  usages = [x509.ExtendedKeyUsage.serverAuth] as string[],
} = {}): Promise<{ cert: string; key: string }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm: signing,
    name,
    notBefore: new Date(now.getTime() + from),
    notAfter: new Date(now.getTime() + to),
    extensions: [
      ...(hosts.length > 0
        ? [new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns' as const, value })))]
        : []),
      ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension(usages)] : []),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}

function sec1(key: string): string {
  return createPrivateKey(key).export({ format: 'pem', type: 'sec1' }).toString()
}

function encrypted(key: string): string {
  const options = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' } as const
  return createPrivateKey(key).export(options).toString()
}

/** As a file read as UTF-8 shows it. */
function der(cert: string): string {
  return Buffer.from(cert.replace(/-----.*-----|\s/g, ''), 'base64').toString('utf8')
}

/** Still base64, no longer the structure. */
function damaged(pem: string): string {
  const lines = pem.split('\n')
  return [lines[0], ...lines.slice(3)].join('\n')
}
