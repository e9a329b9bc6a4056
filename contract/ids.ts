import { z } from 'zod'

/** A UID as it stands on the wire: 24 lower-case hex digits, from 96 random bits. */
const uid = z.string().regex(/^[0-9a-f]{24}$/, 'must be 24 lower-case hex digits')

const tenantUid = /^(?:[0-9a-f]{24}|system)$/

export const TenantUid = z.union([uid, z.literal('system')]).brand<'TenantUid'>()
export const UserUid = uid.brand<'UserUid'>()
export const TeamUid = uid.brand<'TeamUid'>()
export const ProjectUid = uid.brand<'ProjectUid'>()
export const RoleUid = uid.brand<'RoleUid'>()
export const ClusterUid = uid.brand<'ClusterUid'>()
export const SessionUid = uid.brand<'SessionUid'>()
export const CanvasSessionUid = uid.brand<'CanvasSessionUid'>()
export const ApiKeyUid = uid.brand<'ApiKeyUid'>()
export const LinkUid = uid.brand<'LinkUid'>()
export const FilterUid = uid.brand<'FilterUid'>()
export const ResourceRoleUid = uid.brand<'ResourceRoleUid'>()
export const AssignmentUid = uid.brand<'AssignmentUid'>()
export const AccessRequestUid = uid.brand<'AccessRequestUid'>()
export const EntryUid = uid.brand<'EntryUid'>()
export const SshKeyUid = uid.brand<'SshKeyUid'>()
export const MacroUid = uid.brand<'MacroUid'>()
export const EdgeTokenUid = uid.brand<'EdgeTokenUid'>()
export const CloudAccountUid = uid.brand<'CloudAccountUid'>()
export const ClusterProfileUid = uid.brand<'ClusterProfileUid'>()
export const WorkspaceUid = uid.brand<'WorkspaceUid'>()
export const CertificateUid = uid.brand<'CertificateUid'>()
export const RbacUid = uid.brand<'RbacUid'>()
export const NamespaceUid = uid.brand<'NamespaceUid'>()

export type CertificateUid = z.infer<typeof CertificateUid>
export type TenantUid = z.infer<typeof TenantUid>
export type UserUid = z.infer<typeof UserUid>
export type TeamUid = z.infer<typeof TeamUid>
export type ProjectUid = z.infer<typeof ProjectUid>
export type RoleUid = z.infer<typeof RoleUid>
export type ClusterUid = z.infer<typeof ClusterUid>
export type SessionUid = z.infer<typeof SessionUid>
export type CanvasSessionUid = z.infer<typeof CanvasSessionUid>
export type ApiKeyUid = z.infer<typeof ApiKeyUid>
export type LinkUid = z.infer<typeof LinkUid>
export type FilterUid = z.infer<typeof FilterUid>
export type ResourceRoleUid = z.infer<typeof ResourceRoleUid>
export type AssignmentUid = z.infer<typeof AssignmentUid>
export type AccessRequestUid = z.infer<typeof AccessRequestUid>
export type EntryUid = z.infer<typeof EntryUid>
export type SshKeyUid = z.infer<typeof SshKeyUid>
export type MacroUid = z.infer<typeof MacroUid>
export type EdgeTokenUid = z.infer<typeof EdgeTokenUid>
export type CloudAccountUid = z.infer<typeof CloudAccountUid>
export type ClusterProfileUid = z.infer<typeof ClusterProfileUid>
export type WorkspaceUid = z.infer<typeof WorkspaceUid>
export type RbacUid = z.infer<typeof RbacUid>
export type NamespaceUid = z.infer<typeof NamespaceUid>

/** The same as parsing with `TenantUid`, for what is asked several times a request. */
export const isTenantUid = (text: string): text is TenantUid => tenantUid.test(text)

/** The tenant of the system administrators: its own users, sessions and audit log, never a tenant's data. */
export const systemTenant = TenantUid.parse('system')
