import { stringify } from 'yaml'
import { authenticationConfiguration, type TrustingCluster } from '../../core/kube/index.ts'

/** The file for `--authentication-config`, with what to do with it. */
export function authenticationYaml(cluster: TrustingCluster, name: string): string {
  const { issuer, issuerCaPem, clusterUid } = cluster
  const authority =
    issuerCaPem === undefined
      ? `#
# ${issuer} presents a certificate of its operator. Where the API server's machine does not trust its authority, add
# that as issuer.certificateAuthority.
`
      : ''
  return `# How the API server of this cluster takes Palisade's tokens: for this cluster (${clusterUid}) alone.
# 1. Save this on every control plane node, and start kube-apiserver with --authentication-config=<file>. An API server that
#    has such a file already gets the entry under jwt added to it; it reads a changed file by itself.
# 2. The API server must reach ${issuer}.
# 3. palisade cluster mode ${JSON.stringify(name)} token
${authority}${stringify(authenticationConfiguration(cluster), { lineWidth: 0, blockQuote: 'literal' })}`
}
