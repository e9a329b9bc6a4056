import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TokenOptions } from './cluster-token.ts'
import { type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import { type DirectOptions, levelOption } from './direct-options.ts'
import { wrongUse } from './failure.ts'
import type { KubeconfigOptions } from './kubeconfig.ts'
import type { ServerOptions } from './settings.ts'
import type { LoginOptions } from './sign-in.ts'

/** Who one is, and how kubectl gets in. What a command does is loaded when it runs: `token` runs at every kubectl. */
export function addAccountCommands(program: Command, { edges }: Wiring): void {
  withServer(program.command('login'))
    .description('sign in, and remember the server')
    .addOption(
      new Option('--device', 'by a code, in a browser of any machine (default: where this one has none)').conflicts([
        'apiKey',
        'port',
      ]),
    )
    .addOption(
      new Option('--port <port>', 'of 127.0.0.1, where the browser comes back to (default: any free one)')
        .argParser(portNumber)
        .conflicts('apiKey'),
    )
    .option('--api-key', 'with an API key: typed at the terminal unseen, or from the standard input')
    .addHelpText('after', loginHelp)
    .action(async (options: LoginOptions) => {
      const { login } = await import('./sign-in.ts')
      await login(options, edges)
    })

  withServer(program.command('logout'))
    .description('end the session with all that belongs to it, and forget what is kept here')
    .action(async (options: ServerOptions) => {
      const { logout } = await import('./sign-out.ts')
      await logout(options, edges)
    })

  withOutput(withServer(program.command('whoami')))
    .description('who the server takes you for')
    .action(async (options: ServerAndOutput) => {
      const { whoami } = await import('./whoami.ts')
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

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new InvalidArgumentError('It is not a port.')
  return port
}

const loginHelp = `
Your browser opens and you sign in there. On a machine without one you get a code to enter in a browser anywhere else. What
you get is a session: it renews itself while it is used, and palisade logout ends it. It is kept in the keyring of the
desktop (secret-tool) where there is one, else in a file that only you can read.

  palisade login --url https://palisade.example.com --ca-file ca.crt
  palisade login --device
  ssh -L 8250:127.0.0.1:8250 far palisade login --port 8250

With an API key there is no browser. In CI set PALISADE_URL and PALISADE_TOKEN instead; nothing is stored then.

  palisade login --api-key < key.txt
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
