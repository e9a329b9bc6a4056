/**
 * `metadata.annotations` carries what a client wrote and, beside it, what the server says of the object. The server's keys
 * are never taken from a client: it sends them back as it read them.
 */
const reserved: ReadonlySet<string> = new Set([
  'ownerUid',
  'permissions',
  'projectUid',
  'scope',
  'scopeVisibility',
  'tenantUid',
])

export const isReservedAnnotation = (key: string): boolean => reserved.has(key)

/** A client's annotations as they may be stored. */
export function clientAnnotations(written: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(written).filter(([key]) => !reserved.has(key)))
}

/**
 * Annotations of an answer.
 *
 * @param about `permissions`: what the caller may do to this object, as a comma list
 */
export function annotationsOf(
  stored: Readonly<Record<string, string>>,
  about: {
    readonly scope: 'system' | 'tenant' | 'project'
    readonly tenantUid?: string
    readonly projectUid?: string
    readonly permissions?: readonly string[]
  },
): Record<string, string> {
  const { permissions, ...rest } = about
  return { ...stored, ...rest, ...(permissions ? { permissions: permissions.join(',') } : {}) }
}
