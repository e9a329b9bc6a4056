/**
 * Decodes standard, padded base64 (RFC 4648 §4), and only its one canonical spelling: two texts that decode to the same
 * bytes would be two different lines with one meaning.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
