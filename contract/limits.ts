/** How many objects of one kind a tenant may have, until somebody sets less. */
export const objectsPerKind = 10_000

/** Registered clients of the issuer in all tenants together, counted by the database's own estimate. */
export const oidcClientsInAll = 100_000
