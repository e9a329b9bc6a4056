import { type Permission, permissions } from '../../contract/permissions.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'

type Labels = Readonly<Record<string, string>>

/**
 * What the caller could do to an object by new labels that they may not do to it now, or now only for a time or under conditions. Roles
 * reach objects by their labels, so whoever may write labels and holds such a role could give themselves more (threats D01 and D02).
 *
 * @param kinds what rights on the object begin with; of a cluster all may matter
 */
export const gainedByLabels = (
  access: Pick<RequestAccess, 'gainedByLabels'>,
  target: Target,
  {
    before,
    after,
    kinds,
  }: { readonly before: Labels; readonly after: Labels; readonly kinds: readonly string[] | 'all' },
): Permission | undefined => {
  const gained = access.gainedByLabels(target, { before, after })
  return [...permissions].find(
    (permission) => gained.has(permission) && (kinds === 'all' || kinds.includes(permission.split('.')[0] ?? '')),
  )
}
