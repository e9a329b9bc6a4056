import type { Tx } from '../platform/postgres/index.ts'
import { holdersThrough } from './resource-role-store.ts'

/** Whose facts are to be read anew, by UID. */
export type Changes = {
  readonly users: readonly string[]
  readonly teams: readonly string[]
  /** Of the tenant's own. */
  readonly roles: readonly string[]
  readonly projects: readonly string[]
}

/** The log tells of at least so many epochs; the trigger that writes it keeps a few more. */
const epochsKept = 448n
/** Beyond so many it is cheaper to read everything. */
const mostChanges = 2_000

/**
 * What changed between two epochs, from the log that triggers write with every change (`access_changes`). Read it in the
 * transaction that read the epoch, and the facts after it.
 *
 * @returns undefined where the log does not tell everything, or so much that everything may as well be read
 */
export async function readChanges(
  tx: Tx,
  { since, now }: { readonly since: bigint; readonly now: bigint },
): Promise<Changes | undefined> {
  if (now < since || now - since > epochsKept) return undefined
  const rows = await tx.query<{ kind: string; uid: string }>(
    'select distinct kind, uid from access_changes where tenant_id = $1 and epoch > $2 limit $3',
    [tx.tenant, since.toString(), mostChanges + 1],
  )
  if (rows.length > mostChanges || rows.some(({ kind }) => kind === 'everything')) return undefined
  const of = (wanted: string) => rows.flatMap(({ kind, uid }) => (kind === wanted ? uid : []))
  const resourceRoles = of('resource-role')
  const filters = of('filter')
  const through =
    resourceRoles.length + filters.length === 0
      ? { users: [], teams: [] }
      : await holdersThrough(tx, resourceRoles, filters)
  return {
    users: [...new Set([...of('user'), ...through.users])],
    teams: [...new Set([...of('team'), ...through.teams])],
    roles: of('role'),
    projects: of('project'),
  }
}
