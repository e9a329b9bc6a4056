import { stringify } from 'yaml'

export interface KubeconfigParts {
  readonly clusterName: string
  readonly server: string
  readonly caPem: string
  readonly user: string
  readonly credential: { readonly token: string } | { readonly certPem: string; readonly keyPem: string }
}

/** A kubeconfig with everything inside and nothing else: no file paths, no exec plugin, verified TLS. */
export function kubeconfig({ clusterName, server, caPem, user, credential }: KubeconfigParts): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': clusterName,
    contexts: [{ name: clusterName, context: { cluster: clusterName, user } }],
    clusters: [{ name: clusterName, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [
      {
        name: user,
        user:
          'token' in credential
            ? { token: credential.token }
            : {
                'client-certificate-data': base64(credential.certPem),
                'client-key-data': base64(credential.keyPem),
              },
      },
    ],
  })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
