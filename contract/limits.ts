/** How many objects of one kind a tenant may have, until somebody sets less. */
export const objectsPerKind = 10_000
