import { me, userInfo } from '../contract/wire/users.ts'
import { createApi } from './api.ts'
import { assertKeepable, keep, keptFor, parseCredential } from './credentials.ts'
import { type CliEdges, envOf, readText } from './edges.ts'
import { Failure, wrongUse } from './failure.ts'
import type { Issuer } from './issuer.ts'
import { type Kept, type Session, sessionUidOf } from './kept.ts'
import { clean, placeName } from './output.ts'
import { hasBrowser } from './programs.ts'
import { endSession, whileKeptIsOurs } from './session.ts'
import { chooseServer, type Server, type ServerOptions } from './settings.ts'

export type LoginOptions = ServerOptions & {
  readonly apiKey?: true
  readonly device?: true
  readonly port?: number
}

/** `palisade login`: in the browser, by a code where there is none, or with an API key. */
export async function login(options: LoginOptions, edges: CliEdges): Promise<void> {
  const server = await chooseServer(options, edges)
  const kept = options.apiKey ? await byApiKey(server, edges) : await atIssuer(server, options, edges)
  const { who, place } = await tryAndKeep(server, kept, edges).catch(async (cause: unknown) => {
    // A session that is not kept would go on for hours, for nobody.
    if (kept.kind === 'session') await endSession(server, kept.refresh, edges).catch(() => undefined)
    throw cause
  })
  const what = kept.kind === 'apiKey' ? 'key' : 'session'
  edges.err(`Signed in at ${server.url} as ${clean(who)}; the ${what} is kept in ${placeName(place)}.\n`)
  if (envOf(edges, 'PALISADE_TOKEN') !== undefined && server.isOfEnvironment)
    edges.err(`PALISADE_TOKEN is set and goes before it; unset it to use this ${what}.\n`)
}

async function tryAndKeep(server: Server, kept: Kept, edges: CliEdges) {
  const who = await whoHas(server, kept)
  const place = await whileKeptIsOurs(server, edges, async () => {
    // What cannot be read, in a keyring that is away for example, is replaced all the same.
    const before = await keptFor(server, edges).catch(() => undefined)
    const place = await keep(server, kept, edges)
    if (before) await endBefore(server, before.kept, kept, edges)
    return place
  })
  return { who, place }
}

async function atIssuer(server: Server, options: LoginOptions, edges: CliEdges): Promise<Kept> {
  const { openIssuer } = await import('./issuer.ts')
  const issuer = await openIssuer(server, edges)
  try {
    await assertKeepable(edges)
    // Whoever names a port has a browser that leads there, on another machine for example.
    const inBrowser = !options.device && (options.port !== undefined || hasBrowser(edges))
    // From here on Ctrl-C is told as that; nobody is signed in until the end.
    const signal = edges.interrupted()
    const session = inBrowser
      ? await byBrowser(issuer, options.port ?? 0, signal, edges)
      : await byDevice(issuer, signal, edges)
    return { kind: 'session', ...session }
  } finally {
    issuer.close()
  }
}

/** Less than a sign-in page at the server stays good. */
const browserPatienceMs = 10 * 60_000

async function byBrowser(issuer: Issuer, port: number, signal: AbortSignal, edges: CliEdges): Promise<Session> {
  const { receiveCallback } = await import('./loopback.ts')
  return receiveCallback({
    port,
    patienceMs: browserPatienceMs,
    signal,
    async begin(redirectUri) {
      const begun = await issuer.begin(redirectUri)
      edges.err(
        `Sign in in your browser. If it does not open by itself, open this address in it:\n\n  ${begun.url}\n\n`,
      )
      edges.browse(begun.url.href)
      return begun
    },
  })
}

async function byDevice(issuer: Issuer, signal: AbortSignal, edges: CliEdges): Promise<Session> {
  const { page, code, pageWithCode, minutes, wait } = await issuer.beginOnDevice()
  edges.err(`Open this page in a browser, on any machine:\n\n  ${clean(page)}\n\n`)
  edges.err(`and enter the code within ${minutes} minutes:\n\n  ${clean(code)}\n\n`)
  if (pageWithCode !== undefined) edges.err(`or open it with the code: ${clean(pageWithCode)}\n`)
  return wait(signal)
}

async function byApiKey(server: Server, edges: CliEdges): Promise<Kept> {
  const typed = edges.isTerminal.in
    ? await edges.ask(`API key for ${server.url}: `, { secret: true })
    : await readText(edges, '-')
  const key = parseCredential(typed)
  if (key?.kind === 'apiKey') return { kind: 'apiKey', secret: key.secret }
  throw wrongUse(
    'this is no API key',
    'It begins with pak_, and is shown once: by palisade key create, when it is made.',
  )
}

/** Who it belongs to, in words, which also tries it. */
async function whoHas(server: Server, kept: Kept): Promise<string> {
  const secret = kept.kind === 'apiKey' ? kept.secret : kept.access
  const api = createApi(server, { kind: kept.kind, secret, from: 'file' })
  try {
    const { orgName } = userInfo.parse(await api.call('GET', '/v1/users/info'))
    const { spec } = me.parse(await api.call('GET', '/v1/users/me'))
    return `${spec.emailId}${orgName === '' ? '' : ` of ${orgName}`}`
  } finally {
    api.close()
  }
}

/** Ends what was kept here and is no more, as far as it is one that ends. */
async function endBefore(server: Server, before: Kept, now: Kept, edges: CliEdges): Promise<void> {
  if (before.kind === 'apiKey') {
    if (now.kind === 'session')
      edges.err('The API key that was kept here stays valid until palisade key delete ends it.\n')
    return
  }
  // In one browser a second sign-in may be let into the same session.
  if (now.kind === 'session' && sessionUidOf(before.access) === sessionUidOf(now.access)) return
  try {
    await endSession(server, before.refresh, edges)
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause
    edges.err(`The session that was kept here before was not ended (${cause.message}); it ends by itself.\n`)
  }
}
