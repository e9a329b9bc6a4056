import type { Cluster } from '../cluster/cluster.ts'
import type { Api } from './api.ts'
import { until } from './until.ts'

/** An API server that reads a structured configuration and trusts nobody's tokens yet. */
export const trustingNobody = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n'

/**
 * Gives the API server the configuration that Palisade prints for it, and switches as soon as that is in force. The
 * cluster was started with `trustingNobody`.
 */
export async function switchToTokens(
  admin: Api,
  cluster: Cluster,
  uid: string,
  { direct = false }: { readonly direct?: boolean } = {},
) {
  const { configuration } = await admin.must('GET', `/v1/palisade/clusters/${uid}/authentication`)
  await cluster.configureAuthentication(configuration)
  return until(
    'the API server to take our tokens',
    async () => {
      const answer = await admin.call('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, {
        body: { mode: 'token', direct },
      })
      if (answer.status === 200) return answer.body
      // What it says until the file was read; anything else would not end by waiting.
      if (answer.body.code !== 'ClusterRefusesTokens') throw new Error(answer.text)
      return undefined
    },
    { timeoutMs: 90_000, everyMs: 500 },
  )
}
