/** How many objects of one kind a tenant may have, until somebody sets less. */
export const objectsPerKind = 10_000

/** Registered clients of the issuer in all tenants together, counted by the database's own estimate. */
export const oidcClientsInAll = 100_000

/** Of one resource role its projects times its roles: so many assignments it is to who decides. */
export const assignmentsPerResourceRole = 1_000

/** The same of all resource roles of a tenant: a few bytes of a request make a thousand assignments that are kept in memory. */
export const assignmentsOfResourceRoles = 100_000

/** Roles without filters that one user or team may hold, in the tenant, in projects and on workspaces together. */
export const assignmentsPerSubject = 100_000

/** The same of all users and teams of a tenant: as many as decisions are measured with. */
export const assignmentsPerTenant = 1_000_000

/** How many grants one answer names for one person and permission. */
export const grantsShown = 100

/** How many macros a tenant itself may have, and each of its projects: the default of the published API. */
export const macrosPerScope = 200
