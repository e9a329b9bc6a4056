import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'

const mostCertificates = 10

/** A certificate with its intermediates, as it may be kept. */
export type CheckedCertificate = {
  readonly subject: string
  readonly expiresAt: Date
  /** SHA-256 of the certificate itself, in hexadecimal digits. */
  readonly fingerprint: string
  /** Whether a private key is this certificate's. */
  readonly isOf: (key: KeyObject) => boolean
}

/**
 * Looks at a certificate in PEM, its intermediates behind it: nothing else may stand there, a private key least of all.
 *
 * @param isCa whether it is said to be an authority's: then, and only then, it has to say so itself
 */
export function checkCertificate(pem: string, isCa: boolean): Result<CheckedCertificate, Refusal> {
  const refused = (problem: string) => err(refuse('invalid', `spec.certificate: ${problem}`))
  if (/PRIVATE KEY-----/.test(pem))
    return err(refuse('private_key_refused', 'spec.certificate: the key goes into spec.key'))
  const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g
  const blocks = pem.match(block) ?? []
  if (blocks.length === 0) return refused('is no certificate in PEM (-----BEGIN CERTIFICATE-----)')
  if (pem.replaceAll(block, '').trim() !== '') return refused('has something beside certificates')
  if (blocks.length > mostCertificates) return refused(`has more than ${mostCertificates} certificates`)
  const chain: X509Certificate[] = []
  for (const [index, one] of blocks.entries())
    try {
      chain.push(new X509Certificate(one))
    } catch {
      return refused(`certificate ${index + 1} is damaged`)
    }
  const [first] = chain
  if (!first) throw new Error('a match of certificates has one')
  if (isCa && !chain.every(({ ca }) => ca)) return refused('is not of an authority (basicConstraints CA), as isCA says')
  if (!isCa && first.ca) return refused('is of an authority, and isCA does not say so')
  return ok({
    subject: first.subject,
    expiresAt: first.validToDate,
    fingerprint: first.fingerprint256.replaceAll(':', '').toLowerCase(),
    isOf: (key) => first.checkPrivateKey(key),
  })
}

/** A private key in PEM that belongs to the certificate. The refusal shows nothing of it. */
export function checkKey(pem: string, certificate: CheckedCertificate): Result<undefined, Refusal> {
  const refused = (problem: string) => err(refuse('invalid', `spec.key: ${problem}`))
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(pem)) return refused('is encrypted with a passphrase')
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    return refused('is no private key in PEM')
  }
  return certificate.isOf(key) ? ok(undefined) : refused('does not belong to the certificate')
}
