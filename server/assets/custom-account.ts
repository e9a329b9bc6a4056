import { type Refusal, refuse } from '../../contract/errors.ts'
import { accountMask, type CustomSpec, type CustomSpecIn } from '../../contract/wire/cloud-accounts.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { WrittenSpec } from './cloud.ts'

const maxCredentials = 50

/**
 * Credentials by name, of a cloud of which nothing else is known: each may be a secret, and each may say what the others are for.
 * So all of them stay as they are, or all of them are sent.
 */
export function writtenCustom(sent: CustomSpecIn, before?: CustomSpec): Result<WrittenSpec<CustomSpec>, Refusal> {
  const no = (why: string) => err(refuse('invalid', `spec.credentials: ${why}`))
  const names = Object.keys(sent)
  if (names.length > maxCredentials) return no(`are more than ${maxCredentials}`)
  const masked = names.filter((name) => sent[name] === accountMask)
  if (masked.length === names.length) {
    const stored = Object.keys(before?.credentials ?? {})
    const same = names.length === 0 || (names.length === stored.length && names.every((name) => stored.includes(name)))
    if (before && same) return ok({ spec: before, secrets: 'keep' })
    return no(before ? 'have to be sent, all of them' : 'must not be empty')
  }
  if (masked.length > 0) return no('have to be sent, all of them, where one changes')
  const credentials = Object.fromEntries(names.map((name) => [name, accountMask]))
  return ok({ spec: { credentials }, secrets: sent })
}
