import type pg from 'pg'
import type { z } from 'zod'
import { type Refusal, refusals, refuse } from '../../contract/errors.ts'
import { ApiKeyUid, EntryUid, ProjectUid, systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import { decide } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { rootKey } from '../../core/seal/index.ts'
import { type Access, createAccess, type EndReason, requestAccess, type Snapshot } from '../../server/access/index.ts'
import { isFeatureAllowed } from '../../server/features/index.ts'
import { createPipeline, type Endpoint, type PipelineEntry, type Principal } from '../../server/gateway/index.ts'
import { passwordExpiryOf } from '../../server/identity/index.ts'
import { createKeys, type Keys, openInstallation } from '../../server/keys/index.ts'
import { createPeople, insertUser, type People } from '../../server/people/index.ts'
import { systemClock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { clientConfig, createInTenant, type InTenant, openPool, type Tx } from '../../server/platform/postgres/index.ts'
import { newUid } from '../../server/platform/random/index.ts'
import { createTenancy } from '../../server/tenancy/index.ts'
import { type TestDatabase, withClient } from './database.ts'

/** A reply as a client would see it: the success code, or the refusal. */
export type Reply = {
  readonly status: number
  /** Checked against the declared reply; what a test expects of it, it says itself. */
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
  readonly refusal: Refusal | undefined
}

export type Call = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly project?: string
}

/** Tenants, projects, users and teams behind the phases of the gateway on a real database: all but HTTP and the ledger. */
export type Phases = {
  readonly root: Principal
  readonly access: Access
  readonly keys: Keys
  readonly people: People
  /** The links in memory, for tests in which one has ended. */
  readonly links: ReturnType<typeof createLinks>
  readonly inTenant: InTenant
  readonly endpoints: readonly Endpoint[]
  /** What would have gone into the logs, with the tenant whose log it is; entries that were rolled back too. */
  readonly entries: readonly (PipelineEntry & { readonly tenant: TenantUid })[]
  /** `call(who, 'GET /v1/users/{uid}', {params: {uid}})` */
  call(who: Principal, route: string, call?: Call): Promise<Reply>
  /** The pieces of an answer that is given in pieces; throws where it is refused. */
  stream(who: Principal, route: string): Promise<AsyncIterator<string | Buffer>>
  /** The same where it must succeed: answers the body, throws otherwise. */
  must(who: Principal, route: string, call?: Call): Promise<Reply['body']>
  /** A tenant with its active first administrator. */
  tenant(
    orgName?: string,
  ): Promise<{ readonly uid: TenantUid; readonly admin: Principal; readonly project: ProjectUid }>
  /** An active user of the administrator's tenant, with these tenant roles. */
  person(admin: Principal, given?: { readonly roles?: readonly string[]; readonly email?: string }): Promise<Principal>
  /** What setting the first password does. */
  activate(tenant: TenantUid, user: string): Promise<Principal>
  stop(): Promise<void>
}

/** What endpoints of further features may be made of. */
export type PhasesParts = Pick<Phases, 'access' | 'keys' | 'inTenant'> & { readonly pool: pg.Pool }

const silent = createLogger('error', () => undefined)

/** @param more endpoints of a further feature */
export async function startPhases(
  database: TestDatabase,
  more: (parts: PhasesParts) => readonly Endpoint[] = () => [],
): Promise<Phases> {
  const pool = openPool(database.app, 'test', 12, silent)
  const readPool = openPool(database.app, 'test-read', 4, silent)
  const inTenant = createInTenant(pool)
  const root = rootKey(Buffer.alloc(32, 7))
  const founded = await withClient(database.app, (client) =>
    openInstallation(client, { root, auditHost: 'localhost', now: new Date() }),
  )
  if (!founded.ok) throw new Error(founded.error)
  const keys = createKeys({ root, salt: founded.value.salt, inTenant, clock: systemClock })
  const access = createAccess({
    connection: clientConfig(database.app, 'test-feed'),
    readInTenant: createInTenant(readPool),
    clock: systemClock,
    logger: silent,
  })

  const entries: (PipelineEntry & { tenant: TenantUid })[] = []
  const links = createLinks()
  const people = createPeople({
    keys,
    links,
    endLinks: links.end,
    passwordExpiry: passwordExpiryOf,
    factsEpoch: async (tx) => (await access.inTx(tx)).factsEpoch,
  })
  const tenancy = createTenancy({ keys, links, access, names: people.names, clustersIn })
  const endpoints = [...people.endpoints, ...tenancy.endpoints, ...more({ access, keys, inTenant, pool })]
  const byRoute = new Map(endpoints.map((one) => [one.route as string, one]))
  const pipeline = createPipeline({
    inTenant,
    access: {
      ...access,
      decide: (snapshot, { user, origin }, permission, resource, now) =>
        decide({ subject: { userUid: user }, permission, resource, now, origin }, snapshot.compiled),
      requestAccess,
    },
    recheck: async (principal, snapshot) => stillThere(principal, snapshot),
    calls: access.calls,
    append: async (tx, entry) => {
      entries.push({ ...entry, tenant: tx.tenant })
      return newUid()
    },
    intents: {
      async open(entry) {
        entries.push({ ...entry, tenant: entry.principal.tenant })
        return EntryUid.parse(newUid())
      },
      end: (entry) => void entries.push({ ...entry, tenant: entry.principal.tenant }),
      leave: (intent) => {
        throw new Error(`the intent ${intent} was left, though no answer of this database gets lost`)
      },
    },
    projectExists: async (tx, project) =>
      (await tx.query('select from projects where tenant_id = $1 and project_id = $2', [tx.tenant, project])).length >
      0,
    featureAllowed: isFeatureAllowed,
    clock: systemClock,
  })

  async function call(who: Principal, route: string, { params, query = {}, body, project }: Call = {}): Promise<Reply> {
    const endpoint = byRoute.get(route)
    if (!endpoint) throw new Error(`no endpoint ${route}`)
    const raw = {
      ...{ id: newUid(), clientAddress: '127.0.0.1', userAgent: 'test' },
      ...{ params: params ?? {}, query, body, projectHeader: project },
    }
    const outcome = await pipeline.runGuarded(endpoint, raw, who)
    if (!outcome.ok) return { status: refusals[outcome.error.code].status, body: undefined, refusal: outcome.error }
    const { reply } = endpoint
    const checked = reply.body ? (reply.body as z.ZodType).parse(outcome.value.body) : undefined
    // Through JSON, as a client gets it.
    const seen = checked === undefined ? undefined : JSON.parse(JSON.stringify(checked))
    return { status: reply.status, body: seen, refusal: undefined }
  }

  async function stream(who: Principal, route: string): Promise<AsyncIterator<string | Buffer>> {
    const endpoint = byRoute.get(route)
    if (!endpoint) throw new Error(`no endpoint ${route}`)
    const raw = {
      ...{ id: newUid(), clientAddress: '127.0.0.1', userAgent: 'test' },
      ...{ params: {}, query: {}, body: undefined, projectHeader: undefined },
    }
    const outcome = await pipeline.runGuarded(endpoint, raw, who)
    if (!outcome.ok) throw new Error(outcome.error.code)
    return (outcome.value.body as AsyncIterable<string | Buffer>)[Symbol.asyncIterator]()
  }

  async function must(who: Principal, route: string, options?: Call): Promise<Reply['body']> {
    const reply = await call(who, route, options)
    if (reply.refusal) throw new Error(`${route}: ${JSON.stringify(reply.refusal)}`)
    return reply.body
  }

  async function activate(tenant: TenantUid, user: string): Promise<Principal> {
    await inTenant(tenant, async (tx) => {
      await access.lock(tx)
      await tx.query(`update users set state = 'active' where tenant_id = $1 and user_id = $2`, [tenant, user])
      await tx.query(`update tenants set state = 'active' where tenant_id = $1 and first_user_id = $2`, [tenant, user])
      await access.raise(tx, 'access')
    })
    return principalOf(tenant, user)
  }

  let made = 0
  const administrator = await foundSystem(inTenant, keys)
  await access.start()

  return {
    root: principalOf(systemTenant, administrator),
    ...{ access, keys, people, links, inTenant, endpoints, entries, call, stream, must, activate },
    async tenant(orgName = `Org ${++made}`) {
      const rootPrincipal = principalOf(systemTenant, administrator)
      const created = await must(rootPrincipal, 'POST /v1/tenants', {
        body: { spec: { orgName, firstName: 'Ada', lastName: 'Admin', emailId: 'admin@example.com' } },
      })
      const uid = TenantUid.parse(created.uid)
      const first = await must(rootPrincipal, 'GET /v1/tenants/{tenantUid}/user', { params: { tenantUid: uid } })
      const admin = await activate(uid, first.metadata.uid)
      const projects = await must(admin, 'GET /v1/dashboard/projects/metadata')
      return { uid, admin, project: ProjectUid.parse(projects.items[0].metadata.uid) }
    },
    async person(admin, { roles = [], email = `person${++made}@example.com` } = {}) {
      const { uid } = await must(admin, 'POST /v1/users', {
        body: { spec: { emailId: email, firstName: `Person${made}`, lastName: 'Test', roles } },
      })
      return activate(admin.tenant, uid)
    },
    async stop() {
      await access.stop()
      await pool.end()
      await readPool.end()
    },
  }
}

function principalOf(tenant: TenantUid, user: string): Principal {
  return {
    tenant,
    user: UserUid.parse(user),
    credential: { kind: 'apiKey', key: ApiKeyUid.parse('c'.repeat(24)) },
    origin: { address: '127.0.0.1' },
    person: { email: 'someone@example.com', firstName: 'Some', lastName: 'One', org: `org of ${tenant}` },
    epoch: 1n,
  }
}

/** What identity asks of a credential on newer access data, as far as it is about people and tenants. */
function stillThere(
  { user }: Principal,
  { users, tenantState }: Snapshot,
): Result<{ readonly endsAt: number }, Refusal & { readonly reason: EndReason }> {
  const isThere = tenantState === 'active' && users.get(user)?.state === 'active'
  return isThere
    ? ok({ endsAt: Number.POSITIVE_INFINITY })
    : err({ ...refuse('unauthenticated'), reason: 'user-inactive' })
}

/** Links in memory, one a user: what identity keeps as rows. */
function createLinks() {
  const made = new Map<string, string>()
  return {
    async create(_tx: Tx, user: UserUid) {
      const url = `https://localhost/activate/${newUid()}`
      made.set(user, url)
      return { url }
    },
    show: async (_tx: Tx, user: UserUid) => made.get(user) ?? '',
    lives: async (_tx: Tx, users: readonly UserUid[]) =>
      new Map(
        users.flatMap((user) => {
          const expiresAt = new Date(Date.now() + 86_400_000)
          return made.has(user) ? [[user, { expiresAt, hasExpired: false }] as const] : []
        }),
      ),
    async end(_tx: Tx, user: UserUid) {
      made.delete(user)
    },
  }
}

/** The clusters of a project, as the feature that keeps them would answer. */
async function clustersIn(tx: Tx, project: ProjectUid) {
  const rows = await tx.query<{ cluster_id: string; name: string; state: string }>(
    'select cluster_id, name, state from clusters where tenant_id = $1 and project_id = $2',
    [tx.tenant, project],
  )
  return rows.map(({ cluster_id, name, state }) => ({ uid: cluster_id, name, state }))
}

async function foundSystem(inTenant: InTenant, keys: Keys): Promise<UserUid> {
  return inTenant(systemTenant, async (tx) => {
    const now = new Date()
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
       values ($1, 'system', 'system', 'active', $2, $2)`,
      [systemTenant, now],
    )
    const sealer = await keys.create(tx)
    await tx.query('insert into access_epochs (tenant_id) values ($1)', [systemTenant])
    const made = await insertUser(
      tx,
      { sealer, directoryIndex: keys.directoryIndex },
      { email: 'root@example.com', firstName: 'Root', lastName: '', state: 'active', adminType: 'root' },
      now,
    )
    if (!made.ok) throw new Error(JSON.stringify(made.error))
    return made.value
  })
}
