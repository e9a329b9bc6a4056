import { z } from 'zod'

/** Our own `/v1/palisade/login` and `/v1/palisade/branding`: what anybody may know before signing in. */

export const LoginQuery = z.strictObject({ org: z.string().max(256).default('') })

export const Login = z.strictObject({
  /** As it was asked for: nothing here tells whether there is such an organisation. */
  org: z.string(),
  /** The operator's notice, and the installation's banner; an organisation's own is shown to its people. */
  notice: z.string().nullable(),
  banner: z.strictObject({ title: z.string(), message: z.string() }).nullable(),
  ways: z.array(z.strictObject({ kind: z.enum(['password']), url: z.string() })),
})

export const Branding = z.strictObject({
  product: z.string(),
  /** The host that people know the installation by. */
  name: z.string(),
  classification: z.string().nullable(),
})
