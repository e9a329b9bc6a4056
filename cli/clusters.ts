import { parse } from 'yaml'
import type { z } from 'zod'
import { checkSteps, checksUntil } from '../contract/cluster-checks.ts'
import { ClusterAccess, ClusterChecked, type MissingRight } from '../contract/clusters.ts'
import { type Api, Refused } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import { type CliEdges, readText } from './edges.ts'
import { Failure, isFileError, wrongUse } from './failure.ts'
import { named, uidOf } from './named.ts'
import { clean, printJson, printSides, shownTime } from './output.ts'

type Bindings = { readonly bindings?: 'install' | 'print' }

export type ImportOptions = ServerAndOutput &
  Bindings & {
    readonly project: string
    readonly name?: string
    readonly label?: Readonly<Record<string, string>>
  }

/** `palisade cluster import FILE`: the server tries the kubeconfig and forgets it; what it found is shown line by line. */
export async function importCluster(file: string, options: ImportOptions, edges: CliEdges): Promise<void> {
  const kubeconfig = await readFileOf(edges, file)
  const name = options.name ?? nameIn(kubeconfig)
  if (name === undefined) throw wrongUse('the kubeconfig names no current context; name the cluster with --name')
  await withApi(options, edges, async (api) => {
    const project = await uidOf(api, 'project', options.project)
    const { label: labels = {}, bindings } = options
    const body = { metadata: { name, labels }, spec: { kubeconfig, bindings } }
    const call = () => api.call('POST', '/v1/palisade/clusters', { project, body })
    await checked({ call, name, kubeconfig: true }, options, edges)
  })
}

export type CheckOptions = ServerAndOutput & Bindings & { readonly kubeconfig?: string; readonly tokenFile?: string }

/** `palisade cluster check CLUSTER`: finishes an import after its YAML was applied, or replaces a lost credential. */
export async function checkCluster(given: string, options: CheckOptions, edges: CliEdges): Promise<void> {
  const { kubeconfig, tokenFile, bindings } = options
  const notOne = () =>
    wrongUse(
      'give either --kubeconfig FILE or --token-file FILE',
      'kubectl -n palisade-system create token palisade-impersonator',
    )
  if (kubeconfig !== undefined && tokenFile !== undefined) throw notOne()
  const credential = {
    ...(kubeconfig === undefined ? {} : { kubeconfig: await readFileOf(edges, kubeconfig) }),
    ...(tokenFile === undefined ? {} : { token: (await readFileOf(edges, tokenFile)).trim() }),
  }
  await withApi(options, edges, async (api) => {
    const { uid, name } = await named(api, 'cluster', given)
    if (kubeconfig === undefined && tokenFile === undefined) {
      const { credentialMode } = ClusterAccess.parse(await api.call('GET', `/v1/palisade/clusters/${uid}`))
      // Without an account nothing has to be proved to the cluster but what Palisade signs itself.
      if (credentialMode !== 'token') throw notOne()
    }
    const body = { ...credential, bindings }
    const call = () => api.call('POST', `/v1/palisade/clusters/${uid}/check`, { body })
    await checked({ call, name, kubeconfig: kubeconfig !== undefined }, options, edges)
  })
}

type Run = {
  readonly call: () => Promise<unknown>
  readonly name: string
  /** Whether it is given a kubeconfig. */
  readonly kubeconfig: boolean
}

async function checked(run: Run, { output }: ServerAndOutput, edges: CliEdges): Promise<void> {
  if (edges.isTerminal.err) edges.err('The cluster is being looked at; this takes up to half a minute …\n')
  let answer: unknown
  try {
    answer = await run.call()
  } catch (cause) {
    if (cause instanceof Refused && output === 'table') printFailedStep(cause, run, edges)
    throw cause
  }
  if (output === 'json') return printJson(edges, answer)
  const { uid, state, checks, created, missing, warnings } = ClusterChecked.parse(answer)
  for (const check of checks) edges.out(`ok       ${checkSteps[check].holds}\n`)
  for (const { kind, namespace, name: object } of created)
    edges.out(`made     ${clean([kind, namespace ? `${namespace}/${object}` : object].join(' '))}\n`)
  for (const right of missing) edges.out(`lacks    ${clean(rightText(right))}\n`)
  for (const warning of warnings) edges.out(`note     ${clean(warning)}\n`)
  edges.out(`${state === 'ready' ? 'ready   ' : 'waiting '} ${clean(run.name)} ${uid}\n`)
  if (state === 'ready') return edges.err(`Reach it with: palisade kubeconfig ${uid}\n`)
  edges.err('An administrator of the cluster has to do the rest:\n')
  edges.err(`  palisade cluster yaml ${uid} | kubectl apply -f -\n`)
  edges.err('  kubectl -n palisade-system create token palisade-impersonator --duration=1h > token\n')
  edges.err(`  palisade cluster check ${uid} --token-file token\n`)
}

function printFailedStep({ code }: Refused, { kubeconfig }: Run, edges: CliEdges): void {
  const until = checksUntil(code, { kubeconfig })
  if (until === undefined) return
  for (const check of until.held) edges.out(`ok       ${checkSteps[check].holds}\n`)
  edges.out(`failed   ${checkSteps[until.failed].holds}\n`)
}

export const rightText = ({ verb, apiGroup, resource, namespace, name, why }: MissingRight) =>
  `${verb} ${apiGroup === '' ? resource : `${resource}.${apiGroup}`}${name ? ` ${name}` : ''}${namespace ? ` in ${namespace}` : ''}: ${why}`

/** `palisade cluster get`: how Palisade reaches it. */
export async function getCluster(given: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const answer = await accessOf(api, given)
    if (options.output === 'json') return printJson(edges, answer)
    const {
      uid,
      name,
      state,
      importMode,
      server,
      kubernetesVersion,
      contactedAt,
      missing,
      credential,
      credentialMode,
      directTokens,
    } = ClusterAccess.parse(answer)
    printSides(edges, [
      ['name', name],
      ['uid', uid],
      ['state', state],
      ...(importMode === 'read-only' ? ([['import', importMode]] as const) : []),
      ...(server === undefined ? [] : ([['server', server]] as const)),
      ...(kubernetesVersion === undefined ? [] : ([['version', kubernetesVersion]] as const)),
      ['mode', directTokens ? `${credentialMode}, direct ones too` : credentialMode],
      ...(contactedAt === undefined ? [] : ([['contacted', shownTime(contactedAt)]] as const)),
      ...(credential
        ? ([
            ['account', credential.account],
            ['its token', `until ${shownTime(credential.expiresAt)}, renewed ${shownTime(credential.renewAt)}`],
          ] as const)
        : []),
      ...(credential?.problem === undefined ? [] : ([['problem', credential.problem]] as const)),
      ...missing.map((right) => ['lacks', rightText(right)] as const),
    ])
  })
}

/** `palisade cluster yaml`: what is still to be applied on a cluster. */
export async function clusterYaml(given: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const yaml = toApply(ClusterAccess.parse(await accessOf(api, given)))
    if (yaml === undefined) throw new Failure('nothing is missing on this cluster')
    edges.out(yaml)
  })
}

/** What is still to be applied on a cluster; undefined: nothing. Fails where it is kept from the caller. */
export function toApply({ missing, server, yaml }: z.output<typeof ClusterAccess>): string | undefined {
  const isComplete = missing.length === 0 && server !== undefined
  if (yaml === undefined && !isComplete)
    throw new Failure('what is to be applied on the cluster is shown to who may remove it (cluster.delete)')
  return yaml
}

const accessOf = async (api: Api, given: string) =>
  api.call('GET', `/v1/palisade/clusters/${await uidOf(api, 'cluster', given)}`)

/** All of a file that a person named. */
export async function readFileOf(edges: CliEdges, file: string): Promise<string> {
  try {
    return await readText(edges, file)
  } catch (cause) {
    throw isFileError(cause) ? new Failure(`cannot read ${file}: ${cause.code}`) : cause
  }
}

/** The name of the cluster that the current context of a kubeconfig leads to. The server judges the rest. */
function nameIn(kubeconfig: string): string | undefined {
  try {
    const config = parse(kubeconfig, { maxAliasCount: 0 }) as Record<string, unknown> | null
    const current = config?.['current-context']
    return typeof current === 'string' && current !== '' ? current : undefined
  } catch {
    return undefined
  }
}
