import { hash } from 'node:crypto'
import type { ApiKeyUid, LinkUid, TenantUid } from '../../contract/ids.ts'
import { newSecret } from '../platform/random/index.ts'

/**
 * API keys and links as text: `pak_<tenant>_<key>_<secret>` and `plk_<tenant>_<link>_<secret>`. The UIDs are what leads to
 * the row before anything is known of the caller; the secret is 256 random bits in base64url. The prefix lets scanners of
 * source code find a key that was published by mistake.
 */
const secretText = /^(?<prefix>pak|plk)_(?<tenant>[0-9a-f]{24}|system)_(?<uid>[0-9a-f]{24})_[A-Za-z0-9_-]{43}$/

export const newApiKeyValue = (tenant: TenantUid, uid: ApiKeyUid): string => `pak_${tenant}_${uid}_${newSecret()}`
export const newLinkToken = (tenant: TenantUid, uid: LinkUid): string => `plk_${tenant}_${uid}_${newSecret()}`

/** Which key a text claims to be; undefined for what cannot be one. */
export function parseApiKeyValue(text: string): { readonly tenant: TenantUid; readonly uid: ApiKeyUid } | undefined {
  const parts = secretText.exec(text)?.groups
  // The pattern is that of the UIDs.
  return parts?.prefix === 'pak' ? { tenant: parts.tenant as TenantUid, uid: parts.uid as ApiKeyUid } : undefined
}

/** Which link a text claims to be; undefined for what cannot be one (threat B30). */
export function parseLinkToken(text: string): { readonly tenant: TenantUid; readonly uid: LinkUid } | undefined {
  const parts = secretText.exec(text)?.groups
  return parts?.prefix === 'plk' ? { tenant: parts.tenant as TenantUid, uid: parts.uid as LinkUid } : undefined
}

/**
 * What is stored of a key or link: SHA-256 of the whole text. No slow hash, since 256 random bits cannot be guessed; no salt,
 * since no two are equal.
 */
export const fingerprint = (text: string): Buffer => hash('sha256', text, 'buffer')
