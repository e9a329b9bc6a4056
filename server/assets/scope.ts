import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid, TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf } from '../../contract/wire/annotations.ts'
import { wireTime } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Condition, reachCondition } from '../access/index.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import { administration } from '../settings/index.ts'

/**
 * Objects that belong to the tenant or to one project of it. The tenant's are seen in its projects, and changed by whoever may
 * do that in the tenant; a project's are in that project alone.
 */
export type Scoped = {
  readonly uid: string
  readonly name: string
  /** Undefined: the tenant's own. */
  readonly project: ProjectUid | undefined
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Such an object as what is decided about.
 *
 * @param selected from the ProjectUid header. With it, objects of other projects are not there, and one of the tenant's is
 *   looked at in that project, so that whoever may read such objects there reads it.
 */
export function targetIn(
  kind: string,
  found: Scoped | undefined,
  { selected, to }: { readonly selected: ProjectUid | undefined; readonly to: 'read' | 'change' },
): Target | undefined {
  if (!found) return undefined
  const { project } = found
  if (project !== undefined && selected !== undefined && project !== selected) return undefined
  const decidedIn = project ?? (to === 'read' ? selected : undefined)
  return { ...targetOf(kind, found), scope: scopeOf(decidedIn) }
}

/** Such an object where it is, whatever was selected. */
export const targetOf = (
  kind: string,
  { uid, name, labels: tags, project }: Scoped,
): Target & Pick<Scoped, 'name'> => ({
  ...{ kind, uid, name, tags, scope: scopeOf(project) },
})

export const scopeOf = (project: ProjectUid | undefined): Target['scope'] =>
  project === undefined ? { kind: 'tenant' } : { kind: 'project', projectUid: project }

/**
 * The rows that a list may show, as a condition over `project_id` and `labels`: exactly those that `targetIn` and the
 * decision would let somebody read one by one. Nothing for all of them.
 */
export function visibleRows(
  permission: Permission,
  asking: {
    readonly access: RequestAccess
    readonly project: ProjectUid | undefined
    readonly requestId: string
  },
): Result<Condition | undefined, Refusal> {
  const { access, project, requestId } = asking
  const reach = access.reachOf(permission)
  if (project === undefined) return ok(reachCondition(reach, { project: 'project_id', tags: 'labels' }))
  const filters = reach === 'all' ? 'none' : reach.get(project)
  if (filters === undefined)
    return err(
      refuse('forbidden', `This needs ${permission} in project ${project} (request ${requestId})`, {
        permission,
        scope: { kind: 'project', uid: project },
      }),
    )
  return ok((value) => {
    const column = `coalesce(project_id, ${value(project)}::text)`
    return reachCondition(new Map([[project, filters]]), { project: column, tags: 'labels' })?.(value) ?? 'true'
  })
}

/**
 * Whose a new object is. Clients write it down as an annotation, and send the header of a project for the tenant's too.
 *
 * @param scope as it was written; empty or absent: as the header says
 * @param permission that a creation needs
 */
export function placeOf(
  scope: string | undefined,
  permission: Permission,
  at: { readonly selected: ProjectUid | undefined; readonly access: RequestAccess; readonly requestId: string },
): Result<{ readonly project: ProjectUid | undefined }, Refusal> {
  const { selected } = at
  switch (scope) {
    case undefined:
    case '':
      return ok({ project: selected })
    case 'project':
      return selected ? ok({ project: selected }) : err(refuse('project_required'))
    case 'tenant': {
      // What was decided so far may have been about the project alone.
      const may = mayIn(undefined, permission, at)
      return may.ok ? ok({ project: undefined }) : may
    }
    default:
      return err(refuse('invalid', 'metadata.annotations.scope: must be tenant or project'))
  }
}

/** Refuses who does not hold a permission in the tenant, or in one project. */
export function mayIn(
  project: ProjectUid | undefined,
  permission: Permission,
  { access, requestId }: { readonly access: RequestAccess; readonly requestId: string },
): Result<undefined, Refusal> {
  if (access.allows(permission, scopeOf(project))) return ok(undefined)
  const where = project === undefined ? 'the tenant' : `project ${project}`
  return err(
    refuse('forbidden', `This needs ${permission} in ${where} (request ${requestId})`, {
      permission,
      scope: project === undefined ? { kind: 'tenant' } : { kind: 'project', uid: project },
    }),
  )
}

/** Who looks at an object, and in which project. */
export type Seeing = {
  readonly tx: { readonly tenant: TenantUid }
  readonly access: RequestAccess
  readonly project: ProjectUid | undefined
}

const readsAndWrites = <Key extends 'cloudaccount' | 'clusterProfile' | 'edgeToken' | 'sshKey'>(key: Key) =>
  [`${key}.delete`, `${key}.get`, `${key}.list`, `${key}.update`] as const

/** What can be done to objects of a kind, by the permissions that it takes. */
const onObjects = {
  cloudaccount: [...readsAndWrites('cloudaccount'), 'tag.update'],
  clusterProfile: [...readsAndWrites('clusterProfile'), 'clusterProfile.publish', 'tag.update'],
  edgeToken: readsAndWrites('edgeToken'),
  sshKey: [...readsAndWrites('sshKey'), 'tag.update'],
  // The catalogue has no key for them: what a tenant sets is for its administrators.
  certificate: [...administration, 'user.list'],
} as const satisfies Record<string, readonly Permission[]>

/** What the caller may do to an object: where it is, but for reading one of the tenant's in the selected project. */
function permissionsOn(kind: keyof typeof onObjects, found: Scoped, { access, project: selected }: Seeing) {
  return onObjects[kind].filter((permission) => {
    const to = /\.(?:get|list)$/.test(permission) ? 'read' : 'change'
    const target = targetIn(kind, found, { selected, to })
    return target !== undefined && access.allows(permission, target)
  })
}

/** `metadata` of an answer. */
export function metadataAnswer(
  kind: keyof typeof onObjects,
  found: Scoped & {
    readonly annotations: Readonly<Record<string, string>>
    readonly createdAt: Date
    readonly updatedAt: Date
  },
  seeing: Seeing,
) {
  const { uid, name, project, labels, annotations, createdAt, updatedAt } = found
  const tenantUid = seeing.tx.tenant
  const permissions = permissionsOn(kind, found, seeing)
  return {
    name,
    uid,
    labels: { ...labels },
    annotations: annotationsOf(
      annotations,
      project === undefined
        ? { scope: 'tenant', tenantUid, permissions }
        : { scope: 'project', tenantUid, projectUid: project, permissions },
    ),
    creationTimestamp: wireTime(createdAt),
    lastModifiedTimestamp: wireTime(updatedAt),
    deletionTimestamp: wireTime(null),
  }
}
