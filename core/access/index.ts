/** Who may do what: permissions, scopes, roles and filters as values in, a decision with its reasons out. */
export {
  type AccessRequestAct,
  type AccessRequestFacts,
  type AccessRequestRefusal,
  type AccessRequestState,
  afterAct,
} from './access-requests.ts'
export {
  type AccessChanges,
  assignmentsHeldBy,
  assignmentsOf,
  type CompiledAccess,
  compile,
  recompile,
} from './compile.ts'
export { decide } from './decide.ts'
export { decidePlain } from './decide-plain.ts'
export {
  type AbleUsers,
  type ConditionalGrant,
  conditionalGrantsOf,
  type Explanation,
  explain,
  type FilteredGrant,
  filteredGrantsOf,
  type NearMiss,
  whoCan,
} from './explain.ts'
export {
  type Coverage,
  covers,
  gainedByTags,
  gainedInProjectsByTags,
  type HeldPermissions,
  type Holding,
  holdingOf,
  holdingsOf,
  permissionsOf,
  type Reach,
  reachOf,
  sameFilter,
  settledUntil,
  workspacesOf,
} from './holdings.ts'
export { countsUntil, problemOfConditions } from './request-conditions.ts'
export { isLive, mayBeGiven, selects } from './rules.ts'
export { type ReadableMap, type SharedMap, sharedMap } from './shared-map.ts'
export {
  concerned,
  type Difference,
  differenceFor,
  type ProposedChange,
  propose,
  withoutConditions,
} from './simulate.ts'
export { numberOf, numberPattern, timeOf, timePattern } from './tag-comparison.ts'
export type {
  AccessRequest,
  Assignment,
  Decision,
  DenyCause,
  Reason,
  RequestConditions,
  RequestOrigin,
  ResourceRef,
  RoleDefinition,
  Scope,
  SubjectRef,
  TagExpression,
  TagFilter,
  TagFilterSet,
  TagOperator,
  TeamRef,
  TenantAccessFacts,
  Terms,
  UnmetCondition,
  UserStanding,
  WorkspaceScope,
} from './types.ts'
