import { type Permission, permissions } from '../../contract/permissions.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'

type Labels = Readonly<Record<string, string>>

/**
 * What the caller could do to an object by new labels that they may not do to it now. Roles reach objects by their labels, so whoever may
 * write labels and holds such a role could give themselves more (threats D01 and D02).
 */
export const gainedByLabels = (
  { allows }: Pick<RequestAccess, 'allows'>,
  target: Target,
  { before, after }: { readonly before: Labels; readonly after: Labels },
): Permission | undefined =>
  [...permissions].find(
    (permission) => allows(permission, { ...target, tags: after }) && !allows(permission, { ...target, tags: before }),
  )
