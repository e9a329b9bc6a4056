import { isLive, mayBeGiven, reaches, selects } from './rules.ts'
import type { AccessRequest, Decision, DenyCause, Reason, TenantAccessFacts } from './types.ts'

/**
 * The whole rule, slowly: what `decide` must answer to any request. Deny by default; grants only add, none takes away.
 */
export function decidePlain({ subject, permission, resource, now }: AccessRequest, facts: TenantAccessFacts): Decision {
  const deny = (why: DenyCause): Decision => {
    return { effect: 'deny', missing: permission, scope: resource.scope, epoch: facts.epoch, why }
  }
  const user = facts.users.get(subject.userUid)
  if (user === undefined) return deny('unknown-subject')
  if (!user.active) return deny('subject-inactive')
  const catalogue: ReadonlySet<string> = facts.permissions
  if (!catalogue.has(permission)) return deny('unknown-permission')

  const because = facts.assignments.flatMap((assignment): Reason[] => {
    const { kind, uid } = assignment.subject
    const theirs = kind === 'user' ? uid === subject.userUid : user.teams.includes(uid)
    const role = facts.roles.get(assignment.roleUid)
    if (!theirs || role === undefined) return []
    const allows =
      role.permissions.some((held) => held === permission) &&
      mayBeGiven(role.scope, assignment, facts.tenantUid) &&
      reaches(assignment.scope, resource.scope) &&
      isLive(assignment, now) &&
      selects(assignment.filters, resource.tags)
    if (!allows) return []
    const via = kind === 'user' ? { kind } : { kind, teamUid: uid }
    return [{ assignment: assignment.id, roleUid: role.uid, roleName: role.name, via, scope: assignment.scope }]
  })
  return because.length > 0 ? { effect: 'allow', because, epoch: facts.epoch } : deny('no-grant')
}
