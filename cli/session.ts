import { createHash } from 'node:crypto'
import type { Secret } from '../core/seal/index.ts'
import { type Credential, credentialOfEnvironment, keep, keptFor, notSignedIn } from './credentials.ts'
import type { CliEdges } from './edges.ts'
import { exclusively } from './exclusive.ts'
import { Failure } from './failure.ts'
import type { Session } from './kept.ts'
import { type CredentialPlace, lockFile, type Server } from './settings.ts'

/** An access token is renewed this long before its end, so that none ends on the way. */
const spareMs = 60_000
/** Longer than one renewal can take; many that wait go on with what it gave. */
const renewalPatienceMs = 40_000

/** The credential for a server: the environment's where it is meant for it, else what a sign-in left, renewed if need be. */
export async function credentialFor(server: Server, edges: CliEdges): Promise<Credential> {
  const given = credentialOfEnvironment(server, edges)
  if (given) return given
  const found = await keptFor(server, edges)
  if (!found) throw notSignedIn(server)
  const { kept, place } = found
  if (kept.kind === 'apiKey') return { kind: 'apiKey', secret: kept.secret, from: place }
  const isFresh = ({ accessEndsAt }: Session) => accessEndsAt.getTime() - spareMs > edges.now().getTime()
  return isFresh(kept) ? credentialOf(kept, place) : renew(server, edges, isFresh)
}

/**
 * Another access token in place of one that the server refused: ended by a clock that was set since, or by a new session
 * of another process. An API key or a token that was given has none: nothing.
 */
export function renewerFor(server: Server, edges: CliEdges, { kind }: Credential) {
  if (kind !== 'session') return undefined
  return (refused: Credential): Promise<Credential> =>
    renew(server, edges, ({ access }) => access.reveal() !== refused.secret.reveal())
}

/**
 * Refreshes the session that is kept, unless another process just did. A refresh token is good once, and kubectl asks for
 * credentials from many processes at the same moment: the second to come with the same one would end the session.
 *
 * @param isGood of a session that needs no renewal
 */
async function renew(server: Server, edges: CliEdges, isGood: (session: Session) => boolean): Promise<Credential> {
  return whileKeptIsOurs(server, edges, async () => {
    const found = await keptFor(server, edges)
    if (found?.kept.kind !== 'session') throw notSignedIn(server)
    if (isGood(found.kept)) return credentialOf(found.kept, found.place)
    const { GrantEnded, openIssuer } = await import('./issuer.ts')
    const issuer = await openIssuer(server, edges)
    const { refresh } = found.kept
    try {
      // Ctrl-C at kubectl reaches this process too. Between the server's answer and our file it would cost the session.
      return await edges.uninterrupted(async () => {
        const next = await issuer.refresh(refresh)
        return credentialOf(next, await keep(server, { kind: 'session', ...next }, edges))
      })
    } catch (cause) {
      throw cause instanceof GrantEnded ? sessionEnded(server) : cause
    } finally {
      issuer.close()
    }
  })
}

const credentialOf = ({ access }: Session, from: CredentialPlace): Credential => ({
  kind: 'session',
  secret: access,
  from,
})

const sessionEnded = ({ url }: Server) =>
  new Failure(`the session at ${url} has ended`, {
    hints: [
      'Somebody signed out or ended it, it was not used for hours, or its time was over.',
      `palisade login --url ${url}`,
    ],
  })

/** Runs while no other process renews, replaces or forgets what is kept for this server. */
export function whileKeptIsOurs<T>(server: Server, edges: CliEdges, run: () => Promise<T>): Promise<T> {
  const name = createHash('sha256').update(server.url).digest('hex').slice(0, 16)
  return exclusively(lockFile(edges, `session-${name}`), run, renewalPatienceMs)
}

/** Ends a session at the server, with every token and stream that belongs to it. */
export async function endSession(server: Server, refresh: Secret, edges: CliEdges): Promise<void> {
  const { openIssuer } = await import('./issuer.ts')
  const issuer = await openIssuer(server, edges)
  try {
    await issuer.revoke(refresh)
  } finally {
    issuer.close()
  }
}
