import type { UserUid } from '../../contract/ids.ts'
import { ApiKeysFound, ApiKeysQuery, holding, pageOfFound } from '../../contract/lists.ts'
import { timeText } from '../../contract/wire/common.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { openPerson, type Person, type SealedPerson } from './accounts.ts'
import { type ListedApiKey, listedApiKeys, readApiKeys } from './api-keys.ts'
import type { IdentityEdges } from './edges.ts'
import { createKeyMakers } from './key-makers.ts'

/** Our own list of API keys, a page at a time; whose they are is opened for that page alone. */
export function apiKeyListEndpoint({ keys, access: accessData }: Pick<IdentityEdges, 'keys' | 'access'>): Endpoint {
  const keyMakers = createKeyMakers()
  return endpoint({
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
      const sealer = await keys.of(tx.tenant)
      const read = await readApiKeys(tx, sealer, uids)
      const whole = new Map(read.map((key) => [key.uid, key]))
      const makers = await namesOf(
        tx,
        sealer,
        read.map(({ createdBy }) => createdBy),
      )
      const facts = await accessData.inTx(tx)
      return ok({
        body: {
          items: uids.flatMap((uid) => {
            const key = whole.get(uid)
            if (!key) return []
            const { name, user, person, createdBy, isActive, expiresAt, createdAt } = key
            const known = keyMakers.mayKnow({ kind: 'apiKey', user, createdBy }, facts, now.getTime())
            return {
              ...{ uid, name, createdBy, isActive, createdAt: createdAt.toISOString() },
              createdByName: makers.get(createdBy) ?? null,
              makerHoldsTooLittle: !known.ok,
              user: { uid: user, name: calledOf(person) },
              hasExpired: expiresAt !== undefined && expiresAt <= now,
              expiresAt: expiresAt ? timeText(expiresAt) : null,
            }
          }),
          count,
        },
      })
    },
  })
}

function calledOf({ firstName, lastName, email }: Person): string {
  const called = [firstName, lastName].filter((part) => part !== '').join(' ')
  return called === '' ? email : called
}

/** What people of the tenant are called; who was removed is not among them. */
async function namesOf(tx: Tx, sealer: TenantSealer, users: readonly UserUid[]): Promise<Map<string, string>> {
  const rows = await tx.query<SealedPerson>(
    'select user_id, email, first_name, last_name from users where tenant_id = $1 and user_id = any($2)',
    [tx.tenant, [...new Set(users)]],
  )
  return new Map(rows.map((row) => [row.user_id, calledOf(openPerson(sealer, row))]))
}

/** One that never ends stands after those that do. */
const columns = {
  name: ({ name }: ListedApiKey) => name,
  expiresAt: ({ expiresAt }: ListedApiKey) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
  createdAt: ({ createdAt }: ListedApiKey) => createdAt.getTime(),
}
