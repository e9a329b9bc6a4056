import type { z } from 'zod'
import type * as contract from '../../contract/access.ts'
import type { TeamUid } from '../../contract/ids.ts'
import { timeText } from '../../contract/wire/common.ts'
import type { Reason, Scope, Terms, WorkspaceScope } from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { filterNames } from './resource-role-store.ts'

/**
 * Gives grants and scopes the names of all that they are made of, read once for all of them.
 *
 * @param others scopes besides those of the reasons
 */
export async function namer(
  tx: Tx,
  teams: (tx: Tx) => Promise<ReadonlyMap<TeamUid, string>>,
  reasons: readonly Reason[],
  others: readonly Scope[] = [],
) {
  const scopes = [...reasons.map(({ scope }) => scope), ...others]
  const inProjects = scopes.flatMap((scope) => ('projectUid' in scope ? [scope.projectUid] : []))
  const onWorkspaces = scopes.flatMap((scope) => (scope.kind === 'workspace' ? [scope.workspaceUid] : []))
  const workspaceNames = new Map((await workspacesNamed(tx, onWorkspaces)).map((row) => [row.uid, row.name]))
  const projectNames = new Map((await projectsNamed(tx, inProjects)).map((row) => [row.uid, row.name]))
  const teamNames = await teams(tx)
  const filters = await filterNames(
    tx,
    reasons.map(({ assignment }) => assignment),
  )
  const project = (uid: string) => ({ uid, name: projectNames.get(uid) ?? uid })
  const workspace = ({ projectUid, workspaceUid: uid }: WorkspaceScope) => {
    return { workspace: { uid, name: workspaceNames.get(uid) ?? uid }, project: project(projectUid) }
  }
  const scopeOf = (scope: Scope): z.infer<typeof contract.AccessScope> => {
    if (scope.kind === 'workspace') return { kind: 'workspace', ...workspace(scope) }
    return scope.kind === 'project' ? { kind: 'project', project: project(scope.projectUid) } : { kind: scope.kind }
  }
  return {
    project,
    workspace,
    scope: scopeOf,
    grant: ({ assignment, roleUid, roleName, via, scope }: Reason, { endsAt, conditions }: Terms): contract.Grant => ({
      assignment,
      role: { uid: roleUid, name: roleName },
      via:
        via.kind === 'user'
          ? { kind: 'user' }
          : { kind: 'team', team: { uid: via.teamUid, name: teamNames.get(via.teamUid as TeamUid) ?? via.teamUid } },
      scope: scopeOf(scope),
      filters: [...(filters.get(assignment) ?? [])],
      endsAt: endsAt === undefined ? null : timeText(new Date(endsAt)),
      conditions: conditions ?? null,
    }),
  }
}

const wellFormedOf = (uids: readonly string[]) => [...new Set(uids)].filter((uid) => /^[0-9a-f]{24}$/.test(uid))

export async function workspacesNamed(
  tx: Tx,
  uids: readonly string[],
): Promise<{ uid: string; name: string; project: string; labels: Record<string, string> }[]> {
  const wellFormed = wellFormedOf(uids)
  if (wellFormed.length === 0) return []
  return tx.query(
    `select workspace_id as uid, name, project_id as project, labels from workspaces
      where tenant_id = $1 and workspace_id = any($2)`,
    [tx.tenant, wellFormed],
  )
}

export async function projectsNamed(tx: Tx, uids: readonly string[]): Promise<{ uid: string; name: string }[]> {
  const wellFormed = wellFormedOf(uids)
  if (wellFormed.length === 0) return []
  return tx.query('select project_id as uid, name from projects where tenant_id = $1 and project_id = any($2)', [
    tx.tenant,
    wellFormed,
  ])
}
