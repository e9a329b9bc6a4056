import type { Command } from 'commander'
import type { TokenOptions } from './cluster-token.ts'
import { type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import { type DirectOptions, levelOption } from './direct-options.ts'
import { wrongUse } from './failure.ts'
import type { KubeconfigOptions } from './kubeconfig.ts'
import type { ServerOptions } from './settings.ts'

/** Who one is, and how kubectl gets in. What a command does is loaded when it runs: `token` runs at every kubectl. */
export function addAccountCommands(program: Command, { edges }: Wiring): void {
  withServer(program.command('login'))
    .description('sign in, and remember the server')
    .requiredOption('--api-key', 'with an API key: typed at the terminal unseen, or from the standard input')
    .addHelpText('after', loginHelp)
    .action(async (options: ServerOptions) => {
      const { loginByApiKey } = await import('./sign-in.ts')
      await loginByApiKey(options, edges)
    })

  withServer(program.command('logout'))
    .description('forget the credential; a session’s token in PALISADE_TOKEN ends')
    .action(async (options: ServerOptions) => {
      const { logout } = await import('./sign-in.ts')
      await logout(options, edges)
    })

  withOutput(withServer(program.command('whoami')))
    .description('who the server takes you for')
    .action(async (options: ServerAndOutput) => {
      const { whoami } = await import('./sign-in.ts')
      await whoami(options, edges)
    })

  withServer(program.command('kubeconfig'))
    .description('let kubectl reach a cluster through Palisade')
    .argument('<cluster>', 'name or UID')
    .option('--context <name>', 'name of the context (default: the cluster’s)')
    .option('--kubeconfig <file>', 'the file to write to (default: the one that kubectl uses)')
    .option('--direct', 'to the cluster itself, without Palisade in between, where that is allowed')
    .addOption(levelOption())
    .option('--print', 'print a kubeconfig of its own and change no file')
    .addHelpText('after', kubeconfigHelp)
    .action(async (cluster: string, options: KubeconfigOptions) => {
      const { kubeconfig } = await import('./kubeconfig.ts')
      await kubeconfig(cluster, options, edges)
    })

  withServer(program.command('token'))
    .description('print a token: of the session, or for the way to clusters')
    .option('-c, --cluster <name|uid>', 'a token of a quarter of an hour, which the way to clusters alone takes')
    .option('--direct', 'with --cluster: of five minutes, for the cluster itself')
    .addOption(levelOption())
    .option('--exec-credential', 'as kubectl reads it (client.authentication.k8s.io/v1)')
    .addHelpText('after', tokenHelp)
    .action(async (options: TokenOptions & DirectOptions) => {
      if (options.direct) {
        const { directToken } = await import('./direct-token.ts')
        return directToken(options, edges)
      }
      if (options.level !== undefined) throw wrongUse('--level goes with --direct')
      const { token } = await import('./cluster-token.ts')
      await token(options, edges)
    })
}

const loginHelp = `
Make a key with 'palisade key create', or ask your administrator for one. It is tried, then kept in the keyring of the
desktop (secret-tool) where there is one, else in a file that only you can read.

  palisade login --api-key --url https://palisade.example.com --ca-file ca.crt
  palisade login --api-key < key.txt

In CI set PALISADE_URL and PALISADE_TOKEN instead; nothing is stored then.
`

const kubeconfigHelp = `
The context is added to kubectl's own file and made the current one; everything else in it stays. The file holds no
secret: kubectl asks 'palisade token' for one at each call.

  palisade kubeconfig east && kubectl get pods
  palisade kubeconfig east --print > east.yaml

With --direct kubectl speaks to the cluster's own API server, with tokens of five minutes. Such calls are not in Palisade's
log, and what is open does not end when your rights are taken away (docs/revocation.md).

  palisade kubeconfig east --direct --level view
`

const tokenHelp = `
  curl -H "Authorization: Bearer $(palisade token --cluster east)" https://palisade.example.com/k8s/clusters/UID/version
`
