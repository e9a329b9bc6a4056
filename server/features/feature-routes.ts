import { type Feature, featureNames, features } from '../../contract/features.ts'
import { systemTenant } from '../../contract/ids.ts'
import { uidPath, wireTime } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/features.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { writeSetting } from '../settings/index.ts'
import { featureSwitches, readSwitches } from './features.ts'

/** Which features the installation allows. What is not allowed the phases refuse, whoever asks. */
export const featureEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/system/features',
    summary: 'The features that can be switched off, and which are',
    permission: { system: 'tenant.get' },
    reply: { status: 200, body: wire.systemFeatures },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: { items: await itemsOf(tx) } }),
  }),
  endpoint({
    route: 'PATCH /v1/system/features/{uid}',
    summary: 'Switches a feature on or off for all tenants, at once and on every replica',
    permission: { object: 'tenant.update', find: findFeature },
    params: uidPath,
    body: wire.featureSwitch,
    reply: { status: 204 },
    refusals: ['not_found'],
    audit: 'system.feature.switched',
    async handle({ tx, params, body: { isAllowed }, principal, now }) {
      const feature = featureOf(params.uid)
      if (feature === undefined) throw new Error('a feature that was found in this request is one')
      const switches = await readSwitches(tx)
      const after = { ...switches, [feature]: { isAllowed, at: now.toISOString() } }
      await writeSetting(tx, featureSwitches, after, { by: principal.user, now })
      return ok({ body: undefined, details: { before: switches[feature]?.isAllowed ?? true, after: isAllowed } })
    },
  }),
  endpoint({
    route: 'GET /v1/users/system/features',
    summary: 'Which features the installation allows, for whoever works with it',
    permission: { signedIn: 'it says what is refused anyway' },
    reply: { status: 200, body: wire.systemFeatures },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: { items: await itemsOf(tx) } }),
  }),
]

const featureOf = (uid: string): Feature | undefined => featureNames.find((name) => features[name].uid === uid)

/** For tenants there is nothing to switch. */
async function findFeature({
  tx,
  params,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
}): Promise<Target | undefined> {
  const name = tx.tenant === systemTenant ? featureOf(params.uid) : undefined
  return name && { kind: 'feature', uid: params.uid, name, scope: { kind: 'system' } }
}

async function itemsOf(tx: Tx) {
  const switches = await readSwitches(tx)
  return featureNames.map((key) => {
    const { uid, description } = features[key]
    const { isAllowed = true, at } = { ...switches[key] }
    const metadata = {
      ...{ uid, name: key, labels: {}, annotations: { scope: 'system' } },
      creationTimestamp: wireTime(null),
      lastModifiedTimestamp: wireTime(at === undefined ? null : new Date(at)),
      deletionTimestamp: wireTime(null),
    }
    return { metadata, spec: { key, description, docLink: '', isAllowed } }
  })
}
