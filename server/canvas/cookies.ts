/** Names with `__Host-`: a browser keeps them only if they are secure, for all paths and for this host alone (threat C08). */
export const sessionCookie = '__Host-palisade'
export const stateCookie = '__Host-palisade-state'

/** A secret as `newSecret` makes it. */
const secret = /^[A-Za-z0-9_-]{43}$/

/**
 * The value of one of our cookies.
 *
 * @param header all cookies of a request, joined with `; ` as Node does
 * @returns nothing where it is missing, has another form than we give it, or stands there twice: which one a sibling domain or
 *   a script has put there cannot be told
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  const values = header.split(';').flatMap((pair) => {
    const at = pair.indexOf('=')
    // A cookie without a name is sent as its bare value; browsers see to it that such a value is no prefixed name.
    return at >= 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : []
  })
  const [value] = values
  return values.length === 1 && value !== undefined && secret.test(value) ? value : undefined
}

/**
 * `Strict` where nothing but our own page sends the cookie; `Lax` for what must come along when another site, the issuer,
 * sends the browser back.
 */
export function setCookie(name: string, value: string, { sameSite, maxAgeSeconds }: CookieOptions): string {
  if (!secret.test(value) && value !== '') throw new Error('a cookie holds a secret of ours and nothing else')
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=${sameSite}${age}`
}

type CookieOptions = { readonly sameSite: 'Strict' | 'Lax'; readonly maxAgeSeconds?: number }

/** Makes the browser forget it. */
export const dropCookie = (name: string): string => setCookie(name, '', { sameSite: 'Lax', maxAgeSeconds: 0 })
