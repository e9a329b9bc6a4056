import { z } from 'zod'
import { ok } from '../../core/result.ts'
import { type Endpoint, openEndpoint } from '../gateway/index.ts'

/** What the installation says of itself to anybody. */
export function versionEndpoints(version: string): readonly Endpoint[] {
  return [
    openEndpoint({
      route: 'GET /v1/palisade/version',
      summary: 'The version that runs',
      permission: { open: 'clients ask before they sign in; the source is public' },
      reply: { status: 200, body: z.object({ version: z.string() }) },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: { version } }),
    }),
  ]
}
