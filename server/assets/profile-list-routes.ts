import { refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import * as wire from '../../contract/wire/cluster-profiles.ts'
import { listMetaOf, nameKey, pageOf, uidPath } from '../../contract/wire/common.ts'
import { type Columns, sorted } from '../../contract/wire/list-select.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { summaryAnswer } from './profile-answers.ts'
import { findProfile, namesakes } from './profile-found.ts'
import { profileMatcher } from './profile-search.ts'
import { deleteProfile, listProfiles, type Profile, readProfile } from './profile-store.ts'
import { compareVersions } from './profile-versions.ts'
import { targetIn, visibleRows } from './scope.ts'

/** Cluster profiles, many at once: what lists show is what the caller could read one by one. */
export const profileListEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'POST /v1/dashboard/clusterprofiles',
    summary: 'Finds cluster profiles, each version by itself; without a body all that the caller may list',
    permission: { signedIn: 'shows the profiles on which the caller holds clusterProfile.list' },
    query: wire.profileSearchQuery,
    body: wire.profileSearch,
    reply: { status: 200, body: wire.profileSummaries },
    refusals: ['invalid', 'forbidden'],
    audit: 'refusals-only',
    async handle(c) {
      const page = pageOf(c.query)
      if (!page.ok) return err(refuse('invalid', page.error))
      const listed = await rowsWith(c, 'clusterProfile.list')
      if (!listed.ok) return listed
      const matches = profileMatcher(c.body?.filter)
      const found = listed.value.filter(matches)
      const order = c.body?.sort ?? []
      const { limit, offset } = page.value
      const shown = (order.length > 0 ? sorted(found, order, sortColumns) : found).slice(offset, offset + limit)
      // A version that may be listed and not read is not named beside another.
      const readable = await rowsWith(c, 'clusterProfile.get')
      const versions = readable.ok ? versionsIn(readable.value) : () => []
      return ok({
        body: {
          items: shown.map((profile) => summaryAnswer(profile, { seeing: c, versions: versions(profile) })),
          listmeta: listMetaOf(page.value, shown.length, found.length),
        },
      })
    },
  }),
  endpoint({
    route: 'GET /v1/dashboard/clusterprofiles/metadata',
    summary: 'Names and versions of all cluster profiles that the caller may list',
    permission: { signedIn: 'shows the profiles on which the caller holds clusterProfile.list' },
    reply: { status: 200, body: wire.profileMetadataList },
    refusals: ['forbidden'],
    audit: 'refusals-only',
    async handle(c) {
      const listed = await rowsWith(c, 'clusterProfile.list')
      if (!listed.ok) return listed
      const items = listed.value.map(({ uid, name, cloudType, version }) => ({
        metadata: { uid, name },
        spec: { cloudType, version },
      }))
      return ok({ body: { items } })
    },
  }),
  endpoint({
    route: 'GET /v1/dashboard/clusterprofiles/{uid}',
    summary: 'Reads one cluster profile in short, with the versions of it that the caller may read',
    permission: { object: 'clusterProfile.get', find: findProfile('read') },
    params: uidPath,
    reply: { status: 200, body: wire.profileSummary },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle(c) {
      const profile = await readProfile(c.tx, c.params.uid)
      if (!profile) return err(refuse('not_found'))
      return ok({ body: summaryAnswer(profile, { seeing: c, versions: await namesakes(c, profile) }) })
    },
  }),
  endpoint({
    route: 'DELETE /v1/clusterprofiles/bulk',
    summary: 'Deletes those of some cluster profiles that the caller may delete, and says which it may not',
    permission: { signedIn: 'deletes the profiles on which the caller holds clusterProfile.delete' },
    body: wire.bulkDeleteIn,
    reply: { status: 200, body: wire.bulkDeleted },
    refusals: ['invalid'],
    audit: 'clusterprofile.deleted',
    async handle({ tx, body, project: selected, access, record }) {
      const failures: { uid: string; name: string; errMsg: string }[] = []
      const deleted: string[] = []
      // In one order, so that two of these never wait for each other.
      for (const uid of [...new Set(body.uids)].toSorted()) {
        const found = await readProfile(tx, uid, { toChange: true })
        const target = targetIn('clusterProfile', found, { selected, to: 'change' })
        if (!found || !target) {
          failures.push({ uid, name: '', errMsg: 'ResourceNotFound: no such cluster profile in this tenant' })
          continue
        }
        if (!access.allows('clusterProfile.delete', target)) {
          const name = access.allows('clusterProfile.get', target) ? found.name : ''
          failures.push({ uid, name, errMsg: 'OperationForbidden: this needs clusterProfile.delete there' })
          continue
        }
        await deleteProfile(tx, found.uid)
        const resource = { uid: found.uid, name: found.name }
        await record(tx, 'clusterprofile.deleted', { resource, details: { version: found.version } })
        deleted.push(uid)
      }
      const isSucceeded = failures.length === 0
      const message = isSucceeded ? '' : `${failures.length} of them could not be deleted`
      return ok({
        body: { deletedCount: deleted.length, failures, isSucceeded, message },
        details: { deleted, refused: failures.map(({ uid }) => uid) },
      })
    },
  }),
]

/** The paths of `sort`. */
const sortColumns: Columns<Profile> = {
  profileName: ({ name }) => name,
  environment: ({ cloudType }) => cloudType,
  profileType: ({ type }) => type,
  creationTimestamp: ({ createdAt }) => createdAt.getTime(),
  lastModifiedTimestamp: ({ updatedAt }) => updatedAt.getTime(),
}

async function rowsWith(
  asking: {
    readonly tx: Tx
    readonly access: RequestAccess
    readonly project: ProjectUid | undefined
    readonly requestId: string
  },
  permission: Permission,
) {
  const visible = visibleRows(permission, asking)
  return visible.ok ? ok(await listProfiles(asking.tx, visible.value)) : visible
}

/** For each profile all of these of its name in its scope, the lowest version first. */
function versionsIn(profiles: readonly Profile[]) {
  const keyOf = ({ project, name }: Profile) => `${project ?? ''}/${nameKey(name)}`
  const versions = new Map<string, { uid: string; version: string }[]>()
  for (const profile of profiles) {
    const { uid, version } = profile
    const known = versions.get(keyOf(profile))
    if (known) known.push({ uid, version })
    else versions.set(keyOf(profile), [{ uid, version }])
  }
  for (const one of versions.values()) one.sort((a, b) => compareVersions(a.version, b.version))
  return (profile: Profile) => versions.get(keyOf(profile)) ?? []
}
