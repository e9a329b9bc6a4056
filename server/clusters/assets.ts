import { stringify } from 'yaml'
import type { Secret } from '../../core/seal/index.ts'
import type { Cluster } from './store.ts'

/** What a kubeconfig for the way through Palisade is made of. */
export type IssuedParts = {
  readonly publicUrl: string
  /** What the public URL's certificate is verified by; undefined: what the client trusts anyway. */
  readonly caPem: string | undefined
  readonly token: Secret
}

/**
 * A kubeconfig that leads through Palisade, with a token of the caller's own. Nothing of the cluster itself is in it: not its
 * address, not its CA, not the account.
 */
export function issuedKubeconfig({ uid, name }: Cluster, { publicUrl, caPem, token }: IssuedParts): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      contexts: [{ name, context: { cluster: uid, user: 'palisade' } }],
      clusters: [
        {
          name: uid,
          cluster: {
            server: `${publicUrl}/k8s/clusters/${uid}`,
            ...(caPem === undefined ? {} : { 'certificate-authority-data': Buffer.from(caPem).toString('base64') }),
          },
        },
      ],
      users: [{ name: 'palisade', user: { token: token.reveal() } }],
    },
    { lineWidth: 0 },
  )
}
