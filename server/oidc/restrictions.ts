import type { KoaContextWithOIDC } from 'oidc-provider'
import { resumeCookie, signInCookie } from './configuration.ts'
import type { IssuerPages } from './issuer-pages.ts'

/**
 * What the provider library would do and this issuer does not, around each of its requests: it resumes whatever sign-in a cookie names
 * that a neighbouring domain may have put there, and it answers with pages that need a script (an answer by form, signing out where
 * nobody is signed in), which our Content-Security-Policy lets nobody run.
 */
export function createRestrictions(
  pages: Pick<IssuerPages, 'failed' | 'nobodyToSignOut'>,
): (ctx: KoaContextWithOIDC, next: () => Promise<unknown>) => Promise<void> {
  return async (ctx, next) => {
    const mode = ctx.path === '/auth' ? ctx.query.response_mode : undefined
    if (mode !== undefined && mode !== 'query') {
      ctx.status = 400
      pages.failed(ctx, { error: 'invalid_request' }, undefined)
      return
    }
    if (resumesAnother(ctx)) {
      ctx.status = 400
      pages.failed(ctx, { error: 'another_sign_in' }, undefined)
      return
    }
    await next()
    if (ctx.path.startsWith('/.well-known/') && isObject(ctx.body)) ctx.body.response_modes_supported = ['query']
    if (ctx.path === '/session/end' && ctx.status === 200 && ctx.oidc.session?.accountId === undefined)
      await pages.nobodyToSignOut(ctx)
  }
}

/**
 * Whether a request goes on with a sign-in that is not this browser's own (threats B12, B19, C08). The library reads the resume cookie
 * and not the address, so both have to name what the `__Host-` cookie names.
 */
function resumesAnother(ctx: KoaContextWithOIDC): boolean {
  const uid = /^\/(?:auth|device)\/([^/]+)/.exec(ctx.path)?.[1]
  // A program asks for a device's code by POST; to the library a GET of that path is the way back of a sign-in like any other.
  if (uid === undefined || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return false
  const read = (name: string) => ctx.cookies.get(name, { signed: false })
  return read(signInCookie) !== uid || read(resumeCookie) !== uid
}

const isObject = (body: unknown): body is Record<string, unknown> => typeof body === 'object' && body !== null
