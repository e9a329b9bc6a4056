import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { sqlState, type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type Project = {
  readonly uid: ProjectUid
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenProject = Pick<Project, 'name' | 'labels' | 'annotations'>

/** Adds a project; `project_name_taken` where the name, in any spelling, is another's. */
export async function insertProject(tx: Tx, project: WrittenProject, now: Date): Promise<Result<ProjectUid, Refusal>> {
  const uid = ProjectUid.parse(newUid())
  const inserted = await tx.query(
    `insert into projects (tenant_id, project_id, name, name_key, labels, annotations, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (tenant_id, name_key) do nothing returning project_id`,
    [tx.tenant, uid, project.name, nameKey(project.name), project.labels, project.annotations, now],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('project_name_taken'))
}

/** Writes a project's own members; absent stays. */
export async function updateProject(
  tx: Tx,
  uid: ProjectUid,
  changes: Partial<WrittenProject>,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  const { name, labels, annotations } = changes
  try {
    await tx.query(
      `update projects set name = coalesce($3, name), name_key = coalesce($4, name_key), labels = coalesce($5, labels),
              annotations = coalesce($6, annotations), updated_at = $7
        where tenant_id = $1 and project_id = $2`,
      [
        ...[tx.tenant, uid, name ?? null, name === undefined ? null : nameKey(name)],
        ...[labels ?? null, annotations ?? null, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'projects_tenant_id_name_key_key') return err(refuse('project_name_taken'))
    throw cause
  }
  return ok(undefined)
}

/** Removes a project with the roles held in it; `project_in_use` where a cluster came in at the same moment. */
export async function deleteProject(tx: Tx, uid: ProjectUid): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query('delete from projects where tenant_id = $1 and project_id = $2', [tx.tenant, uid])
  } catch (cause) {
    if (sqlState(cause) === '23503') return err(refuse('project_in_use')) // foreign key
    throw cause
  }
  return ok(undefined)
}

export async function countProjects(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from projects where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

export async function readProject(tx: Tx, uid: string): Promise<Project | undefined> {
  const project = ProjectUid.safeParse(uid)
  return project.success ? (await read(tx, project.data))[0] : undefined
}

/** All projects of the tenant, by name. */
export const readProjects = (tx: Tx): Promise<Project[]> => read(tx, null)

async function read(tx: Tx, uid: ProjectUid | null): Promise<Project[]> {
  const rows = await tx.query<{
    project_id: string
    name: string
    labels: Record<string, string>
    annotations: Record<string, string>
    created_at: Date
    updated_at: Date
  }>(
    `select project_id, name, labels, annotations, created_at, updated_at
       from projects where tenant_id = $1 and ($2::text is null or project_id = $2) order by name_key, project_id`,
    [tx.tenant, uid],
  )
  return rows.map((row) => ({
    uid: ProjectUid.parse(row.project_id),
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
