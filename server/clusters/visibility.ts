import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import type { Reach } from '../../core/access/index.ts'
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
 * Which clusters a list may show, for the query itself: nothing that is not visible is ever counted (D12).
 *
 * With a ProjectUid header: those of that project, or a refusal where the caller may list none there, by a filter neither.
 * Without one: those of every project. (The published lists answer without a header what the tenant itself owns. Clusters
 * always belong to a project, so that would be nothing, always.)
 */
export function visibleClusters({ access, project, requestId }: Asking): Result<Reach, Refusal> {
  const reach = access.reachOf('cluster.list')
  if (project === undefined) return ok(reach)
  if (reach === 'all') return ok(new Map([[project, 'none']]))
  const filters = reach.get(project)
  if (filters !== undefined) return ok(new Map([[project, filters]]))
  return err(
    refuse('forbidden', `This needs cluster.list in project ${project} (request ${requestId})`, {
      permission: 'cluster.list',
      scope: { kind: 'project', uid: project },
    }),
  )
}
