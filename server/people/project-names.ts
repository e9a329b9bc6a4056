import { ProjectUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** The names of the tenant's projects, to be shown beside roles that are held in them. */
export async function projectNames(tx: Tx): Promise<ReadonlyMap<ProjectUid, string>> {
  const rows = await tx.query<{ project_id: string; name: string }>(
    'select project_id, name from projects where tenant_id = $1',
    [tx.tenant],
  )
  return new Map(rows.map(({ project_id, name }) => [ProjectUid.parse(project_id), name]))
}
