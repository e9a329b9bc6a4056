import { ClusterAuthentication, CredentialModeChanged } from '../contract/clusters.ts'
import { Refused } from './api.ts'
import { readFileOf, rightText } from './clusters.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { wrongUse } from './failure.ts'
import { named } from './named.ts'
import { clean, printJson } from './output.ts'

/** `palisade cluster authentication`: what the API server needs to take our tokens. */
export async function clusterAuthentication(
  given: string,
  options: ServerAndOutput & { readonly bindings?: true },
  edges: CliEdges,
): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { uid } = await named(api, 'cluster', given)
    const answer = await api.call('GET', `/v1/palisade/clusters/${uid}/authentication`)
    if (options.output === 'json') return printJson(edges, answer)
    const { configuration, bindings } = ClusterAuthentication.parse(answer)
    edges.out(options.bindings ? bindings : configuration)
  })
}

export type ModeOptions = ServerAndOutput & {
  readonly direct?: true
  readonly kubeconfig?: string
  readonly tokenFile?: string
  readonly bindings?: 'install' | 'print'
}

/** `palisade cluster mode CLUSTER token|impersonation`: the server tries the cluster first. */
export async function clusterMode(
  given: string,
  mode: 'token' | 'impersonation',
  options: ModeOptions,
  edges: CliEdges,
): Promise<void> {
  const change = mode === 'token' ? tokenChange(options) : await impersonationChange(options, edges)
  await withApi(options, edges, async (api) => {
    const { uid, name } = await named(api, 'cluster', given)
    let answer: unknown
    try {
      answer = await api.call('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, { body: change })
    } catch (cause) {
      if (cause instanceof Refused) edges.err(`${clean(name)} is reached as before.\n`)
      throw cause
    }
    if (options.output === 'json') return printJson(edges, answer)
    const { credentialMode, directTokens, missing, created, leftOnCluster } = CredentialModeChanged.parse(answer)
    for (const { kind, name: object } of created) edges.out(`made     ${clean(`${kind} ${object}`)}\n`)
    for (const right of missing) edges.out(`lacks    ${clean(rightText(right))}\n`)
    const how = credentialMode === 'token' ? (directTokens ? 'token, direct ones too' : 'token') : credentialMode
    edges.out(`mode     ${clean(name)} ${how}\n`)
    if (leftOnCluster)
      edges.err(
        `The account ${leftOnCluster.account} is no longer used. An administrator of the cluster removes it:\n  ${leftOnCluster.remove}\n`,
      )
  })
}

function tokenChange({ direct, kubeconfig, tokenFile }: ModeOptions) {
  if (kubeconfig !== undefined || tokenFile !== undefined)
    throw wrongUse('token mode needs no credential of the cluster; leave --kubeconfig and --token-file out')
  return { mode: 'token', direct: direct === true }
}

async function impersonationChange({ direct, kubeconfig, tokenFile, bindings }: ModeOptions, edges: CliEdges) {
  if (direct) throw wrongUse('--direct goes with mode token alone')
  if ((kubeconfig === undefined) === (tokenFile === undefined))
    throw wrongUse('give either --kubeconfig FILE or --token-file FILE: the account is made, or used, with it')
  const credential =
    kubeconfig !== undefined
      ? { kubeconfig: await readFileOf(edges, kubeconfig) }
      : { token: (await readFileOf(edges, tokenFile ?? '-')).trim() }
  return { mode: 'impersonation', bindings, ...credential }
}
