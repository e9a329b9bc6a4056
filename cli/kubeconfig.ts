import { mkdir, realpath, stat } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Api } from './api.ts'
import { clusterToken } from './cluster-token.ts'
import { withApi } from './connect.ts'
import type { DirectOptions } from './direct-options.ts'
import { askDirectToken } from './direct-token.ts'
import { type CliEdges, envOf } from './edges.ts'
import { Failure, isFileError, wrongUse } from './failure.ts'
import { currentContext, hasContext, type KubeconfigEntry, mergeKubeconfig } from './kubeconfig-file.ts'
import { named } from './named.ts'
import { clean } from './output.ts'
import { readIfThere, withLock, writeWhole } from './private-files.ts'
import type { ServerOptions } from './settings.ts'

export type KubeconfigOptions = ServerOptions &
  DirectOptions & {
    readonly print?: true
    readonly context?: string
    readonly kubeconfig?: string
  }

/** `palisade kubeconfig CLUSTER`: makes kubectl reach a cluster through Palisade, or directly where that is allowed. */
export async function kubeconfig(given: string, options: KubeconfigOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const cluster = await named(api, 'cluster', given)
    const entry = await entryFor(api, cluster, options, edges)
    if (options.print) return edges.out(merged('', '', entry))
    const { file, others } = await kubectlFile(entry.context, options, edges)
    await withLock(await inFolder(file), async () => {
      const before = (await readIfThere(file)) ?? ''
      await writeWhole(file, merged(before, file, entry), before === '' ? 0o600 : await stat(file))
    })
    const way = options.direct ? ' directly' : ''
    edges.err(`kubectl reaches ${clean(cluster.name)}${way} as context "${clean(entry.context)}" (${file}).\n`)
    const shadow = await firstWithCurrent(others)
    if (shadow !== undefined)
      edges.err(`${shadow} names the current context; kubectl --context ${clean(entry.context)} uses this one.\n`)
  })
}

/** A token is asked for now: better than at the first kubectl. What kubectl will need is then there already. */
async function entryFor(
  api: Api,
  { uid, name }: { readonly uid: string; readonly name: string },
  { context, direct, level }: KubeconfigOptions,
  edges: CliEdges,
): Promise<KubeconfigEntry> {
  const { url, caPem } = api.server
  if (direct) {
    const { server, certificateAuthority, tlsServerName } = await askDirectToken(api, uid, { level })
    return {
      context: context ?? `${name}-direct`,
      name: `palisade-direct-${uid}`,
      cluster: {
        ...{ server, ...authority(certificateAuthority) },
        ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }),
      },
      user: askingFor(api, uid, ['--direct', ...(level === undefined ? [] : ['--level', level])]),
    }
  }
  if (level !== undefined) throw wrongUse('--level goes with --direct')
  await clusterToken(api, uid, edges)
  return {
    context: context ?? name,
    name: `palisade-${uid}`,
    cluster: { server: `${url}/k8s/clusters/${uid}`, ...(caPem === undefined ? {} : authority(caPem)) },
    user: askingFor(api, uid, []),
  }
}

const authority = (pem: string) => ({ 'certificate-authority-data': Buffer.from(pem).toString('base64') })

/** A user whose token kubectl asks this program for. */
function askingFor({ server: { url, caFile } }: Api, uid: string, how: readonly string[]): KubeconfigEntry['user'] {
  return {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      // Not just the name: kubectl may run where the PATH is another.
      command: resolve(import.meta.dirname, 'palisade'),
      args: [
        ...['token', '--cluster', uid, ...how, '--exec-credential', '--url', url],
        ...(caFile === undefined ? [] : ['--ca-file', caFile]),
      ],
      interactiveMode: 'Never',
      provideClusterInfo: false,
      installHint: 'This needs the command line of Palisade where palisade kubeconfig was run.',
    },
  }
}

function merged(text: string, file: string, entry: KubeconfigEntry): string {
  const result = mergeKubeconfig(text, entry)
  if (result.ok) return result.value
  throw new Failure(`${file} was left as it is: ${clean(result.error)}`, {
    hints: [
      'palisade kubeconfig CLUSTER --context NAME takes another name;',
      'palisade kubeconfig CLUSTER --print > FILE makes a file of its own.',
    ],
  })
}

/**
 * The file that kubectl itself would change: the one named; of several in KUBECONFIG the first that has the context, else the
 * first that exists, else the last; else `~/.kube/config`.
 *
 * @returns it without links, so that the link stays one, and those that kubectl reads besides
 */
async function kubectlFile(context: string, { kubeconfig }: KubeconfigOptions, edges: CliEdges) {
  const listed = (envOf(edges, 'KUBECONFIG') ?? '').split(delimiter).filter((file) => file !== '')
  const names =
    kubeconfig !== undefined ? [kubeconfig] : listed.length > 0 ? listed : [join(edges.home, '.kube/config')]
  const files: { file: string; text: string | undefined }[] = []
  for (const name of names) {
    const file = await withoutLinks(resolve(edges.cwd, name))
    files.push({ file, text: await readIfThere(file) })
  }
  const chosen =
    files.find(({ text }) => text !== undefined && hasContext(text, context)) ??
    files.find(({ text }) => text !== undefined) ??
    files.at(-1)
  if (!chosen) throw new Error('there is always one file to choose')
  // Only those before it: of several current contexts kubectl takes the first.
  return { file: chosen.file, others: files.slice(0, files.indexOf(chosen)).flatMap(({ text }) => text ?? []) }
}

const firstWithCurrent = async (texts: readonly string[]) =>
  texts.some((text) => currentContext(text) !== undefined) ? 'An earlier file in KUBECONFIG' : undefined

async function withoutLinks(file: string): Promise<string> {
  try {
    return await realpath(file)
  } catch (cause) {
    if (isFileError(cause) && cause.code === 'ENOENT') return file
    throw unusable(file, cause)
  }
}

async function inFolder(file: string): Promise<string> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw unusable(file, cause)
  }
  return file
}

const unusable = (file: string, cause: unknown) =>
  isFileError(cause) ? new Failure(`cannot use ${file}: ${cause.code}`) : cause
