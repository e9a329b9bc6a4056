import type { AnyPermission, RoleScope } from '../../contract/permissions.ts'
import type { ReadableMap } from './shared-map.ts'

/**
 * Where an object lives or a role was given. A project is always inside the one tenant that the facts are about, a workspace
 * in one project of it, for good.
 */
export type Scope =
  | { readonly kind: 'system' }
  | { readonly kind: 'tenant' }
  | { readonly kind: 'project'; readonly projectUid: string }
  | WorkspaceScope

/** One workspace: nothing lives in it but itself. */
export type WorkspaceScope = {
  readonly kind: 'workspace'
  readonly projectUid: string
  readonly workspaceUid: string
}

export type SubjectRef = { readonly userUid: string }

/**
 * What is asked about. `scope` is the object's own scope (for a project or a workspace itself: that one), never what the caller
 * claims. `tags` are the object's labels: leave them out where there is no single object (a list, a create), and grants
 * with filters do not count; `{}` says that the object is there and carries none.
 */
export type ResourceRef = {
  readonly kind: string
  readonly uid?: string
  readonly scope: Scope
  readonly tags?: Readonly<Record<string, string>>
}

/** What conditions look at of a request itself; what is not known meets none that asks for it. */
export type RequestOrigin = {
  /** The client's address, IPv4 or IPv6. */
  readonly address?: string | undefined
  /** When the caller last proved who they are, in milliseconds; absent where no person did, as with an API key. */
  readonly provedAt?: number | undefined
}

/**
 * `now` in milliseconds since the epoch. An unknown `permission` is an answer (a refusal), so any string may be asked. Without
 * `origin` no condition is met.
 */
export type AccessRequest = {
  readonly subject: SubjectRef
  readonly permission: string
  readonly resource: ResourceRef
  readonly now: number
  readonly origin?: RequestOrigin | undefined
}

/**
 * How a tag is compared: `eq` and `in` byte for byte, `prefix` by how it begins, `exists` without values; `lt` to `gte` as
 * numbers, `before` and `after` as times.
 */
export type TagOperator = 'eq' | 'in' | 'prefix' | 'exists' | 'lt' | 'lte' | 'gt' | 'gte' | 'before' | 'after'

/** One comparison of a tag filter. `values`: any of them. With `negation` an object without the key matches. */
export type TagExpression = {
  readonly key: string
  readonly operator: TagOperator
  readonly negation: boolean
  readonly values: readonly string[]
}

export type TagFilter = { readonly conjunction: 'and' | 'or'; readonly expressions: readonly TagExpression[] }

/** Any of these filters selects the object; none of them, where the list is empty. */
export type TagFilterSet = readonly TagFilter[]

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

/** `from` belongs to it, `to` does not; where `to` is not later, it is that of the next day. */
export type TimeWindow = {
  /** An IANA name: what clocks on the wall say there, summer time included. */
  readonly timeZone: string
  /** On which it begins. */
  readonly days: readonly Day[]
  /** `08:00`; `to` up to `24:00`. */
  readonly from: string
  readonly to: string
}

/** What a request must be like for a grant to count: all that is named. */
export type RequestConditions = {
  readonly timeWindow?: TimeWindow | undefined
  /** The address is in any of them: CIDR, IPv4 or IPv6. */
  readonly networks?: readonly string[] | undefined
  /** The caller proved who they are less than so long ago. */
  readonly signInWithinSeconds?: number | undefined
}

export type UnmetCondition = 'time-window' | 'network' | 'sign-in-age'

export type RoleDefinition = {
  readonly uid: string
  readonly name: string
  /** The kind of role, which says where it may be given; see `mayBeGiven`. */
  readonly scope: RoleScope
  readonly permissions: readonly AnyPermission[]
}

/**
 * One role given to one user or team in one scope, as stored. A stored resource role assignment (several roles, projects
 * and filters) is one of these per role and project, all under its id.
 */
export type Assignment = {
  readonly id: string
  readonly subject: { readonly kind: 'user' | 'team'; readonly uid: string }
  readonly roleUid: string
  readonly scope: Scope
  /** Required, so that a forgotten filter cannot widen a grant: `'none'` reaches every object, an empty list no object. */
  readonly filters: TagFilterSet | 'none'
  /** Milliseconds since the epoch; from that moment on it grants nothing. */
  readonly endsAt?: number
  /** It counts for requests that meet them alone. */
  readonly conditions?: RequestConditions
}

/** When an assignment counts: until its end, and for requests that meet its conditions. */
export type Terms = Pick<Assignment, 'endsAt' | 'conditions'>

/** What matters of a user here. `teams`: reasons are listed in their order. */
export type UserStanding = { readonly teams: readonly string[]; readonly active: boolean }

/** Everything that decides about one tenant. Values: whoever built them changes nothing in them afterwards. */
export type TenantAccessFacts = {
  readonly tenantUid: string
  /** The tenant's access epoch at which all of this was read, a bigint as text. */
  readonly epoch: string
  /** The permissions that exist here: those of tenants, or in the tenant `system` those of system administrators. */
  readonly permissions: ReadonlySet<AnyPermission>
  readonly users: ReadableMap<string, UserStanding>
  /** In a stable order (by id, say): reasons of one holder and place are listed in it. */
  readonly assignments: readonly Assignment[]
  /** By UID. An assignment whose role is not here grants nothing. */
  readonly roles: ReadonlyMap<string, RoleDefinition>
}

/** Why something is allowed: the assignment, its role, and how the subject came by it. */
export type Reason = {
  readonly assignment: string
  readonly roleUid: string
  readonly roleName: string
  readonly via: { readonly kind: 'user' } | { readonly kind: 'team'; readonly teamUid: string }
  readonly scope: Scope
}

export type DenyCause = 'unknown-subject' | 'subject-inactive' | 'unknown-permission' | 'no-grant'

/**
 * `because` holds every grant that allows it: what was given in the tenant first, then in the project, then on the workspace; of
 * each the user's own, then those of each team. Reasons are shared between decisions.
 */
export type Decision =
  | { readonly effect: 'allow'; readonly because: readonly Reason[]; readonly epoch: string }
  | {
      readonly effect: 'deny'
      readonly missing: string
      readonly scope: Scope
      readonly epoch: string
      readonly why: DenyCause
    }
