import { spawn } from 'node:child_process'
import type { Secret } from '../core/seal/index.ts'
import { type CliEdges, envOf } from './edges.ts'
import { Failure } from './failure.ts'
import { programOnPath } from './programs.ts'
import type { Server } from './settings.ts'

// The keyring of the desktop: libsecret's own program, which speaks to whatever keyring runs.

type World = Pick<CliEdges, 'env'>

const attributes = ({ url }: Server) => ['service', 'palisade', 'server', url]

/** @returns false where there is no keyring, or it takes nothing */
export async function storeInKeyring(server: Server, secret: Secret, world: World): Promise<boolean> {
  const program = secretTool(world)
  if (program === undefined) return false
  const args = ['store', '--label', `Palisade ${server.url}`, ...attributes(server)]
  const { code } = await runSecretTool(program, args, world, secret.reveal())
  return code === 0
}

/** What the keyring holds for a server; undefined: nothing. */
export async function lookUpInKeyring(server: Server, world: World): Promise<string | undefined> {
  const program = secretTool(world)
  if (program === undefined)
    throw new Failure(`the credential for ${server.url} is in the keyring, and there is none here`, {
      hints: ['Run this inside the desktop session that you signed in from, or sign in again.'],
    })
  const { code, stdout } = await runSecretTool(program, ['lookup', ...attributes(server)], world)
  return code === 0 && stdout !== '' ? stdout : undefined
}

export async function clearKeyring(server: Server, world: World): Promise<void> {
  const program = secretTool(world)
  const { code } = program ? await runSecretTool(program, ['clear', ...attributes(server)], world) : { code: -1 }
  if (code !== 0) throw new Failure(`the keyring did not forget the credential for ${server.url}`)
}

/** Without a session bus there is no keyring to ask, and asking would only wait. */
const secretTool = (world: World) =>
  envOf(world, 'DBUS_SESSION_BUS_ADDRESS') === undefined ? undefined : programOnPath('secret-tool', world)

/** A person may have to unlock the keyring first. */
const keyringPatienceMs = 60_000

/** The secret goes through the standard input: arguments can be read by every process of the machine. */
function runSecretTool(program: string, args: readonly string[], { env }: World, input = '') {
  return new Promise<{ readonly code: number; readonly stdout: string }>((done) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...env },
      timeout: keyringPatienceMs,
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.once('error', () => done({ code: -1, stdout: '' }))
    child.once('close', (code) => done({ code: code ?? -1, stdout: stdout.trim() }))
    // EPIPE: it ended before it read; its exit code says so.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
