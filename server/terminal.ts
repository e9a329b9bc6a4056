import type { WriteStream } from 'node:tty'
import type { FirstAdministrator } from './first-start.ts'

/** What a person at the terminal reads; the log is for machines. */
export type Terminal = {
  readonly isInteractive: boolean
  /** What is going on now. */
  progress(message: string): void
  /** Where the log is written. */
  log(path: string): void
  /** Who may sign in first. The only place where a generated password is ever shown. */
  administrator(made: FirstAdministrator): void
  ready(facts: {
    readonly seconds: number
    readonly url: string
    readonly caFile: string | undefined
    /** Their e-mail, on the very first start. */
    readonly firstAdministrator: string | undefined
  }): void
}

export function createTerminal(out: WriteStream | NodeJS.WriteStream): Terminal {
  const say = (...lines: readonly string[]) => out.write(`${lines.join('\n')}\n`)
  return {
    isInteractive: out.isTTY === true,
    progress: (message) => say(`  ${message} …`),
    log: (path) => say(`  log: ${path}`),
    administrator({ email, password }) {
      say('', 'The first system administrator was made:', `  e-mail      ${email}`)
      if (password === 'given') say('  password    as given in PALISADE_ADMIN_PASSWORD')
      else say(`  password    ${password.reveal()}   (shown once: keep it)`)
    },
    ready({ seconds, url, caFile, firstAdministrator }) {
      say('', `Palisade is ready at ${url} (${seconds.toFixed(1)} s)`)
      if (caFile) say(`  CA to trust ${caFile}`)
      if (firstAdministrator)
        say(
          '',
          `Open ${url} in a browser and sign in as system administrator, ${firstAdministrator}.`,
          ...(caFile ? ['It warns of the certificate until the CA above is trusted.'] : []),
          'Then: docs/getting-started.md makes a tenant and imports a cluster. Ctrl-C stops the server.',
        )
    },
  }
}
