import { z } from 'zod'
import { listOf, optionalText } from './common.ts'

/** Sign-in, tokens, sessions and passwords, as `/v1` knows them. */

/**
 * What somebody typed as a password. What makes one is the policy's to say where it is set; the bound only keeps a
 * megabyte from being hashed.
 */
const typedPassword = z.string().max(1024)
/** Compared in its canonical form; what is no address is nobody's. */
const emailText = z.string().max(320)

/** Whether the server should set a cookie. It is taken and sets none: the API has tokens alone. */
export const setCookieQuery = z.object({ setCookie: z.string().max(16).optional() })

export const signIn = z.object({ emailId: emailText, password: typedPassword, org: optionalText(256) })
export const systemSignIn = z.object({ username: emailText, password: typedPassword })

/** The token goes into `Authorization` as it stands, or behind `Bearer`. */
export const userToken = z.object({ Authorization: z.string(), isMfa: z.boolean() })

export const systemToken = z.object({
  Authorization: z.string(),
  IsEmailSet: z.boolean(),
  IsEmailVerified: z.boolean(),
  IsMfa: z.boolean(),
  IsPasswordReset: z.boolean(),
})

export const tokenPath = z.object({ token: z.string().min(1).max(4096) })
export const passwordTokenPath = z.object({ passwordToken: z.string().min(1).max(256) })

export const tokensToRevoke = z.object({ tokens: listOf(z.string().max(4096)).pipe(z.array(z.string()).max(100)) })

export const newPassword = z.object({ password: typedPassword })
export const emailOnly = z.object({ emailId: emailText })
export const passwordChange = z.object({ currentPassword: typedPassword, newPassword: typedPassword })
export const passwordChangeByEmail = passwordChange.extend({ emailId: emailText })

/** Our own: like signing in, with what is to be the password from now on. */
export const expiredPasswordChange = z.strictObject({
  emailId: emailText,
  org: optionalText(256),
  currentPassword: typedPassword,
  newPassword: typedPassword,
})

export const systemPasswordChange = z.object({
  email: emailText,
  oldPassword: typedPassword,
  newPassword: typedPassword,
})
/** A new address of one's own, with the password as proof. Nothing is mailed, so that no connection is to be verified. */
export const systemEmailChange = z.object({ email: emailText, password: typedPassword })

export const orgQuery = z.object({ orgName: z.string().max(256).optional() })
export const ssoQuery = z.object({ org: z.string().max(256).optional() })
export const emailQuery = z.object({ emailId: emailText })

const ssoLogin = z.object({
  name: z.string(),
  displayName: z.string(),
  logo: z.string(),
  redirectUri: z.string(),
})
export const ssoLogins = z.array(ssoLogin)
export const identityProviders = z.array(z.object({ id: z.string(), name: z.string() }))

/** How an organisation signs in. The published shape also has counts and modes, which would tell of other tenants. */
export const loginMethod = z.object({
  orgName: z.string(),
  authType: z.enum(['password', 'sso']),
  redirectUrl: z.string(),
  appEnv: z.enum(['saas', 'self-hosted', 'quick-start', 'enterprise', 'airgap']),
  rootDomain: z.string(),
  ssoLogins,
})

export const organizations = z.object({
  organizations: z.array(
    z.object({ name: z.string(), authType: z.enum(['password', 'sso']), redirectUrl: z.string(), ssoLogins }),
  ),
})

/** `v1AuthTokenSettings`: how long a session may go unused. */
export const authTokenSettings = z.object({ expiryTimeMinutes: z.int().min(15).max(1440) })

export const newSigningKey = z.strictObject({ distrustOlder: z.boolean().default(false) })
/** `kid` as in the issuer's JWKS. */
export const signingKey = z.object({ kid: z.string() })
