import { type TenantUid, UserUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { Keys, TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { field, fullName, inTurns } from './user-store.ts'

/** A person as lists search and sort them. */
export type DirectoryEntry = {
  readonly uid: UserUid
  readonly email: string
  readonly name: string
  /** Both folded, as they are searched and sorted; made once. */
  readonly nameKey: string
  readonly emailKey: string
  readonly createdAt: Date
}

/** The people of a tenant by name and e-mail, which are sealed in the store: search by part, sorting and paging start here. */
export type Directory = {
  /** Everybody in `tx.tenant`, by folded name: to sort what is sorted costs little. Not for transactions that changed people themselves. */
  of(tx: Tx): Promise<readonly DirectoryEntry[]>
}

type Opened = {
  readonly epoch: bigint
  /** By user; `version` is the row's, so that a change opens one row anew and not the whole tenant. */
  readonly people: ReadonlyMap<string, { readonly version: string; readonly entry: DirectoryEntry }>
  readonly list: readonly DirectoryEntry[]
}

/**
 * Opens a tenant's people on first use and keeps them for as long as the tenant's facts epoch stays.
 *
 * @param maxPeople held in memory over all tenants (about 600 bytes each); the tenant asked for longest ago is forgotten first
 */
export function createDirectory(deps: {
  readonly keys: Pick<Keys, 'of'>
  /** The epoch of the tenant's people, read in the transaction. */
  readonly factsEpoch: (tx: Tx) => Promise<bigint>
  readonly maxPeople?: number
}): Directory {
  const { keys, factsEpoch, maxPeople = 200_000 } = deps
  const tenants = new Map<TenantUid, Opened>()
  const opening = new Map<string, Promise<Opened>>()
  let held = 0

  function remember(tenant: TenantUid, opened: Opened): void {
    held += opened.list.length - (tenants.get(tenant)?.list.length ?? 0)
    tenants.delete(tenant)
    tenants.set(tenant, opened)
    for (const [oldest, { list }] of tenants) {
      if (held <= maxPeople || oldest === tenant) break
      tenants.delete(oldest)
      held -= list.length
    }
  }

  /** One opening at a time for each tenant and epoch: whoever comes meanwhile waits for it. */
  async function openOnce(tx: Tx, epoch: bigint): Promise<Opened> {
    const key = `${tx.tenant}/${epoch}`
    // The transaction of whoever began it may fail; then this one opens for itself.
    const shared = await opening.get(key)?.catch(() => undefined)
    if (shared) return shared
    const mine = keys.of(tx.tenant).then((sealer) => open(tx, sealer, epoch, tenants.get(tx.tenant)))
    opening.set(key, mine)
    try {
      return await mine
    } finally {
      if (opening.get(key) === mine) opening.delete(key)
    }
  }

  return {
    async of(tx) {
      // Read before the rows: they may be newer than it, never older.
      const epoch = await factsEpoch(tx)
      const known = tenants.get(tx.tenant)
      const opened = known?.epoch === epoch ? known : await openOnce(tx, epoch)
      if ((tenants.get(tx.tenant)?.epoch ?? -1n) <= epoch) remember(tx.tenant, opened)
      return opened.list
    },
  }
}

async function open(tx: Tx, sealer: TenantSealer, epoch: bigint, known: Opened | undefined): Promise<Opened> {
  // xmin, the transaction that wrote this version of the row: unlike updated_at it changes with every change.
  const versions = await tx.query<{ user_id: string; version: string }>(
    'select user_id, xmin::text as version from users where tenant_id = $1',
    [tx.tenant],
  )
  const kept = new Map(
    versions.flatMap(({ user_id, version }) => {
      const one = known?.people.get(user_id)
      return one?.version === version ? [[user_id, one] as const] : []
    }),
  )
  const rows = await tx.query<DirectoryRow>(
    `select user_id, xmin::text as version, email, first_name, last_name, created_at
       from users where tenant_id = $1 and user_id = any($2)`,
    [tx.tenant, versions.flatMap(({ user_id }) => (kept.has(user_id) ? [] : [user_id]))],
  )
  const people = kept
  await inTurns(rows, (row) => people.set(row.user_id, { version: row.version, entry: toEntry(sealer, row) }))
  const list = [...people.values()].map(({ entry }) => entry)
  list.sort((a, b) => (a.nameKey < b.nameKey ? -1 : a.nameKey > b.nameKey ? 1 : a.uid < b.uid ? -1 : 1))
  return { epoch, people, list }
}

type DirectoryRow = {
  readonly user_id: string
  readonly version: string
  readonly email: Buffer
  readonly first_name: Buffer
  readonly last_name: Buffer
  readonly created_at: Date
}

function toEntry(sealer: TenantSealer, row: DirectoryRow): DirectoryEntry {
  const uid = UserUid.parse(row.user_id)
  const email = sealer.open(field('email', uid), row.email)
  const name = fullName({
    firstName: sealer.open(field('first_name', uid), row.first_name),
    lastName: sealer.open(field('last_name', uid), row.last_name),
  })
  return { uid, email, name, nameKey: nameKey(name), emailKey: nameKey(email), createdAt: row.created_at }
}
