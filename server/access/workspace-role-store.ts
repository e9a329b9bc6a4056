import { AssignmentUid, ProjectUid, RoleUid, TeamUid, UserUid, WorkspaceUid } from '../../contract/ids.ts'
import type { Assignment, RequestConditions } from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type GivenTerms, notEnded, type Subject } from './assignments.ts'
import type { Subjects } from './resource-role-store.ts'
import { predefinedByUid } from './role-store.ts'
import { type TermsRow, termsAsStored, termsIn, termsToDecide } from './terms.ts'

/** A role that somebody holds on one workspace. */
export type HeldWorkspaceRole = {
  readonly assignment: AssignmentUid
  readonly subject: Subject
  readonly role: RoleUid
  readonly name: string
  readonly workspace: WorkspaceUid
  readonly workspaceName: string
  readonly project: ProjectUid
  readonly endsAt: Date | undefined
  readonly conditions: RequestConditions | undefined
  readonly createdAt: Date
  /** Who gave it, as far as that was a person. */
  readonly createdBy: UserUid | undefined
}

type Row = TermsRow & {
  readonly assignment_id: string
  readonly user_id: string | null
  readonly team_id: string | null
  readonly role_id: string
  readonly role_name: string | null
  readonly workspace_id: string
  readonly workspace_name: string
  readonly project_id: string
  readonly created_at: Date
  readonly created_by: string | null
}

const columns = `a.assignment_id, a.user_id, a.team_id, a.role_id, r.name as role_name, a.workspace_id, w.name as workspace_name,
  w.project_id, a.ends_at, a.conditions, a.created_at, a.created_by`
const tables = `workspace_roles a join workspaces w using (tenant_id, workspace_id)
  left join roles r on r.tenant_id = a.tenant_id and r.role_id = a.role_id`

/** All roles on single workspaces, or those of some subjects, as decisions see them: ended ones too. */
export async function readWorkspaceAssignments(tx: Tx, of?: Subjects): Promise<Assignment[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from ${tables}
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
    ...termsToDecide(termsIn(row)),
  }))
}

// What has ended is not held any more: the row stays, so that people are told what they held until when.

/** A subject's own roles on workspaces, the oldest first. */
export const workspaceRolesOf = (tx: Tx, subject: Subject): Promise<HeldWorkspaceRole[]> =>
  read(tx, `a.${'user' in subject ? 'user_id' : 'team_id'} = $2`, ['user' in subject ? subject.user : subject.team])

/** Those of some subjects. */
export const workspaceRolesOfSubjects = (tx: Tx, { users, teams }: Subjects): Promise<HeldWorkspaceRole[]> =>
  read(tx, '(a.user_id = any($2) or a.team_id = any($3))', [users, teams])

/** Those on the workspaces of a project. */
export const workspaceRolesIn = (tx: Tx, project: string): Promise<HeldWorkspaceRole[]> =>
  read(tx, 'w.project_id = $2', [project])

/** One, while it is held. */
export const readWorkspaceRole = async (tx: Tx, uid: AssignmentUid): Promise<HeldWorkspaceRole | undefined> =>
  (await read(tx, 'a.assignment_id = $2', [uid]))[0]

/** @param condition over `a` and `w`, its values from $2 on */
async function read(tx: Tx, condition: string, values: readonly unknown[]): Promise<HeldWorkspaceRole[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from ${tables}
      where a.tenant_id = $1 and ${condition} and ${notEnded} order by a.created_at, a.assignment_id`,
    [tx.tenant, ...values],
  )
  return rows.map(toHeld)
}

/** What a user holds through teams, for good and for every request: one element for each way. */
export async function inheritedWorkspaceRoles(tx: Tx, user: UserUid): Promise<HeldWorkspaceRole[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from ${tables} join team_members m on m.tenant_id = a.tenant_id and m.team_id = a.team_id
      where a.tenant_id = $1 and m.user_id = $2 and a.ends_at is null and a.conditions is null
      order by m.team_position, a.created_at, a.assignment_id`,
    [tx.tenant, user],
  )
  return rows.map(toHeld)
}

const toHeld = (row: Row): HeldWorkspaceRole => ({
  assignment: AssignmentUid.parse(row.assignment_id),
  subject: row.user_id === null ? { team: TeamUid.parse(row.team_id) } : { user: UserUid.parse(row.user_id) },
  role: RoleUid.parse(row.role_id),
  name: row.role_name ?? predefinedByUid.get(row.role_id)?.name ?? row.role_id,
  workspace: WorkspaceUid.parse(row.workspace_id),
  workspaceName: row.workspace_name,
  project: ProjectUid.parse(row.project_id),
  ...termsIn(row),
  createdAt: row.created_at,
  createdBy: row.created_by === null ? undefined : UserUid.parse(row.created_by),
})

/** The projects of these workspaces; one of another tenant, or what is no UID, is not among them. */
export async function projectsOfWorkspaces(tx: Tx, uids: readonly string[]): Promise<ReadonlyMap<string, ProjectUid>> {
  const wellFormed = uids.filter((uid) => WorkspaceUid.safeParse(uid).success)
  if (wellFormed.length === 0) return new Map()
  const rows = await tx.query<{ workspace_id: string; project_id: string }>(
    'select workspace_id, project_id from workspaces where tenant_id = $1 and workspace_id = any($2)',
    [tx.tenant, wellFormed],
  )
  return new Map(rows.map((row) => [row.workspace_id, ProjectUid.parse(row.project_id)]))
}

/** Gives roles on workspaces; one that has ended is given anew. */
export async function insertWorkspaceRoles(
  tx: Tx,
  subject: Subject,
  given: readonly Pick<HeldWorkspaceRole, 'role' | 'workspace'>[],
  by: UserUid,
  now: Date,
  terms: GivenTerms = {},
): Promise<void> {
  if (given.length === 0) return
  await tx.query(
    `insert into workspace_roles (tenant_id, assignment_id, user_id, team_id, role_id, workspace_id, created_by, created_at, ends_at,
                                  conditions)
     select $1::text, one.assignment, $2::text, $3::text, one.role, one.workspace, $7::text, $8::timestamptz, $9::timestamptz,
            $10::jsonb
       from unnest($4::text[], $5::text[], $6::text[]) as one(assignment, role, workspace)
     on conflict (tenant_id, user_id, team_id, role_id, workspace_id) do update
        set assignment_id = excluded.assignment_id, ends_at = excluded.ends_at, conditions = excluded.conditions,
            created_by = excluded.created_by, created_at = excluded.created_at`,
    [
      ...[tx.tenant, 'user' in subject ? subject.user : null, 'team' in subject ? subject.team : null],
      ...[given.map(newUid), given.map(({ role }) => role), given.map(({ workspace }) => workspace), by, now],
      ...termsAsStored(terms),
    ],
  )
}

export async function deleteWorkspaceRoles(tx: Tx, assignments: readonly string[]): Promise<void> {
  if (assignments.length === 0) return
  await tx.query('delete from workspace_roles where tenant_id = $1 and assignment_id = any($2)', [
    tx.tenant,
    assignments,
  ])
}
