import type { ClusterState, CredentialMode, ImportMode, MissingRight } from '../../contract/clusters.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ClusterUid, ProjectUid, type UserUid } from '../../contract/ids.ts'
import type { CloudType, Location } from '../../contract/wire/clusters.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Target } from '../gateway/index.ts'
import type { Field } from '../keys/index.ts'
import { sqlState, type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** One cluster, without its credential. */
export type Cluster = {
  readonly uid: ClusterUid
  readonly project: ProjectUid
  readonly projectName: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: ClusterState
  /** Where it is; not there while the state is pending. */
  readonly reached: Reached | undefined
  readonly importMode: ImportMode
  /** Where its importer says it runs. */
  readonly cloudType: CloudType
  readonly location: Location | undefined
  readonly credentialMode: CredentialMode
  /** Whether people may be given tokens for the cluster itself. */
  readonly directTokens: boolean
  /** There when the state is ready and the mode is impersonation. */
  readonly credential: CredentialFacts | undefined
  readonly missing: readonly MissingRight[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Where a cluster is, and what its API server said when it last did what was asked of it. */
export type Reached = {
  readonly serverUrl: string
  readonly caPem: string
  readonly serverName: string | undefined
  /** As the API server says it: `v1.36.3`. */
  readonly kubernetesVersion: string
  readonly contactedAt: Date
}

/** What may be told of a credential. */
export type CredentialFacts = {
  /** namespace/name of the ServiceAccount. */
  readonly account: string
  readonly expiresAt: Date
  readonly renewAt: Date
  readonly problem: string | undefined
}

/** A token as it is stored. */
export type SealedCredential = {
  readonly account: string
  readonly sealed: Buffer
  readonly expiresAt: Date
  readonly renewAt: Date
}

/** What an import or a check learns. */
export type Facts = {
  readonly serverUrl: string
  readonly caPem: string
  readonly serverName: string | undefined
  readonly kubernetesVersion: string
  readonly missing: readonly MissingRight[]
}

/** Where a cluster's token is sealed; bound to the row, so that a token moved to another cluster does not open. */
export const credentialField = (uid: string): Field => ({ table: 'clusters', column: 'credential', row: uid })

export type Row = {
  readonly cluster_id: string
  readonly project_id: string
  readonly project_name: string
  readonly name: string
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly state: ClusterState
  readonly server_url: string | null
  readonly ca_pem: string | null
  readonly server_name: string | null
  readonly kubernetes_version: string | null
  readonly import_mode: ImportMode
  readonly cloud_type: CloudType
  readonly location: Location | null
  readonly credential_mode: CredentialMode
  readonly direct_tokens: boolean
  readonly account: string | null
  readonly credential_expires_at: Date | null
  readonly credential_renew_at: Date | null
  readonly credential_problem: string | null
  readonly contacted_at: Date | null
  readonly missing: MissingRight[]
  readonly created_at: Date
  readonly updated_at: Date
}

/** Of `tables`. */
export const columns = `c.cluster_id, c.project_id, p.name as project_name, c.name, c.labels, c.annotations, c.state, c.server_url,
  c.ca_pem, c.server_name, c.kubernetes_version, c.credential_mode, c.direct_tokens, c.account, c.credential_expires_at,
  c.credential_renew_at, c.credential_problem, c.contacted_at, c.missing, c.created_at, c.updated_at,
  c.import_mode, c.cloud_type, c.location`
export const tables = 'clusters c join projects p on p.tenant_id = c.tenant_id and p.project_id = c.project_id'

export function toCluster(row: Row): Cluster {
  const { account, credential_expires_at: expiresAt, credential_renew_at: renewAt } = row
  return {
    uid: ClusterUid.parse(row.cluster_id),
    project: ProjectUid.parse(row.project_id),
    projectName: row.project_name,
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    state: row.state,
    reached: reachedOf(row),
    importMode: row.import_mode,
    cloudType: row.cloud_type,
    location: row.location ?? undefined,
    credentialMode: row.credential_mode,
    directTokens: row.direct_tokens,
    // The table's checks say that all of these are there, or none.
    credential:
      account !== null && expiresAt !== null && renewAt !== null
        ? { account, expiresAt, renewAt, problem: row.credential_problem ?? undefined }
        : undefined,
    missing: row.missing,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

// The table's checks say that all of these are there, or none.
function reachedOf(row: Row): Reached | undefined {
  const { server_url: serverUrl, ca_pem: caPem, kubernetes_version: kubernetesVersion, contacted_at: contactedAt } = row
  if (serverUrl === null || caPem === null || kubernetesVersion === null || contactedAt === null) return undefined
  return { serverUrl, caPem, serverName: row.server_name ?? undefined, kubernetesVersion, contactedAt }
}

/** The cluster that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function readCluster(tx: Tx, uid: string): Promise<Cluster | undefined> {
  if (!ClusterUid.safeParse(uid).success) return undefined
  const [row] = await tx.query<Row>(`select ${columns} from ${tables} where c.tenant_id = $1 and c.cluster_id = $2`, [
    tx.tenant,
    uid,
  ])
  return row && toCluster(row)
}

/** The same as what a decision is about: its project is its scope, its labels are its tags. */
export function targetOf({ uid, project, name, labels }: Cluster): Target {
  return { kind: 'spectrocluster', uid, name, tags: labels, scope: { kind: 'project', projectUid: project } }
}

/** What the tenant is called, as the console's addresses have it. */
export async function organisation(tx: Tx): Promise<string> {
  const [row] = await tx.query<{ org_name: string }>('select org_name from tenants where tenant_id = $1', [tx.tenant])
  return row?.org_name ?? tx.tenant
}

/** Whether a project has a cluster that goes by this name. */
export async function isNameTaken(tx: Tx, project: ProjectUid, name: string): Promise<boolean> {
  const rows = await tx.query('select from clusters where tenant_id = $1 and project_id = $2 and name_key = $3', [
    tx.tenant,
    project,
    nameKey(name),
  ])
  return rows.length > 0
}

export async function countClusters(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    'select coalesce(sum(n), 0) as count from cluster_tallies where tenant_id = $1',
    [tx.tenant],
  )
  return Number(row?.count ?? 0)
}

/** A project's other clusters that lead to the same API server. */
export async function sameServer(tx: Tx, { uid, project, reached }: Cluster): Promise<readonly Cluster[]> {
  if (!reached) return []
  const rows = await tx.query<Row>(
    `select ${columns} from ${tables}
      where c.tenant_id = $1 and c.project_id = $2 and c.server_url = $3 and c.ca_pem = $4 and c.cluster_id <> $5
      order by c.name_key`,
    [tx.tenant, project, reached.serverUrl, reached.caPem, uid],
  )
  return rows.map(toCluster)
}

/** The clusters of a project, by name. */
export async function clustersOfProject(tx: Tx, project: ProjectUid): Promise<readonly Cluster[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from ${tables} where c.tenant_id = $1 and c.project_id = $2 order by c.name_key`,
    [tx.tenant, project],
  )
  return rows.map(toCluster)
}

export const newClusterUid = (): ClusterUid => ClusterUid.parse(newUid())

/** @returns refuses a name that the project has already */
export async function insertCluster(
  tx: Tx,
  cluster: Facts & {
    readonly uid: ClusterUid
    readonly project: ProjectUid
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly credential: SealedCredential | undefined
    readonly by: UserUid
  },
  now: Date,
): Promise<Result<undefined, Refusal>> {
  const { credential } = cluster
  try {
    await tx.query(
      `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, labels, state, server_url, ca_pem, server_name,
         kubernetes_version, account, credential, credential_expires_at, credential_renew_at, missing, created_by,
         contacted_at, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $18)`,
      [
        ...[
          tx.tenant,
          cluster.uid,
          cluster.project,
          cluster.name,
          nameKey(cluster.name),
          JSON.stringify(cluster.labels),
        ],
        ...[credential ? 'ready' : 'needs-bindings', cluster.serverUrl, cluster.caPem, cluster.serverName ?? null],
        ...[
          cluster.kubernetesVersion,
          ...credentialValues(credential),
          JSON.stringify(cluster.missing),
          cluster.by,
          now,
        ],
      ],
    )
    return ok(undefined)
  } catch (cause) {
    return err(nameRefusal(cause))
  }
}

/** A cluster whose place is not known yet. @returns refuses a name that the project has already */
export async function insertPending(
  tx: Tx,
  cluster: {
    readonly uid: ClusterUid
    readonly project: ProjectUid
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly cloudType: CloudType
    readonly importMode: ImportMode
    readonly by: UserUid
  },
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, labels, annotations, state, cloud_type, import_mode,
         created_by, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $11, $11)`,
      [
        ...[tx.tenant, cluster.uid, cluster.project, cluster.name, nameKey(cluster.name)],
        ...[JSON.stringify(cluster.labels), JSON.stringify(cluster.annotations)],
        ...[cluster.cloudType, cluster.importMode, cluster.by, now],
      ],
    )
    return ok(undefined)
  } catch (cause) {
    return err(nameRefusal(cause))
  }
}

/** Lifts a read-only import; `missing` is what is not bound on the cluster yet. */
export async function updateToFull(
  tx: Tx,
  uid: ClusterUid,
  missing: readonly MissingRight[],
  now: Date,
): Promise<void> {
  await tx.query(
    `update clusters set import_mode = 'full', missing = $3, updated_at = $4 where tenant_id = $1 and cluster_id = $2`,
    [tx.tenant, uid, JSON.stringify(missing), now],
  )
}

export async function updateLocation(
  tx: Tx,
  uid: ClusterUid,
  location: Location | undefined,
  now: Date,
): Promise<void> {
  await tx.query('update clusters set location = $3, updated_at = $4 where tenant_id = $1 and cluster_id = $2', [
    ...[tx.tenant, uid, location ? JSON.stringify(location) : null, now],
  ])
}

const credentialValues = (credential: SealedCredential | undefined) => [
  credential?.account ?? null,
  credential?.sealed ?? null,
  credential?.expiresAt ?? null,
  credential?.renewAt ?? null,
]

/** Of what was thrown: a name that is taken, a project that was deleted meanwhile. Anything else is thrown on. */
function nameRefusal(cause: unknown): Refusal {
  if (sqlState(cause) === '23503') return refuse('project_not_found')
  if (violatedUnique(cause) === 'clusters_tenant_id_project_id_name_key_key') return refuse('cluster_name_taken')
  throw cause
}

/** What a check found, and the new credential where there is one; without one the old stays. Answers whether there is such a cluster. */
export async function updateChecked(
  tx: Tx,
  uid: ClusterUid,
  { credential, ...facts }: Facts & { readonly credential: SealedCredential | undefined },
  now: Date,
): Promise<boolean> {
  const rows = credential
    ? await tx.query(
        `update clusters set state = 'ready', credential_mode = 'impersonation', direct_tokens = false, server_url = $12, ca_pem = $3, server_name = $4, kubernetes_version = $5, account = $6,
           credential = $7, credential_expires_at = $8, credential_renew_at = $9, credential_problem = null, missing = $10,
           contacted_at = $11, updated_at = $11
          where tenant_id = $1 and cluster_id = $2 returning cluster_id`,
        [
          ...[tx.tenant, uid, facts.caPem, facts.serverName ?? null, facts.kubernetesVersion],
          ...[...credentialValues(credential), JSON.stringify(facts.missing), now, facts.serverUrl],
        ],
      )
    : await tx.query(
        // A working credential is not judged by a check that had too few rights: what it lacks is not the cluster's.
        `update clusters set kubernetes_version = $3, contacted_at = $4,
           missing = case when state = 'ready' then missing else $5::jsonb end,
           state = case when state = 'pending' then 'needs-bindings' else state end,
           server_url = case when state = 'pending' then $6 else server_url end,
           ca_pem = case when state = 'pending' then $7 else ca_pem end,
           server_name = case when state = 'pending' then $8 else server_name end
          where tenant_id = $1 and cluster_id = $2 returning cluster_id`,
        [
          ...[tx.tenant, uid, facts.kubernetesVersion, now, JSON.stringify(facts.missing)],
          ...[facts.serverUrl, facts.caPem, facts.serverName ?? null],
        ],
      )
  return rows.length > 0
}

/** The cluster is reached by tokens of our issuer; whatever token of an account there was is gone. Answers whether there is such a cluster. */
export async function updateTokenMode(
  tx: Tx,
  uid: ClusterUid,
  facts: Facts & { readonly directTokens: boolean },
  now: Date,
): Promise<boolean> {
  const rows = await tx.query(
    `update clusters set state = 'ready', credential_mode = 'token', direct_tokens = $3, ca_pem = $4, server_name = $5,
       kubernetes_version = $6, missing = $7, account = null, credential = null, credential_expires_at = null,
       credential_renew_at = null, credential_problem = null, contacted_at = $8, updated_at = $8
      where tenant_id = $1 and cluster_id = $2 returning cluster_id`,
    [
      ...[tx.tenant, uid, facts.directTokens, facts.caPem, facts.serverName ?? null, facts.kubernetesVersion],
      ...[JSON.stringify(facts.missing), now],
    ],
  )
  return rows.length > 0
}

/** @returns refuses a name that the project has already */
export async function updateMetadata(
  tx: Tx,
  uid: ClusterUid,
  metadata: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  },
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update clusters set name = $3, name_key = $4, labels = $5, annotations = $6, updated_at = $7
        where tenant_id = $1 and cluster_id = $2`,
      [
        ...[tx.tenant, uid, metadata.name, nameKey(metadata.name), JSON.stringify(metadata.labels)],
        ...[JSON.stringify(metadata.annotations), now],
      ],
    )
    return ok(undefined)
  } catch (cause) {
    return err(nameRefusal(cause))
  }
}

export async function deleteCluster(tx: Tx, uid: ClusterUid): Promise<void> {
  await tx.query('delete from clusters where tenant_id = $1 and cluster_id = $2', [tx.tenant, uid])
}

/** A cluster with its sealed token and the facts epoch at which all of it was read, in one statement and so one snapshot. */
export async function readWithCredential(
  tx: Tx,
  uid: string,
): Promise<
  { readonly cluster: Cluster; readonly sealed: Buffer | undefined; readonly factsEpoch: bigint } | undefined
> {
  const [row] = await tx.query<Row & { credential: Buffer | null; facts_epoch: string }>(
    `select ${columns}, c.credential, e.facts_epoch from ${tables} join access_epochs e on e.tenant_id = c.tenant_id
      where c.tenant_id = $1 and c.cluster_id = $2`,
    [tx.tenant, uid],
  )
  if (!row) return undefined
  return { cluster: toCluster(row), sealed: row.credential ?? undefined, factsEpoch: BigInt(row.facts_epoch) }
}

/**
 * Takes a due renewal for this replica: until `until` no other one sees it as due. Nothing is locked while the cluster is
 * asked, and a replica that dies leaves it to whoever looks next.
 *
 * @returns the cluster with its sealed token; nothing when somebody else was quicker
 */
export async function claimRenewal(
  tx: Tx,
  uid: ClusterUid,
  { now, until }: { readonly now: Date; readonly until: Date },
): Promise<{ readonly cluster: Cluster; readonly sealed: Buffer } | undefined> {
  const claimed = await tx.query(
    `update clusters set credential_renew_at = $4
      where tenant_id = $1 and cluster_id = $2 and credential_renew_at <= $3 returning cluster_id`,
    [tx.tenant, uid, now, until],
  )
  if (claimed.length === 0) return undefined
  const found = await readWithCredential(tx, uid)
  return found?.sealed ? { cluster: found.cluster, sealed: found.sealed } : undefined
}

/** Puts the new token in the place of the one that the claim read; not where a check was quicker, or the cluster is gone. */
export async function storeRenewed(
  tx: Tx,
  uid: ClusterUid,
  claim: { readonly until: Date },
  { sealed, expiresAt, renewAt }: Omit<SealedCredential, 'account'>,
  now: Date,
): Promise<boolean> {
  const rows = await tx.query(
    `update clusters set credential = $4, credential_expires_at = $5, credential_renew_at = $6, credential_problem = null,
       contacted_at = $7
      where tenant_id = $1 and cluster_id = $2 and credential_renew_at = $3 returning cluster_id`,
    [tx.tenant, uid, claim.until, sealed, expiresAt, renewAt, now],
  )
  return rows.length > 0
}

/** Says in the cluster's status why its token could not be renewed; it is tried again when the claim ends. */
export async function storeRenewalProblem(
  tx: Tx,
  uid: ClusterUid,
  claim: { readonly until: Date },
  problem: string,
): Promise<void> {
  await tx.query(
    `update clusters set credential_problem = $4
      where tenant_id = $1 and cluster_id = $2 and credential_renew_at = $3`,
    [tx.tenant, uid, claim.until, problem],
  )
}
