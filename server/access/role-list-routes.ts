import { holding, pageOfFound, RolesFound, RolesQuery } from '../../contract/lists.ts'
import { type PredefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { ok } from '../../core/result.ts'
import { endpoint } from '../gateway/index.ts'
import { type CustomRole, readRoles } from './role-store.ts'

/** Our own list of roles, the predefined ones and the tenant's own: searched by name or by what they carry, a page at a time. */
export const roleListEndpoint = endpoint({
  route: 'GET /v1/palisade/roles',
  summary: 'Searches the roles of the tenant by a part of the name or by a permission, a page at a time',
  permission: { tenant: 'role.list' },
  query: RolesQuery,
  reply: { status: 200, body: RolesFound },
  refusals: [],
  audit: 'refusals-only',
  async handle({ tx, query }) {
    const fits = holding(query.q)
    const permission = query.q.trim().toLowerCase()
    const all = [...(await readRoles(tx)), ...predefinedRoles].flatMap((role) => seen(role))
    const { items, count } = pageOfFound(
      all.filter(
        ({ name, scope, carries }) =>
          (query.scope === undefined || scope === query.scope) &&
          (fits(name) || carries.some((one) => one.toLowerCase() === permission)),
      ),
      query,
      columns,
    )
    return ok({
      body: { items: items.map(({ carries, ...role }) => ({ ...role, permissions: carries.length })), count },
    })
  },
})

/** A role as a reader sees it; nothing of those that system administrators have by their kind of account. */
function seen(role: PredefinedRole | CustomRole) {
  const { uid, name, scope, permissions: carries } = role
  if (scope === 'system') return []
  const kind =
    'isEnabled' in role
      ? { description: role.annotations.description ?? '', isPredefined: false, isEnabled: role.isEnabled }
      : { description: role.description, isPredefined: true, isEnabled: true }
  return [{ uid, name, scope, carries, ...kind }]
}

type Seen = ReturnType<typeof seen>[number]

const columns = {
  name: ({ name }: Seen) => name,
  permissions: ({ carries }: Seen) => carries.length,
}
