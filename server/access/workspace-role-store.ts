import type { Assignment } from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Subjects } from './resource-role-store.ts'

/** All roles that are held on single workspaces, or those of some subjects, as decisions see them. */
export async function readWorkspaceAssignments(tx: Tx, of?: Subjects): Promise<Assignment[]> {
  const rows = await tx.query<{
    assignment_id: string
    user_id: string | null
    team_id: string | null
    role_id: string
    workspace_id: string
    project_id: string
  }>(
    `select a.assignment_id, a.user_id, a.team_id, a.role_id, a.workspace_id, w.project_id
       from workspace_roles a join workspaces w using (tenant_id, workspace_id)
      where a.tenant_id = $1 and ($2::text[] is null or a.user_id = any($2) or a.team_id = any($3))
      order by a.assignment_id`,
    [tx.tenant, of?.users ?? null, of?.teams ?? null],
  )
  return rows.map((row) => ({
    id: row.assignment_id,
    // The table's check says that exactly one of the two is set.
    subject: row.user_id === null ? { kind: 'team', uid: row.team_id ?? '' } : { kind: 'user', uid: row.user_id },
    roleUid: row.role_id,
    scope: { kind: 'workspace', projectUid: row.project_id, workspaceUid: row.workspace_id },
    filters: 'none',
  }))
}
