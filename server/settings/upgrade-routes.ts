import type { ProjectUid } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/preferences.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { upgrades } from './preferences.ts'
import { readProjectSetting, readSetting, writeProjectSetting, writeSetting } from './setting-store.ts'

/** Whether agents on clusters may be upgraded, for the tenant or, with the header, for one project: kept for clients. */
export const upgradeEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/spectroclusters/upgrade/settings',
    summary: 'Whether clients have locked the upgrade of agents on clusters; Palisade puts none there',
    permission: { project: 'cluster.list' },
    reply: { status: 200, body: wire.upgradeSettings },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx, project }) => ok({ body: await read(tx, project) }),
  }),
  endpoint({
    route: 'POST /v1/spectroclusters/upgrade/settings',
    summary: 'Keeps whether the upgrade of agents on clusters is locked',
    permission: { project: 'cluster.update' },
    body: wire.upgradeSettingsIn,
    reply: { status: 204 },
    refusals: [],
    audit: 'cluster.upgrades.updated',
    async handle({ tx, project, body, principal, now }) {
      const before = await read(tx, project)
      const writing = { by: principal.user, now }
      if (project === undefined) await writeSetting(tx, upgrades, body, writing)
      else await writeProjectSetting(tx, upgrades, project, body, writing)
      return ok({ body: undefined, details: { before, after: body } })
    },
  }),
]

/** What a project has not set is as in the tenant. */
const read = async (tx: Tx, project: ProjectUid | undefined) =>
  (project && (await readProjectSetting(tx, upgrades, project))) ?? (await readSetting(tx, upgrades))
