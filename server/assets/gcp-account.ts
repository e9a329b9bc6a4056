import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { accountMask, type GcpSpec, type GcpSpecIn } from '../../contract/wire/cloud-accounts.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { WrittenSpec } from './cloud.ts'

const https = z
  .string()
  .max(2_048)
  .regex(/^https:\/\/[^\s"]+$/, 'must be an https address')

/** A key file of a service account, as Google writes it. What else a file holds could be a secret, and is refused. */
const keyFile = z.strictObject({
  type: z.literal('service_account'),
  project_id: z.string().regex(/^[a-z0-9.:-]{1,128}$/, 'must be the name of a project'),
  private_key_id: z.string().regex(/^[\w-]{1,128}$/, 'must be letters, digits and dashes'),
  private_key: z.string().max(16_384),
  client_email: z
    .string()
    .max(320)
    .regex(/^[^\s@"]+@[^\s@"]+$/, 'must be an e-mail address'),
  client_id: z
    .string()
    .regex(/^[\w.-]{0,128}$/, 'must be digits')
    .optional(),
  auth_uri: https.optional(),
  token_uri: https.optional(),
  auth_provider_x509_cert_url: https.optional(),
  client_x509_cert_url: https.optional(),
  universe_domain: z
    .string()
    .regex(/^[a-z0-9.-]{1,253}$/, 'must be a domain')
    .optional(),
})

const privateKey = /^-----BEGIN (RSA )?PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END (RSA )?PRIVATE KEY-----\s*$/

/**
 * A key file of a service account. The key in it stays without being sent, or where it is sent as it is shown, as long as all else
 * in the file is the same: whose it is, and where it is used.
 */
export function writtenGcp({ jsonCredentials }: GcpSpecIn, before?: GcpSpec): Result<WrittenSpec<GcpSpec>, Refusal> {
  const no = (why: string) => err(refuse('invalid', `spec.jsonCredentials: ${why}`))
  if (jsonCredentials === '') return before ? ok({ spec: before, secrets: 'keep' }) : no('must not be empty')
  const parsed = keyFile.safeParse(jsonOf(jsonCredentials))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    if (issue?.code === 'unrecognized_keys') return no('holds a member that no key file of a service account has')
    return no(issue?.path.length ? `${issue.path.join('.')}: ${messageOf(issue)}` : 'is no JSON object')
  }
  const shown = { jsonCredentials: JSON.stringify({ ...parsed.data, private_key: accountMask }) }
  if (parsed.data.private_key === accountMask)
    return before?.jsonCredentials === shown.jsonCredentials
      ? ok({ spec: shown, secrets: 'keep' })
      : no('private_key: has to be sent with what is new in the file')
  if (!privateKey.test(parsed.data.private_key)) return no('private_key: is no private key in PEM')
  return ok({ spec: shown, secrets: { jsonCredentials } })
}

/** The project of the service account. */
export function gcpProjectOf({ jsonCredentials }: GcpSpec): string {
  const parsed = keyFile.safeParse(jsonOf(jsonCredentials))
  return parsed.success ? parsed.data.project_id : ''
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Never the value: what is in the wrong place may be the key. */
const messageOf = (issue: { readonly code: string; readonly message: string }) =>
  issue.code === 'invalid_format' || issue.code === 'invalid_value' ? issue.message : 'is not there, or no such text'
