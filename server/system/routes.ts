import { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, openEndpoint } from '../gateway/index.ts'
import { readSetting, writeSetting } from '../settings/index.ts'
import { type RateSwitch, requestRates } from './request-rates.ts'

export type SystemPorts = {
  readonly version: string
  /** What stands in the way of being ready. */
  readonly ready: () => readonly string[]
  readonly rates: Pick<RateSwitch, 'switched'>
}

const versionReply = z.object({ version: z.string() })
const healthReply = z.object({ msg: z.string() })
const rateLimit = z.object({ isActive: z.boolean() })

/** What the installation says of itself, and whether it holds everybody to the published request rates. */
export function systemEndpoints({ version, ready, rates }: SystemPorts): readonly Endpoint[] {
  return [
    openEndpoint({
      route: 'GET /v1/palisade/version',
      summary: 'The version that runs',
      permission: { open: 'clients ask before they sign in; the source is public' },
      reply: { status: 200, body: versionReply },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: { version } }),
    }),
    endpoint({
      route: 'GET /v1/system/version/installed',
      summary: 'The version that runs',
      permission: { signedIn: 'the same is told without a credential' },
      reply: { status: 200, body: versionReply },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: { version } }),
    }),
    endpoint({
      route: 'GET /v1/health/ping',
      summary: 'Whether the API answers; without a credential that is /livez',
      permission: { signedIn: 'it tells nothing' },
      reply: { status: 200, body: healthReply },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: { msg: 'pong' } }),
    }),
    endpoint({
      route: 'GET /v1/health/ready',
      summary: 'Whether everything is there that the API needs; without a credential that is /readyz',
      permission: { signedIn: 'the same is told without a credential' },
      reply: { status: 200, body: healthReply },
      refusals: ['unavailable'],
      audit: 'refusals-only',
      async handle() {
        const problems = ready()
        return problems.length === 0 ? ok({ body: { msg: 'ready' } }) : err(refuse('unavailable', problems.join('; ')))
      },
    }),
    endpoint({
      route: 'GET /v1/system/ratelimit',
      summary: 'Whether the published request rates hold',
      permission: { system: 'tenant.get' },
      reply: { status: 200, body: rateLimit },
      refusals: [],
      audit: 'refusals-only',
      handle: async ({ tx }) => ok({ body: await readSetting(tx, requestRates) }),
    }),
    endpoint({
      route: 'PATCH /v1/system/ratelimit',
      summary:
        'Switches the published request rates on, or off again: 10 a second of one network on one kind of object, mostly',
      permission: { system: 'tenant.update' },
      reply: { status: 200, body: rateLimit },
      refusals: [],
      audit: 'system.ratelimit.updated',
      // Of two at once the second sees what the first made of it.
      changes: 'sessions',
      async handle({ tx, principal, now }) {
        const isActive = !(await readSetting(tx, requestRates)).isActive
        await writeSetting(tx, requestRates, { isActive }, { by: principal.user, now })
        tx.afterCommit(() => rates.switched(isActive))
        return ok({ body: { isActive }, details: { isActive } })
      },
    }),
  ]
}
