import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** RSA keys below this are refused, as by OpenSSH's own advice. */
const minRsaBits = 2048

/** The fields of a key after its type (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH's PROTOCOL.u2f). */
const fieldsOf: Readonly<Record<string, readonly Check[]>> = {
  'ssh-ed25519': [ofLength(32)],
  'sk-ssh-ed25519@openssh.com': [ofLength(32), notEmpty],
  'ssh-rsa': [mpint(2, 256), mpint(minRsaBits, 16_384)],
  'ecdsa-sha2-nistp256': [equal('nistp256'), point(32)],
  'ecdsa-sha2-nistp384': [equal('nistp384'), point(48)],
  'ecdsa-sha2-nistp521': [equal('nistp521'), point(66)],
  'sk-ecdsa-sha2-nistp256@openssh.com': [equal('nistp256'), point(32), notEmpty],
}

type Check = (field: Buffer) => boolean

/**
 * Whether a text is one public key as OpenSSH writes it: type, key in base64, and a comment or none, on one line. A private
 * key, whole or in part, is refused by a code of its own; the refusal quotes nothing of it.
 */
export function checkPublicKey(text: string): Result<undefined, Refusal> {
  if (privateKey.test(text)) return err(refuse('private_key_refused', 'spec.publicKey holds a private key'))
  const no = (why: string) => err(refuse('invalid', `spec.publicKey: ${why}`))
  const line = text.trim()
  if (/[\r\n]/.test(line)) return no('must be one key on one line')
  const [type = '', encoded = ''] = line.split(/[ \t]+/)
  const checks = Object.hasOwn(fieldsOf, type) ? fieldsOf[type] : undefined
  if (!checks) return no(`must begin with one of ${Object.keys(fieldsOf).join(', ')}`)
  const blob = Buffer.from(encoded, 'base64')
  if (encoded === '' || blob.toString('base64') !== encoded) return no('its second word is not base64')
  const fields = fieldsIn(blob)
  if (!fields || fields[0]?.toString('latin1') !== type) return no(`is no key of type ${type}`)
  const rest = fields.slice(1)
  const wellFormed = rest.length === checks.length && checks.every((check, i) => check(rest[i] ?? Buffer.alloc(0)))
  if (wellFormed) return ok(undefined)
  return no(
    type === 'ssh-rsa' ? `is no RSA key of ${minRsaBits} to 16384 bits` : `is no well-formed key of type ${type}`,
  )
}

/** PEM and PuTTY's form, and OpenSSH's own without its frame (base64 of `openssh-key-v1`). */
const privateKey = /PRIVATE KEY|PuTTY-User-Key-File|Private-Lines|b3BlbnNzaC1rZXktdjE/i

/** The length-prefixed strings that a blob consists of, to its last byte; undefined where it does not. */
function fieldsIn(blob: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = []
  let at = 0
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return undefined
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

function ofLength(bytes: number): Check {
  return (field) => field.length === bytes
}

function notEmpty(field: Buffer): boolean {
  return field.length > 0
}

function equal(text: string): Check {
  return (field) => field.toString('latin1') === text
}

/** An uncompressed point of a curve whose coordinates have this many bytes. */
function point(coordinate: number): Check {
  return (field) => field.length === 1 + 2 * coordinate && field[0] === 4
}

/** A positive number of so many bits, in the shortest form (RFC 4251 §5). */
function mpint(least: number, most: number): Check {
  return (field) => {
    const [first = 0, second = 0] = field
    if (first & 0x80 || (first === 0 && !(second & 0x80))) return false
    const digits = first === 0 ? field.subarray(1) : field
    if (digits.length === 0) return false
    const bits = digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24
    return bits >= least && bits <= most
  }
}
