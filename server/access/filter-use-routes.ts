import { refuse } from '../../contract/errors.ts'
import * as contract from '../../contract/filters.ts'
import type { TeamUid, UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { findFilter } from './filter-routes.ts'
import { readFilter } from './filter-store.ts'
import { resourceRolesWith } from './resource-role-store.ts'
import { describeEach } from './resource-roles.ts'

export type FilterUsePorts = {
  readonly names: {
    readonly people: (tx: Tx) => Promise<ReadonlyMap<UserUid, string>>
    readonly teams: (tx: Tx) => Promise<ReadonlyMap<TeamUid, string>>
  }
}

/** Who acts through a filter, for whoever thinks of changing or deleting it. */
export function filterUseEndpoint({ names }: FilterUsePorts): Endpoint {
  return endpoint({
    route: 'GET /v1/palisade/filters/{uid}/uses',
    summary: 'The resource roles that act through a filter, with who holds them; for who may list users too',
    permission: { object: 'filter.get', find: findFilter },
    params: uidPath,
    reply: { status: 200, body: contract.FilterUses },
    refusals: ['not_found', 'forbidden'],
    audit: 'refusals-only',
    async handle({ tx, params, access }) {
      if (!access.allows('user.list', { kind: 'tenant' }))
        return err(
          refuse('forbidden', `This needs user.list in tenant ${tx.tenant}`, {
            permission: 'user.list',
            scope: { kind: 'tenant', uid: tx.tenant },
          }),
        )
      const filter = await readFilter(tx, params.uid)
      if (!filter) return err(refuse('not_found', `No filter ${params.uid} in this tenant`))
      const [people, teams] = [await names.people(tx), await names.teams(tx)]
      const uses = await describeEach(tx, await resourceRolesWith(tx, filter.uid))
      return ok({
        body: {
          items: uses.map(({ uid, subject, roles, projectUids, filterRefs }) => ({
            uid,
            subject:
              'user' in subject
                ? { kind: 'user' as const, uid: subject.user, name: people.get(subject.user) ?? '' }
                : { kind: 'team' as const, uid: subject.team, name: teams.get(subject.team) ?? '' },
            ...{ roles, projects: projectUids, filters: filterRefs },
          })),
        },
      })
    },
  })
}
