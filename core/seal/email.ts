import { domainToASCII, domainToUnicode } from 'node:url'
import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'

/** An e-mail address in the one spelling in which addresses are compared and looked up. Not for sending to. */
export type CanonicalEmail = string & { readonly __brand: 'CanonicalEmail' }

export type EmailRefusal =
  /** Not one local part, one @ and one domain, or longer than an address may be. */
  | 'not_an_address'
  /** Quoted, or with characters or dots that a plain local part (RFC 5322 dot-atom, RFC 6531) has not. */
  | 'bad_local_part'
  /** Not a hostname: an address literal, a number, an empty label, a trailing dot, an invalid A-label. */
  | 'bad_domain'
  /** Written with characters that pass for others (full width, ligatures, a Kelvin sign for K). */
  | 'look_alike_characters'

// RFC 5321 §4.5.3.1: octets of a local part, and of a path without its angle brackets; RFC 1035 §2.3.4.
const maxLocalBytes = 64
const maxAddressBytes = 254
const maxDomainLength = 253

/**
 * The canonical spelling of an e-mail address: white space around it dropped, NFC, lower case, the domain in A-labels.
 *
 * One strict reading: what could be read in two ways is refused and not repaired. A letter that merely looks like
 * another, or that upper-casing would fold into it, stays another letter. The person's own spelling is kept elsewhere,
 * and mail goes there and never to a spelling that somebody typed into a form.
 */
export function canonicalEmail(text: string): Result<CanonicalEmail, EmailRefusal> {
  // Far beyond any address with white space around it: normalising something huge would only cost time.
  if (text.length > 4 * maxAddressBytes || !text.isWellFormed()) return err('not_an_address')
  const parts = text.trim().normalize('NFC').split('@')
  const [localPart, domainPart] = parts
  if (parts.length !== 2 || !localPart || !domainPart) return err('not_an_address')
  if (hasLookAlikes(localPart) || isAsciiInDisguise(text)) return err('look_alike_characters')

  const local = lowerCase(localPart)
  if (!isLocalPart(local)) return err('bad_local_part')
  const domain = canonicalDomain(lowerCase(domainPart))
  if (!domain.ok) return domain
  const address = `${local}@${domain.value}`
  if (Buffer.byteLength(local) > maxLocalBytes || address.length > maxAddressBytes) return err('not_an_address')
  return ok(address as CanonicalEmail) // The brand says that it was checked, and it was just now.
}

/** NFC again: lower-casing may leave a letter and its mark apart. */
function lowerCase(text: string): string {
  return text.toLowerCase().normalize('NFC')
}

/** Characters that exist beside the plain ones for the sake of old character sets: NFKC takes them for the plain ones. */
function hasLookAlikes(text: string): boolean {
  return text.normalize('NFKC') !== text
}

/** Whether normalising turned a non-ASCII character into an ASCII one, as it does with the Kelvin sign. */
function isAsciiInDisguise(text: string): boolean {
  return Array.from(text.trim()).some((character) => !isAscii(character) && isAscii(character.normalize('NFC')))
}

/** Dot-atom of RFC 5322 §3.2.3; beyond ASCII (RFC 6531 §3.3) letters, marks and digits. */
function isLocalPart(local: string): boolean {
  return local.split('.').every((atom) => /^[a-z0-9!#$%&'*+/=?^_`{|}~\p{L}\p{M}\p{N}-]+$/u.test(atom))
}

/** @param domain in lower case and NFC */
function canonicalDomain(domain: string): Result<string, 'bad_domain' | 'look_alike_characters'> {
  // The WHATWG host parser also undoes percent-encoding and rewrites numbers as IPv4 addresses: such must not get to it,
  // or come out of it changed.
  const ascii = domainToASCII(domain)
  if (!isHostname(ascii)) return err('bad_domain')
  if (isAscii(domain) && ascii !== domain) return err('bad_domain')
  const unicode = domainToUnicode(ascii)
  if (domainToASCII(unicode) !== ascii || hasUndecodedLabel(unicode)) return err('bad_domain')
  // Mapped on the way (full width letters, an ideographic full stop): not the domain that was written.
  if (!isAscii(domain) && unicode !== domain) return err('look_alike_characters')
  return ok(ascii)
}

function isHostname(domain: string): boolean {
  const labels = domain.split('.')
  const lastIsNumber = /^[0-9]+$/.test(labels[labels.length - 1]!)
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
  return domain.length <= maxDomainLength && !lastIsNumber && labels.every((text) => label.test(text))
}

/** An A-label that decodes to nothing is not one. */
function hasUndecodedLabel(unicode: string): boolean {
  return unicode.split('.').some((label) => label.startsWith('xn--'))
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}
