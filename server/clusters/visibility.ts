import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Principal, RequestAccess } from '../gateway/index.ts'

/** What a list needs of its request. */
export type Asking = {
  readonly access: RequestAccess
  readonly principal: Principal
  readonly project: ProjectUid | undefined
  readonly requestId: string
}

/**
 * The projects whose clusters a list may show, for the query itself: nothing that is not visible is ever counted (D12).
 *
 * With a ProjectUid header: that project, or a refusal. Without one: every project in which the caller may list clusters.
 * (The published lists answer without a header what the tenant itself owns. Clusters always belong to a project, so that
 * would be nothing, always.)
 */
export function visibleProjects({
  access,
  principal,
  project,
  requestId,
}: Asking): Result<'all' | readonly string[], Refusal> {
  if (project !== undefined) {
    if (access.allows('cluster.list', { kind: 'project', projectUid: project })) return ok([project])
    return err(
      refuse('forbidden', `This needs cluster.list in project ${project} (request ${requestId})`, {
        permission: 'cluster.list',
        scope: { kind: 'project', uid: project },
      }),
    )
  }
  if (access.allows('cluster.list', { kind: 'tenant' })) return ok('all')
  const { projects } = access.permissionsOf(principal.user)
  return ok([...projects].filter(([, held]) => held.includes('cluster.list')).map(([uid]) => uid))
}
