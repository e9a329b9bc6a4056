import { isAbsolute, join, resolve } from 'node:path'
import type { CliEdges } from './edges.ts'
import { envOf } from './edges.ts'
import { exclusively } from './exclusive.ts'
import { Failure, wrongUse } from './failure.ts'
import { makePrivateFolder, readIfThere, writeWhole } from './private-files.ts'

/** What every command that talks to a server may be told. */
export type ServerOptions = { readonly url?: string; readonly caFile?: string }

/** A server and by what it is believed. */
export type Server = {
  /** An https origin without a trailing slash. */
  readonly url: string
  /** The one authority that is trusted; undefined: those of the system. */
  readonly caFile: string | undefined
  readonly caPem: string | undefined
  /** Whether PALISADE_TOKEN is meant for it: with PALISADE_URL set it is for that server alone, and goes to no other. */
  readonly isOfEnvironment: boolean
}

/** Where the credential of a server was put. */
export type CredentialPlace = 'keyring' | 'file'

/** What is remembered between commands, in `config.json`. It holds no secret. */
type Settings = {
  readonly current?: string
  readonly servers: Readonly<Record<string, { readonly caFile?: string; readonly credential?: CredentialPlace }>>
}

type World = Pick<CliEdges, 'env' | 'home' | 'cwd'>

/** `$XDG_CONFIG_HOME/palisade`. The specification has relative values ignored. @see XDG Base Directory Specification */
export const configFolder = (world: World): string => folderOf(world, 'XDG_CONFIG_HOME', '.config')
/** `$XDG_CACHE_HOME/palisade`: what may be removed at any time. */
export const cacheFolder = (world: World): string => folderOf(world, 'XDG_CACHE_HOME', '.cache')

/** What is locked while one process changes what lies in the folder. */
export const lockFile = (world: World, name: string): string => join(configFolder(world), 'locks', name)

function folderOf(world: World, variable: string, fallback: string): string {
  const named = envOf(world, variable)
  return join(named !== undefined && isAbsolute(named) ? named : join(world.home, fallback), 'palisade')
}

/** Which server is meant: what the option says, else the environment, else the last sign-in. */
export async function chooseServer(options: ServerOptions, world: World): Promise<Server> {
  const settings = await readSettings(world)
  const fromEnvironment = envOf(world, 'PALISADE_URL')
  const named =
    options.url !== undefined
      ? { text: options.url, where: '--url' }
      : fromEnvironment !== undefined
        ? { text: fromEnvironment, where: 'PALISADE_URL' }
        : { text: settings.current, where: settingsFile(world) }
  if (named.text === undefined)
    throw wrongUse(
      'no server is named',
      'Say where Palisade is: --url https://palisade.example.com, or PALISADE_URL.',
      'palisade login remembers it.',
    )
  const url = parseUrl(named.text, named.where)
  const isOfEnvironment = fromEnvironment === undefined || parseUrl(fromEnvironment, 'PALISADE_URL') === url
  const caFromEnvironment = isOfEnvironment ? envOf(world, 'PALISADE_CA_FILE') : undefined
  const ca = options.caFile ?? caFromEnvironment ?? settings.servers[url]?.caFile
  if (ca === undefined) return { url, caFile: undefined, caPem: undefined, isOfEnvironment }
  const caFile = resolve(world.cwd, ca)
  return { url, caFile, caPem: await readCa(caFile), isOfEnvironment }
}

/** @returns the origin in its one spelling */
function parseUrl(text: string, where: string): string {
  const wrong = (what: string) =>
    wrongUse(`${where} ${what}`, 'Use an https origin such as https://palisade.example.com')
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong('is not a URL')
  }
  if (url.protocol !== 'https:') throw wrong('is not https: a credential would travel in the open')
  if (url.username || url.password) throw wrong('carries credentials')
  if (url.pathname !== '/' || url.search || url.hash) throw wrong('has a path, query or fragment')
  return url.origin
}

async function readCa(file: string): Promise<string> {
  const pem = await readIfThere(file)
  const hints = ['It is the certificate of the authority that issued the server’s; of a server’s own, data/pki/ca.crt.']
  if (pem === undefined) throw new Failure(`the CA file ${file} is not there`, { hints })
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Failure(`${file} holds no PEM certificate`, { hints })
  return pem
}

const settingsFile = (world: World) => join(configFolder(world), 'config.json')

async function readSettings(world: World): Promise<Settings> {
  const file = settingsFile(world)
  const text = await readIfThere(file)
  if (text === undefined) return { servers: {} }
  const settings = parseSettings(text)
  if (!settings) throw new Failure(`${file} is not what palisade wrote`, { hints: [`Remove it and sign in again.`] })
  return settings
}

function parseSettings(text: string): Settings | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { current, servers } = value as Record<string, unknown>
    if (current !== undefined && typeof current !== 'string') return undefined
    if (typeof servers !== 'object' || servers === null) return undefined
    for (const one of Object.values(servers)) {
      const { caFile, credential } = one as Record<string, unknown>
      if (caFile !== undefined && typeof caFile !== 'string') return undefined
      if (![undefined, 'keyring', 'file'].includes(credential as string | undefined)) return undefined
    }
    return value as Settings // every member was looked at above
  } catch {
    return undefined
  }
}

export async function credentialPlaceOf(server: Server, world: World): Promise<CredentialPlace | undefined> {
  return (await readSettings(world)).servers[server.url]?.credential
}

/** Remembers the server, how it is trusted and where its credential lies; `credential` undefined: it has none any more. */
export async function remember(server: Server, credential: CredentialPlace | undefined, world: World): Promise<void> {
  await makePrivateFolder(configFolder(world))
  const file = settingsFile(world)
  await exclusively(lockFile(world, 'settings'), async () => {
    const settings = await readSettings(world)
    const entry = {
      ...(server.caFile === undefined ? {} : { caFile: server.caFile }),
      ...(credential === undefined ? {} : { credential }),
    }
    const next: Settings = {
      ...settings,
      ...(credential === undefined ? {} : { current: server.url }),
      servers: { ...settings.servers, [server.url]: entry },
    }
    await writeWhole(file, `${JSON.stringify(next, null, 2)}\n`, 0o600)
  })
}
