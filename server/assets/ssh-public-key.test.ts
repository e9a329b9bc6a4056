import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { checkPublicKey } from './ssh-public-key.ts'

const field = (bytes: string | Buffer) => {
  const content = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
const blobOf = (...fields: (string | Buffer)[]) => Buffer.concat(fields.map(field)).toString('base64')
const lineOf = (type: string, ...fields: (string | Buffer)[]) => `${type} ${blobOf(type, ...fields)}`

/** A real key's numbers, as SSH writes them. */
function rsa(bits: number): string {
  const { n = '', e = '' } = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' })
  const positive = (text: string) => {
    const bytes = Buffer.from(text, 'base64url')
    return (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
  }
  return lineOf('ssh-rsa', positive(e), positive(n))
}
const point = (coordinate: number) => Buffer.concat([Buffer.from([4]), Buffer.alloc(2 * coordinate, 7)])
const ed25519 = lineOf('ssh-ed25519', Buffer.alloc(32, 7))
// Of `ssh-keygen -t ed25519`.
const real = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@example.com'

describe('public keys as OpenSSH writes them', () => {
  for (const [what, text] of [
    ['of ssh-keygen', real],
    ['with an end of line, as files have it', `${real}\n`],
    ['with an end of line of Windows', `${real}\r\n`],
    ['without a comment', ed25519],
    ['with a comment of several words', `${ed25519} Ada's key, at work`],
    ['RSA of 2048 bits', rsa(2048)],
    ['on P-256', lineOf('ecdsa-sha2-nistp256', 'nistp256', point(32))],
    ['on P-384', lineOf('ecdsa-sha2-nistp384', 'nistp384', point(48))],
    ['on P-521', lineOf('ecdsa-sha2-nistp521', 'nistp521', point(66))],
    ['of a security key', lineOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 7), 'ssh:')],
    ['of a security key on P-256', lineOf('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', point(32), 'ssh:')],
  ] as const)
    test(`${what}: taken`, () => assert.deepEqual(checkPublicKey(text), { ok: true, value: undefined }))

  for (const [what, text, says] of [
    ['nothing', '', /must begin with one of ssh-ed25519/],
    ['the key alone', blobOf('ssh-ed25519', Buffer.alloc(32)), /must begin with/],
    ['options before it', `command="id" ${ed25519}`, /must begin with/],
    ['DSA', lineOf('ssh-dss', 'p', 'q', 'g', 'y'), /must begin with/],
    ['a certificate', lineOf('ssh-ed25519-cert-v01@openssh.com', 'n'), /must begin with/],
    ['a type every object has', '__proto__ AAAA', /must begin with/],
    ['two keys', `${ed25519}\n${ed25519}`, /one line/],
    ['no base64', 'ssh-ed25519 AAAA!', /base64/],
    ['base64 that is cut', ed25519.slice(0, -2), /base64/],
    ['no key', 'ssh-ed25519', /base64/],
    ['the type of another', `ssh-rsa ${blobOf('ssh-ed25519', Buffer.alloc(32))}`, /is no key of type ssh-rsa/],
    ['a length beyond the end', `ssh-ed25519 ${Buffer.from([255, 255, 255, 255]).toString('base64')}`, /is no key/],
    ['a key that is too short', lineOf('ssh-ed25519', Buffer.alloc(31)), /well-formed/],
    ['something after it', lineOf('ssh-ed25519', Buffer.alloc(32), 'x'), /well-formed/],
    ['a curve that is not its own', lineOf('ecdsa-sha2-nistp256', 'nistp384', point(48)), /well-formed/],
    ['RSA of 1024 bits', rsa(1024), /2048 to 16384 bits/],
    ['RSA with a negative modulus', lineOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(256, 255)), /2048/],
  ] as const)
    test(`${what}: refused`, () => {
      const checked = checkPublicKey(text)
      assert.equal(checked.ok ? undefined : checked.error.code, 'invalid')
      assert.match(checked.ok ? '' : (checked.error.detail ?? ''), says)
    })

  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (const [what, text] of [
    ['as PKCS #8', pem],
    ['as SEC 1', String(privateKey.export({ type: 'sec1', format: 'pem' }))],
    ['behind a public key', `${ed25519}\n${pem}`],
    ['on one line', `${ed25519} ${pem.replaceAll('\n', ' ')}`],
    ['in OpenSSH’s form without its frame', Buffer.from('openssh-key-v1\0none').toString('base64')],
    ['in PuTTY’s form', 'PuTTY-User-Key-File-3: ssh-ed25519'],
  ] as const)
    test(`a private key ${what} is refused as one, and not quoted`, () => {
      const checked = checkPublicKey(text)
      assert.deepEqual(checked, {
        ok: false,
        error: { code: 'private_key_refused', detail: 'spec.publicKey holds a private key' },
      })
    })
})
