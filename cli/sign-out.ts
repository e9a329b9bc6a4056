import { rm } from 'node:fs/promises'
import { createApi } from './api.ts'
import { credentialOfEnvironment, forget, keptFor } from './credentials.ts'
import type { CliEdges } from './edges.ts'
import { Failure } from './failure.ts'
import type { Kept } from './kept.ts'
import { endSession, whileKeptIsOurs } from './session.ts'
import { cacheFolder, chooseServer, credentialPlaceOf, type Server, type ServerOptions } from './settings.ts'

/** `palisade logout`: forgets what is kept, and ends the session that it was; else the session of PALISADE_TOKEN. */
export async function logout(options: ServerOptions, edges: CliEdges): Promise<void> {
  const server = await chooseServer(options, edges)
  // Tokens for clusters are made of the credential; they end with it, but need not lie about.
  await rm(cacheFolder(edges), { recursive: true, force: true })
  if ((await credentialPlaceOf(server, edges)) === undefined) return logoutOfEnvironment(server, edges)
  // With the renewals of other processes kept out: what is revoked is the newest, and none comes after it.
  const { kept, ended } = await whileKeptIsOurs(server, edges, async () => {
    const kept = (await keptFor(server, edges))?.kept
    const ended = await end(server, kept, edges)
    await forget(server, edges)
    return { kept, ended }
  })
  if (ended instanceof Failure)
    throw new Failure(`what was kept here is removed, but the session was not ended: ${ended.message}`, {
      hints: ['It ends by itself in some hours; to end it now, sign in and end it under your sessions.'],
    })
  edges.err(
    kept?.kind === 'session'
      ? `Signed out at ${server.url}. The session has ended, and every stream that belonged to it.\n`
      : `Forgot the API key for ${server.url}. The key itself stays valid: palisade key delete ends it.\n`,
  )
}

/** Whoever signs out wants nothing left here, whether or not the server can be reached: so that is told, not thrown. */
async function end(server: Server, kept: Kept | undefined, edges: CliEdges): Promise<Failure | undefined> {
  if (kept?.kind !== 'session') return undefined
  try {
    await endSession(server, kept.refresh, edges)
    return undefined
  } catch (cause) {
    if (cause instanceof Failure) return cause
    throw cause
  }
}

async function logoutOfEnvironment(server: Server, edges: CliEdges): Promise<void> {
  const credential = credentialOfEnvironment(server, edges)
  if (!credential) throw new Failure(`not signed in at ${server.url}`)
  if (credential.kind === 'apiKey')
    throw new Failure('PALISADE_TOKEN holds an API key, which is not signed out of', {
      hints: ['unset PALISADE_TOKEN forgets it here; palisade key delete ends it everywhere.'],
    })
  const api = createApi(server, credential)
  try {
    await api.call('POST', '/v1/palisade/logout')
  } finally {
    api.close()
  }
  edges.err('The session has ended, and every stream that belonged to it. PALISADE_TOKEN is of no use any more.\n')
}
