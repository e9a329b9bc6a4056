import { uidPath } from '../../contract/wire/common.ts'
import { upgradeSettingsIn } from '../../contract/wire/preferences.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { findCluster, load } from './found.ts'
import { updateMetadata } from './store.ts'

/** Where clients look for it on a cluster. */
const annotation = 'spectroComponentsUpgradeForbidden'

/** Whether the agent on one cluster may be upgraded: Palisade puts none there, and keeps it for clients. */
export const upgradeEndpoint: Endpoint = endpoint({
  route: 'POST /v1/spectroclusters/{uid}/upgrade/settings',
  summary: `Keeps whether the upgrade of an agent on the cluster is locked, as its annotation ${annotation}`,
  permission: { object: 'cluster.update', find: findCluster },
  params: uidPath,
  body: upgradeSettingsIn,
  reply: { status: 204 },
  refusals: ['not_found'],
  audit: 'cluster.upgrades.updated',
  async handle({ tx, params, body, now }) {
    const cluster = await load(tx, params.uid)
    if (!cluster.ok) return cluster
    const { uid, name, labels } = cluster.value
    const { [annotation]: _, ...others } = cluster.value.annotations
    const annotations = body.spectroComponents === 'lock' ? { ...others, [annotation]: 'true' } : others
    const updated = await updateMetadata(tx, uid, { name, labels, annotations }, now)
    return updated.ok ? ok({ body: undefined, details: { after: body } }) : updated
  },
})
