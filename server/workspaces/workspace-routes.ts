import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import { nameQuery } from '../../contract/wire/clusters.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/workspaces.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Condition, mayRelabel, workspaceCondition } from '../access/index.ts'
import {
  type BindingPorts,
  type ClusterConfig,
  errorsOn,
  type FindCluster,
  insertRbac,
  mayBind,
  readRbacs,
  writtenRbac,
} from '../cluster-config/index.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { summaryAnswer, workspaceAnswer } from './answers.ts'
import { mayKeep } from './kept-elsewhere.ts'
import { checkAllocations, namedClusters, storableNamespaces } from './spec.ts'
import {
  countWorkspaces,
  deleteWorkspace,
  insertWorkspace,
  isNameTaken,
  readWorkspace,
  readWorkspaces,
  replaceClusters,
  targetOf,
  updateKept,
  updateMeta,
  type Workspace,
} from './workspace-store.ts'

export type WorkspacePorts = BindingPorts & {
  readonly findCluster: FindCluster
  readonly changed: ClusterConfig['changed']
}

/**
 * The workspace that a path names; with the header of another project it is not there. What is to be changed stays as it was
 * decided about until the change is made.
 */
export const findWorkspace =
  (to: 'read' | 'change') =>
  async ({
    tx,
    params,
    project,
  }: {
    readonly tx: Tx
    readonly params: { readonly uid: string }
    readonly project: ProjectUid | undefined
  }): Promise<Target | undefined> => {
    const found = await readWorkspace(tx, params.uid, { toChange: to === 'change' })
    return found && (project === undefined || found.project === project) ? targetOf(found) : undefined
  }

/** The same for the handler, in the same transaction; one that is only read may have been removed by a concurrent call. */
export async function load(tx: Tx, uid: string): Promise<Result<Workspace, Refusal>> {
  const workspace = await readWorkspace(tx, uid)
  return workspace ? ok(workspace) : err(refuse('not_found'))
}

/** Workspaces of projects: which clusters, which namespaces on them, with which limits. */
export function workspaceEndpoints(ports: WorkspacePorts): readonly Endpoint[] {
  const { findCluster, changed, protectedNamespaces } = ports
  return [
    endpoint({
      route: 'POST /v1/workspaces',
      summary: 'Creates a workspace in the selected project',
      permission: { project: 'workspace.create' },
      body: wire.workspaceIn,
      reply: { status: 201, body: uidReply },
      refusals: [
        ...(['project_required', 'not_found', 'workspace_name_taken', 'exceeds_own_rights'] as const),
        ...(['resource_limit', 'invalid', 'namespace_kept'] as const),
      ],
      audit: 'workspace.created',
      async handle(c) {
        const { tx, body, project, principal, now } = c
        if (project === undefined) return err(refuse('project_required'))
        const room = await hasRoom(tx, 'workspace', () => countWorkspaces(tx))
        if (!room.ok) return room
        const { metadata, spec } = body
        if (spec?.policies?.backupPolicy != null)
          return err(refuse('invalid', 'spec.policies.backupPolicy: Palisade makes no backups'))
        const namespaces = storableNamespaces(spec?.clusterNamespaces ?? [], protectedNamespaces)
        if (!namespaces.ok) return namespaces
        const refs = (spec?.clusterRefs ?? []).map(({ clusterUid }) => clusterUid)
        const clusters = await namedClusters(findCluster, c, project, refs, [])
        if (!clusters.ok) return clusters
        const uids = clusters.value.map(({ uid }) => uid)
        const quota = spec?.quota?.resourceAllocation
        const wanted = { clusters: uids, namespaces: namespaces.value, quota }
        const allocated = checkAllocations(wanted)
        if (!allocated.ok) return allocated
        const kept = await mayKeep(c, clusters.value, { after: wanted })
        if (!kept.ok) return kept
        const uid = await insertWorkspace(
          tx,
          {
            ...{ project, name: metadata.name, labels: metadata.labels, namespaces: namespaces.value, quota },
            annotations: clientAnnotations(metadata.annotations),
          },
          principal.user,
          now,
        )
        if (!uid.ok) return uid
        await replaceClusters(tx, uid.value, uids)
        for (const one of spec?.clusterRbacs ?? []) {
          const rbac = await writtenRbac(ports, tx, one)
          if (!rbac.ok) return rbac
          const covered = mayBind({ ...c, protectedNamespaces }, rbac.value.bindings, clusters.value)
          if (!covered.ok) return covered
          await insertRbac(tx, { workspace: uid.value }, rbac.value, principal.user, now)
        }
        await changed(tx, uids, now)
        return ok({
          body: { uid: uid.value },
          resource: { uid: uid.value, name: metadata.name },
          details: { clusters: uids, namespaces: namespaces.value.map(({ name }) => name) },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/workspaces/validate/name',
      summary: 'Whether the selected project has room for a workspace of this name',
      permission: { project: 'workspace.create' },
      query: nameQuery,
      reply: { status: 204 },
      refusals: ['project_required', 'workspace_name_taken'],
      audit: 'refusals-only',
      async handle({ tx, project, query }) {
        if (project === undefined) return err(refuse('project_required'))
        const taken = await isNameTaken(tx, project, query.name)
        return taken ? err(refuse('workspace_name_taken')) : ok({ body: undefined })
      },
    }),
    endpoint({
      route: 'GET /v1/dashboard/workspaces',
      summary: 'Lists the workspaces of the selected project, or all that the caller may list',
      permission: { signedIn: 'shows the workspaces on which the caller holds workspace.list' },
      reply: { status: 200, body: wire.dashboardWorkspaces },
      refusals: ['forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const visible = visibleWorkspaces(c)
        if (!visible.ok) return visible
        const found = await readWorkspaces(c.tx, visible.value)
        const items = found.map((workspace) => summaryAnswer(workspace, c))
        return ok({ body: { items, cpuUnit: 'cores', memoryUnit: 'MiB' } })
      },
    }),
    endpoint({
      route: 'GET /v1/workspaces/{uid}',
      summary: 'Reads one workspace',
      permission: { object: 'workspace.get', find: findWorkspace('read') },
      params: uidPath,
      reply: { status: 200, body: wire.workspace },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const { tx, params } = c
        const workspace = await load(tx, params.uid)
        if (!workspace.ok) return workspace
        const rbacs = await readRbacs(tx, { workspace: workspace.value.uid })
        const errors = await errorsOn(
          tx,
          workspace.value.clusters.map(({ uid }) => uid),
        )
        return ok({ body: workspaceAnswer(workspace.value, rbacs, errors, c) })
      },
    }),
    endpoint({
      route: 'GET /v1/workspaces/{uid}/backup',
      summary: 'Always refuses: no workspace has backups. Clients that ask before they go on know the code',
      permission: { object: 'workspace.get', find: findWorkspace('read') },
      params: uidPath,
      reply: { status: 200, body: z.never() },
      refusals: ['not_found', 'backup_not_configured'],
      audit: 'refusals-only',
      async handle() {
        return err(refuse('backup_not_configured', 'Backup not configured: Palisade makes no backups'))
      },
    }),
    endpoint({
      route: 'DELETE /v1/workspaces/{uid}',
      summary: 'Deletes a workspace and the roles on it; namespaces stay on the clusters, with all that is in them',
      permission: { object: 'workspace.delete', find: findWorkspace('change') },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'workspace.deleted',
      changes: 'access',
      async handle({ tx, params, now }) {
        const workspace = await load(tx, params.uid)
        if (!workspace.ok) return workspace
        const { uid, name, clusters } = workspace.value
        await deleteWorkspace(tx, uid)
        await changed(
          tx,
          clusters.map((cluster) => cluster.uid),
          now,
        )
        return ok({
          body: undefined,
          resource: { uid, name },
          details: { clusters: clusters.map((cluster) => cluster.uid) },
        })
      },
    }),
    endpoint({
      route: 'PUT /v1/workspaces/{uid}/meta',
      summary: 'Renames a workspace, or changes its labels and annotations; what is not sent stays',
      permission: { object: 'workspace.update', find: findWorkspace('change') },
      params: uidPath,
      body: wire.workspaceMeta,
      reply: { status: 204 },
      refusals: ['not_found', 'workspace_name_taken', 'invalid', 'forbidden'],
      audit: 'workspace.updated',
      async handle({ tx, params, body, access, requestId, now }) {
        const workspace = await load(tx, params.uid)
        if (!workspace.ok) return workspace
        const before = workspace.value
        const name = body.name || before.name
        const labels = body.labels ?? before.labels
        const relabel = mayRelabel(targetOf(before), labels, { permission: 'workspace.update', access, requestId })
        if (!relabel.ok) return relabel
        const annotations = body.annotations ? clientAnnotations(body.annotations) : before.annotations
        const updated = await updateMeta(tx, before.uid, { name, labels, annotations }, now)
        if (!updated.ok) return updated
        const details = name === before.name ? {} : { name: { before: before.name, after: name } }
        return ok({ body: undefined, resource: { uid: before.uid, name }, details })
      },
    }),
    endpoint({
      route: 'PUT /v1/workspaces/{uid}/clusterNamespaces',
      summary: 'Replaces the namespaces of a workspace, and its clusters and quota where they are sent',
      permission: { object: 'workspace.update', find: findWorkspace('change') },
      params: uidPath,
      body: wire.workspaceNamespacesIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights', 'namespace_kept'],
      audit: 'workspace.updated',
      async handle(c) {
        const { tx, params, body, now } = c
        const workspace = await load(tx, params.uid)
        if (!workspace.ok) return workspace
        const before = workspace.value
        const had = before.clusters.map(({ uid }) => uid as string)
        const refs = body.clusterRefs?.map(({ clusterUid }) => clusterUid) ?? had
        const clusters = await namedClusters(findCluster, c, before.project, refs, had)
        if (!clusters.ok) return clusters
        const namespaces = storableNamespaces(body.clusterNamespaces, protectedNamespaces)
        if (!namespaces.ok) return namespaces
        const quota = body.quota ? body.quota.resourceAllocation : before.quota
        const uids = clusters.value.map(({ uid }) => uid)
        const wanted = { clusters: uids, namespaces: namespaces.value, quota }
        const allocated = checkAllocations(wanted)
        if (!allocated.ok) return allocated
        const kept = await mayKeep(c, clusters.value, {
          ...{ uid: before.uid, after: wanted },
          before: { clusters: had, namespaces: before.namespaces, quota: before.quota },
        })
        if (!kept.ok) return kept
        // What is bound in the workspace is bound on a new cluster too.
        const bindings = (await readRbacs(tx, { workspace: before.uid })).flatMap((rbac) => rbac.bindings)
        const added = clusters.value.filter(({ uid }) => !had.includes(uid))
        const covered = mayBind({ ...c, protectedNamespaces }, bindings, added)
        if (!covered.ok) return covered
        await updateKept(tx, before.uid, { namespaces: namespaces.value, quota }, now)
        await replaceClusters(tx, before.uid, uids)
        await changed(tx, [...uids, ...had], now)
        return ok({
          body: undefined,
          resource: { uid: before.uid, name: before.name },
          details: {
            clusters: uids,
            namespaces: namespaces.value.map(({ name }) => name),
            ...(quota ? { quota } : {}),
          },
        })
      },
    }),
  ]
}

/** The rows that a list may show: exactly those that a get of each would allow, by roles on single workspaces too. */
function visibleWorkspaces({
  access,
  project,
  requestId,
}: {
  readonly access: RequestAccess
  readonly project: ProjectUid | undefined
  readonly requestId: string
}): Result<Condition | undefined, Refusal> {
  const reach = access.reachOf('workspace.list')
  const single = access.workspacesOf('workspace.list')
  const within = workspaceCondition(reach, single, {
    ...{ project: 'w.project_id', tags: 'w.labels', workspace: 'w.workspace_id' },
  })
  if (project === undefined) return ok(within)
  const reached = reach === 'all' || reach.has(project) || single.some((one) => one.projectUid === project)
  if (!reached)
    return err(
      refuse('forbidden', `This needs workspace.list in project ${project} (request ${requestId})`, {
        permission: 'workspace.list',
        scope: { kind: 'project', uid: project },
      }),
    )
  return ok((value) => `w.project_id = ${value(project)}${within ? ` and (${within(value)})` : ''}`)
}
