import { webcrypto } from 'node:crypto'
import {
  clockSkewMs,
  generateKeys,
  type RandomBytes,
  serialNumber,
  signingAlgorithm,
  wholeSeconds,
  x509,
} from './x509.ts'

/** The internal CA. The key is the caller's to seal and keep: whoever has it is every component at once. */
export type Ca = {
  readonly certificatePem: string
  /** DER, PKCS #8. */
  readonly privateKeyPkcs8: Uint8Array
}

const lifetimeYears = 10

/**
 * Makes the CA of an installation, once.
 *
 * It signs leaves only (path length 0), and leaves only for TLS: somebody who adds it to a trust store trusts it with no
 * code and no mail. It carries no name constraints, although they would narrow what a stolen key is worth: the names that
 * it must sign follow the public URL, and agents pin this certificate for years, so that a changed URL would mean a new
 * CA on every machine.
 *
 * @see RFC 5280, 4.2.1.9 and 4.2.1.12
 */
export async function createCa({ now, randomBytes }: { now: Date; randomBytes: RandomBytes }): Promise<Ca> {
  const keys = await generateKeys()
  const notAfter = wholeSeconds(now.getTime())
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + lifetimeYears)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm,
    serialNumber: serialNumber(randomBytes),
    // A name of its own: clients that trust two installations look the issuer up by name.
    name: `CN=Palisade CA ${Buffer.from(randomBytes(4)).toString('hex')}, O=Palisade`,
    notBefore: wholeSeconds(now.getTime() - clockSkewMs),
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    privateKeyPkcs8: Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
  }
}
