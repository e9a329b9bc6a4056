import { Secret } from '../core/seal/index.ts'

/** What a sign-in leaves on the machine: an API key, or the session that the issuer gave. */
export type Kept = { readonly kind: 'apiKey'; readonly secret: Secret } | ({ readonly kind: 'session' } & Session)

/** A session at the issuer. */
export type Session = {
  readonly access: Secret
  /** Good once: a refresh gives the next, and one that comes a second time ends the session. */
  readonly refresh: Secret
  /** When the access token ends, by the clock of this machine. */
  readonly accessEndsAt: Date
}

/** As one line of text, for the keyring and the file alike: a key as it is, a session as JSON. */
export function printKept(kept: Kept): Secret {
  if (kept.kind === 'apiKey') return kept.secret
  const { access, refresh, accessEndsAt } = kept
  return new Secret(JSON.stringify({ access: access.reveal(), refresh: refresh.reveal(), accessEndsAt }))
}

/** @returns nothing for a text that `printKept` did not make */
export function parseKept(text: string): Kept | undefined {
  const line = text.trim()
  if (/^pak_[\w.-]+$/.test(line)) return { kind: 'apiKey', secret: new Secret(line) }
  let value: { readonly access?: unknown; readonly refresh?: unknown; readonly accessEndsAt?: unknown } | null
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  const { access, refresh } = value ?? {}
  if (typeof access !== 'string' || typeof refresh !== 'string') return undefined
  const accessEndsAt = new Date(String(value?.accessEndsAt))
  if (Number.isNaN(accessEndsAt.getTime())) return undefined
  return { kind: 'session', access: new Secret(access), refresh: new Secret(refresh), accessEndsAt }
}

/** Which session of the server an access token is of: a claim, read and not verified, to tell two of one's own apart. */
export function sessionUidOf(access: Secret): string | undefined {
  try {
    const payload = Buffer.from(access.reveal().split('.')[1] ?? '', 'base64url').toString('utf8')
    const { sid } = JSON.parse(payload) as { readonly sid?: unknown }
    return typeof sid === 'string' ? sid : undefined
  } catch {
    return undefined
  }
}
