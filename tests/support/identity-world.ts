import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { Refusal } from '../../contract/errors.ts'
import { systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { decide } from '../../core/access/index.ts'
import { err, type Result } from '../../core/result.ts'
import { rootKey, Secret } from '../../core/seal/index.ts'
import { type Access, createAccess, insertAssignments, requestAccess } from '../../server/access/index.ts'
import { isFeatureAllowed } from '../../server/features/index.ts'
import { createPipeline, type PipelineEntry, splitRoute } from '../../server/gateway/index.ts'
import {
  createIdentity,
  type Identity,
  type IdentityEdges,
  type IdentityEntry,
  type Presented,
  passwordExpiryOf,
} from '../../server/identity/index.ts'
import { createKeys, type Keys, openInstallation } from '../../server/keys/index.ts'
import { createPeople, insertUser } from '../../server/people/index.ts'
import type { Clock } from '../../server/platform/clock/index.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import {
  clientConfig,
  createInTenant,
  createLookups,
  type InTenant,
  type Lookups,
  openPool,
} from '../../server/platform/postgres/index.ts'
import { newUid } from '../../server/platform/random/index.ts'
import { startTestPostgres, withClient } from './database.ts'

/**
 * Identity on a real database, with the real people, access data and request phases around it; only the clock, the listener and the
 * ledger's own tables are missing.
 */
export type IdentityWorld = Replica & {
  readonly inTenant: InTenant
  readonly keys: Keys
  readonly clock: Clock & { advance(seconds: number): void }
  /** Audit entries of committed transactions, in order. */
  readonly entries: readonly (IdentityEntry | PipelineEntry)[]
  /** Makes an active tenant with an active Tenant Admin of this address. */
  bear(org: string, adminEmail: string): Promise<{ readonly tenant: TenantUid; readonly admin: UserUid }>
  /** Adds a user with this password, or a pending one without; roles by name, in the tenant. */
  addUser(
    tenant: TenantUid,
    user: { readonly email: string; readonly password?: string; readonly roles?: readonly string[] },
  ): Promise<UserUid>
  /** Another replica on the same database. */
  replica(): Promise<Replica>
  stop(): Promise<void>
}

/** One server. */
export type Replica = {
  readonly identity: Identity
  /** What its identity was made with. */
  readonly edges: IdentityEdges
  readonly access: Access
  readonly lookups: Lookups
  /** Runs an endpoint as a request would. `body` of the answer is what the endpoint's schema let out. */
  call(route: string, request?: TestRequest): Promise<Result<TestAnswer, Refusal>>
  /** Signs in; throws when refused. @returns the token */
  signIn(email: string, password: string, org?: string): Promise<string>
  /** Transactions begun so far for requests, those of identity included. */
  transactions(): number
  stopReplica(): Promise<void>
}

export type TestRequest = {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly as?: Presented
  readonly address?: string
}
// What a test expects of a body it says itself.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type TestAnswer = { readonly body: any; readonly auditUid: string | undefined }

/** Meets the policy of tenants and that of system administrators. */
export const goodPassword = 'Correct-Horse-9-Battery'

export async function createIdentityWorld(): Promise<IdentityWorld> {
  const postgres = await startTestPostgres()
  const database = await postgres.create()
  const logger = createLogger('fatal', () => {})
  const start = Date.parse('2026-03-01T09:00:00Z')
  let ahead = 0
  const clock = {
    now: () => start + ahead,
    monotonicMs: () => performance.now(),
    advance(seconds: number) {
      ahead += seconds * 1000
    },
  }
  const root = rootKey(randomBytes(32))
  const installation = await withClient(database.app, (client) =>
    openInstallation(client, { root, auditHost: 'localhost', now: new Date(clock.now()) }),
  )
  if (!installation.ok) throw new Error(installation.error)
  const { salt } = installation.value
  const pools: pg.Pool[] = []
  const newPool = (name: string) => {
    const pool = openPool(database.app, name, 10, logger)
    pools.push(pool)
    return pool
  }
  const pool = newPool('main')
  const inTenant = createInTenant(pool)
  const keys = createKeys({ root, salt, inTenant, clock })
  const entries: (IdentityEntry | PipelineEntry)[] = []
  const replicas: Replica[] = []

  async function replica(): Promise<Replica> {
    let begun = 0
    const counted =
      (run: InTenant): InTenant =>
      (tenant, work, options) => {
        begun++
        return run(tenant, work, options)
      }
    const main = newPool('replica')
    const mine = counted(createInTenant(main))
    const readInTenant = createInTenant(newPool('replica-read'))
    // Not counted: it reads when it hears of a change, which is no matter of the request under way.
    const lookups = createLookups(main)
    const access = createAccess({ connection: clientConfig(database.app, 'feed'), readInTenant, clock, logger })
    const edges: IdentityEdges = {
      publicUrl: 'https://palisade.example',
      inTenant: mine,
      readInTenant: counted(readInTenant),
      lookups,
      keys: createKeys({ root, salt, inTenant: mine, clock }),
      access,
      append: async (tx, entry) => {
        tx.afterCommit(() => entries.push(entry))
      },
      // Without an issuer there is none.
      clients: { own: new Set(), has: async () => false },
      clock,
      logger,
    }
    const identity = createIdentity(edges)
    const people = createPeople({
      keys: edges.keys,
      links: identity.links,
      endLinks: identity.links.end,
      passwordExpiry: passwordExpiryOf,
      factsEpoch: async (tx) => (await access.inTx(tx)).factsEpoch,
    })
    const endpoints = [...identity.endpoints, ...people.endpoints]
    const pipeline = createPipeline({
      inTenant: mine,
      access: {
        ...access,
        decide: (snapshot, { user, origin }, permission, resource, now) =>
          decide({ subject: { userUid: user }, permission, resource, now, origin }, snapshot.compiled),
        requestAccess,
      },
      recheck: identity.recheck,
      calls: access.calls,
      append: async (tx, entry) => {
        tx.afterCommit(() => entries.push(entry))
        return newUid()
      },
      // Nothing of identity is begun outside the database.
      intents: { open: () => assert.fail(), end: () => assert.fail(), leave: () => assert.fail() },
      projectExists: async () => false,
      featureAllowed: isFeatureAllowed,
      clock,
    })

    const call: Replica['call'] = async (route, request = {}) => {
      const [method, path = ''] = route.split(' ')
      for (const endpoint of endpoints) {
        const declared = splitRoute(endpoint.route)
        const params = declared.method === method ? match(declared.path, path) : undefined
        if (!params) continue
        const raw = {
          id: newUid(),
          clientAddress: request.address ?? '192.0.2.1',
          userAgent: 'test',
          params,
          query: request.query ?? {},
          body: request.body,
          projectHeader: undefined,
        }
        let outcome: Awaited<ReturnType<typeof pipeline.runOpen>>
        if ('open' in endpoint.permission) outcome = await pipeline.runOpen(endpoint, raw)
        else {
          const principal = await identity.authenticate(request.as ?? {})
          if (!principal.ok) return principal
          outcome = await pipeline.runGuarded(endpoint, raw, principal.value)
        }
        if (!outcome.ok) return err(outcome.error)
        const { body, auditUid } = outcome.value
        return { ok: true, value: { body: endpoint.reply.body ? endpoint.reply.body.parse(body) : body, auditUid } }
      }
      throw new Error(`no endpoint for ${route}`)
    }

    await access.start()
    const made: Replica = {
      identity,
      edges,
      access,
      lookups,
      call,
      async signIn(email, password, org = '') {
        const isSystem = org === 'system'
        const answer = await call(isSystem ? 'POST /v1/auth/syslogin' : 'POST /v1/auth/authenticate', {
          body: isSystem ? { username: email, password } : { emailId: email, password, org },
        })
        if (!answer.ok) throw new Error(`sign-in of ${email} was refused: ${answer.error.code}`)
        return answer.value.body.Authorization
      },
      transactions: () => begun,
      async stopReplica() {
        await identity.stop()
        await access.stop()
      },
    }
    replicas.push(made)
    return made
  }

  const first = await replica()
  const now = () => new Date(clock.now())
  const system = { email: 'root@palisade.example', password: new Secret(goodPassword) }
  await inTenant(systemTenant, async (tx) => {
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
       values ('system', 'system', 'system', 'active', $1, $1)`,
      [now()],
    )
    await tx.query(`insert into access_epochs (tenant_id) values ('system')`)
    const sealer = await keys.create(tx)
    const made = await first.identity.createFirstAdministrator(tx, sealer, system, now())
    if (!made.ok) throw new Error(made.error.detail)
  })
  await first.identity.start()

  async function addUser(
    tenant: TenantUid,
    { email, password, roles = [] }: { email: string; password?: string; roles?: readonly string[] },
  ): Promise<UserUid> {
    const sealer = await keys.of(tenant)
    const { user, url } = await inTenant(tenant, async (tx) => {
      await first.access.lock(tx)
      const [firstName, lastName = ''] = (email.split('@')[0] ?? '').split('.')
      const made = await insertUser(
        tx,
        { sealer, directoryIndex: keys.directoryIndex },
        { email, firstName: firstName ?? '', lastName, state: 'pending' },
        now(),
      )
      if (!made.ok) throw new Error(made.error.detail ?? made.error.code)
      const given = roles.map((role) => ({
        subject: { user: made.value },
        role: predefinedRole(role as Parameters<typeof predefinedRole>[0]).uid, // Cast: tests name roles that exist.
        place: 'tenant' as const,
      }))
      await insertAssignments(tx, given, null, now())
      const link = await first.identity.links.create(tx, made.value, 'activate')
      await first.access.raise(tx, 'access')
      return { user: made.value, url: link.url }
    })
    if (password !== undefined) {
      const token = url.split('/').at(-1)
      const set = await first.call(`PATCH /v1/auth/password/${token}/activate`, { body: { password } })
      if (!set.ok) throw new Error(set.error.detail ?? set.error.code)
    }
    return UserUid.parse(user)
  }

  return {
    ...first,
    inTenant,
    keys,
    clock,
    entries,
    async bear(org, adminEmail) {
      const tenant = TenantUid.parse(newUid())
      await inTenant(tenant, async (tx) => {
        await tx.query(
          `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
           values ($1, $2, $3, 'active', $4, $4)`,
          [tenant, org, nameKey(org), now()],
        )
        await tx.query('insert into access_epochs (tenant_id) values ($1)', [tenant])
        await keys.create(tx)
      })
      const admin = await addUser(tenant, { email: adminEmail, password: goodPassword, roles: ['Tenant Admin'] })
      return { tenant, admin }
    },
    addUser,
    async replica() {
      const another = await replica()
      await another.identity.start()
      return another
    },
    async stop() {
      for (const one of replicas) await one.stopReplica()
      for (const one of pools) await one.end()
      await postgres.stop()
    },
  }
}

function match(template: string, path: string): Record<string, string> | undefined {
  const names = template.split('/')
  const parts = path.split('/')
  if (names.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, name] of names.entries()) {
    const part = parts[i] ?? ''
    if (name.startsWith('{')) params[name.slice(1, -1)] = decodeURIComponent(part)
    else if (name !== part) return undefined
  }
  return params
}
