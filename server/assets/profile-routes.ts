import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/cluster-profiles.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { firstUnknown, mayRelabel } from '../access/index.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { profileAnswer } from './profile-answers.ts'
import { currentPacks, fits, writtenPacks } from './profile-content.ts'
import { findProfile, loadProfile, namesakes } from './profile-found.ts'
import {
  countProfiles,
  deleteProfile,
  insertProfile,
  isProfileTaken,
  type NewProfile,
  type Profile,
  type ProfileChange,
  updateContent,
  updateProfile,
} from './profile-store.ts'
import { writtenVariables } from './profile-variables.ts'
import { mayIn, placeOf, scopeOf, targetOf } from './scope.ts'

export type ProfilePorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

/** Cluster profiles of the tenant and of its projects, one by one: kept by version, as drafts and published. */
export function profileEndpoints({ sealerOf }: ProfilePorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/clusterprofiles',
      summary: 'Creates a cluster profile in the selected project, or of the tenant; a draft unless publish is true',
      permission: { project: 'clusterProfile.create' },
      query: wire.profileQuery,
      body: wire.profileIn,
      reply: { status: 201, body: uidReply },
      refusals: ['invalid', 'project_required', 'cluster_profile_name_taken', 'resource_limit', 'forbidden'],
      audit: 'clusterprofile.created',
      async handle(c) {
        const { tx, query, body, project: selected, access, requestId } = c
        const at = { selected, access, requestId }
        const place = placeOf(body.metadata.annotations?.scope, 'clusterProfile.create', at)
        if (!place.ok) return place
        const { project } = place.value
        if (query.publish === 'true') {
          const may = mayIn(project, 'clusterProfile.publish', c)
          if (!may.ok) return may
        }
        const { metadata, spec } = body
        const packs = writtenPacks(spec.template?.packs ?? [], [])
        if (!packs.ok) return packs
        const variables = writtenVariables(spec.variables, [])
        if (!variables.ok) return variables
        const [draft, published] = query.publish === 'true' ? [null, packs.value] : [packs.value, null]
        return create(tx, await sealerOf(tx.tenant), c, {
          ...{ project, name: metadata.name, version: spec.version },
          ...{ type: spec.template?.type ?? 'cluster', cloudType: spec.template?.cloudType || 'all' },
          labels: metadata.labels ?? {},
          annotations: clientAnnotations(metadata.annotations ?? {}),
          content: { draft, published, variables: variables.value },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/clusterprofiles/validate/name',
      summary: 'Whether the selected project, or the tenant, has room for a cluster profile of this name and version',
      permission: { project: 'clusterProfile.create' },
      query: wire.profileNameQuery,
      reply: { status: 204 },
      refusals: ['cluster_profile_name_taken'],
      audit: 'refusals-only',
      async handle({ tx, query, project }) {
        const taken = await isProfileTaken(tx, { ...query, project })
        return taken ? err(refuse('cluster_profile_name_taken')) : ok({ body: undefined })
      },
    }),
    endpoint({
      route: 'GET /v1/clusterprofiles/{uid}',
      summary: 'Reads one cluster profile, draft and published, with the versions of it that the caller may read',
      permission: { object: 'clusterProfile.get', find: findProfile('read') },
      params: uidPath,
      reply: { status: 200, body: wire.profile },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content } = found.value
        const versions = await namesakes(c, profile)
        return ok({ body: profileAnswer(profile, content, { seeing: c, versions }) })
      },
    }),
    endpoint({
      route: 'PUT /v1/clusterprofiles/{uid}',
      summary: 'Changes a cluster profile: its packs become the draft, which a publication makes what counts',
      permission: { object: 'clusterProfile.update', find: findProfile('change') },
      params: uidPath,
      body: wire.profileUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'cluster_profile_name_taken', 'forbidden'],
      audit: 'clusterprofile.updated',
      async handle(c) {
        const { tx, body, now } = c
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content, sealer } = found.value
        const { type, packs } = body.spec?.template ?? {}
        if (type && type !== profile.type)
          return err(refuse('invalid', `spec.template.type: a profile of type ${profile.type} stays one`))
        const after = await change(c, profile, { metadata: body.metadata, version: body.spec?.version })
        if (!after.ok) return after
        if (packs == null) return after
        const written = writtenPacks(packs, currentPacks(content))
        if (!written.ok) return written
        const drafted = { ...content, draft: written.value }
        const room = fits(drafted)
        if (!room.ok) return room
        await updateContent(tx, sealer, profile.uid, drafted, now)
        const details = { ...after.value.details, draft: namesOf(written.value) }
        return ok({ ...after.value, details })
      },
    }),
    endpoint({
      route: 'PATCH /v1/clusterprofiles/{uid}/metadata',
      summary: 'Changes name, version, labels or annotations of a cluster profile; what is not sent stays',
      permission: { object: 'clusterProfile.update', find: findProfile('change') },
      params: uidPath,
      body: wire.profileMetadataUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'cluster_profile_name_taken', 'forbidden'],
      audit: 'clusterprofile.updated',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        return change(c, found.value.profile, { metadata: c.body.metadata, version: c.body.spec?.version })
      },
    }),
    endpoint({
      route: 'PATCH /v1/clusterprofiles/{uid}/publish',
      summary: 'Publishes the draft of a cluster profile; without one nothing changes',
      permission: { object: 'clusterProfile.publish', find: findProfile('change') },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'clusterprofile.published',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content, sealer } = found.value
        const { draft } = content
        if (draft) await updateContent(c.tx, sealer, profile.uid, { ...content, draft: null, published: draft }, c.now)
        return ok({
          body: undefined,
          resource: { uid: profile.uid, name: profile.name },
          details: { version: profile.version, ...(draft ? { packs: namesOf(draft) } : { unchanged: true }) },
        })
      },
    }),
    endpoint({
      route: 'DELETE /v1/clusterprofiles/{uid}',
      summary: 'Deletes a cluster profile, this version alone',
      permission: { object: 'clusterProfile.delete', find: findProfile('change') },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'clusterprofile.deleted',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { uid, name, version } = found.value.profile
        await deleteProfile(c.tx, uid)
        return ok({ body: undefined, resource: { uid, name }, details: { version } })
      },
    }),
    endpoint({
      route: 'POST /v1/clusterprofiles/{uid}/clone',
      summary: 'Makes a draft of what a cluster profile holds, under another name or version or in another scope',
      permission: { object: 'clusterProfile.get', find: findProfile('read') },
      params: uidPath,
      body: wire.profileCloneIn,
      reply: { status: 201, body: uidReply },
      refusals: [
        'not_found',
        'invalid',
        'project_required',
        'cluster_profile_name_taken',
        'resource_limit',
        'forbidden',
      ],
      audit: 'clusterprofile.created',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content, sealer } = found.value
        const clone = await cloneOf(c, profile, c.body.metadata)
        if (!clone.ok) return clone
        return create(
          c.tx,
          sealer,
          c,
          {
            ...clone.value,
            // Publishing has a right of its own.
            content: { draft: currentPacks(content), published: null, variables: content.variables },
          },
          { clonedFrom: profile.uid },
        )
      },
    }),
    endpoint({
      route: 'POST /v1/clusterprofiles/{uid}/clone/validate',
      summary: 'Whether a cluster profile could be cloned so',
      permission: { object: 'clusterProfile.get', find: findProfile('read') },
      params: uidPath,
      body: wire.profileCloneValidateIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'project_required', 'cluster_profile_name_taken', 'forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const clone = await cloneOf(c, found.value.profile, c.body)
        if (!clone.ok) return clone
        const taken = await isProfileTaken(c.tx, clone.value)
        return taken ? err(refuse('cluster_profile_name_taken')) : ok({ body: undefined })
      },
    }),
  ]
}

const namesOf = (packs: readonly { readonly name: string }[]) => packs.map(({ name }) => name)

type Asking = {
  readonly tx: Tx
  readonly project: ProjectUid | undefined
  readonly access: RequestAccess
  readonly requestId: string
}

async function create(
  tx: Tx,
  sealer: TenantSealer,
  { principal, now }: { readonly principal: { readonly user: string }; readonly now: Date },
  profile: NewProfile,
  more: Readonly<Record<string, unknown>> = {},
) {
  const room = await hasRoom(tx, 'clusterprofile', () => countProfiles(tx))
  if (!room.ok) return room
  const small = fits(profile.content)
  if (!small.ok) return small
  const uid = await insertProfile(tx, sealer, profile, { by: principal.user, now })
  if (!uid.ok) return uid
  const { project, name, version, type, cloudType, content } = profile
  const packs = namesOf(currentPacks(content))
  return ok({
    body: { uid: uid.value },
    resource: { uid: uid.value, name },
    details: { scope: scopeOf(project).kind, version, type, cloudType, packs, ...more },
  })
}

/** Changes what is not packs or variables; what is absent stays. */
async function change(
  { tx, access, requestId, now }: Asking & { readonly now: Date },
  before: Profile,
  { metadata, version }: z.output<typeof wire.profileUpdate> & { readonly version: string | null | undefined },
) {
  const after: ProfileChange = {
    name: metadata?.name ?? before.name,
    version: version || before.version,
    labels: metadata?.labels ?? before.labels,
    annotations: metadata?.annotations ? clientAnnotations(metadata.annotations) : before.annotations,
  }
  const relabel = mayRelabel(targetOf('clusterProfile', before), after.labels, {
    ...{ permission: 'clusterProfile.update', access, requestId },
  })
  if (!relabel.ok) return relabel
  const updated = await updateProfile(tx, before.uid, after, now)
  if (!updated.ok) return updated
  const changed = (['name', 'version', 'labels', 'annotations'] as const).filter(
    (member) => JSON.stringify(before[member]) !== JSON.stringify(after[member]),
  )
  return ok({
    body: undefined,
    resource: { uid: before.uid, name: after.name },
    details: Object.fromEntries(
      changed.map((member) => [member, { before: before[member], after: after[member] }]),
    ) as Readonly<Record<string, unknown>>, // what is known of its members is not needed further
  })
}

/** A clone as it was asked for: where nothing is said, in the selected project, else where the profile itself is. */
async function cloneOf(
  asking: Asking,
  profile: Profile,
  { name, version, target }: wire.CloneMetadata,
): Promise<Result<Omit<NewProfile, 'content'>, Refusal>> {
  const project = await targetProject(asking, profile, target)
  if (!project.ok) return project
  const may = mayIn(project.value, 'clusterProfile.create', asking)
  if (!may.ok) return may
  const { type, cloudType, labels, annotations } = profile
  return ok({ project: project.value, name, version: version || profile.version, type, cloudType, labels, annotations })
}

async function targetProject(
  { tx, project: selected }: Asking,
  profile: Profile,
  target: wire.CloneMetadata['target'],
): Promise<Result<ProjectUid | undefined, Refusal>> {
  switch (target?.scope) {
    case 'tenant':
      return ok(undefined)
    case 'project': {
      if (target.projectUid === '') return selected ? ok(selected) : err(refuse('project_required'))
      const project = ProjectUid.safeParse(target.projectUid)
      if (project.success && (await firstUnknown(tx, 'project', [project.data])) === undefined) return ok(project.data)
      return err(refuse('not_found', `No project ${target.projectUid}`))
    }
    default:
      return ok(selected ?? profile.project)
  }
}
