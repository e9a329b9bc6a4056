import { z } from 'zod'
import { UserUid } from './ids.ts'
import { displayName } from './wire/common.ts'

export const OidcClientUid = z
  .string()
  .regex(/^[0-9a-f]{24}$/, 'must be 24 lower-case hex digits')
  .brand<'OidcClientUid'>()
export type OidcClientUid = z.infer<typeof OidcClientUid>

const maxUriLength = 512

/** An address that is sent to exactly as it stands: no user, no fragment, no `..`, nothing that a browser would read differently. */
const redirectUri = z
  .string()
  .max(maxUriLength)
  .refine((text) => URL.canParse(text) && new URL(text).href === text, 'must be an address in its canonical form')
  .refine((text) => !text.includes('#') && !/\/\/[^/]*@/.test(text), 'must have no fragment and no user')

const isLoopback = (text: string) =>
  URL.canParse(text) && /^http:\/\/(?:127\.0\.0\.1|\[::1\])(?::\d+)?\//.test(new URL(text).href)

/** A client of the issuer, as it is registered. */
export const NewOidcClient = z
  .strictObject({
    name: displayName(64),
    /** `web` runs on a server and keeps a secret; `native` runs on people's machines and keeps none. */
    kind: z.enum(['web', 'native']),
    redirectUris: z.array(redirectUri).min(1).max(10),
    /** Whether its access tokens open Palisade's own API with all that the person may do. */
    apiAccess: z.boolean().default(false),
  })
  .superRefine(({ kind, redirectUris }, c) => {
    for (const [i, uri] of redirectUris.entries()) {
      if (kind === 'web' && !uri.startsWith('https://'))
        c.addIssue({ code: 'custom', path: ['redirectUris', i], message: 'must begin with https://' })
      if (kind === 'native' && !isLoopback(uri))
        c.addIssue({
          code: 'custom',
          path: ['redirectUris', i],
          message: 'must be on http://127.0.0.1 or http://[::1]',
        })
    }
  })

export const OidcClient = z.strictObject({
  uid: OidcClientUid,
  /** What the client sends as `client_id`. */
  clientId: z.string(),
  name: z.string(),
  kind: z.enum(['web', 'native']),
  redirectUris: z.array(z.string()),
  apiAccess: z.boolean(),
  createdBy: UserUid,
  createdAt: z.iso.datetime(),
})
export type OidcClient = z.infer<typeof OidcClient>

/** The answer to a registration: the secret is in no other. */
export const RegisteredOidcClient = z.strictObject({ client: OidcClient, clientSecret: z.string().optional() })

export const OidcClientList = z.strictObject({ items: z.array(OidcClient) })
