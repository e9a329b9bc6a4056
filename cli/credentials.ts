import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Secret } from '../core/seal/index.ts'
import { type CliEdges, envOf } from './edges.ts'
import { Failure } from './failure.ts'
import { makePrivateFolder, readPrivate, withLock, writeWhole } from './private-files.ts'
import { type CredentialPlace, configFolder, credentialPlaceOf, remember, type Server } from './settings.ts'

/** What proves who calls: an API key, or the token of a session. */
export type Credential = {
  readonly kind: 'apiKey' | 'token'
  readonly secret: Secret
  readonly from: 'PALISADE_TOKEN' | CredentialPlace
}

type World = Pick<CliEdges, 'env' | 'home' | 'cwd'>

/** The credential for a server: the environment's where it is meant for it, else what a sign-in stored. */
export async function credentialFor(server: Server, world: World): Promise<Credential> {
  const given = server.isOfEnvironment ? envOf(world, 'PALISADE_TOKEN') : undefined
  if (given !== undefined) {
    const found = parseCredential(given)
    if (found) return { ...found, from: 'PALISADE_TOKEN' }
    throw new Failure('PALISADE_TOKEN is neither an API key nor a token', {
      hints: ['An API key begins with pak_; a token is what a sign-in answers as Authorization.'],
    })
  }
  const place = await credentialPlaceOf(server, world)
  const stored = place === 'keyring' ? await lookUp(server, world) : (await readStored(world))[server.url]
  if (place === undefined || stored === undefined) throw notSignedIn(server)
  const found = parseCredential(stored)
  if (!found) throw notSignedIn(server)
  return { ...found, from: place }
}

const notSignedIn = ({ url }: Server) =>
  new Failure(`not signed in at ${url}`, {
    hints: [`palisade login --api-key --url ${url}`, 'or set PALISADE_TOKEN to an API key or a token.'],
  })

/** @returns what kind of credential a text is; nothing for what is none, such as a password */
export function parseCredential(text: string): Pick<Credential, 'kind' | 'secret'> | undefined {
  const secret = text.trim()
  if (/^pak_[\w.-]+$/.test(secret)) return { kind: 'apiKey', secret: new Secret(secret) }
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)) return { kind: 'token', secret: new Secret(secret) }
  return undefined
}

/**
 * Keeps a credential for the next commands: in the keyring of the desktop where there is one, else in a file that only its
 * owner may read.
 */
export async function store(server: Server, secret: Secret, world: World): Promise<CredentialPlace> {
  const place: CredentialPlace = (await storeInKeyring(server, secret, world)) ? 'keyring' : 'file'
  // Whatever an earlier sign-in left in the file goes or is replaced.
  await changeStored(world, ({ [server.url]: _, ...others }) =>
    place === 'file' ? { ...others, [server.url]: secret.reveal() } : others,
  )
  await remember(server, place, world)
  return place
}

/** Forgets what a sign-in stored. @returns where it was; undefined: there was nothing */
export async function forget(server: Server, world: World): Promise<CredentialPlace | undefined> {
  const place = await credentialPlaceOf(server, world)
  if (place === undefined) return undefined
  if (place === 'keyring') await clearKeyring(server, world)
  else await changeStored(world, ({ [server.url]: _, ...others }) => others)
  await remember(server, undefined, world)
  return place
}

type Stored = Readonly<Record<string, string>>

const credentialsFile = (world: World) => join(configFolder(world), 'credentials.json')

async function readStored(world: World): Promise<Stored> {
  const file = credentialsFile(world)
  const text = await readPrivate(file)
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string'))
      return value as Stored // every member was looked at
  } catch {
    // As for any other content that is not ours. The text is not quoted: it holds secrets.
  }
  throw new Failure(`${file} is not what palisade wrote`, { hints: ['Remove it and sign in again.'] })
}

async function changeStored(world: World, change: (stored: Stored) => Stored): Promise<void> {
  await makePrivateFolder(configFolder(world))
  const file = credentialsFile(world)
  await withLock(file, async () => {
    const before = await readStored(world)
    const after = change(before)
    if (JSON.stringify(before) !== JSON.stringify(after))
      await writeWhole(file, `${JSON.stringify(after, null, 2)}\n`, 0o600)
  })
}

// The keyring: libsecret's own program, which speaks to whatever keyring the desktop runs.

const attributes = ({ url }: Server) => ['service', 'palisade', 'server', url]

async function storeInKeyring(server: Server, secret: Secret, world: World): Promise<boolean> {
  const program = secretTool(world)
  if (program === undefined) return false
  const args = ['store', '--label', `Palisade ${server.url}`, ...attributes(server)]
  const { code } = await runSecretTool(program, args, world, secret.reveal())
  return code === 0
}

async function lookUp(server: Server, world: World): Promise<string | undefined> {
  const program = secretTool(world)
  if (program === undefined)
    throw new Failure(`the credential for ${server.url} is in the keyring, and there is none here`, {
      hints: ['Run this inside the desktop session that you signed in from, or sign in again.'],
    })
  const { code, stdout } = await runSecretTool(program, ['lookup', ...attributes(server)], world)
  return code === 0 && stdout !== '' ? stdout : undefined
}

async function clearKeyring(server: Server, world: World): Promise<void> {
  const program = secretTool(world)
  const { code } = program ? await runSecretTool(program, ['clear', ...attributes(server)], world) : { code: -1 }
  if (code !== 0) throw new Failure(`the keyring did not forget the credential for ${server.url}`)
}

/** Without a session bus there is no keyring to ask, and asking would only wait. */
function secretTool(world: World): string | undefined {
  if (envOf(world, 'DBUS_SESSION_BUS_ADDRESS') === undefined) return undefined
  const candidates = (envOf(world, 'PATH') ?? '').split(delimiter).map((folder) => join(folder, 'secret-tool'))
  return candidates.find((program) => {
    try {
      accessSync(program, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

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
