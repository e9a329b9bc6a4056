/** How many objects of one kind a tenant may have, until somebody sets less. */
export const objectsPerKind = 10_000

/** Registered clients of the issuer in all tenants together, counted by the database's own estimate. */
export const oidcClientsInAll = 100_000

/** How many macros a tenant itself may have, and each of its projects: the default of the published API. */
export const macrosPerScope = 200
