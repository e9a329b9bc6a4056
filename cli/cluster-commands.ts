import { Argument, type Command, Option } from 'commander'
import type { JoinOptions } from './cluster-join.ts'
import type { CheckOptions, ImportOptions } from './clusters.ts'
import { collectPair, type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import type { ModeOptions } from './credential-mode.ts'
import { kindCommand } from './object-commands.ts'

/** Clusters: what every kind has, and how one is imported. */
export function addClusterCommands(program: Command, wiring: Wiring): void {
  const { edges } = wiring
  const cluster = kindCommand(program, 'cluster', 'clusters', wiring, {
    async get(given, options) {
      const { getCluster } = await import('./clusters.ts')
      await getCluster(given, options, edges)
    },
  })
  const bindings = () =>
    new Option(
      '--bindings <how>',
      'make what is missing on the cluster, or only say it (default: install, unless the tenant has it otherwise)',
    ).choices(['install', 'print'])

  withOutput(withServer(cluster.command('import')))
    .description('import a cluster by a kubeconfig of its administrator, which is used once and forgotten')
    .argument('<file>', 'the kubeconfig; - reads the standard input')
    .requiredOption('-p, --project <name|uid>', 'the project that it comes to')
    .option('--name <name>', 'name of the cluster (default: the current context)')
    .option('--label <key=value>', 'several times', collectPair)
    .addOption(bindings())
    .addHelpText('after', importHelp)
    .action(async (file: string, options: ImportOptions) => {
      const { importCluster } = await import('./clusters.ts')
      await importCluster(file, options, edges)
    })

  withOutput(withServer(cluster.command('check')))
    .description('finish an import, or replace a credential that was lost')
    .argument('<name|uid>')
    .option('--kubeconfig <file>', 'of an administrator of the same cluster; - reads the standard input')
    .option('--token-file <file>', 'a token of Palisade’s account there; - reads the standard input')
    .addOption(bindings())
    .action(async (given: string, options: CheckOptions) => {
      const { checkCluster } = await import('./clusters.ts')
      await checkCluster(given, options, edges)
    })

  withOutput(withServer(cluster.command('authentication')))
    .description('print what the API server needs to take Palisade’s tokens (--authentication-config)')
    .argument('<name|uid>')
    .option('--bindings', 'print what the levels are bound to instead, for kubectl apply')
    .action(async (given: string, options: ServerAndOutput & { readonly bindings?: true }) => {
      const { clusterAuthentication } = await import('./credential-mode.ts')
      await clusterAuthentication(given, options, edges)
    })

  withOutput(withServer(cluster.command('mode')))
    .description(
      'reach a cluster by tokens of each caller’s own, or by an account that acts as others; it is tried first',
    )
    .argument('<name|uid>')
    .addArgument(new Argument('<mode>').choices(['token', 'impersonation']))
    .option('--direct', 'with token: people may have tokens for the cluster itself')
    .option('--kubeconfig <file>', 'with impersonation: of an administrator of the cluster; - reads the standard input')
    .option(
      '--token-file <file>',
      'with impersonation: a token of Palisade’s account there; - reads the standard input',
    )
    .addOption(bindings())
    .addHelpText('after', modeHelp)
    .action(async (given: string, mode: 'token' | 'impersonation', options: ModeOptions) => {
      const { clusterMode } = await import('./credential-mode.ts')
      await clusterMode(given, mode, options, edges)
    })

  withOutput(withServer(cluster.command('join')))
    .description('say where a cluster is that was imported by manifest; kubectl’s current context leads to it')
    .argument('<name|uid>')
    .option('--apply', 'apply its manifest first, as whoever kubectl is there')
    .option('--kubeconfig <file>', 'another file than kubectl’s own choice')
    .option('--context <name>', 'another context than the current one')
    .action(async (given: string, options: JoinOptions) => {
      const { joinCluster } = await import('./cluster-join.ts')
      await joinCluster(given, options, edges)
    })

  withServer(cluster.command('yaml'))
    .description('print what is still to be applied on a cluster')
    .argument('<name|uid>')
    .action(async (given: string, options: ServerAndOutput) => {
      const { clusterYaml } = await import('./clusters.ts')
      await clusterYaml(given, options, edges)
    })
}

const importHelp = `
The kubeconfig must stand for itself: no files, no plugins. What helps is mostly --flatten:

  kubectl config view --raw --flatten --minify | palisade cluster import - --project payments --name east
`

const modeHelp = `
A cluster that trusts Palisade's issuer needs no account. Its API server is told first; then the switch is tried, and refused
with what is wrong as long as it would not work.

  palisade cluster authentication east > authentication.yaml    (for --authentication-config of kube-apiserver)
  palisade cluster mode east token
`
