import type { ProjectUid, TeamUid } from '../../contract/ids.ts'
import { holding, pageOfFound, TeamsFound, TeamsQuery } from '../../contract/lists.ts'
import { ok } from '../../core/result.ts'
import { heldByTeams } from '../access/index.ts'
import { endpoint } from '../gateway/index.ts'
import { projectNames } from './project-names.ts'
import { countMembers, readTeams, type Team } from './team-store.ts'
import { named } from './user-answers.ts'

/** Our own list of teams, a page at a time; what belongs to a team is read for that page alone. */
export const teamListEndpoint = endpoint({
  route: 'GET /v1/palisade/teams',
  summary: 'Searches the teams of the tenant by a part of the name, a page at a time',
  permission: { tenant: 'team.list' },
  query: TeamsQuery,
  reply: { status: 200, body: TeamsFound },
  refusals: [],
  audit: 'refusals-only',
  async handle({ tx, query }) {
    const fits = holding(query.q)
    const { items, count } = pageOfFound(
      (await readTeams(tx)).filter(({ name }) => fits(name)),
      query,
      columns,
    )
    const uids = items.map(({ uid }) => uid)
    const members = await countMembers(tx, uids)
    const projects = await projectNames(tx)
    const roles = Map.groupBy(await heldByTeams(tx, uids), ({ subject }): TeamUid | undefined =>
      'team' in subject ? subject.team : undefined,
    )
    return ok({
      body: {
        items: items.map(({ uid, name, createdAt }) => {
          const own = roles.get(uid) ?? []
          const places = new Set(own.flatMap(({ place }): ProjectUid[] => (place === 'tenant' ? [] : [place])))
          return {
            ...{ uid, name, createdAt: createdAt.toISOString(), members: members.get(uid) ?? 0 },
            roles: own.filter(({ place }) => place === 'tenant').map(named),
            projects: [...places].map((project) => ({ uid: project, name: projects.get(project) ?? '' })),
          }
        }),
        count,
      },
    })
  },
})

const columns = {
  name: ({ name }: Team) => name,
  createdAt: ({ createdAt }: Team) => createdAt.getTime(),
}
