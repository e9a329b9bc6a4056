export { type Access, createAccess } from './access.ts'
export {
  type AssignedRole,
  describeChange,
  firstUnknown,
  type Giver,
  heldByTeams,
  heldIn,
  inheritedStandingRoles,
  insertAssignments,
  type Place,
  type RoleChange,
  replaceProjectMembers,
  replaceProjectRoles,
  replaceTenantRoles,
  type Subject,
  standingRolesIn,
  standingRolesOf,
  standingRolesOfTeams,
  standingRolesOfUsers,
} from './assignments.ts'
export { soundConditions } from './conditions.ts'
export type { ChangeKind } from './epochs.ts'
export { type ExplainPorts, explainEndpoints } from './explain-routes.ts'
export type { TenantState, UserFacts, UserState } from './facts-store.ts'
export { newCallsStaleMs, openStreamsStaleMs } from './feed.ts'
export { canBeEvaluated } from './filter-routes.ts'
export type { EndReason, LiveCall, LiveCalls, Registration } from './live-calls.ts'
export {
  type Condition,
  filterCondition,
  reachCondition,
  workspaceCondition,
} from './reach-sql.ts'
export { mayRelabel } from './relabel.ts'
export { requestAccess } from './request-access.ts'
export { deleteResourceRolesWithoutProject } from './resource-role-store.ts'
export {
  changeResourceRole,
  describeResourceRoles,
  giveResourceRole,
  takeResourceRole,
} from './resource-roles.ts'
export { roleNames } from './role-store.ts'
export { accessEndpoints } from './routes.ts'
export { type SimulatePorts, simulateEndpoints } from './simulate-routes.ts'
export type { Snapshot } from './snapshot.ts'
export {
  type AssignmentsOf,
  changeTerms,
  findHeld,
  giveUntil,
  listAssignments,
  mayAssign,
  mayNotAssign,
  readAssignment,
  removeAssignment,
  roleToGive,
  type StoredAssignment,
} from './timed-assignments.ts'
export { type HeldWorkspaceRole, inheritedWorkspaceRoles, workspaceRolesOf } from './workspace-role-store.ts'
export { describeWorkspaceRoles, setWorkspaceRoles } from './workspace-roles.ts'
