/**
 * Where a sign-in leads to at its end: a path of the console itself. Read by the browser's own algorithm, so that both see
 * the same thing (threat B22), and answered as a whole URL of ours: `/.//evil` is a path whose short form would be a host.
 *
 * @returns a URL below `publicUrl`; the start page for whatever is not a plain path of the console
 */
export function returnTo(publicUrl: string, wanted: string | null): string {
  const start = `${publicUrl}/`
  if (wanted === null || wanted.length > maxLength || !plainPath.test(wanted)) return start
  let url: URL
  try {
    url = new URL(wanted, publicUrl)
  } catch {
    return start
  }
  if (url.origin !== publicUrl || url.pathname.startsWith('//') || ownPages.test(url.pathname)) return start
  return url.href
}

const maxLength = 2048

/** One slash, then printable ASCII without backslashes: what two readers could take for a host is left out. */
const plainPath = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/

/** What acts, or answers no page: a sign-in that ends there would be a request that somebody else has chosen. */
const ownPages = /^\/(?:canvas|oidc|sign-in|v1|k8s)(?:\/|$)/i
