import { hash } from 'node:crypto'
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import type { Caller, IssuerPort } from '../identity/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant, Lookups, Tx } from '../platform/postgres/index.ts'
import { sessionOfGrant, tenantOfAccount } from './grant-id.ts'
import {
  consumeState,
  deleteState,
  deleteStateOfGrant,
  type FoundState,
  findState,
  upsertState,
} from './state-store.ts'

export type StateDeps = {
  readonly inTenant: InTenant
  readonly keys: Pick<Keys, 'of'>
  readonly lookups: Pick<Lookups, 'tenantOfOidcState'>
  readonly sessions: Pick<IssuerPort, 'endSession' | 'extendSession'>
  readonly clock: Clock
  /** The request under way. */
  readonly caller: () => Caller
  /** Why a grant ends in the request under way. */
  readonly whyGrantEnds: () => 'signed-out' | 'token-revoked' | 'token-reused'
  /** Metadata of a registered client, as RFC 7591 names it. */
  readonly findClient: (clientId: string) => Promise<AdapterPayload | undefined>
}

/**
 * What the provider library keeps, in PostgreSQL. Ids are stored hashed and payloads sealed, in the tenant that they belong to.
 * Using a code or refresh token up has one winner, whichever replicas two requests reach (threat B20).
 */
export function createStateAdapter(deps: StateDeps): (kind: string) => Adapter {
  return (kind) => (kind === 'Client' ? clientAdapter(deps) : stateAdapter(kind, deps))
}

/** Clients are registered over the API; the library only reads them. */
function clientAdapter({ findClient }: StateDeps): Adapter {
  const never = () => Promise.reject(new Error('clients are registered over the API alone'))
  return {
    find: findClient,
    ...{ upsert: never, consume: never, destroy: never, revokeByGrantId: never },
    ...{ findByUid: never, findByUserCode: never },
  }
}

function stateAdapter(kind: string, deps: StateDeps): Adapter {
  const { inTenant, keys, lookups, clock } = deps
  const idOf = (id: string) => hash('sha256', `${kind} ${id}`, 'buffer')
  const uidOf = (uid: string) => hash('sha256', `${kind} uid ${uid}`, 'buffer')
  const grantOf = (id: string) => hash('sha256', `grant ${id}`, 'buffer')
  // A user code is short enough to be guessed from a plain hash.
  const userCodeOf = async (code: string) => (await keys.of(systemTenant)).blindIndex('oidc_state', 'user_code', code)
  const field = (id: Buffer) => ({ table: 'oidc_state', column: 'payload', row: id.toString('hex') })
  const now = () => new Date(clock.now())

  async function find(key: Buffer): Promise<AdapterPayload | undefined> {
    const tenant = await lookups.tenantOfOidcState(key)
    if (tenant === undefined) return undefined
    const found = await inTenant(tenant, (tx) => findState(tx, key, now()))
    return found && opened(tenant, found)
  }

  async function opened(tenant: TenantUid, { id, payload, consumedAt }: FoundState): Promise<AdapterPayload> {
    const sealer = await keys.of(tenant)
    // It was sealed by `upsert`, and what opens is authentic.
    const stored = JSON.parse(sealer.open(field(id), payload)) as AdapterPayload
    return consumedAt ? { ...stored, consumed: Math.floor(consumedAt.getTime() / 1000) } : stored
  }

  async function aliasOf({ uid, userCode }: AdapterPayload): Promise<Buffer | null> {
    if (kind === 'Session' && uid !== undefined) return uidOf(uid)
    return userCode === undefined ? null : userCodeOf(userCode)
  }

  return {
    async upsert(id, payload, expiresIn) {
      const key = idOf(id)
      const tenant = tenantOf(kind, payload)
      const sealer = await keys.of(tenant)
      const row = {
        ...{ id: key, kind, alias: await aliasOf(payload) },
        grant: payload.grantId === undefined ? null : grantOf(payload.grantId),
        payload: sealer.seal(field(key), JSON.stringify(payload)),
        expiresAt: new Date(clock.now() + (expiresIn ?? 0) * 1000),
      }
      // A device's code belongs to nobody until somebody lets the device in.
      const before = await lookups.tenantOfOidcState(key)
      await inTenant(tenant, async (tx) => {
        if (before !== undefined && before !== tenant) await tx.within(before, (other) => deleteState(other, key))
        await upsertState(tx, row, now())
      })
    },
    find: (id) => find(idOf(id)),
    findByUid: (uid) => find(uidOf(uid)),
    findByUserCode: async (code) => find(await userCodeOf(code)),

    async consume(id) {
      const key = idOf(id)
      const tenant = await lookups.tenantOfOidcState(key)
      const won = tenant !== undefined && (await inTenant(tenant, (tx) => use(tx, key)))
      // Both were valid a moment ago, so it may be one person's two programs: the later one alone is refused. What comes
      // when it is stored as used ends the grant.
      if (!won) throw new errors.InvalidGrant('already used')
    },

    async destroy(id) {
      const key = idOf(id)
      // The session first: where what follows fails, a second attempt still finds what to end it by.
      const session = kind === 'Grant' ? sessionOfGrant(id) : await sessionOfToken(key)
      if (session) await deps.sessions.endSession(session, deps.whyGrantEnds(), deps.caller())
      const tenant = await lookups.tenantOfOidcState(key)
      if (tenant !== undefined) await inTenant(tenant, (tx) => deleteState(tx, key))
    },

    async revokeByGrantId(grantId) {
      const session = sessionOfGrant(grantId)
      if (session) await inTenant(session.tenant, (tx) => deleteStateOfGrant(tx, grantOf(grantId), kind))
    },
  }

  /** A refresh token is destroyed where it was revoked, or came a second time; both end its session. */
  async function sessionOfToken(key: Buffer) {
    return kind === 'RefreshToken' ? sessionOfGrant((await find(key))?.grantId) : undefined
  }

  /** A refresh is one transaction: the token used up, the session's idle end moved, the entry in the log. */
  async function use(tx: Tx, key: Buffer): Promise<boolean> {
    const found = await findState(tx, key, now())
    if (!found || !(await consumeState(tx, found.id, now()))) return false
    if (kind !== 'RefreshToken') return true
    const { grantId, clientId } = await opened(tx.tenant, found)
    const session = sessionOfGrant(grantId)
    if (!session) throw new Error('a refresh token without a session')
    return deps.sessions.extendSession(tx, session, clientId ?? '', deps.caller())
  }
}

/** Sign-ins under way are the system's, whoever they end with: the row must not say before the password is right. */
function tenantOf(kind: string, { grantId, accountId }: AdapterPayload): TenantUid {
  if (kind === 'Interaction') return systemTenant
  return sessionOfGrant(grantId)?.tenant ?? tenantOfAccount(accountId)
}
