import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'

const serverAuth = '1.3.6.1.5.5.7.3.1'
const anyPurpose = '2.5.29.37.0'

/**
 * What is wrong with a certificate and key that a listener shall present, all of it, each in one clause for a person;
 * empty when they are good.
 *
 * @param certPem the server's certificate first, then its intermediates
 * @param keyPem its private key, not encrypted
 */
export function inspectCertificate(certPem: string, keyPem: string, now: Date): string[] {
  const chain = readChain(certPem)
  const key = readKey(keyPem)
  const problems = [chain, key].flatMap((one) => (typeof one === 'string' ? [one] : []))
  if (typeof chain !== 'string') {
    for (const [index, certificate] of chain.entries()) problems.push(...timeProblems(certificate, index, now))
    const [leaf] = chain
    if (leaf !== undefined) problems.push(...purposeProblems(leaf))
  }
  if (typeof key !== 'string') {
    const weak = keyProblem(key)
    if (weak !== undefined) problems.push(weak)
    const other = typeof chain === 'string' ? undefined : pairProblem(chain, key)
    if (other !== undefined) problems.push(other)
  }
  if (problems.length > 0) return problems
  try {
    createSecureContext({ cert: certPem, key: keyPem })
    return []
  } catch (cause) {
    return [`the TLS library does not take the certificate (${(cause as Error).message})`]
  }
}

function readChain(certPem: string): X509Certificate[] | string {
  const blocks = certPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (blocks === null) {
    if (/PRIVATE KEY-----/.test(certPem)) return 'the certificate file holds a private key; are the two files swapped?'
    if (/^0[\x80-\x84\ufffd]/.test(certPem))
      return 'the certificate file is binary (DER); convert it with openssl x509 -inform der'
    return 'the certificate file holds no certificate; write it as PEM (-----BEGIN CERTIFICATE-----)'
  }
  const chain: X509Certificate[] = []
  for (const [index, block] of blocks.entries())
    try {
      chain.push(new X509Certificate(block))
    } catch {
      return `certificate ${index + 1} of the file is damaged`
    }
  return chain
}

function readKey(keyPem: string): KeyObject | string {
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(keyPem))
    return 'the key is encrypted with a passphrase; write it without one (openssl pkey), readable by this server alone'
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(keyPem))
    return /BEGIN CERTIFICATE/.test(keyPem)
      ? 'the key file holds a certificate but no private key; are the two files swapped?'
      : 'the key file holds no private key; write it as PEM (-----BEGIN PRIVATE KEY-----)'
  try {
    return createPrivateKey(keyPem)
  } catch {
    return 'the private key is damaged'
  }
}

function timeProblems(certificate: X509Certificate, index: number, now: Date): string[] {
  const which = index === 0 ? 'the certificate' : `certificate ${index + 1} of the file, an intermediate,`
  if (now >= certificate.validToDate)
    return [
      `${which} expired on ${certificate.validToDate.toISOString()}; renew it (or set this machine's clock right)`,
    ]
  if (now < certificate.validFromDate)
    return [`${which} is valid only from ${certificate.validFromDate.toISOString()}; is this machine's clock right?`]
  return []
}

function purposeProblems(leaf: X509Certificate): string[] {
  const problems: string[] = []
  if (leaf.subjectAltName === undefined)
    problems.push('the certificate names no host in subjectAltName, and clients look nowhere else')
  // Node calls the extended key usages so; without any the certificate is good for everything.
  const purposes: readonly string[] | undefined = leaf.keyUsage
  if (purposes !== undefined && !purposes.includes(serverAuth) && !purposes.includes(anyPurpose))
    problems.push('the certificate is not made for TLS servers (extended key usage serverAuth)')
  if (/sha1|md5/i.test(leaf.signatureAlgorithm ?? ''))
    problems.push(`the certificate is signed with ${leaf.signatureAlgorithm}, which clients refuse`)
  return problems
}

function keyProblem(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa')
    return modulusLength < 2048 ? `the key is too small (RSA with ${modulusLength} bits); use 2048 or more` : undefined
  if (key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? ''))
    return undefined
  const kind = [key.asymmetricKeyType, namedCurve].filter((part) => part !== undefined).join(' ')
  return `browsers do not take a key of this kind (${kind}); use RSA with 2048 bits or more, or ECDSA on P-256 or P-384`
}

function pairProblem(chain: readonly X509Certificate[], key: KeyObject): string | undefined {
  const index = chain.findIndex((certificate) => certificate.checkPrivateKey(key))
  if (index === 0) return undefined
  return index > 0
    ? `the key belongs to certificate ${index + 1} of the file; put the server's certificate first`
    : 'the key does not belong to the certificate'
}
