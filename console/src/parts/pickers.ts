import { findFilters } from '../api/filters.ts'
import { findRoles, findTeams, type RoleScope } from '../api/lists.ts'
import { findPeople } from '../api/users.ts'
import type { Source } from './searched.tsx'

/** As many as somebody reads before typing more. */
const limit = 50

export const people: Source = {
  name: ['people'],
  needs: 'user.list',
  find: async (q) =>
    (await findPeople({ q, limit })).items.map(({ uid, name, email }) => ({ uid, text: `${name} (${email})` })),
}

export const teams: Source = {
  name: ['teams'],
  needs: 'team.list',
  find: async (q) => (await findTeams({ q, limit })).items.map(({ uid, name }) => ({ uid, text: name })),
}

/** @param scope those alone that are given there */
export const roles = (scope?: RoleScope): Source => ({
  name: ['roles', scope ?? 'any'],
  needs: 'role.list',
  find: async (q) => (await findRoles({ q, limit, scope })).items.map(({ uid, name }) => ({ uid, text: name })),
})

export const filters: Source = {
  name: ['filters'],
  needs: 'filter.list',
  find: async (q) => (await findFilters({ q, limit })).items.map(({ uid, name }) => ({ uid, text: name })),
}
