import { z } from 'zod'
import { ClusterAccess } from '../contract/clusters.ts'
import { toApply } from './clusters.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { Failure } from './failure.ts'
import { named } from './named.ts'
import { clean, cleanLines, printJson } from './output.ts'
import { programOnPath } from './programs.ts'

/** `palisade cluster join`: what an import by kubeconfig does in one step, where the kubeconfig stays with the person. */

export type JoinOptions = ServerAndOutput & {
  readonly apply?: true
  readonly kubeconfig?: string
  readonly context?: string
}

const account = { namespace: 'palisade-system', name: 'palisade-impersonator' }
/** The token is used once, to get one that the server renews by itself. */
const tokenFor = '1h'

/**
 * Hands in a kubeconfig of Palisade's account on a cluster, made of where kubectl's context leads and a token of the account. What
 * the person's own credential is, kubectl alone learns.
 */
export async function joinCluster(given: string, options: JoinOptions, edges: CliEdges): Promise<void> {
  const kubectl = kubectlFor(options, edges)
  await withApi(options, edges, async (api) => {
    const { uid, name } = await named(api, 'cluster', given)
    const place = await placeOf(kubectl)
    if (options.apply) {
      const yaml = toApply(ClusterAccess.parse(await api.call('GET', `/v1/palisade/clusters/${uid}`)))
      if (yaml !== undefined) edges.err(cleanLines(await kubectl(['apply', '-f', '-'], yaml)))
    }
    const token = (await tokenOf(kubectl, uid)).trim()
    const kubeconfig = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'palisade' },
      contexts: [{ name: 'palisade', context: { cluster: 'palisade', user: 'palisade' } }],
      clusters: [{ name: 'palisade', cluster: place }],
      users: [{ name: 'palisade', user: { token } }],
    })
    if (edges.isTerminal.err) edges.err('The cluster is being looked at; this takes up to half a minute …\n')
    await api.call('PUT', `/v1/spectroclusters/${uid}/assets/kubeconfig`, { body: { kubeconfig } })
    const answer = ClusterAccess.parse(await api.call('GET', `/v1/palisade/clusters/${uid}`))
    if (options.output === 'json') return printJson(edges, answer)
    edges.out(`ready    ${clean(name)} ${uid}\n`)
    for (const { why } of answer.missing) edges.out(`lacks    ${clean(why)}\n`)
    edges.err(`Reach it with: palisade kubeconfig ${uid}\n`)
  })
}

type Kubectl = (args: readonly string[], input?: string) => Promise<string>

function kubectlFor({ kubeconfig, context }: JoinOptions, edges: CliEdges): Kubectl {
  const program = programOnPath('kubectl', edges)
  if (program === undefined) throw new Failure('kubectl is not on the PATH: it is what knows how to reach the cluster')
  const where = [
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(context === undefined ? [] : ['--context', context]),
  ]
  return async (args, input = '') => {
    const { code, out, err } = await edges.runProgram(program, [...where, ...args], input)
    if (code !== 0) throw new KubectlFailure(args[0] ?? '', err.trim())
    return out
  }
}

class KubectlFailure extends Failure {
  constructor(verb: string, said: string) {
    super(`kubectl ${verb} failed: ${said}`)
  }
}

const Place = z.object({
  server: z.string(),
  'certificate-authority-data': z.string().optional(),
  'tls-server-name': z.string().optional(),
})
/** Where the context leads, and by which authority the server there is believed; no credential is read. */
async function placeOf(kubectl: Kubectl) {
  const view = ['config', 'view', '--minify', '--flatten', '--raw']
  const text = await kubectl([...view, '--output', 'jsonpath={.clusters[0].cluster}'])
  if (text.trim() === '') throw new Failure('kubectl’s context leads to no cluster; name another with --context')
  return Place.parse(JSON.parse(text))
}

async function tokenOf(kubectl: Kubectl, uid: string): Promise<string> {
  const { namespace, name } = account
  try {
    return await kubectl(['--namespace', namespace, 'create', 'token', name, `--duration=${tokenFor}`])
  } catch (cause) {
    if (!(cause instanceof KubectlFailure && /not ?found/i.test(cause.message))) throw cause
    throw new Failure('Palisade’s account is not on the cluster yet: its manifest has to be applied first', {
      hints: [`palisade cluster join ${uid} --apply`, `palisade cluster yaml ${uid} | kubectl apply -f -`],
    })
  }
}
