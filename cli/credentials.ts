import { join } from 'node:path'
import { Secret } from '../core/seal/index.ts'
import { type CliEdges, envOf } from './edges.ts'
import { exclusively } from './exclusive.ts'
import { Failure } from './failure.ts'
import { type Kept, parseKept, printKept } from './kept.ts'
import { clearKeyring, lookUpInKeyring, storeInKeyring } from './keyring.ts'
import { makePrivateFolder, readPrivate, writeWhole } from './private-files.ts'
import { type CredentialPlace, configFolder, credentialPlaceOf, lockFile, remember, type Server } from './settings.ts'

/** What proves who calls: an API key, a token that was given, or the access token of a session that is kept here. */
export type Credential = {
  readonly kind: 'apiKey' | 'token' | 'session'
  readonly secret: Secret
  readonly from: 'PALISADE_TOKEN' | CredentialPlace
}

type World = Pick<CliEdges, 'env' | 'home' | 'cwd'>

/** The environment's credential, where there is one and it is meant for this server. */
export function credentialOfEnvironment(server: Server, world: World): Credential | undefined {
  const given = server.isOfEnvironment ? envOf(world, 'PALISADE_TOKEN') : undefined
  if (given === undefined) return undefined
  const found = parseCredential(given)
  if (found) return { ...found, from: 'PALISADE_TOKEN' }
  throw new Failure('PALISADE_TOKEN is neither an API key nor a token', {
    hints: ['An API key begins with pak_; a token is what a sign-in answers as Authorization.'],
  })
}

export const notSignedIn = ({ url }: Server): Failure =>
  new Failure(`not signed in at ${url}`, {
    hints: [`palisade login --url ${url}`, 'or set PALISADE_TOKEN to an API key or a token.'],
  })

/** @returns what kind of credential a text is; nothing for what is none, such as a password */
export function parseCredential(
  text: string,
): { readonly kind: 'apiKey' | 'token'; readonly secret: Secret } | undefined {
  const secret = text.trim()
  if (/^pak_[\w.-]+$/.test(secret)) return { kind: 'apiKey', secret: new Secret(secret) }
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)) return { kind: 'token', secret: new Secret(secret) }
  return undefined
}

/** What a sign-in left for a server, and where it lies. */
export async function keptFor(
  server: Server,
  world: World,
): Promise<{ readonly kept: Kept; readonly place: CredentialPlace } | undefined> {
  const place = await credentialPlaceOf(server, world)
  if (place === undefined) return undefined
  const stored = place === 'keyring' ? await lookUpInKeyring(server, world) : (await readStored(world))[server.url]
  const kept = stored === undefined ? undefined : parseKept(stored)
  return kept && { kept, place }
}

/** Throws where nothing could be kept: before somebody signs in for it. */
export async function assertKeepable(world: World): Promise<void> {
  await makePrivateFolder(configFolder(world))
  await readStored(world)
}

/**
 * Keeps a credential for the next commands: in the keyring of the desktop where there is one, else in a file that only its
 * owner may read.
 */
export async function keep(server: Server, kept: Kept, world: World): Promise<CredentialPlace> {
  const secret = printKept(kept)
  const place: CredentialPlace = (await storeInKeyring(server, secret, world)) ? 'keyring' : 'file'
  // Whatever an earlier sign-in left in the file goes or is replaced.
  await changeStored(world, ({ [server.url]: _, ...others }) =>
    place === 'file' ? { ...others, [server.url]: secret.reveal() } : others,
  )
  await remember(server, place, world)
  return place
}

/** Forgets what a sign-in left. @returns where it was; undefined: there was nothing */
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
  await exclusively(lockFile(world, 'credentials'), async () => {
    const before = await readStored(world)
    const after = change(before)
    if (JSON.stringify(before) !== JSON.stringify(after))
      await writeWhole(file, `${JSON.stringify(after, null, 2)}\n`, 0o600)
  })
}
