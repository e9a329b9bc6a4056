import type { z } from 'zod'
import type { AuditEvent } from '../../contract/audit-events.ts'
import type { Refusal, RefusalCode } from '../../contract/errors.ts'
import type { Feature } from '../../contract/features.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import type { AnyPermission, Permission, SystemPermission } from '../../contract/permissions.ts'
import type {
  AbleUsers,
  ConditionalGrant,
  Difference,
  Explanation,
  FilteredGrant,
  ProposedChange,
  Reach,
  ResourceRef,
  Scope,
  SubjectRef,
  TagFilterSet,
  TeamRef,
  Terms,
  WorkspaceScope,
} from '../../core/access/index.ts'
import type { Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Principal } from './principal.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
/** `METHOD /path/{parameter}`, as OpenAPI writes it. */
export type Route = `${Method} /${string}`

/** The object an endpoint acts on, found before anything is decided; a foreign or unknown id finds none and answers 404. */
export type Target = {
  readonly kind: string
  readonly uid: string
  readonly scope: Scope
  readonly name?: string
  readonly tags?: Readonly<Record<string, string>>
  /** The user whose it is, where it is one person's: a session, an API key. */
  readonly owner?: string
}

/** What a caller needs. Every endpoint says one of these; there is no default. */
export type PermissionRule<Params> =
  /** No credential is looked at. The reason stands in docs/routes.md. */
  | { readonly open: string }
  /** Any signed-in caller, for what is their own. The reason stands in docs/routes.md. */
  | { readonly signedIn: string }
  /** A system administrator's right. */
  | { readonly system: SystemPermission }
  /** A right in the tenant; a valid ProjectUid header is ignored, a foreign one refused. */
  | { readonly tenant: Permission }
  /** A right in the project that the ProjectUid header names, or in the tenant without it. */
  | { readonly project: Permission }
  /** A right on one object, decided in the object's own scope. */
  | {
      readonly object: Permission | SystemPermission
      readonly find: (c: {
        tx: Tx
        params: Params
        principal: Principal
        /** From a valid ProjectUid header: of some kinds the objects of other projects are not there then. */
        project: ProjectUid | undefined
      }) => Promise<Target | undefined>
      /** Whether the caller may do it to this object without the permission: their own user, their own key. */
      readonly orOwn?: (c: { target: Target; principal: Principal }) => boolean
    }

/** What an audited act was done to, and what should be remembered of it. Never a secret. */
export type Recorded = {
  readonly resource?: { readonly uid: string; readonly name?: string }
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * Records that the endpoint's event is about to happen somewhere else, where no rollback reaches: called once, before it is
 * begun. Durable when it resolves; where it throws, nothing may be begun. Whatever comes of it is recorded as its end.
 */
export type Intend = (what: Recorded) => Promise<Intended>

export type Intended = {
  /** Says what may be left where it was done although it was to be taken back: its end names it. */
  readonly leaves: (what: readonly object[]) => void
}

/** A handler's answer: the body (checked against `reply`), headers, and what the audit entry says. */
export type Answer<Body> = Recorded & {
  readonly body: Body
  readonly headers?: Readonly<Record<string, string>>
  /** Of an endpoint that `changes`: it was so already, and the epoch stays. */
  readonly unchanged?: boolean
}

type Shape = z.ZodType

/** What a handler is given: everything parsed, decided and inside the caller's tenant. */
export type Context<Params, Query, Body, Prepared = undefined> = {
  readonly tx: Tx
  readonly principal: Principal
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly prepared: Prepared
  /** From a valid ProjectUid header. */
  readonly project: ProjectUid | undefined
  readonly target: Target | undefined
  readonly requestId: string
  readonly clientAddress: string
  readonly now: Date
  /** The access data this request was decided on: for lists that show what the caller may see, and for escalation checks. */
  readonly access: RequestAccess
  /** Adds a further entry in the transaction, e.g. to the tenant's own log in its birth. */
  readonly record: (tx: Tx, event: AuditEvent, what: Recorded) => Promise<string>
}

/** A role as somebody is given it: where, and on what. */
export type GivenRole = {
  readonly roleUid: string
  readonly scope: Scope
  /** Absent: on everything there. */
  readonly filters?: TagFilterSet
  /** In milliseconds; absent: for good. */
  readonly endsAt?: number
}

/** Decisions for this caller inside a handler. */
export type RequestAccess = {
  /** Whether the caller holds the permission in a scope or on an object. */
  readonly allows: (permission: Permission | SystemPermission, on: Target | Scope) => boolean
  /**
   * The same for what outlives the request: what the caller holds under conditions does not count, as it does not where they
   * give roles.
   */
  readonly allowsForGood: (permission: Permission | SystemPermission, on: Target | Scope) => boolean
  /** Refuses unless the caller holds at least what these role assignments would give: nobody lifts others over themselves. */
  readonly coversRoles: (roles: readonly GivenRole[]) => Result<undefined, Refusal>
  /** Whether the tenant has this role and it is not switched off. */
  readonly isRoleOn: (roleUid: string) => boolean
  /** The same for what a role would newly give to everybody who holds it, were these its permissions. */
  readonly coversRoleChange: (roleUid: string, permissions: readonly AnyPermission[]) => Result<undefined, Refusal>
  /** Where the caller holds the permission, filtered grants too: for a list, which shows what a get of each would allow. */
  readonly reachOf: (permission: Permission) => Reach
  /** On which workspaces the caller holds it besides, by roles on them alone. */
  readonly workspacesOf: (permission: Permission) => readonly WorkspaceScope[]
  /** Refuses unless the caller holds every right that this user holds (threat C04). */
  readonly coversUser: (userUid: string) => Result<undefined, Refusal>
  /** The same for what a team gives its members: asked before somebody becomes one. */
  readonly coversTeam: (teamUid: string) => Result<undefined, Refusal>
  /** All permissions of a user, or of a team: in the tenant, in each project, and on each workspace; none that is held under conditions. */
  readonly permissionsOf: (subject: SubjectRef | TeamRef) => PermissionsByPlace
  /** The caller's own, under conditions too as far as this request meets them. */
  readonly ownPermissions: () => PermissionsByPlace
  /** Why anybody may do something or not: for people who ask, never for a decision. */
  readonly explain: (userUid: string, permission: string, on: ResourceRef) => Explanation
  readonly whoCan: (
    permission: string,
    on: ResourceRef,
    asking: { readonly isFiltered: boolean; readonly most: number },
  ) => AbleUsers
  /** What somebody holds through filters. */
  readonly filteredGrantsOf: (subject: SubjectRef | TeamRef) => readonly FilteredGrant[]
  /** What somebody holds under conditions. */
  readonly conditionalGrantsOf: (subject: SubjectRef | TeamRef) => readonly ConditionalGrant[]
  /** What would be otherwise if something were changed: for people who ask before they do it. */
  readonly simulate: (change: ProposedChange) => Simulation
  /** Until when an assignment counts, and for which requests. */
  readonly termsOf: (assignment: string) => Terms
  /** How many assignments decide in the tenant, those of resource roles one by one. */
  readonly assignments: number
  readonly epoch: bigint
}

export type PermissionsByPlace = {
  readonly tenant: readonly string[]
  readonly projects: ReadonlyMap<string, readonly string[]>
  readonly workspaces: readonly { readonly scope: WorkspaceScope; readonly permissions: readonly string[] }[]
}

/** What a proposed change would do; what is held under conditions counts as if they were met. */
export type Simulation = {
  /** Users whom it is about, in the order of their uids. */
  readonly concerned: readonly string[]
  /** Undefined for whom it changes nothing. */
  readonly differenceFor: (userUid: string) => Difference | undefined
  /** Whether somebody may do something now, and whether they could then. */
  readonly decide: (
    userUid: string,
    permission: string,
    on: ResourceRef,
  ) => { readonly before: boolean; readonly after: boolean }
}

/** An open endpoint's context: no principal, no transaction; the feature opens its own in the tenant that it finds. */
export type OpenContext<Params, Query, Body> = {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly requestId: string
  readonly clientAddress: string
  readonly userAgent: string
  readonly now: Date
}

type Common<P extends Shape, Q extends Shape, B extends Shape, R extends Shape> = {
  readonly route: Route
  readonly summary: string
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly reply: {
    readonly status: 200 | 201 | 202 | 204
    readonly body?: R
    readonly contentType?: string
    /** The body comes in pieces (`AsyncIterable`), for as long as the caller's credential and rights hold. */
    readonly streams?: true
  }
  /** Beyond the common ones (unauthenticated, forbidden, not_found, invalid, …) that the phases answer. */
  readonly refusals: readonly RefusalCode[]
  readonly maxBodyBytes?: number
  /** A stricter budget per address than the caller's general one. */
  readonly rate?: 'sign-in' | 'password-reset' | 'unauthenticated'
}

export type GuardedEndpoint<P extends Shape, Q extends Shape, B extends Shape, R extends Shape, Prepared> = Common<
  P,
  Q,
  B,
  R
> & {
  readonly permission: Exclude<PermissionRule<z.output<P>>, { open: string }>
  /** `refusals-only`: a plain read; only its refusals are recorded. */
  readonly audit: AuditEvent | 'refusals-only'
  /** Refused while the installation has this switched off, whoever asks (threat D13). */
  readonly feature?: Feature
  /** Set where a success changes who may do what: the tenant's epoch row is locked before the decision and raised after. */
  readonly changes?: 'access' | 'sessions'
  /**
   * Slow work (network, password hash) after a first decision and before the transaction that decides again. `undo` is
   * called when the transaction refused or was rolled back, and not where nobody knows whether it was; what it could not take back it
   * tells what `intend` answered, and where it throws nobody knows. `forget` is called at the end, whatever came of it.
   */
  readonly prepare?: (
    c: Omit<Context<z.output<P>, z.output<Q>, z.output<B>>, 'tx' | 'record' | 'prepared'> & { readonly intend: Intend },
  ) => Promise<
    Result<{ readonly value: Prepared; readonly undo?: () => Promise<void>; readonly forget?: () => void }, Refusal>
  >
  readonly handle: (
    c: Context<z.output<P>, z.output<Q>, z.output<B>, Prepared>,
  ) => Promise<Result<Answer<z.input<R>>, Refusal>>
}

export type OpenEndpoint<P extends Shape, Q extends Shape, B extends Shape, R extends Shape> = Common<P, Q, B, R> & {
  readonly permission: { readonly open: string }
  /** Which event the feature records itself, in the tenant that it finds. */
  readonly audit: AuditEvent | 'refusals-only'
  readonly handle: (
    c: OpenContext<z.output<P>, z.output<Q>, z.output<B>>,
  ) => Promise<Result<Answer<z.input<R>>, Refusal>>
}

/** An endpoint with its types forgotten, as the pipeline, the documentation and the tests see it. */
// The parameters of handlers are contravariant, so only `any` admits every endpoint in one list.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Endpoint = GuardedEndpoint<any, any, any, any, any> | OpenEndpoint<any, any, any, any>

/** Declares an endpoint that needs a credential. */
export function endpoint<
  P extends Shape = z.ZodUndefined,
  Q extends Shape = z.ZodUndefined,
  B extends Shape = z.ZodUndefined,
  R extends Shape = z.ZodUndefined,
  Prepared = undefined,
>(declaration: GuardedEndpoint<P, Q, B, R, Prepared>): Endpoint {
  return declaration
}

/** Declares an endpoint that is open without a credential; its reason is part of the declaration. */
export function openEndpoint<
  P extends Shape = z.ZodUndefined,
  Q extends Shape = z.ZodUndefined,
  B extends Shape = z.ZodUndefined,
  R extends Shape = z.ZodUndefined,
>(declaration: OpenEndpoint<P, Q, B, R>): Endpoint {
  return declaration
}
