import { createMongoAbility, type MongoAbility, type RawRuleOf, subject } from '@casl/ability'
import type { AccessRequest, Assignment, TagExpression, TagFilter, TenantAccessFacts } from '../../core/access/index.ts'

/**
 * The workload as a team would put it into @casl/ability: one ability per user, kept; roles become rules on action and
 * subject type, scopes and filters become conditions. It answers yes or no; it has no reasons to give.
 */
export type CaslTenant = ReadonlyMap<string, MongoAbility>

/** A request as CASL wants it asked. Made beforehand: nobody has to pay for it in a comparison. */
export type CaslQuestion = {
  readonly userUid: string
  readonly action: string
  readonly object: ReturnType<typeof subject>
}

export function compileCasl(facts: TenantAccessFacts): CaslTenant {
  const given = Map.groupBy(facts.assignments, ({ subject: { kind, uid } }) => `${kind} ${uid}`)
  return new Map(
    [...facts.users].map(([uid, { teams }]) => {
      const assignments = [`user ${uid}`, ...teams.map((team) => `team ${team}`)].flatMap((key) => given.get(key) ?? [])
      return [uid, createMongoAbility(assignments.flatMap((assignment) => rulesOf(assignment, facts)))]
    }),
  )
}

export function toCaslQuestion({ subject: { userUid }, permission, resource }: AccessRequest): CaslQuestion {
  const [type = '', action = ''] = permission.split('.')
  const { scope, tags } = resource
  return {
    userUid,
    action,
    object: subject(type, { project: scope.kind === 'project' ? scope.projectUid : null, tags }),
  }
}

export function decideCasl(question: CaslQuestion, tenant: CaslTenant): boolean {
  return tenant.get(question.userUid)?.can(question.action, question.object) ?? false
}

function rulesOf({ roleUid, scope, filters }: Assignment, facts: TenantAccessFacts): RawRuleOf<MongoAbility>[] {
  const where = scope.kind === 'project' ? { project: scope.projectUid } : {}
  const conditions = filters === 'none' ? [where] : filters.flatMap(conditionsOf).map((tags) => ({ ...where, ...tags }))
  const byType = Map.groupBy(
    facts.roles.get(roleUid)?.permissions ?? [],
    (permission) => permission.split('.')[0] ?? '',
  )
  return [...byType].flatMap(([type, permissions]) =>
    conditions.map((condition) => ({
      action: permissions.map((permission) => permission.split('.')[1] ?? ''),
      subject: type,
      ...(Object.keys(condition).length > 0 ? { conditions: condition } : {}),
    })),
  )
}

/** CASL's default matcher has neither `$and` nor `$or`: one rule for each alternative, conditions joined by key. */
function conditionsOf({ conjunction, expressions }: TagFilter): Record<string, object>[] {
  const each = expressions.map(conditionOf)
  return conjunction === 'or' ? each : [Object.assign({}, ...each)]
}

const conditionOf = ({ key, negation, values }: TagExpression) => ({
  [`tags.${key}`]: { [negation ? '$nin' : '$in']: values },
})
