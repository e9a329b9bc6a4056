import { type Refusal, refuse } from '../../contract/errors.ts'
import { rbacIn } from '../../contract/wire/cluster-rbacs.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/workspaces.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  deleteRbacs,
  insertRbac,
  mayBind,
  newBindings,
  type Rbac,
  readRbacs,
  updateRbac,
  writtenRbac,
} from '../cluster-config/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { namedClusters } from './spec.ts'
import { findWorkspace, load, type WorkspacePorts } from './workspace-routes.ts'
import type { Workspace } from './workspace-store.ts'

/** At most in one workspace. */
const maxRbacs = 200

/** The sets of role bindings that a workspace keeps on its clusters. */
export function workspaceRbacEndpoints(ports: WorkspacePorts): readonly Endpoint[] {
  const { findCluster, changed, protectedNamespaces } = ports
  return [
    endpoint({
      route: 'POST /v1/workspaces/{uid}/clusterRbacs',
      summary: 'Adds role bindings, on all clusters of the workspace',
      permission: { object: 'workspace.update', find: findWorkspace('change') },
      params: uidPath,
      body: rbacIn,
      reply: { status: 201, body: uidReply },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights'],
      audit: 'workspace.rbac.created',
      async handle(c) {
        const { tx, params, body, principal, now } = c
        const workspace = await load(tx, params.uid)
        if (!workspace.ok) return workspace
        const owner = { workspace: workspace.value.uid }
        if ((await readRbacs(tx, owner)).length >= maxRbacs)
          return err(refuse('invalid', `A workspace has at most ${maxRbacs} sets of bindings`))
        const rbac = await writtenRbac(ports, tx, body)
        if (!rbac.ok) return rbac
        const clusters = await clustersOf(c, workspace.value)
        if (!clusters.ok) return clusters
        const covered = mayBind({ ...c, protectedNamespaces }, rbac.value.bindings, clusters.value)
        if (!covered.ok) return covered
        const uid = await insertRbac(tx, owner, rbac.value, principal.user, now)
        await changed(tx, uidsOf(workspace.value), now)
        return ok({
          body: { uid },
          resource: nameOf(workspace.value),
          details: { rbac: uid, bindings: body.spec.bindings },
        })
      },
    }),
    endpoint({
      route: 'PUT /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}',
      summary: 'Replaces role bindings of the workspace',
      permission: { object: 'workspace.update', find: findWorkspace('change') },
      params: wire.clusterRbacPath,
      body: rbacIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights'],
      audit: 'workspace.rbac.updated',
      async handle(c) {
        const { tx, params, body, now } = c
        const found = await loadRbac(tx, params)
        if (!found.ok) return found
        const { workspace, rbac: before } = found.value
        const rbac = await writtenRbac(ports, tx, body, before)
        if (!rbac.ok) return rbac
        const clusters = await clustersOf(c, workspace)
        if (!clusters.ok) return clusters
        const added = newBindings(before.bindings, rbac.value.bindings)
        const covered = mayBind({ ...c, protectedNamespaces }, added, clusters.value)
        if (!covered.ok) return covered
        await updateRbac(tx, before.uid, rbac.value, now)
        await changed(tx, uidsOf(workspace), now)
        const details = { rbac: before.uid, bindings: body.spec.bindings }
        return ok({ body: undefined, resource: nameOf(workspace), details })
      },
    }),
    endpoint({
      route: 'DELETE /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}',
      summary: 'Removes role bindings of the workspace',
      permission: { object: 'workspace.update', find: findWorkspace('change') },
      params: wire.clusterRbacPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'workspace.rbac.deleted',
      async handle({ tx, params, now }) {
        const found = await loadRbac(tx, params)
        if (!found.ok) return found
        const { workspace, rbac } = found.value
        await deleteRbacs(tx, [rbac.uid])
        await changed(tx, uidsOf(workspace), now)
        return ok({ body: undefined, resource: nameOf(workspace), details: { rbac: rbac.uid } })
      },
    }),
  ]

  function clustersOf(c: Parameters<typeof namedClusters>[1], { project, clusters }: Workspace) {
    const uids = clusters.map(({ uid }) => uid)
    return namedClusters(findCluster, c, project, uids, uids)
  }
}

const uidsOf = ({ clusters }: Workspace) => clusters.map(({ uid }) => uid)

const nameOf = ({ uid, name }: Workspace) => ({ uid, name })

async function loadRbac(
  tx: Tx,
  { uid, clusterRbacUid }: { readonly uid: string; readonly clusterRbacUid: string },
): Promise<Result<{ readonly workspace: Workspace; readonly rbac: Rbac }, Refusal>> {
  const workspace = await load(tx, uid)
  if (!workspace.ok) return workspace
  const rbac = (await readRbacs(tx, { workspace: workspace.value.uid })).find((one) => one.uid === clusterRbacUid)
  return rbac ? ok({ workspace: workspace.value, rbac }) : err(refuse('not_found'))
}
