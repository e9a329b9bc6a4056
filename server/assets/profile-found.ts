import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid, TenantUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { ProfileContent } from './profile-content.ts'
import { namesakesOf, type Profile, readContent, readProfile } from './profile-store.ts'
import { compareVersions } from './profile-versions.ts'
import { targetIn, visibleRows } from './scope.ts'

type Found = { readonly tx: Tx; readonly params: { readonly uid: string } }

/**
 * The profile that a path names, as what is decided about; held where it is to be changed, so that nobody relabels it between the
 * decision and the change (threat D02).
 */
export const findProfile =
  (to: 'read' | 'change') =>
  async ({ tx, params, project }: Found & { readonly project: ProjectUid | undefined }): Promise<Target | undefined> =>
    targetIn('clusterProfile', await readProfile(tx, params.uid, { toChange: to === 'change' }), {
      selected: project,
      to,
    })

/** The same profile with its content, for a handler. */
export async function loadProfile(
  { tx, params }: Found,
  sealerOf: (tenant: TenantUid) => Promise<TenantSealer>,
): Promise<
  Result<{ readonly profile: Profile; readonly content: ProfileContent; readonly sealer: TenantSealer }, Refusal>
> {
  const profile = await readProfile(tx, params.uid)
  if (!profile) return err(refuse('not_found'))
  const sealer = await sealerOf(tx.tenant)
  return ok({ profile, content: await readContent(tx, sealer, profile.uid), sealer })
}

/** All versions of a profile that the caller may read, the lowest first. */
export async function namesakes(
  asking: {
    readonly tx: Tx
    readonly access: RequestAccess
    readonly project: ProjectUid | undefined
    readonly requestId: string
  },
  profile: Profile,
): Promise<readonly { readonly uid: string; readonly version: string }[]> {
  const visible = visibleRows('clusterProfile.get', asking)
  // Who reads one and none else in its scope does not exist by now; the one that was read is named all the same.
  const found = visible.ok ? await namesakesOf(asking.tx, profile, visible.value) : [profile]
  return found.map(({ uid, version }) => ({ uid, version })).toSorted((a, b) => compareVersions(a.version, b.version))
}
