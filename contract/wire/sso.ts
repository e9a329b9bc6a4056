import { z } from 'zod'
import { listOf, optionalText } from './common.ts'

/** Single sign-on of a tenant: its documents, and the domains of its people's e-mail addresses. */

const flag = z
  .boolean()
  .nullish()
  .transform((is) => is ?? false)

/** A list that may be `null`; clients that have none send one empty text. */
const texts = (max: number, most: number) =>
  listOf(optionalText(max))
    .transform((list) => list.filter((text) => text !== ''))
    .refine((list) => list.length <= most, `may be at most ${most}`)

export const domains = z.object({ domains: z.array(z.string()) })
export const domainsIn = z.object({ domains: texts(512, 100) })

export const ssoApplications = ['github', 'google'] as const
export const providers = z.object({ isEnabled: z.boolean(), ssoLogins: z.array(z.enum(ssoApplications)) })
export const providersIn = z.object({
  isEnabled: flag,
  ssoLogins: listOf(z.enum(['', ...ssoApplications])).transform((list) => [
    ...new Set(list.filter((name) => name !== '')),
  ]),
})

/** The members of a person that a sign-in brings, by their names on the wire. */
export const personMembers = ['Email', 'FirstName', 'LastName', 'SpectroTeam'] as const
export type PersonMember = (typeof personMembers)[number]

const claims = z.object({
  Email: z.string(),
  FirstName: z.string(),
  LastName: z.string(),
  SpectroTeam: z.string(),
})
export const noClaims = { Email: '', FirstName: '', LastName: '', SpectroTeam: '' }
const claimsIn = z
  .object({
    Email: optionalText(256),
    FirstName: optionalText(256),
    LastName: optionalText(256),
    SpectroTeam: optionalText(256),
  })
  .nullish()
  .transform((given) => given ?? noClaims)

export const oidcConfig = z.object({
  isSsoEnabled: z.boolean(),
  issuerUrl: z.string(),
  clientId: z.string(),
  clientSecret: z.string(),
  scopes: z.array(z.string()),
  scopesDelimiter: z.string(),
  requiredClaims: claims,
  userInfo: z.object({ useUserInfo: z.boolean(), claims }),
  issuerTls: z.object({ caCertificateBase64: z.string(), insecureSkipVerify: z.boolean() }),
  defaultTeams: z.array(z.string()),
  syncSsoTeams: z.boolean(),
  callbackUrl: z.string(),
  logoutUrl: z.string(),
})

/** The addresses that Palisade works out itself are sent back as they were read, and not looked at. */
export const oidcConfigIn = z.object({
  isSsoEnabled: flag,
  issuerUrl: optionalText(2_048),
  clientId: optionalText(512),
  clientSecret: optionalText(4_096),
  // RFC 6749 §3.3.
  scopes: texts(256, 50).refine(
    (list) => list.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)),
    'has what is no scope: visible ASCII characters alone, no quotes or backslashes',
  ),
  scopesDelimiter: optionalText(8),
  requiredClaims: claimsIn,
  userInfo: z
    .object({ useUserInfo: flag, claims: claimsIn })
    .nullish()
    .transform((given) => given ?? { useUserInfo: false, claims: noClaims }),
  issuerTls: z
    .object({
      caCertificateBase64: optionalText(131_072),
      insecureSkipVerify: flag.refine(
        (skips) => !skips,
        'must be false: send the certificate of its authority as caCertificateBase64',
      ),
    })
    .nullish()
    .transform((given) => given ?? { caCertificateBase64: '', insecureSkipVerify: false }),
  defaultTeams: texts(128, 100),
  syncSsoTeams: flag,
})

const attribute = z.object({
  name: z.enum(personMembers),
  mappedAttribute: z.string(),
  attributeValue: z.string(),
  nameFormat: z.string(),
})

export const samlConfig = z.object({
  isSsoEnabled: z.boolean(),
  isSingleLogoutEnabled: z.boolean(),
  syncSsoTeams: z.boolean(),
  identityProvider: z.string(),
  federationMetadata: z.string(),
  nameIdFormat: z.string(),
  attributes: z.array(attribute),
  defaultTeams: z.array(z.string()),
  acsUrl: z.string(),
  audienceUrl: z.string(),
  entityId: z.string(),
  issuer: z.string(),
  singleLogoutUrl: z.string(),
  serviceProviderMetadata: z.string(),
  certificate: z.string(),
})

/** SAML Core §8.3, and what the published API calls the same; empty leaves it to the identity provider. */
const nameIdFormats = [
  '',
  'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
  'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  'urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName',
  'urn:oasis:names:tc:SAML:1.1:nameid-format:WindowsDomainQualifiedName',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:unspecified',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:emailAddress',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:entity',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
] as const

export const samlConfigIn = z.object({
  isSsoEnabled: flag,
  isSingleLogoutEnabled: flag,
  syncSsoTeams: flag,
  identityProvider: optionalText(128),
  /** Base64 of at most 256 KiB. */
  federationMetadata: optionalText(360_000),
  nameIdFormat: z
    .enum(nameIdFormats)
    .nullish()
    .transform((format) => format ?? ''),
  attributes: listOf(
    z.object({
      name: z.enum(personMembers),
      mappedAttribute: optionalText(512),
      attributeValue: optionalText(512),
      nameFormat: optionalText(512),
    }),
  ).refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'has a name twice'),
  defaultTeams: texts(128, 100),
})
