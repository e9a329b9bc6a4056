import type { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/cluster-profiles.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { manifestsAnswer } from './profile-answers.ts'
import { currentPacks, fits, withManifest } from './profile-content.ts'
import { findProfile, loadProfile } from './profile-found.ts'
import type { ProfilePorts } from './profile-routes.ts'
import { updateContent } from './profile-store.ts'
import { shownVariables, type Variable, writtenVariables } from './profile-variables.ts'

/** Parts of a cluster profile: the manifests of its packs, and its variables. */
export function profilePartEndpoints({ sealerOf }: ProfilePorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/clusterprofiles/{uid}/packs/{packName}/manifests',
      summary: 'Reads the manifests of one pack of a cluster profile, draft and published',
      permission: { object: 'clusterProfile.get', find: findProfile('read') },
      params: wire.packPath,
      reply: { status: 200, body: wire.manifests },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content } = found.value
        const body = manifestsAnswer(profile, content, { packName: c.params.packName, seeing: c })
        return body ? ok({ body }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'POST /v1/clusterprofiles/{uid}/packs/{packName}/manifests',
      summary: 'Adds a manifest to one pack of a cluster profile, in its draft',
      permission: { object: 'clusterProfile.update', find: findProfile('change') },
      params: wire.packPath,
      body: wire.manifestIn,
      reply: { status: 201, body: uidReply },
      refusals: ['not_found', 'invalid'],
      audit: 'clusterprofile.updated',
      async handle(c) {
        const { tx, params, body, now } = c
        const found = await loadProfile(c, sealerOf)
        if (!found.ok) return found
        const { profile, content, sealer } = found.value
        const added = withManifest(currentPacks(content), params.packName, body)
        if (!added.ok) return added
        const after = { ...content, draft: added.value.packs }
        const room = fits(after)
        if (!room.ok) return room
        await updateContent(tx, sealer, profile.uid, after, now)
        return ok({
          body: { uid: added.value.uid },
          resource: { uid: profile.uid, name: profile.name },
          details: { pack: params.packName, manifest: body.name },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/clusterprofiles/{uid}/variables',
      summary: 'Reads the variables of a cluster profile; the defaults of sensitive ones are masked',
      permission: { object: 'clusterProfile.get', find: findProfile('read') },
      params: uidPath,
      reply: { status: 200, body: wire.variables },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await loadProfile(c, sealerOf)
        return found.ok ? ok({ body: { variables: shownVariables(found.value.content.variables) } }) : found
      },
    }),
    endpoint({
      route: 'PUT /v1/clusterprofiles/{uid}/variables',
      summary: 'Makes these the variables of a cluster profile; a sensitive default that is not sent stays',
      ...variableChange,
      body: wire.variablesIn,
      async handle(c) {
        return changeVariables(c, (before) => writtenVariables(c.body.variables, before))
      },
    }),
    endpoint({
      route: 'PATCH /v1/clusterprofiles/{uid}/variables',
      summary: 'Adds variables to a cluster profile, or changes those of the same name; the others stay',
      ...variableChange,
      body: wire.variablesIn,
      async handle(c) {
        return changeVariables(c, (before) => {
          const named = new Map(c.body.variables.map((one) => [one.name, one]))
          const kept = before.map((one) => named.get(one.name) ?? stored(one))
          const had = new Set(before.map(({ name }) => name))
          return writtenVariables([...kept, ...c.body.variables.filter(({ name }) => !had.has(name))], before)
        })
      },
    }),
    endpoint({
      route: 'DELETE /v1/clusterprofiles/{uid}/variables',
      summary: 'Removes variables of a cluster profile by their names; a name that is not there is no mistake',
      ...variableChange,
      body: wire.variableNamesIn,
      async handle(c) {
        const names = new Set(c.body.variables)
        return changeVariables(c, (before) => ok(before.filter(({ name }) => !names.has(name))))
      },
    }),
  ]

  async function changeVariables(
    c: { readonly tx: Tx; readonly params: { readonly uid: string }; readonly now: Date },
    changed: (before: readonly Variable[]) => ReturnType<typeof writtenVariables>,
  ) {
    const found = await loadProfile(c, sealerOf)
    if (!found.ok) return found
    const { profile, content, sealer } = found.value
    const variables = changed(content.variables)
    if (!variables.ok) return variables
    const after = { ...content, variables: variables.value }
    const room = fits(after)
    if (!room.ok) return room
    await updateContent(c.tx, sealer, profile.uid, after, c.now)
    return ok({
      body: undefined,
      resource: { uid: profile.uid, name: profile.name },
      details: { variables: variables.value.map(({ name }) => name) },
    })
  }
}

const variableChange = {
  permission: { object: 'clusterProfile.update', find: findProfile('change') },
  params: uidPath,
  reply: { status: 204 },
  refusals: ['not_found', 'invalid'],
  audit: 'clusterprofile.updated',
} as const

/** A stored variable, written again as it is. */
const stored = (one: Variable): z.output<typeof wire.variablesIn>['variables'][number] => ({
  ...one,
  options: one.options.map((option) => ({ ...option, default: false })),
  defaultValue: one.isSensitive && one.defaultValue !== '' ? null : one.defaultValue,
})
