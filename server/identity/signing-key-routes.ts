import * as wire from '../../contract/wire/auth.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { SigningKeys } from './signing-keys.ts'

/** A new key for tokens, now. By itself the newest is renewed once a month. */
export const signingKeyEndpoint = (keys: Pick<SigningKeys, 'rotate' | 'rotated'>): Endpoint =>
  endpoint({
    route: 'POST /v1/palisade/system/signingKeys',
    summary:
      'Makes a new key that tokens are signed with; with `distrustOlder` no token of an older one counts any more, the caller’s own included',
    permission: { system: 'systemAdmin.update' },
    body: wire.newSigningKey,
    reply: { status: 201, body: wire.signingKey },
    refusals: [],
    audit: 'system.signing.key.created',
    async handle({ tx, body: { distrustOlder } }) {
      const kid = await keys.rotate(tx, { distrustOlder })
      // Where the database is away just then, a look behind the next request finds it.
      tx.afterCommit(() => void keys.rotated().catch(() => undefined))
      return ok({ body: { kid }, details: { kid, distrustOlder } })
    },
  })
