import type { KoaContextWithOIDC } from 'oidc-provider'
import type { IssuerPages } from './issuer-pages.ts'

/**
 * What the provider library would do and this issuer does not, around each of its requests: it answers with pages that need a
 * script (an answer by form, signing out where nobody is signed in), which our Content-Security-Policy lets nobody run.
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
    await next()
    if (ctx.path.startsWith('/.well-known/') && isObject(ctx.body)) ctx.body.response_modes_supported = ['query']
    if (ctx.path === '/session/end' && ctx.status === 200 && ctx.oidc.session?.accountId === undefined)
      await pages.nobodyToSignOut(ctx)
  }
}

const isObject = (body: unknown): body is Record<string, unknown> => typeof body === 'object' && body !== null
