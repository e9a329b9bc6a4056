import type { WriteStream } from 'node:tty'
import type { FirstAdministrator } from './first-start.ts'

/** What a person at the terminal reads; the log is for machines. */
export type Terminal = {
  readonly isInteractive: boolean
  progress(message: string): void
  /** Where the log is written. */
  log(path: string): void
  ready(facts: {
    readonly seconds: number
    readonly url: string
    readonly caFile: string | undefined
    readonly administrator: FirstAdministrator | undefined
  }): void
}

export function createTerminal(out: WriteStream | NodeJS.WriteStream): Terminal {
  const say = (text: string) => out.write(`${text}\n`)
  return {
    isInteractive: out.isTTY === true,
    progress: (message) => say(`  ${message} …`),
    log: (path) => say(`  log: ${path}`),
    ready({ seconds, url, caFile, administrator }) {
      const trust = caFile ? ` --cacert ${caFile}` : ''
      const lines = [
        '',
        `Palisade is ready at ${url} (${seconds.toFixed(1)} s)`,
        ...(caFile ? [`  CA to trust     ${caFile}`] : []),
      ]
      if (administrator) {
        lines.push(`  administrator   ${administrator.email}`)
        if (administrator.password !== 'given')
          lines.push(`  password        ${administrator.password.reveal()}   (shown once: keep it)`)
        lines.push(
          '',
          'Sign in:',
          `  curl${trust} ${url}/v1/auth/syslogin -H 'content-type: application/json' \\`,
          `    -d '{"username":"${administrator.email}","password":"…"}'`,
          'Then: docs/getting-started.md makes a tenant and imports a cluster; Ctrl-C stops the server.',
        )
      }
      say(lines.join('\n'))
    },
  }
}
