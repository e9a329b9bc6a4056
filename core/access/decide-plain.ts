import { meets } from './request-conditions.ts'
import { isLive, mayBeGiven, reaches, selects } from './rules.ts'
import type { AccessRequest, Assignment, Decision, DenyCause, Reason, Scope, TenantAccessFacts } from './types.ts'

/**
 * The whole rule, slowly: what `decide` must answer to any request. Deny by default; grants only add, none takes away.
 */
export function decidePlain(request: AccessRequest, facts: TenantAccessFacts): Decision {
  const { subject, permission, resource, now } = request
  const deny = (why: DenyCause): Decision => {
    return { effect: 'deny', missing: permission, scope: resource.scope, epoch: facts.epoch, why }
  }
  const user = facts.users.get(subject.userUid)
  if (user === undefined) return deny('unknown-subject')
  if (!user.active) return deny('subject-inactive')
  const catalogue: ReadonlySet<string> = facts.permissions
  if (!catalogue.has(permission)) return deny('unknown-permission')

  const mine: Assignment['subject'] = { kind: 'user', uid: subject.userUid }
  const holders = [mine, ...[...new Set(user.teams)].map((uid) => ({ kind: 'team' as const, uid }))]
  const because = holders
    .flatMap(({ kind, uid }) => facts.assignments.filter(({ subject: of }) => of.kind === kind && of.uid === uid))
    .toSorted((a, b) => widest.indexOf(a.scope.kind) - widest.indexOf(b.scope.kind))
    .flatMap((assignment): Reason[] => {
      const { kind, uid } = assignment.subject
      const role = facts.roles.get(assignment.roleUid)
      if (role === undefined) return []
      const allows =
        role.permissions.some((held) => held === permission) &&
        mayBeGiven(role.scope, assignment, facts.tenantUid) &&
        reaches(assignment.scope, resource.scope) &&
        isLive(assignment, now) &&
        selects(assignment.filters, resource.tags) &&
        meets(assignment, request)
      if (!allows) return []
      const via = kind === 'user' ? { kind } : { kind, teamUid: uid }
      return [{ assignment: assignment.id, roleUid: role.uid, roleName: role.name, via, scope: assignment.scope }]
    })
  return because.length > 0 ? { effect: 'allow', because, epoch: facts.epoch } : deny('no-grant')
}

const widest: readonly Scope['kind'][] = ['system', 'tenant', 'project', 'workspace']
