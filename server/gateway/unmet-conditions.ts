import { conditionsInWords } from '../../contract/conditions-in-words.ts'
import type { ResourceRef } from '../../core/access/index.ts'
import type { RequestAccess } from './endpoint.ts'
import type { Principal } from './principal.ts'

/** For who is refused what they hold under conditions that this request does not meet: those of the first such role. */
export function unmetConditions(
  access: Pick<RequestAccess, 'conditionalGrantsOf' | 'explain' | 'termsOf'>,
  { user }: Pick<Principal, 'user'>,
  permission: string,
  on: ResourceRef,
): { readonly inWords: string; readonly unmet: readonly string[] } | undefined {
  // Most hold nothing so, and an explanation looks at every role of the tenant.
  if (access.conditionalGrantsOf({ userUid: user }).length === 0) return undefined
  const miss = access.explain(user, permission, on).near.find(({ why }) => why === 'condition')
  if (miss === undefined) return undefined
  const words = conditionsInWords(access.termsOf(miss.reason.assignment).conditions ?? {})
  return { inWords: `; you hold it by ${miss.reason.roleName} under conditions alone: ${words}`, unmet: miss.unmet }
}
