import { type Refusal, refuse } from '../../contract/errors.ts'
import { type Permission, permissions } from '../../contract/permissions.ts'
import type { Scope } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'

type Labels = Readonly<Record<string, string>>

/**
 * Refuses to change an object's labels without `tag.update` and the right to change it, each as the object is and as it would be:
 * roles reach objects by their labels, and nobody moves one out of, or into, what a filter lets them change. Nor may they do more to
 * it then than now, or more than now only on conditions: whoever may write labels could give themselves more (threats D01 and D02).
 *
 * @param target as it is now, with its labels as `tags`; a change that leaves them as they are is never refused
 * @param asking `permission` is the one that the change itself needs; `kinds`: what rights on the object begin with, where that
 *   is not what `permission` begins with. Of a cluster all may matter.
 */
export function mayRelabel(
  target: Target,
  after: Labels,
  asking: {
    readonly permission: Permission
    readonly access: Pick<RequestAccess, 'allows' | 'allowsForGood'>
    readonly requestId: string
    readonly kinds?: 'all'
  },
): Result<undefined, Refusal> {
  const { permission, access, requestId, kinds = [permission.split('.')[0] ?? '', 'tag'] } = asking
  const before = target.tags ?? {}
  if (!isChanged(before, after)) return ok(undefined)
  const { inWords, scope } = placeOf(target.scope)
  const refused = (needed: Permission, message: string) =>
    err(refuse('forbidden', `${message} (request ${requestId})`, { permission: needed, scope }))
  for (const needed of ['tag.update', permission] as const) {
    if (!access.allows(needed, target)) return refused(needed, `Changing labels needs ${needed} ${inWords}`)
    if (!access.allows(needed, { ...target, tags: after }))
      return refused(needed, `With these labels this needs ${needed} ${inWords}`)
  }
  const gained = gainedByLabels(access, target, { after, kinds })
  return gained === undefined
    ? ok(undefined)
    : refused(gained, `With these labels you could use ${gained} on it, which you may not now`)
}

const isChanged = (before: Labels, after: Labels): boolean =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].some((key) => before[key] !== after[key])

const gainedByLabels = (
  { allowsForGood }: Pick<RequestAccess, 'allowsForGood'>,
  target: Target,
  { after, kinds }: { readonly after: Labels; readonly kinds: readonly string[] | 'all' },
): Permission | undefined =>
  [...permissions].find(
    (permission) =>
      (kinds === 'all' || kinds.includes(permission.split('.')[0] ?? '')) &&
      allowsForGood(permission, { ...target, tags: after }) &&
      !allowsForGood(permission, target),
  )

/** In words, and as the refusal's details have it. */
function placeOf(scope: Scope): { readonly inWords: string; readonly scope: Readonly<Record<string, string>> } {
  const { kind } = scope
  if (kind === 'workspace')
    return { inWords: `on workspace ${scope.workspaceUid}`, scope: { kind, uid: scope.workspaceUid } }
  if (kind === 'project') return { inWords: `in project ${scope.projectUid}`, scope: { kind, uid: scope.projectUid } }
  return { inWords: `in the ${kind}`, scope: { kind } }
}
