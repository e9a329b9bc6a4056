import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/sso.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Field } from '../keys/index.ts'
import { settingOf } from '../settings/index.ts'
import { readIdentityProvider } from './identity-provider-metadata.ts'

/** The documents as they are kept: what Palisade works out itself is not in them. */

const claims = z.strictObject({
  Email: z.string(),
  FirstName: z.string(),
  LastName: z.string(),
  SpectroTeam: z.string(),
})

export const oidcDocument = settingOf(
  'sso-oidc',
  z.strictObject({
    isSsoEnabled: z.boolean(),
    issuerUrl: z.string(),
    clientId: z.string(),
    /** Sealed, in base64; empty where there is none. */
    sealedSecret: z.string(),
    scopes: z.array(z.string()),
    scopesDelimiter: z.string(),
    requiredClaims: claims,
    userInfo: z.strictObject({ useUserInfo: z.boolean(), claims }),
    caPem: z.string(),
    defaultTeams: z.array(z.string()),
    syncSsoTeams: z.boolean(),
  }),
  {
    ...{ isSsoEnabled: false, issuerUrl: '', clientId: '', sealedSecret: '', scopes: [], scopesDelimiter: '' },
    ...{ requiredClaims: wire.noClaims, userInfo: { useUserInfo: false, claims: wire.noClaims } },
    ...{ caPem: '', defaultTeams: [], syncSsoTeams: false },
  },
)
export type OidcDocument = (typeof oidcDocument)['unset']

export const secretField: Field = { table: 'settings', column: 'value', row: 'sso-oidc/clientSecret' }

const unspecified = 'urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified'
const attributes = wire.personMembers.map((name) => ({
  ...{ name, mappedAttribute: name, attributeValue: '', nameFormat: unspecified },
}))

export const samlDocument = settingOf(
  'sso-saml',
  z.strictObject({
    isSsoEnabled: z.boolean(),
    isSingleLogoutEnabled: z.boolean(),
    syncSsoTeams: z.boolean(),
    identityProvider: z.string(),
    /** The text itself. */
    metadata: z.string(),
    nameIdFormat: z.string(),
    attributes: z.array(
      z.strictObject({
        name: z.enum(wire.personMembers),
        mappedAttribute: z.string(),
        attributeValue: z.string(),
        nameFormat: z.string(),
      }),
    ),
    defaultTeams: z.array(z.string()),
  }),
  {
    ...{ isSsoEnabled: false, isSingleLogoutEnabled: false, syncSsoTeams: false, identityProvider: '', metadata: '' },
    ...{ nameIdFormat: '', attributes, defaultTeams: [] },
  },
)
export type SamlDocument = (typeof samlDocument)['unset']

export const providersDocument = settingOf(
  'sso-providers',
  z.strictObject({ isEnabled: z.boolean(), ssoLogins: z.array(z.enum(wire.ssoApplications)) }),
  { isEnabled: false, ssoLogins: [] },
)

/** What is shown of a secret that is there. Clients send it back; nothing but asterisks means the same. */
export const mask = '********'
const isMasked = (secret: string) => /^\*+$/.test(secret)

/** A document to be kept, and what becomes of the secret: another one, the same, or none. */
export type JudgedOidc = {
  readonly document: Omit<OidcDocument, 'sealedSecret'>
  /** What was sent stands in a member of its own: a secret may be any text, these words too. */
  readonly secret: { readonly sent: string } | 'keep' | 'none'
}

/**
 * An OIDC document as a tenant wrote it, beside the one before. A stored secret goes on with issuer and client alone: nobody has it sent
 * to an issuer of their choice without knowing it.
 */
export function judgeOidc(body: z.output<typeof wire.oidcConfigIn>, before: OidcDocument): Result<JudgedOidc, Refusal> {
  const { clientSecret, issuerTls, ...rest } = body
  const { isSsoEnabled, issuerUrl, clientId } = rest
  if (issuerUrl !== '' && !isIssuer(issuerUrl))
    return err(refuse('invalid', 'issuerUrl: must be an https address without query, fragment or user'))
  const caPem = readAuthorities(issuerTls.caCertificateBase64)
  if (!caPem.ok) return err(caPem.error)
  const sameClient = issuerUrl === before.issuerUrl && clientId === before.clientId
  const isGiven = clientSecret !== '' && !isMasked(clientSecret)
  const hasStored = before.sealedSecret !== ''
  if (isMasked(clientSecret) && hasStored && !sameClient)
    return err(refuse('invalid', 'clientSecret: send it again: the one that is stored is of another issuer or client'))
  const secret = isGiven ? { sent: clientSecret } : sameClient && hasStored ? 'keep' : 'none'
  if (isSsoEnabled)
    for (const [member, isThere] of [
      ['issuerUrl', issuerUrl !== ''],
      ['clientId', clientId !== ''],
      ['clientSecret', secret !== 'none'],
      ['requiredClaims.Email', rest.requiredClaims.Email !== ''],
    ] as const)
      if (!isThere) return err(refuse('invalid', `${member}: is needed where isSsoEnabled is true`))
  return ok({ document: { ...rest, caPem: caPem.value }, secret })
}

/** A SAML document as a tenant wrote it. */
export function judgeSaml(body: z.output<typeof wire.samlConfigIn>): Result<SamlDocument, Refusal> {
  const { federationMetadata, attributes: written, ...rest } = body
  const { isSsoEnabled, isSingleLogoutEnabled } = rest
  const bytes = fromBase64(federationMetadata)
  if (!bytes) return err(refuse('invalid', 'federationMetadata: must be XML in base64'))
  const provider = bytes.length === 0 ? undefined : readIdentityProvider(bytes)
  if (provider && !provider.ok) return err(refuse('invalid', `federationMetadata: ${provider.error}`))
  if (isSsoEnabled && !provider)
    return err(refuse('invalid', 'federationMetadata: is needed where isSsoEnabled is true'))
  if (isSingleLogoutEnabled && provider?.value.singleLogoutUrls.length === 0)
    return err(refuse('invalid', 'isSingleLogoutEnabled: the identity provider names no SingleLogoutService'))
  const byName = new Map(written.map((one) => [one.name, one]))
  return ok({
    ...rest,
    metadata: bytes.toString('utf8'),
    // All four, always: clients read each of them by its name.
    attributes: attributes.map((one) => byName.get(one.name) ?? one),
  })
}

function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || /[\s?#]/.test(text)) return false
  const { protocol, username, password } = new URL(text)
  return protocol === 'https:' && username === '' && password === ''
}

/** PEM as it is, or in base64: clients send both. */
function readAuthorities(text: string): Result<string, Refusal> {
  const refused = (problem: string) => err(refuse('invalid', `issuerTls.caCertificateBase64: ${problem}`))
  if (text.trim() === '') return ok('')
  const pem = text.includes('-----BEGIN') ? text : (fromBase64(text)?.toString('utf8') ?? '')
  if (/PRIVATE KEY-----/.test(pem)) return err(refuse('private_key_refused', 'issuerTls.caCertificateBase64'))
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return refused('holds no certificate; send it as PEM, or that in base64')
  if (blocks.length > 20) return refused('holds more than 20 certificates')
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch {
    return refused('holds a certificate that is damaged')
  }
  return ok(pem)
}

/** Undefined for what is no base64. */
function fromBase64(text: string): Buffer | undefined {
  const plain = text.replaceAll(/\s/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(plain) || plain.replaceAll('=', '').length % 4 === 1) return undefined
  return Buffer.from(plain, 'base64')
}
