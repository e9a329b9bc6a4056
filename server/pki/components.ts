import type { PeerCertificate } from 'node:tls'
import { x509 } from './x509.ts'

/** Who of us may hold a certificate. A process that runs several components holds one for each. */
export const componentNames = [
  'gateway',
  'identity',
  'canvas',
  'api',
  'ledger',
  'kube-proxy',
  'hub',
  'bus',
  'tunnels',
] as const
export type ComponentName = (typeof componentNames)[number]

const prefix = 'spiffe://palisade/'

/** @see https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md section 2: one URI names the workload */
export function spiffeId(component: ComponentName): string {
  return `${prefix}${component}`
}

/**
 * The component that a peer is, by a certificate that the handshake has verified against the internal CA. Other names in
 * it say where it listens and prove nothing about who it is.
 */
export function componentOf(certificate: { readonly raw?: Uint8Array }): ComponentName | undefined {
  // An empty object is what a peer without a certificate looks like.
  if (certificate.raw === undefined) return undefined
  // Read from the bytes: the text that node makes of the names is for people.
  const names = new x509.X509Certificate(Buffer.from(certificate.raw)).getExtension(
    x509.SubjectAlternativeNameExtension,
  )?.names
  const uris = (names?.items ?? []).filter(({ type }) => type === 'url')
  const [only] = uris
  if (only === undefined || uris.length > 1) return undefined
  return componentNames.find((component) => spiffeId(component) === only.value)
}

/**
 * What a client passes as `checkServerIdentity`: the peer must be this component, whatever host name it was called by.
 * The certificate chain is verified before.
 */
export function expectComponent(expected: ComponentName) {
  return (_host: string, certificate: PeerCertificate): Error | undefined =>
    componentOf(certificate) === expected
      ? undefined
      : new Error(`the peer's certificate is not that of ${spiffeId(expected)}`)
}
