import { createHash } from 'node:crypto'
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { Secret } from '../core/seal/index.ts'
import type { Api } from './api.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { execCredential } from './exec-credential.ts'
import { Failure, isFileError, wrongUse } from './failure.ts'
import { sessionUidOf } from './kept.ts'
import { uidOf } from './named.ts'
import { makePrivateFolder, readPrivate, writeWhole } from './private-files.ts'
import { cacheFolder, type ServerOptions } from './settings.ts'

/** A token that the Kubernetes door alone takes; as good as the credential it was made with, and a quarter of an hour. */
export type ClusterToken = { readonly token: Secret; readonly expiresAt: Date }

export type TokenOptions = ServerOptions & { readonly cluster?: string; readonly execCredential?: true }

/** `palisade token`: for kubectl, or as plain text. */
export async function token(options: TokenOptions, edges: CliEdges): Promise<void> {
  if (options.execCredential && options.cluster === undefined)
    throw wrongUse('--exec-credential is for a cluster; name it with --cluster')
  await withApi(options, edges, async (api) => {
    if (options.cluster === undefined) return edges.out(`${plainToken(api).reveal()}\n`)
    const cluster = await uidOf(api, 'cluster', options.cluster)
    const { token, expiresAt } = await clusterToken(api, cluster, edges, options.execCredential === true)
    if (!options.execCredential) return edges.out(`${token.reveal()}\n`)
    edges.out(execCredential(token, expiresAt))
  })
}

/** A session's token ends by itself and may be shown; a key stays until somebody ends it, and is shown by nobody. */
function plainToken({ credential }: Api): Secret {
  if (credential.kind !== 'apiKey') return credential.secret
  throw wrongUse(
    'the credential is an API key, which is not shown again',
    'palisade token --cluster CLUSTER gives a token of a quarter of an hour for the way to clusters.',
  )
}

/** Before its end, so that kubectl does not begin with one that ends on the way. */
const spareMs = 60_000

/**
 * A token for a cluster: the last one while it lasts, for kubectl asks at every call and each new one is an entry in the
 * audit log, else a new one. Kept under a hash of the session or of the credential: another one's holder never gets it.
 *
 * @param forKubectl which asks a second time when the server refused what it got: then it is not given the same again, so
 *   that the server says why
 */
export async function clusterToken(
  api: Api,
  cluster: string,
  edges: CliEdges,
  forKubectl = false,
): Promise<ClusterToken> {
  const folder = join(cacheFolder(edges), 'tokens')
  const key = createHash('sha256')
    .update([api.server.url, cluster, holderOf(api)].join('\n'))
    .digest('hex')
  const file = join(folder, `${key}.json`)
  const isRefused = forKubectl && (await hasAsked(folder, `${key}-${edges.startedBy}`))
  const kept = isRefused ? undefined : await readKept(file)
  if (kept && kept.expiresAt.getTime() - spareMs > edges.now().getTime()) return kept
  const before = edges.now()
  const fresh = tokenIn(await api.text(`/v1/spectroclusters/${cluster}/assets/kubeconfig`), api.server.url, before)
  await keep(folder, file, fresh, edges.now())
  return fresh
}

/** Access tokens come and go; the session that they are of stays. */
function holderOf({ credential }: Api): string {
  const session = credential.kind === 'session' ? sessionUidOf(credential.secret) : undefined
  return session === undefined ? credential.secret.reveal() : `session ${session}`
}

/** Whether the process that this is for was given a token before; from now on it was. */
async function hasAsked(folder: string, mark: string): Promise<boolean> {
  try {
    await makePrivateFolder(folder)
    await (await open(join(folder, mark), 'wx', 0o600)).close()
    return false
  } catch (cause) {
    if (!(cause instanceof Failure) && !isFileError(cause)) throw cause
    // Anything else is a home that cannot be written to: as if it were the first time.
    return isFileError(cause) && cause.code === 'EEXIST'
  }
}

/** What is kept is only there to save time: one that cannot be used is as good as none. */
async function readKept(file: string): Promise<ClusterToken | undefined> {
  try {
    const kept = JSON.parse((await readPrivate(file)) ?? 'null') as { token: string; expiresAt: string } | null
    const expiresAt = new Date(kept?.expiresAt ?? Number.NaN)
    if (typeof kept?.token !== 'string' || Number.isNaN(expiresAt.getTime())) return undefined
    return { token: new Secret(kept.token), expiresAt }
  } catch (cause) {
    if (cause instanceof Failure || cause instanceof SyntaxError) return undefined
    throw cause
  }
}

async function keep(folder: string, file: string, { token, expiresAt }: ClusterToken, now: Date): Promise<void> {
  try {
    await makePrivateFolder(folder)
    for (const name of await readdir(folder)) {
      const old = join(folder, name)
      const age = now.getTime() - ((await stat(old).catch(() => undefined))?.mtimeMs ?? now.getTime())
      if (age > 3_600_000) await rm(old, { force: true })
    }
    await writeWhole(file, JSON.stringify({ token: token.reveal(), expiresAt }), 0o600)
  } catch (cause) {
    // A home that cannot be written to, as in a container: then every call asks for a token of its own.
    if (!(cause instanceof Failure)) throw cause
  }
}

/**
 * The token in a kubeconfig that the server issued. What it says of its life is not secret (RFC 7519 §4.1); that counts from
 * before it was asked for, by the clock of this machine, which kubectl goes by.
 */
function tokenIn(kubeconfig: string, url: string, before: Date): ClusterToken {
  const users = (parse(kubeconfig) as { users?: readonly { user?: { token?: unknown } }[] } | null)?.users
  const token = users?.[0]?.user?.token
  const payload = typeof token === 'string' ? token.split('.')[1] : undefined
  if (typeof token !== 'string' || payload === undefined) throw new Failure(`${url} issued no token for this cluster`)
  const { iat, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
    iat?: unknown
    exp?: unknown
  }
  if (typeof iat !== 'number' || typeof exp !== 'number') throw new Failure(`${url} issued a token without an end`)
  return { token: new Secret(token), expiresAt: new Date(before.getTime() + (exp - iat) * 1000) }
}
