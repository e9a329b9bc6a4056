import { X509Certificate } from 'node:crypto'
import { DOMParser, type Element } from '@xmldom/xmldom'
import { err, ok, type Result } from '../../core/result.ts'

/** What an identity provider says of itself. */
export type IdentityProvider = {
  readonly entityId: string
  readonly singleSignOnUrls: readonly string[]
  readonly singleLogoutUrls: readonly string[]
  /** Those that it signs with, DER in base64. */
  readonly certificates: readonly string[]
}

const mostBytes = 256 * 1024
const metadata = 'urn:oasis:names:tc:SAML:2.0:metadata'
const signature = 'http://www.w3.org/2000/09/xmldsig#'

/**
 * Reads an identity provider's metadata (SAML Metadata §2.4.3). Strict: a document type, and with it entities, another encoding
 * than UTF-8 and anything that is not well-formed are refused; nothing is fetched.
 *
 * @param bytes at most 256 KiB
 * @returns what is wrong, as one clause for a person
 */
export function readIdentityProvider(bytes: Uint8Array): Result<IdentityProvider, string> {
  if (bytes.length > mostBytes) return err('is more than 256 KiB')
  const text = utf8(bytes)
  if (text === undefined) return err('is no text in UTF-8')
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) return err('has a document type, which is not taken')
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']/.exec(text)?.[1]
  if (declared !== undefined && declared.toLowerCase() !== 'utf-8') return err(`is in ${declared}, and not in UTF-8`)
  const root = parse(text)
  if (!root) return err('is no well-formed XML')
  if (root.namespaceURI !== metadata || root.localName !== 'EntityDescriptor')
    return err('is no EntityDescriptor of SAML 2.0 metadata; of a federation send the one of your identity provider')
  const entityId = root.getAttribute('entityID') ?? ''
  if (entityId === '' || entityId.length > 1_024) return err('has no entityID of at most 1024 characters')
  const roles = children(root, metadata, 'IDPSSODescriptor')
  const [role] = roles
  if (role === undefined) return err('describes no identity provider (IDPSSODescriptor)')
  // Two would leave it to whoever reads which one is believed.
  if (roles.length > 1) return err('describes more than one identity provider')
  const singleSignOnUrls = locations(role, 'SingleSignOnService')
  if (singleSignOnUrls.length === 0) return err('names no SingleSignOnService')
  const singleLogoutUrls = locations(role, 'SingleLogoutService')
  const plain = [...singleSignOnUrls, ...singleLogoutUrls].find((url) => !isHttps(url))
  if (plain !== undefined) return err('has an address that does not begin with https')
  const certificates = signingCertificates(role)
  if (certificates.length === 0) return err('has no certificate that answers are signed with')
  if (!certificates.every(isCertificate)) return err('has a certificate that is damaged')
  return ok({ entityId, singleSignOnUrls, singleLogoutUrls, certificates })
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parse(text: string): Element | undefined {
  try {
    const stop = (_level: string, message: string) => {
      throw new Error(message)
    }
    const document = new DOMParser({ onError: stop, locator: false }).parseFromString(text, 'text/xml')
    return document.doctype ? undefined : (document.documentElement ?? undefined)
  } catch {
    return undefined
  }
}

/** Only one level: a document may be as deep as it is long, and what is read lies where the schema has it. */
function children(parent: Element, namespace: string, name: string): Element[] {
  const found: Element[] = []
  for (let node = parent.firstChild; node !== null; node = node.nextSibling)
    if (node.nodeType === 1 && node.namespaceURI === namespace && node.localName === name) found.push(node as Element) // Cast: type 1.
  return found
}

const locations = (role: Element, name: string) =>
  children(role, metadata, name).map((service) => service.getAttribute('Location') ?? '')

const isHttps = (url: string) => URL.canParse(url) && new URL(url).protocol === 'https:' && url.length <= 2_048

/** A key without a `use` is for signing, too. */
const signingCertificates = (role: Element) =>
  children(role, metadata, 'KeyDescriptor')
    .filter((key) => ['', 'signing'].includes(key.getAttribute('use') ?? ''))
    .flatMap((key) => children(key, signature, 'KeyInfo'))
    .flatMap((info) => children(info, signature, 'X509Data'))
    .flatMap((one) => children(one, signature, 'X509Certificate'))
    .map(textOf)

/** The text of an element that has text alone; of another nothing: a comment inside is read by some as an end (CVE-2018-0489). */
function textOf(element: Element): string {
  let text = ''
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType !== 3 && node.nodeType !== 4) return ''
    text += node.nodeValue ?? ''
  }
  return text.replaceAll(/\s/g, '')
}

function isCertificate(base64: string): boolean {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64')).raw.length > 0
  } catch {
    return false
  }
}
