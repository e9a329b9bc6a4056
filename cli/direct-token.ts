import { DirectToken } from '../contract/clusters.ts'
import { Secret } from '../core/seal/index.ts'
import type { Api } from './api.ts'
import { withApi } from './connect.ts'
import type { DirectOptions } from './direct-options.ts'
import type { CliEdges } from './edges.ts'
import { execCredential } from './exec-credential.ts'
import { wrongUse } from './failure.ts'
import { uidOf } from './named.ts'
import type { ServerOptions } from './settings.ts'

/** `palisade token --direct`. Never kept: each is an entry in the log, where its calls are not. */
export async function directToken(
  options: ServerOptions & DirectOptions & { readonly cluster?: string; readonly execCredential?: true },
  edges: CliEdges,
): Promise<void> {
  const { cluster } = options
  if (cluster === undefined) throw wrongUse('--direct is for a cluster; name it with --cluster')
  await withApi(options, edges, async (api) => {
    const { token, expiresAt } = await askDirectToken(api, await uidOf(api, 'cluster', cluster), options)
    const secret = new Secret(token)
    edges.out(options.execCredential ? execCredential(secret, new Date(expiresAt)) : `${secret.reveal()}\n`)
  })
}

/** A token for the cluster's own API server, and how that one is reached. */
export async function askDirectToken(
  api: Api,
  cluster: string,
  { level }: { readonly level?: DirectOptions['level'] | undefined },
) {
  const body = level === undefined ? {} : { level }
  return DirectToken.parse(await api.call('POST', `/v1/palisade/clusters/${cluster}/directToken`, { body }))
}
