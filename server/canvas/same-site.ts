import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** The token that a page has to send with every request that changes something, in the header `x-palisade-csrf`. */
export const csrfHeader = 'x-palisade-csrf'

/** It follows from the cookie, which no page can read: a new cookie has a new one, and nothing has to be stored. */
export const csrfOf = (cookie: string): string =>
  createHmac('sha256', cookie).update('palisade-csrf').digest('base64url')

const safeMethods = new Set(['GET', 'HEAD'])

type Headers = { readonly [name: string]: string | string[] | undefined }

/**
 * Whether a request comes from a page of ours (threat C09). What changes something, and every upgrade, must name our origin: browsers send
 * `Origin` with all of them, and let no page set it. Reads may come without, but not where the browser says that another site asked.
 */
export function fromOwnPage(
  publicUrl: string,
  { method, headers, upgrade }: { readonly method: string; readonly headers: Headers; readonly upgrade: boolean },
): Result<undefined, Refusal> {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  const isUnsafe = upgrade || !safeMethods.has(method)
  if (origin === undefined ? isUnsafe : origin !== publicUrl) return err(foreign)
  if (site === undefined || site === 'same-origin') return ok(undefined)
  // `none`: a person opened it themselves.
  return site === 'none' && !isUnsafe ? ok(undefined) : err(foreign)
}

/**
 * Whether a request is a page that a person opens, as far as the browser says: no picture, frame or script of some page is, nor one that
 * is fetched before anybody wants it.
 */
export function isOpenedPage(headers: Headers): boolean {
  const {
    'sec-fetch-mode': mode = 'navigate',
    'sec-fetch-dest': dest = 'document',
    'sec-purpose': purpose = '',
  } = headers
  return mode === 'navigate' && dest === 'document' && !purpose.includes('prefetch')
}

/** Whether a request that changes something brings the token. An upgrade cannot: browsers set no header there. */
export function bringsCsrf(method: string, headers: Headers, cookie: string): Result<undefined, Refusal> {
  if (safeMethods.has(method)) return ok(undefined)
  const sent = headers[csrfHeader]
  const wanted = Buffer.from(csrfOf(cookie))
  const got = Buffer.from(typeof sent === 'string' ? sent : '')
  return got.length === wanted.length && timingSafeEqual(got, wanted)
    ? ok(undefined)
    : err(refuse('cross_site', `Send ${csrfHeader} with the value that /canvas/session gives`))
}

const foreign = refuse('cross_site', 'The browser says that another site asked for this, or does not say which one')
