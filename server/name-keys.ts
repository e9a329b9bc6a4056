import { systemTenant, TenantUid } from '../contract/ids.ts'
import { predefinedRoles } from '../contract/roles.ts'
import { nameKey } from '../contract/wire/common.ts'
import { isReservedKey } from '../contract/wire/tenants.ts'
import { err, ok } from '../core/result.ts'
import type { Logger } from './platform/log/index.ts'
import { type InTenant, type Tx, violatedUnique } from './platform/postgres/index.ts'

/**
 * Names are found, and told to be one, by a key beside them (`nameKey`). Rows of a release that folded names otherwise have keys by
 * which nobody finds them any more; they are written anew at each start, which does nothing where none is stale.
 *
 * A replica of that release may still be writing, and another one of this may be doing the same: a row is changed only while it has
 * the name and the key that were read. Where two names are one by now, one of them keeps its old key: nothing is lost, and the log
 * says which, until somebody renames it.
 */
export type NameKeys = {
  /** The keys of organisations, by which people sign in: to be awaited before they do. */
  organisations(): Promise<void>
  /** All others, tenant by tenant, while the server serves. */
  start(): void
  /** Resolves when it has come to its end, or was stopped. */
  readonly done: Promise<Refolded>
  stop(): Promise<void>
}

/** How many keys were written anew, and how many stay as they are although they are stale. */
export type Refolded = { readonly written: number; readonly kept: number }

type Table = {
  readonly name: string
  readonly uid: string
  /** Within which a key is unique besides the tenant. */
  readonly within: readonly string[]
  /** A key that nothing of the kind may have, whatever the table says. */
  readonly isReserved?: (key: string) => boolean
}

const predefinedKeys: ReadonlySet<string> = new Set(predefinedRoles.map(({ name }) => nameKey(name)))

/** Every table with a `name_key`; a test compares it with the catalogue. */
export const keyedTables: readonly Table[] = [
  { name: 'cloud_accounts', uid: 'account_id', within: ['project_id', 'cloud'] },
  { name: 'cluster_profiles', uid: 'profile_id', within: ['project_id', 'version'] },
  { name: 'clusters', uid: 'cluster_id', within: ['project_id'] },
  { name: 'edge_tokens', uid: 'token_id', within: [] },
  { name: 'filters', uid: 'filter_id', within: [] },
  { name: 'macros', uid: 'macro_id', within: ['project_id'] },
  { name: 'oidc_clients', uid: 'client_uid', within: [] },
  { name: 'projects', uid: 'project_id', within: [] },
  { name: 'roles', uid: 'role_id', within: [], isReserved: (key) => predefinedKeys.has(key) },
  { name: 'ssh_keys', uid: 'key_id', within: ['project_id'] },
  { name: 'teams', uid: 'team_id', within: [] },
  { name: 'tenant_certificates', uid: 'certificate_id', within: [] },
  { name: 'workspaces', uid: 'workspace_id', within: ['project_id'] },
]
const byName: ReadonlyMap<string, Table> = new Map(keyedTables.map((table) => [table.name, table]))

/** Rows of one transaction. */
const atOnce = 500
/** Lines of one start about keys that stay stale; the count says of how many. */
const maxTold = 100

type Row = { readonly uid: string; readonly name: string; readonly name_key: string }

/** What the database can tell of a key that may be stale: plain ASCII with single spaces folds as it always did. */
const mayBeStale = (name: string, key: string) =>
  `(octet_length(${name}) <> char_length(${name}) or position('  ' in ${name}) > 0 or ${key} <> lower(${name} collate "C"))`

const tablesToRead = keyedTables
  .map(
    ({ name }) =>
      `select '${name}' as kind where exists (select from ${name} where tenant_id = $1 and ${mayBeStale('name', 'name_key')})`,
  )
  .join(' union all ')

export function createNameKeys({
  inTenant,
  logger,
}: {
  readonly inTenant: InTenant
  readonly logger: Logger
}): NameKeys {
  const stopping = new AbortController()
  const done = Promise.withResolvers<Refolded>()
  let isStarted = false
  let written = 0
  let kept = 0

  function keep(
    found: { readonly tenant: string; readonly kind: string; readonly uid: string },
    others: readonly string[] | 'reserved',
  ) {
    kept++
    if (kept > maxTold) return
    if (others === 'reserved')
      return logger.warn(
        found,
        'this name is one that the product keeps for itself by now: its old key stays, so it is not found by name; rename it',
      )
    logger.warn(
      { ...found, others },
      'this name and another are one name by now: its old key stays, so it is not found by name; rename one of them',
    )
  }

  /** Writes one key, or keeps the old one where another row has the new one. */
  async function write(tx: Tx, found: { tenant: string; kind: string; uid: string }, change: Change): Promise<void> {
    const { isReserved = () => false, key, update, others } = change
    if (isReserved(key)) return keep(found, 'reserved')
    const result = await tx
      .attempt(async () => ok((await tx.query(update.text, update.values)).length))
      .catch((cause: unknown) => {
        if (violatedUnique(cause) === undefined) throw cause
        return err('taken' as const)
      })
    if (!result.ok)
      return keep(
        found,
        (await tx.query<{ uid: string }>(others.text, others.values)).map(({ uid }) => uid),
      )
    written += result.value
  }

  async function refoldTenant(tenant: TenantUid): Promise<void> {
    const kinds = await inTenant(tenant, (tx) => tx.query<{ kind: string }>(tablesToRead, [tenant]))
    for (const { kind } of kinds) {
      const table = byName.get(kind)
      for (let after: string | undefined = ''; table && after !== undefined && !stopping.signal.aborted; )
        after = await refoldSome(tenant, table, after)
    }
  }

  /** @returns the last row of those looked at; undefined where there are no more */
  async function refoldSome(tenant: TenantUid, table: Table, after: string): Promise<string | undefined> {
    const { name: kind, uid } = table
    return inTenant(tenant, async (tx) => {
      const rows = await tx.query<Row>(
        `select ${uid} as uid, name, name_key from ${kind}
          where tenant_id = $1 and ${uid} > $2 and ${mayBeStale('name', 'name_key')} order by ${uid} limit ${atOnce}`,
        [tenant, after],
      )
      for (const row of rows) {
        const change = changeOf(tenant, table, row)
        if (change) await write(tx, { tenant, kind, uid: row.uid }, change)
      }
      return rows.length === atOnce ? rows.at(-1)?.uid : undefined
    })
  }

  async function refoldAll(): Promise<Refolded> {
    const tenants = await inTenant(systemTenant, (tx) =>
      tx.query<{ tenant_id: string }>('select tenant_id from tenants order by tenant_id'),
    )
    for (const { tenant_id } of tenants) {
      if (stopping.signal.aborted) break
      await refoldTenant(TenantUid.parse(tenant_id)).catch((cause: unknown) =>
        logger.warn({ cause, tenant: tenant_id }, 'keys of names were not looked at; the next start does'),
      )
    }
    if (written + kept > 0) logger.info({ written, kept }, 'keys of names were written anew')
    return { written, kept }
  }

  return {
    async organisations() {
      await inTenant(systemTenant, async (tx) => {
        const rows = await tx.query<{ tenant_id: string; org_name: string; org_key: string }>(
          `select tenant_id, org_name, org_key from tenants where ${mayBeStale('org_name', 'org_key')} order by tenant_id`,
        )
        for (const { tenant_id: tenant, org_name: name, org_key: before } of rows) {
          const key = nameKey(name)
          if (key === before) continue
          await write(
            tx,
            { tenant, kind: 'tenants', uid: tenant },
            {
              ...{ key, isReserved: isReservedKey },
              update: {
                text: `update tenants set org_key = $2 where tenant_id = $1 and org_name = $3 and org_key = $4 returning 1`,
                values: [tenant, key, name, before],
              },
              others: { text: 'select tenant_id as uid from tenants where org_key = $1', values: [key] },
            },
          )
        }
      })
    },
    start() {
      isStarted = true
      refoldAll().then(done.resolve, (cause: unknown) => {
        logger.warn({ cause }, 'keys of names were not looked at; the next start does')
        done.resolve({ written, kept })
      })
    },
    done: done.promise,
    async stop() {
      stopping.abort()
      if (isStarted) await done.promise
    },
  }
}

type Statement = { readonly text: string; readonly values: readonly unknown[] }
type Change = Pick<Table, 'isReserved'> & {
  readonly key: string
  readonly update: Statement
  /** The rows that have the key. */
  readonly others: Statement
}

/** Nothing where the key is what it should be. */
function changeOf(tenant: TenantUid, table: Table, { uid, name, name_key: before }: Row): Change | undefined {
  const key = nameKey(name)
  if (key === before) return undefined
  const { name: kind, uid: id, within, isReserved } = table
  const same = within.map((column) => ` and other.${column} is not distinct from mine.${column}`).join('')
  return {
    ...{ key, ...(isReserved ? { isReserved } : {}) },
    update: {
      text: `update ${kind} set name_key = $3 where tenant_id = $1 and ${id} = $2 and name = $4 and name_key = $5 returning 1`,
      values: [tenant, uid, key, name, before],
    },
    others: {
      text: `select other.${id} as uid from ${kind} other join ${kind} mine on mine.tenant_id = other.tenant_id${same}
              where mine.tenant_id = $1 and mine.${id} = $2 and other.name_key = $3`,
      values: [tenant, uid, key],
    },
  }
}
