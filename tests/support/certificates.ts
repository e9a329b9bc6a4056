// @peculiar/x509 needs the metadata API in place before it is loaded.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** A certificate and its private key (PKCS #8), both PEM. */
export interface Certificate {
  readonly certPem: string
  readonly keyPem: string
}

export interface CertificateRequest {
  readonly commonName: string
  /** `O` of the subject: Kubernetes reads these as groups. */
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
  /** Default one day: long enough for any test, too short to be of use to anybody else. */
  readonly notAfter?: Date
}

/** A throw-away certificate authority; its key never leaves this process. */
export interface Authority {
  readonly certPem: string
  /** A leaf for TLS servers and clients alike (ECDSA P-256). */
  issue(request: CertificateRequest): Promise<Certificate>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 60 * 60 * 1000

export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await newKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      keys,
      ...validity(),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  )

  return {
    certPem: root.toString('pem'),
    async issue({ commonName, organizations = [], dnsNames = [], addresses = [], notAfter }) {
      const leafKeys = await newKeys()
      const names = [
        ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]
      const leaf = await x509.X509CertificateGenerator.create(
        {
          subject: [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }],
          issuer: root.subject,
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          ...validity(notAfter),
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
            ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
            await x509.AuthorityKeyIdentifierExtension.create(root),
          ],
        },
        webcrypto,
      )
      return { certPem: leaf.toString('pem'), keyPem: await privatePem(leafKeys) }
    },
  }
}

/** A bare ECDSA P-256 key pair in PEM (PKCS #8 and SPKI), for programs that sign tokens. */
export async function createKeyPair(): Promise<{ readonly keyPem: string; readonly publicPem: string }> {
  const keys = await newKeys()
  const spki = await webcrypto.subtle.exportKey('spki', keys.publicKey)
  return { keyPem: await privatePem(keys), publicPem: x509.PemConverter.encode(spki, 'PUBLIC KEY') }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
}

function validity(notAfter = new Date(Date.now() + dayMs)): { notBefore: Date; notAfter: Date } {
  // A minute back: the other program may read a clock that is a little behind.
  return { notBefore: new Date(Date.now() - 60_000), notAfter }
}
