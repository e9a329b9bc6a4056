import { refuse } from '../../contract/errors.ts'
import { objectsPerKind } from '../../contract/limits.ts'
import * as wire from '../../contract/wire/cloud-accounts.ts'
import { uidReply } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { countCloudTypes, deleteCloudType, insertCloudType, readCloudType, readCloudTypes } from './cloud-type-store.ts'
import { isKnownCloud, knownClouds } from './clouds.ts'

/** Kinds of clouds that a tenant registers to keep accounts of them. Palisade asks none of these clouds anything. */
export const cloudTypeEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/clouds/cloudTypes',
    summary: 'Lists the kinds of clouds that accounts may be of: those known by themselves, and those of the tenant',
    permission: { signedIn: 'names of kinds, and nothing of any account' },
    reply: { status: 200, body: wire.cloudTypes },
    refusals: [],
    audit: 'refusals-only',
    async handle({ tx }) {
      const known = Object.entries(knownClouds).map(([name, { title }]) => ({
        ...{ name, displayName: title, cloudCategory: 'cloud' as const },
        ...{ isCustom: false, isManaged: false, isVertex: false as const },
      }))
      const own = (await readCloudTypes(tx)).map(({ name, displayName, category, isManaged }) => ({
        ...{ name, displayName, cloudCategory: category },
        ...{ isCustom: true, isManaged, isVertex: false as const },
      }))
      return ok({ body: { cloudTypes: [...known, ...own] } })
    },
  }),
  endpoint({
    route: 'POST /v1/clouds/cloudTypes/register',
    summary: 'Registers a kind of cloud, so that the tenant may keep accounts of it',
    permission: { tenant: 'cloudaccount.create' },
    body: wire.cloudTypeIn,
    reply: { status: 201, body: uidReply },
    refusals: ['invalid', 'cloud_type_taken', 'resource_limit'],
    audit: 'cloudtype.created',
    async handle({ tx, body: { metadata, spec }, principal, now }) {
      const { name } = metadata
      if (isKnownCloud(name)) return err(refuse('cloud_type_taken'))
      if ((await countCloudTypes(tx)) >= objectsPerKind)
        return err(refuse('resource_limit', `Kinds of clouds: at most ${objectsPerKind}`))
      const type = {
        ...{ name, displayName: spec?.displayName || name },
        ...{ category: spec?.cloudCategory || ('cloud' as const), isManaged: spec?.isControlPlaneManaged === true },
      }
      const uid = await insertCloudType(tx, type, { by: principal.user, now })
      return uid ? ok({ body: { uid }, resource: { uid, name } }) : err(refuse('cloud_type_taken'))
    },
  }),
  endpoint({
    route: 'DELETE /v1/clouds/cloudTypes/{cloudType}',
    summary: 'Removes a kind of cloud that the tenant has registered and has no account of',
    permission: {
      object: 'cloudaccount.delete',
      async find({ tx, params }) {
        const found = await readCloudType(tx, params.cloudType)
        return found && { kind: 'cloudType', uid: found.uid, name: found.name, scope: { kind: 'tenant' } }
      },
    },
    params: wire.cloudTypePath,
    reply: { status: 204 },
    refusals: ['not_found', 'cloud_type_in_use'],
    audit: 'cloudtype.deleted',
    async handle({ tx, params }) {
      const found = await readCloudType(tx, params.cloudType, 'update')
      if (!found) return err(refuse('not_found'))
      const { uid, name } = found
      return (await deleteCloudType(tx, name))
        ? ok({ body: undefined, resource: { uid, name } })
        : err(refuse('cloud_type_in_use'))
    },
  }),
]
