import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { decodeBase64 } from './base64.ts'

// C2SP signed notes (https://c2sp.org/signed-note), with Ed25519 keys only.

/** The signature type byte of Ed25519. */
const ed25519Type = 0x01
const ed25519KeyBytes = 32
const keyIdBytes = 4
/** Verifiers must take 16 at least; Go's implementation stops here too. */
const maxSignatures = 100
/** As Go's implementation. */
const maxNoteLength = 1_000_000

/** A key that verifies notes. `keyId` is the first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
export type NoteVerifier = { readonly name: string; readonly keyId: Buffer; readonly publicKey: KeyObject }

/** A key that signs notes; it verifies them too. */
export type NoteSigner = NoteVerifier & { readonly privateKey: KeyObject }

/** One signature line, not verified. `signature` is what follows the key id. */
export type NoteSignature = { readonly name: string; readonly keyId: Buffer; readonly signature: Buffer }

/** A note's text, its last newline included, and its signature lines. */
export type Note = { readonly text: string; readonly signatures: readonly NoteSignature[] }

export type KeyRefusal = 'malformed_key' | 'unsupported_key_type' | 'key_id_mismatch'
export type NoteRefusal = 'malformed_note' | 'not_signed_by_key' | 'bad_signature'

/**
 * Makes a signer of an Ed25519 seed.
 *
 * @param name non-empty, without spaces and `+`; throws otherwise
 * @param seed 32 random bytes (the private key of RFC 8032 §5.1.5); stays the caller's to wipe
 */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  if (seed.length !== ed25519KeyBytes) throw new RangeError('an Ed25519 seed has 32 bytes')
  // RFC 8410 §7: the fixed PKCS #8 head of an Ed25519 private key, which node:crypto reads; the seed follows.
  const head = Buffer.from('302e020100300506032b657004220420', 'hex')
  const privateKey = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' })
  return { ...noteVerifier(name, createPublicKey(privateKey)), privateKey }
}

/** Makes a verifier of a name and an Ed25519 public key; throws where the name or the kind of key does not fit. */
export function noteVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  if (!isKeyName(name)) throw new RangeError('a key name is not empty and has neither spaces nor +')
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new RangeError('a note key is an Ed25519 key')
  const input = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), encodePublicKey(publicKey)])
  return { name, keyId: hash('sha256', input, 'buffer').subarray(0, keyIdBytes), publicKey }
}

/** The key as text to hand out: `name+hex(key id)+base64(0x01 ‖ public key)`. */
export function verifierKeyText({ name, keyId, publicKey }: NoteVerifier): string {
  return `${name}+${keyId.toString('hex')}+${encodePublicKey(publicKey).toString('base64')}`
}

/** Reads a key in the form of `verifierKeyText`; refuses one whose id is not that of its name and key. */
export function parseVerifierKey(text: string): Result<NoteVerifier, KeyRefusal> {
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/i.exec(text) ?? []
  if (name === undefined || keyId === undefined || encoded === undefined) return err('malformed_key')
  const key = decodeBase64(encoded)
  if (!isKeyName(name) || key === undefined) return err('malformed_key')
  if (key[0] !== ed25519Type) return err('unsupported_key_type')
  if (key.length !== 1 + ed25519KeyBytes) return err('malformed_key')
  const x = key.subarray(1).toString('base64url')
  const verifier = noteVerifier(name, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }))
  return verifier.keyId.toString('hex') === keyId.toLowerCase() ? ok(verifier) : err('key_id_mismatch')
}

/**
 * Signs a text.
 *
 * @param text ends in a newline; no other control characters, no lone surrogates; throws otherwise
 * @returns the note: the text, an empty line, one signature line for each signer
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || hasForbiddenCharacters(text)) throw new RangeError('not a text that a note can hold')
  if (signers.length === 0 || signers.length > maxSignatures) throw new RangeError('a note has 1 to 100 signatures')
  const message = Buffer.from(text, 'utf8')
  const lines = signers.map(({ name, keyId, privateKey }) => {
    const signature = Buffer.concat([keyId, sign(null, message, privateKey)])
    return `— ${name} ${signature.toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/** Takes a note apart without verifying anything. The text ends at the last empty line: it may hold empty lines itself. */
export function parseNote(note: string): Result<Note, 'malformed_note'> {
  if (note.length > maxNoteLength || hasForbiddenCharacters(note)) return err('malformed_note')
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) return err('malformed_note')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > maxSignatures) return err('malformed_note')
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const signature = parseSignatureLine(line)
    if (signature === undefined) return err('malformed_note')
    signatures.push(signature)
  }
  return ok({ text: note.slice(0, split + 1), signatures })
}

/**
 * Verifies a note with one key and gives its text. Signatures of other keys (witnesses, a key before or after this one)
 * are ignored, as the specification asks; every signature that claims to be of this key must be good, and there must
 * be one.
 */
export function openNote(note: string, verifier: NoteVerifier): Result<string, NoteRefusal> {
  const parsed = parseNote(note)
  if (!parsed.ok) return parsed
  const { text, signatures } = parsed.value
  const ofKey = signatures.filter(({ name, keyId }) => name === verifier.name && keyId.equals(verifier.keyId))
  if (ofKey.length === 0) return err('not_signed_by_key')
  const message = Buffer.from(text, 'utf8')
  const good = ofKey.every(({ signature }) => verify(null, message, verifier.publicKey, signature))
  return good ? ok(text) : err('bad_signature')
}

/** Whether `name` can name a key: not empty, no Unicode spaces, no `+`, no control characters. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+]/u.test(name) && !hasForbiddenCharacters(name)
}

function parseSignatureLine(line: string): NoteSignature | undefined {
  const [, name, encoded] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  if (name === undefined || encoded === undefined || !isKeyName(name)) return undefined
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length <= keyIdBytes) return undefined
  return { name, keyId: bytes.subarray(0, keyIdBytes), signature: bytes.subarray(keyIdBytes) }
}

/** Notes are valid UTF-8 without ASCII control characters but the newline. */
function hasForbiddenCharacters(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return !text.isWellFormed() || /[\x00-\x09\x0b-\x1f]/.test(text)
}

/** 0x01 ‖ the 32 bytes of RFC 8032. */
function encodePublicKey(publicKey: KeyObject): Buffer {
  const { x } = publicKey.export({ format: 'jwk' })
  if (x === undefined) throw new TypeError('a key without a public part')
  return Buffer.concat([Buffer.of(ed25519Type), Buffer.from(x, 'base64url')])
}
