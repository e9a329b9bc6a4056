import { type Refusal, refuse } from '../../contract/errors.ts'
import { ClusterUid, ProjectUid, type UserUid, WorkspaceUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { Allocation } from '../../contract/wire/workspaces.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../access/index.ts'
import type { Allocated } from '../cluster-config/index.ts'
import type { Target } from '../gateway/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type Workspace = {
  readonly uid: WorkspaceUid
  readonly project: ProjectUid
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** In the order in which they were written. */
  readonly clusters: readonly { readonly uid: ClusterUid; readonly name: string }[]
  readonly namespaces: Allocated['namespaces']
  readonly quota: Allocation | undefined
  readonly createdAt: Date
  readonly updatedAt: Date
}

type Meta = Pick<Workspace, 'name' | 'labels' | 'annotations'>

type Kept = Pick<Workspace, 'namespaces' | 'quota'>

/** A workspace as what is decided about: a scope of its own inside its project. */
export function targetOf({ uid, project, name, labels: tags }: Workspace): Target {
  return { kind: 'workspace', uid, name, tags, scope: { kind: 'workspace', projectUid: project, workspaceUid: uid } }
}

/** Adds a workspace without clusters; `workspace_name_taken` where the name, in any spelling, is another's in the project. */
export async function insertWorkspace(
  tx: Tx,
  { project, name, labels, annotations, namespaces, quota }: Meta & Kept & Pick<Workspace, 'project'>,
  by: UserUid,
  now: Date,
): Promise<Result<WorkspaceUid, Refusal>> {
  const uid = WorkspaceUid.parse(newUid())
  const inserted = await tx.query(
    `insert into workspaces (tenant_id, workspace_id, project_id, name, name_key, namespaces, quota, labels, annotations,
                             created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict on constraint workspaces_name do nothing
     returning workspace_id`,
    [
      ...[tx.tenant, uid, project, name, nameKey(name), JSON.stringify(namespaces), quota ?? null, labels, annotations],
      ...[by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('workspace_name_taken'))
}

/** Writes what a workspace is called; `workspace_name_taken` as on insertion. */
export async function updateMeta(
  tx: Tx,
  uid: WorkspaceUid,
  { name, labels, annotations }: Meta,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update workspaces set name = $3, name_key = $4, labels = $5, annotations = $6, updated_at = $7
        where tenant_id = $1 and workspace_id = $2`,
      [tx.tenant, uid, name, nameKey(name), labels, annotations, now],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'workspaces_name') return err(refuse('workspace_name_taken'))
    throw cause
  }
  return ok(undefined)
}

/** Writes which namespaces a workspace keeps on its clusters, and with which limits. */
export async function updateKept(tx: Tx, uid: WorkspaceUid, { namespaces, quota }: Kept, now: Date): Promise<void> {
  await tx.query(
    'update workspaces set namespaces = $3, quota = $4, updated_at = $5 where tenant_id = $1 and workspace_id = $2',
    [tx.tenant, uid, JSON.stringify(namespaces), quota ?? null, now],
  )
}

/** Makes these the clusters of a workspace. What is named has been looked up. */
export async function replaceClusters(tx: Tx, uid: WorkspaceUid, clusters: readonly string[]): Promise<void> {
  await tx.query('delete from workspace_clusters where tenant_id = $1 and workspace_id = $2', [tx.tenant, uid])
  await tx.query(
    `insert into workspace_clusters (tenant_id, workspace_id, cluster_id, position)
     select $1::text, $2::text, given.uid, given.position from unnest($3::text[]) with ordinality as given(uid, position)`,
    [tx.tenant, uid, clusters],
  )
}

/** Holds clusters against others who take up namespaces on them, until the end; in one order, so that two never wait for each other. */
export async function lockClusters(tx: Tx, clusters: readonly string[]): Promise<void> {
  await tx.query(
    'select from clusters where tenant_id = $1 and cluster_id = any($2) order by cluster_id for no key update',
    [tx.tenant, clusters],
  )
}

/** Removes a workspace with the roles and role bindings on it. */
export async function deleteWorkspace(tx: Tx, uid: WorkspaceUid): Promise<void> {
  await tx.query('delete from workspaces where tenant_id = $1 and workspace_id = $2', [tx.tenant, uid])
}

export async function countWorkspaces(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from workspaces where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

/** Whether a project has a workspace that goes by this name. */
export async function isNameTaken(tx: Tx, project: ProjectUid, name: string): Promise<boolean> {
  const rows = await tx.query('select from workspaces where tenant_id = $1 and project_id = $2 and name_key = $3', [
    ...[tx.tenant, project, nameKey(name)],
  ])
  return rows.length > 0
}

/** The workspace that a path names; an unknown or foreign one, or what is no UID, finds none. Locked where `toChange`. */
export async function readWorkspace(tx: Tx, uid: string, { toChange = false } = {}): Promise<Workspace | undefined> {
  if (!WorkspaceUid.safeParse(uid).success) return undefined
  // A statement of its own: one that waits for a row still sees the clusters of the time before it waited.
  if (toChange)
    await tx.query('select from workspaces where tenant_id = $1 and workspace_id = $2 for no key update', [
      ...[tx.tenant, uid],
    ])
  return (await readWorkspaces(tx, (value) => `w.workspace_id = ${value(uid)}`))[0]
}

/** The workspaces that fulfil a condition over `w`, by name. */
export async function readWorkspaces(tx: Tx, condition: Condition | undefined): Promise<Workspace[]> {
  const values: unknown[] = []
  const value = (of: unknown) => `$${values.push(of)}`
  const where = [`w.tenant_id = ${value(tx.tenant)}`, ...(condition ? [`(${condition(value)})`] : [])].join(' and ')
  const rows = await tx.query<{
    workspace_id: string
    project_id: string
    name: string
    labels: Record<string, string>
    annotations: Record<string, string>
    namespaces: Allocated['namespaces']
    quota: Allocation | null
    clusters: { uid: string; name: string }[]
    created_at: Date
    updated_at: Date
  }>(
    `select w.workspace_id, w.project_id, w.name, w.labels, w.annotations, w.namespaces, w.quota, w.created_at, w.updated_at,
            coalesce((select json_agg(json_build_object('uid', c.cluster_id, 'name', c.name) order by k.position)
               from workspace_clusters k join clusters c using (tenant_id, cluster_id)
              where k.tenant_id = w.tenant_id and k.workspace_id = w.workspace_id), '[]') as clusters
       from workspaces w where ${where} order by w.name_key, w.workspace_id`,
    values,
  )
  return rows.map((row) => ({
    uid: WorkspaceUid.parse(row.workspace_id),
    project: ProjectUid.parse(row.project_id),
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    clusters: row.clusters.map(({ uid, name }) => ({ uid: ClusterUid.parse(uid), name })),
    namespaces: row.namespaces,
    quota: row.quota ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
