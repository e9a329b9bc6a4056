import { Branding, Login, LoginQuery } from '../../contract/login.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, openEndpoint } from '../gateway/index.ts'
import type { NoticesOf } from './notice-types.ts'

/** What a page asks that has nobody signed in yet. */
export function loginEndpoints({
  publicUrl,
  around,
}: { readonly publicUrl: string } & Pick<NoticesOf, 'around'>): readonly Endpoint[] {
  return [
    openEndpoint({
      route: 'GET /v1/palisade/login',
      summary:
        'How one signs in, and what is to be read before; the same for any organisation, so that names cannot be tried',
      permission: { open: 'sign-in pages ask before anybody has signed in' },
      query: LoginQuery,
      reply: { status: 200, body: Login },
      refusals: [],
      rate: 'unauthenticated',
      audit: 'refusals-only',
      async handle({ query }) {
        const { operator, banner } = await around(undefined)
        const ways = [{ kind: 'password' as const, url: publicUrl }]
        return ok({ body: { org: query.org, notice: operator ?? null, banner: banner ? { ...banner } : null, ways } })
      },
    }),
    openEndpoint({
      route: 'GET /v1/palisade/branding',
      summary: 'What the installation is called, and how it is classified',
      permission: { open: 'pages show it before anybody has signed in' },
      reply: { status: 200, body: Branding },
      refusals: [],
      rate: 'unauthenticated',
      audit: 'refusals-only',
      async handle() {
        const { classification } = await around(undefined)
        const name = new URL(publicUrl).hostname
        return ok({ body: { product: 'Palisade', name, classification: classification ?? null } })
      },
    }),
  ]
}
