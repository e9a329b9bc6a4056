import { type Refusal, refuse } from '../../contract/errors.ts'
import { ClusterProfileUid, ProjectUid } from '../../contract/ids.ts'
import { type ProfileType, profileTypes } from '../../contract/wire/cluster-profiles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../access/index.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import {
  outlineOf,
  type ProfileContent,
  type ProfileOutline,
  profileContent,
  profileOutline,
} from './profile-content.ts'

/** A cluster profile without its content. */
export type Profile = {
  readonly uid: ClusterProfileUid
  readonly project: ProjectUid | undefined
  readonly name: string
  readonly version: string
  readonly type: ProfileType
  readonly cloudType: string
  readonly outline: ProfileOutline
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewProfile = Pick<
  Profile,
  'project' | 'name' | 'version' | 'type' | 'cloudType' | 'labels' | 'annotations'
> & { readonly content: ProfileContent }

/** What a change may change. */
export type ProfileChange = Pick<Profile, 'name' | 'version' | 'labels' | 'annotations'>

/** Bound to the row, so that content moved to another profile does not open. */
const contentField = (uid: string): Field => ({ table: 'cluster_profiles', column: 'content', row: uid })

/** Adds a profile; `cluster_profile_name_taken` where name, in any spelling, and version are another's in the same scope. */
export async function insertProfile(
  tx: Tx,
  sealer: TenantSealer,
  profile: NewProfile,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<Result<ClusterProfileUid, Refusal>> {
  const uid = ClusterProfileUid.parse(newUid())
  const { project, name, version, type, cloudType, content, labels, annotations } = profile
  const inserted = await tx.query(
    `insert into cluster_profiles (tenant_id, profile_id, project_id, name, name_key, version, profile_type, cloud_type, outline,
                                   content, labels, annotations, created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
     on conflict on constraint cluster_profiles_name do nothing returning profile_id`,
    [
      ...[tx.tenant, uid, project ?? null, name, nameKey(name), version, type, cloudType],
      ...[JSON.stringify(outlineOf(content)), sealer.seal(contentField(uid), JSON.stringify(content))],
      ...[labels, annotations, by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('cluster_profile_name_taken'))
}

export async function updateProfile(
  tx: Tx,
  uid: ClusterProfileUid,
  { name, version, labels, annotations }: ProfileChange,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update cluster_profiles set name = $3, name_key = $4, version = $5, labels = $6, annotations = $7, updated_at = $8
        where tenant_id = $1 and profile_id = $2`,
      [tx.tenant, uid, name, nameKey(name), version, labels, annotations, now],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'cluster_profiles_name') return err(refuse('cluster_profile_name_taken'))
    throw cause
  }
  return ok(undefined)
}

export async function updateContent(
  tx: Tx,
  sealer: TenantSealer,
  uid: ClusterProfileUid,
  content: ProfileContent,
  now: Date,
): Promise<void> {
  await tx.query(
    `update cluster_profiles set outline = $3, content = $4, updated_at = $5 where tenant_id = $1 and profile_id = $2`,
    [
      ...[tx.tenant, uid, JSON.stringify(outlineOf(content))],
      ...[sealer.seal(contentField(uid), JSON.stringify(content)), now],
    ],
  )
}

export async function deleteProfile(tx: Tx, uid: ClusterProfileUid): Promise<void> {
  await tx.query('delete from cluster_profiles where tenant_id = $1 and profile_id = $2', [tx.tenant, uid])
}

export async function countProfiles(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from cluster_profiles where tenant_id = $1', [
    tx.tenant,
  ])
  return Number(row?.count)
}

/** The profile that a path names; an unknown or foreign one, or what is no UID, finds none. Locked where `toChange`. */
export async function readProfile(tx: Tx, uid: string, { toChange = false } = {}): Promise<Profile | undefined> {
  if (!ClusterProfileUid.safeParse(uid).success) return undefined
  const rows = await tx.query<Row>(
    `select ${selected} from cluster_profiles where tenant_id = $1 and profile_id = $2 ${toChange ? 'for update' : ''}`,
    [tx.tenant, uid],
  )
  return rows.map(toProfile)[0]
}

export async function readContent(tx: Tx, sealer: TenantSealer, uid: ClusterProfileUid): Promise<ProfileContent> {
  const [row] = await tx.query<{ content: Buffer }>(
    'select content from cluster_profiles where tenant_id = $1 and profile_id = $2',
    [tx.tenant, uid],
  )
  if (!row) throw new Error(`no cluster profile ${uid}`)
  return profileContent.parse(JSON.parse(sealer.open(contentField(uid), row.content)))
}

/** The profiles that fulfil a condition, by name and version. */
export async function listProfiles(tx: Tx, visible: Condition | undefined): Promise<readonly Profile[]> {
  const values: unknown[] = []
  const value = (of: unknown) => `$${values.push(of)}`
  const where = [`tenant_id = ${value(tx.tenant)}`, ...(visible ? [`(${visible(value)})`] : [])].join(' and ')
  const rows = await tx.query<Row>(
    `select ${selected} from cluster_profiles where ${where} order by name_key, version, profile_id`,
    values,
  )
  return rows.map(toProfile)
}

/** Those of the profiles that fulfil a condition which have a name in one scope: its versions. */
export async function namesakesOf(
  tx: Tx,
  { name, project }: Pick<Profile, 'name' | 'project'>,
  visible: Condition | undefined,
): Promise<readonly { readonly uid: string; readonly version: string }[]> {
  const values: unknown[] = []
  const value = (of: unknown) => `$${values.push(of)}`
  const where = [
    `tenant_id = ${value(tx.tenant)}`,
    `name_key = ${value(nameKey(name))}`,
    `project_id is not distinct from ${value(project ?? null)}`,
    ...(visible ? [`(${visible(value)})`] : []),
  ].join(' and ')
  const rows = await tx.query<{ profile_id: string; version: string }>(
    `select profile_id, version from cluster_profiles where ${where}`,
    values,
  )
  return rows.map(({ profile_id: uid, version }) => ({ uid, version }))
}

/** Whether there is a profile of this name, in any spelling, and version in the scope. */
export async function isProfileTaken(
  tx: Tx,
  { name, version, project }: Pick<Profile, 'name' | 'version' | 'project'>,
): Promise<boolean> {
  const rows = await tx.query(
    `select from cluster_profiles
      where tenant_id = $1 and project_id is not distinct from $2 and name_key = $3 and version = $4`,
    [tx.tenant, project ?? null, nameKey(name), version],
  )
  return rows.length > 0
}

const selected =
  'profile_id, project_id, name, version, profile_type, cloud_type, outline, labels, annotations, created_at, updated_at'

type Row = {
  readonly profile_id: string
  readonly project_id: string | null
  readonly name: string
  readonly version: string
  readonly profile_type: string
  readonly cloud_type: string
  readonly outline: unknown
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly created_at: Date
  readonly updated_at: Date
}

function toProfile(row: Row): Profile {
  const type = profileTypes.find((one) => one === row.profile_type)
  if (type === undefined) throw new Error(`cluster profile ${row.profile_id} is of type ${row.profile_type}`)
  return {
    uid: ClusterProfileUid.parse(row.profile_id),
    project: row.project_id === null ? undefined : ProjectUid.parse(row.project_id),
    name: row.name,
    version: row.version,
    type,
    cloudType: row.cloud_type,
    outline: profileOutline.parse(row.outline),
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
