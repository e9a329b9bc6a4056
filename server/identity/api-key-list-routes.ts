import { ApiKeysFound, ApiKeysQuery, holding, pageOfFound } from '../../contract/lists.ts'
import { timeText } from '../../contract/wire/common.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { type ListedApiKey, listedApiKeys, readApiKeys } from './api-keys.ts'
import type { IdentityEdges } from './edges.ts'

/** Our own list of API keys, a page at a time; whose they are is opened for that page alone. */
export const apiKeyListEndpoint = ({ keys }: Pick<IdentityEdges, 'keys'>): Endpoint =>
  endpoint({
    route: 'GET /v1/palisade/apiKeys',
    summary: 'Searches API keys by a part of the name, a page at a time: the caller’s, or everybody’s',
    permission: { signedIn: 'one’s own; all of the tenant with apiKey.list' },
    query: ApiKeysQuery,
    reply: { status: 200, body: ApiKeysFound },
    refusals: [],
    audit: 'refusals-only',
    async handle({ tx, principal, access, query, now }) {
      const all = access.allows('apiKey.list', { kind: 'tenant' })
      const fits = holding(query.q)
      const listed = await listedApiKeys(tx, all ? undefined : principal.user)
      const { items, count } = pageOfFound(
        listed.filter(({ name }) => fits(name)),
        query,
        columns,
      )
      const uids = items.map(({ uid }) => uid)
      const whole = new Map((await readApiKeys(tx, await keys.of(tx.tenant), uids)).map((key) => [key.uid, key]))
      return ok({
        body: {
          items: uids.flatMap((uid) => {
            const key = whole.get(uid)
            if (!key) return []
            const { name, user, person, createdBy, isActive, expiresAt, createdAt } = key
            const called = [person.firstName, person.lastName].filter((part) => part !== '').join(' ')
            return {
              ...{ uid, name, createdBy, isActive, createdAt: createdAt.toISOString() },
              user: { uid: user, name: called === '' ? person.email : called },
              hasExpired: expiresAt !== undefined && expiresAt <= now,
              expiresAt: expiresAt ? timeText(expiresAt) : null,
            }
          }),
          count,
        },
      })
    },
  })

/** One that never ends stands after those that do. */
const columns = {
  name: ({ name }: ListedApiKey) => name,
  expiresAt: ({ expiresAt }: ListedApiKey) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
  createdAt: ({ createdAt }: ListedApiKey) => createdAt.getTime(),
}
