import { rm } from 'node:fs/promises'
import { me, userInfo } from '../contract/wire/users.ts'
import { createApi } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import { credentialFor, forget, parseCredential, store } from './credentials.ts'
import { type CliEdges, envOf, readText } from './edges.ts'
import { Failure, wrongUse } from './failure.ts'
import { printJson, printSides } from './output.ts'
import { cacheFolder, chooseServer, type ServerOptions } from './settings.ts'

/** `palisade login --api-key`: tries the key, then keeps it, and with it where the server is and how it is trusted. */
export async function loginByApiKey(options: ServerOptions, edges: CliEdges): Promise<void> {
  const server = await chooseServer(options, edges)
  const typed = edges.isTerminal.in
    ? await edges.ask(`API key for ${server.url}: `, { secret: true })
    : await readText(edges, '-')
  const key = parseCredential(typed)
  if (key?.kind !== 'apiKey')
    throw wrongUse(
      'this is no API key',
      'It begins with pak_, and is shown once: by palisade key create, when it is made.',
    )
  const api = createApi(server, { ...key, from: 'file' })
  let who: string
  try {
    who = await callerOf(await api.call('GET', '/v1/users/info'), () => api.call('GET', '/v1/users/me'))
  } finally {
    api.close()
  }
  const place = await store(server, key.secret, edges)
  edges.err(`Signed in at ${server.url} as ${who}; the key is kept in ${placeName(place)}.\n`)
  if (envOf(edges, 'PALISADE_TOKEN') !== undefined && server.isOfEnvironment)
    edges.err('PALISADE_TOKEN is set and goes before it; unset it to use this key.\n')
}

const placeName = (place: 'keyring' | 'file') => (place === 'keyring' ? 'the keyring' : 'a file that only you can read')

/** Who an API key belongs to, in words. A key of somebody whose own account cannot be read is still theirs. */
async function callerOf(info: unknown, readMe: () => Promise<unknown>): Promise<string> {
  const { orgName } = userInfo.parse(info)
  const { spec } = me.parse(await readMe())
  return `${spec.emailId}${orgName === '' ? '' : ` of ${orgName}`}`
}

/** `palisade logout`: ends the session where the credential is one's token, and forgets what was stored. */
export async function logout(options: ServerOptions, edges: CliEdges): Promise<void> {
  const server = await chooseServer(options, edges)
  // Tokens for clusters are made of the credential; they end with it, but need not lie about.
  await rm(cacheFolder(edges), { recursive: true, force: true })
  const place = await forget(server, edges)
  if (place !== undefined) {
    edges.err(`Forgot the API key for ${server.url}. The key itself stays valid: palisade key delete ends it.\n`)
    return
  }
  if (!server.isOfEnvironment || envOf(edges, 'PALISADE_TOKEN') === undefined)
    throw new Failure(`not signed in at ${server.url}`)
  const credential = await credentialFor(server, edges)
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

/** `palisade whoami` */
export async function whoami(options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async ({ call, server, credential }) => {
    const answer = await call('GET', '/v1/users/me')
    const { metadata, spec, status } = me.parse(answer)
    const used = { kind: credential.kind, from: credential.from }
    if (options.output === 'json') return printJson(edges, { server: server.url, credential: used, user: answer })
    printSides(edges, [
      ['user', spec.emailId],
      ['name', `${spec.firstName} ${spec.lastName}`.trim()],
      ['organisation', status.tenant.orgName],
      ['tenant', status.tenant.tenantUid],
      ['uid', metadata.uid],
      ['server', server.url],
      ['credential', `${used.kind === 'apiKey' ? 'API key' : 'token'} from ${fromName(used.from)}`],
    ])
  })
}

const fromName = (from: 'PALISADE_TOKEN' | 'keyring' | 'file') => (from === 'PALISADE_TOKEN' ? from : placeName(from))
