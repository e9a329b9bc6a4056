import type { Secret } from '../core/seal/index.ts'

/**
 * A token in the shape that kubectl reads.
 *
 * @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
export function execCredential(token: Secret, expiresAt: Date): string {
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: token.reveal(), expirationTimestamp: expiresAt.toISOString().replace(/\.\d{3}Z$/, 'Z') },
  }
  return `${JSON.stringify(credential)}\n`
}
