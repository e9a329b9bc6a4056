export { type Access, createAccess } from './access.ts'
export {
  type AssignedRole,
  assignmentsIn,
  assignmentsOf,
  assignmentsOfTeams,
  assignmentsOfUsers,
  describeChange,
  firstUnknown,
  type Giver,
  inheritedAssignments,
  insertAssignments,
  type Place,
  type RoleChange,
  replaceProjectMembers,
  replaceProjectRoles,
  replaceTenantRoles,
  roleName,
  type Subject,
} from './assignments.ts'
export type { ChangeKind } from './epochs.ts'
export { newCallsStaleMs, openStreamsStaleMs } from './feed.ts'
export type { EndReason, LiveCall, LiveCalls, Registration } from './live-calls.ts'
export { requestAccess } from './request-access.ts'
export { accessEndpoints, predefinedRoleByUid } from './routes.ts'
export type { Snapshot, TenantState, UserFacts, UserState } from './snapshot.ts'
