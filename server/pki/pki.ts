import { createPrivateKey, randomBytes as systemRandom, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { Ca } from './ca.ts'
import { type ComponentName, spiffeId } from './components.ts'
import { createListeners, type ServerTls } from './server-tls.ts'
import {
  clockSkewMs,
  generateKeys,
  keyAlgorithm,
  type RandomBytes,
  serialNumber,
  signingAlgorithm,
  wholeSeconds,
  x509,
} from './x509.ts'

/** Where a component listens, beside who it is. */
export type LeafNames = { readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] }

export type Leaf = {
  /** The chain without its root, which the peer has: the leaf alone. */
  readonly certPem: string
  /** PKCS #8; lives in memory only. */
  readonly keyPem: string
  readonly notBefore: Date
  readonly notAfter: Date
}

export type Pki = {
  /** What clients trust. */
  readonly caCertificatePem: string
  /** Makes a key and signs its certificate. Throws when the CA is not valid now. */
  leaf(component: ComponentName, names: LeafNames): Promise<Leaf>
  /**
   * A leaf for a listener, or for the client's side of mutual TLS, renewed after two thirds of its life. Its options
   * hold the CA too: a listener that asks for client certificates accepts those of this CA alone.
   */
  serverTls(component: ComponentName, names: LeafNames): Promise<ServerTls>
}

export type PkiOptions = {
  readonly ca: Ca
  readonly clock: Clock
  readonly logger: Logger
  readonly leafLifetimeHours?: number
  readonly randomBytes?: RandomBytes
}

/** Renewal is looked at this often: a jump of the clock or a laptop that slept costs at most that long. */
const lookEveryMs = 60_000
const caWarningDays = 180
const dayMs = 24 * 3_600_000

/** Issues certificates for our own components from the internal CA. Throws when certificate and key are not one CA. */
export async function createPki({
  ca,
  clock,
  logger,
  leafLifetimeHours = 24,
  randomBytes = systemRandom,
}: PkiOptions): Promise<Pki> {
  const caCertificate = new X509Certificate(ca.certificatePem)
  const caKey = createPrivateKey({ key: Buffer.from(ca.privateKeyPkcs8), format: 'der', type: 'pkcs8' })
  if (!caCertificate.ca || !caCertificate.checkPrivateKey(caKey))
    throw new Error('the internal CA is damaged: its certificate and its key do not belong together')
  const issuer = new x509.X509Certificate(ca.certificatePem)
  const signingKey = await webcrypto.subtle.importKey('pkcs8', ca.privateKeyPkcs8, keyAlgorithm, false, ['sign'])
  const daysLeft = Math.floor((issuer.notAfter.getTime() - clock.now()) / dayMs)
  if (daysLeft < caWarningDays)
    logger.warn({ notAfter: issuer.notAfter, daysLeft }, 'the internal CA ends soon; every client must learn a new one')

  async function leaf(component: ComponentName, names: LeafNames): Promise<Leaf> {
    const now = clock.now()
    const period = leafPeriod(now, leafLifetimeHours, issuer)
    const keys = await generateKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      signingKey,
      signingAlgorithm,
      publicKey: keys.publicKey,
      serialNumber: serialNumber(randomBytes),
      subject: `CN=${component}, O=Palisade`,
      issuer: issuer.subjectName,
      ...period,
      extensions: [
        // A leaf is no issuer, whoever presents it as one.
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(alternativeNames(component, names)),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    })
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    return {
      certPem: `${certificate.toString('pem')}\n`,
      keyPem: createPrivateKey({ key, format: 'der', type: 'pkcs8' })
        .export({ format: 'pem', type: 'pkcs8' })
        .toString(),
      ...period,
    }
  }

  async function serverTls(component: ComponentName, names: LeafNames): Promise<ServerTls> {
    const listeners = createListeners()
    let current = await leaf(component, names)
    let renewAt = renewalOf(current, clock.now())
    let renewing = false
    let stopped = false

    async function renewWhenDue(): Promise<void> {
      const now = clock.now()
      // Set back far enough, the clock has left the leaf's time at the other end.
      const due = now >= renewAt || now < current.notBefore.getTime()
      if (!due || renewing) return
      renewing = true
      try {
        const next = await leaf(component, names)
        if (stopped) return
        current = next
        renewAt = renewalOf(next, now)
        logger.info({ component, notAfter: next.notAfter }, 'certificate renewed')
        listeners.tell()
      } catch (cause) {
        logger.error({ cause, component, notAfter: current.notAfter }, 'certificate not renewed; that is tried again')
      } finally {
        renewing = false
      }
    }
    const timer = setInterval(() => void renewWhenDue(), lookEveryMs)
    timer.unref()
    return {
      get secureContextOptions() {
        return { cert: current.certPem, key: current.keyPem, ca: ca.certificatePem }
      },
      get notAfter() {
        return current.notAfter
      },
      onRenew: listeners.add,
      stop() {
        stopped = true
        clearInterval(timer)
      },
    }
  }

  return { caCertificatePem: ca.certificatePem, leaf, serverTls }
}

/** It is before or after the internal CA's time, so that nothing can be issued. The message says what to do. */
export class CaOutOfTime extends Error {
  override readonly name = 'CaOutOfTime'
}

/** When a leaf made now begins and ends: inside its CA's time, since a chain is only as valid as all of it. */
function leafPeriod(now: number, lifetimeHours: number, issuer: x509.X509Certificate) {
  const [caBegin, caEnd] = [issuer.notBefore.getTime(), issuer.notAfter.getTime()]
  if (now < caBegin)
    throw new CaOutOfTime(
      `the internal CA is valid from ${issuer.notBefore.toISOString()}; set this machine's clock right`,
    )
  if (now >= caEnd)
    throw new CaOutOfTime(
      `the internal CA expired on ${issuer.notAfter.toISOString()}; if that is not past, set this machine's clock right`,
    )
  return {
    notBefore: wholeSeconds(Math.max(now - clockSkewMs, caBegin)),
    notAfter: wholeSeconds(Math.min(now + lifetimeHours * 3_600_000, caEnd)),
  }
}

/** Two thirds of the way from now to its end; the last third is for what keeps the renewal from working. */
function renewalOf(leaf: Leaf, now: number): number {
  return now + ((leaf.notAfter.getTime() - now) * 2) / 3
}

/** A name that is wrong here would only fail in a client, far away. */
function alternativeNames(component: ComponentName, { dnsNames, ipAddresses }: LeafNames): x509.JsonGeneralNames {
  for (const name of dnsNames)
    if (
      name.length > 253 ||
      !/^(\*\.)?[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*$/i.test(name) ||
      isIP(name)
    )
      throw new Error(`not a DNS name: ${name}`)
  for (const address of ipAddresses) if (isIP(address) === 0) throw new Error(`not an IP address: ${address}`)
  return [
    { type: 'url', value: spiffeId(component) },
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ]
}
