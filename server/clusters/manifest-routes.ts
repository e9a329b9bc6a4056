import { tooManyLabels } from '../../contract/clusters.ts'
import { refuse } from '../../contract/errors.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/clusters.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Route } from '../gateway/index.ts'
import { hasRoom } from '../settings/index.ts'
import { levelProbes } from './account.ts'
import { findCluster, load } from './found.ts'
import { recorded, yamlFor } from './import-routes.ts'
import { conversationRefusals, type Imports, storeCheck, trustRefusal, withToken } from './imports.ts'
import { countClusters, insertPending, newClusterUid, targetOf, updateToFull } from './store.ts'

/**
 * Import by manifest, as the published clients do it: a cluster is made here first; an administrator of it applies what it needs
 * (the account of an import by kubeconfig), and hands in a kubeconfig of that account, which says where it is.
 */
export function manifestEndpoints(imports: Imports): readonly Endpoint[] {
  return [
    ...wire.cloudTypes.map((cloudType) => importEndpoint(`POST /v1/spectroclusters/${cloudType}/import`, cloudType)),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/import/manifest',
      summary: 'What an administrator of the cluster applies there, for kubectl apply',
      permission: { object: 'cluster.delete', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.manifestText, contentType: 'application/octet-stream' },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        return cluster.ok ? ok({ body: yamlFor(cluster.value) }) : cluster
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/assets/manifest',
      summary: 'The manifest of the cluster’s import, as a JSON text',
      permission: { object: 'cluster.delete', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.manifestText },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        return cluster.ok ? ok({ body: yamlFor(cluster.value) }) : cluster
      },
    }),
    endpoint({
      route: 'PATCH /v1/spectroclusters/{uid}/import/upgrade',
      summary: 'Lifts a read-only import: from then on the cluster’s own bindings say what may be changed there',
      permission: { object: 'cluster.delete', find: findCluster },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cluster.import.upgraded',
      changes: 'access',
      async handle({ tx, params, now }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        const { uid, importMode, state, missing } = cluster.value
        if (importMode === 'full') return ok({ body: undefined, unchanged: true })
        // Their bindings were not in the manifest. Whether somebody made them all the same is seen at the next check.
        const view = new Set(levelProbes('read-only').map(({ group }) => group))
        const levels = levelProbes('full').filter(({ group }) => !view.has(group))
        const added = state === 'ready' ? levels.map(({ missing: level }) => level) : []
        await updateToFull(tx, uid, [...missing, ...added], now)
        return ok({ body: undefined })
      },
    }),
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/assets/kubeconfig',
      summary:
        'Says where a cluster is that was imported by manifest, by a kubeconfig of its account, which is used once',
      permission: { object: 'cluster.import', find: findCluster },
      params: uidPath,
      body: wire.kubeconfigAsset,
      reply: { status: 204 },
      refusals: [
        ...(['not_found', 'invalid', 'forbidden', 'conflict', 'cluster_not_ready', 'cluster_refuses_tokens'] as const),
        ...conversationRefusals,
      ],
      audit: 'cluster.bindings.checked',
      // A cluster becomes one that calls are let through to.
      changes: 'access',
      async prepare({ principal, params, body, access, target, now, intend }) {
        const prepared = await imports.prepareCheck({
          ...{ tenant: principal.tenant, uid: params.uid, now, intend },
          credential: { kubeconfig: body.kubeconfig, bindings: 'print' },
          isAdministrator: target !== undefined && access.allows('cluster.delete', target),
        })
        if (!prepared.ok || 'taken' in prepared.value.value) return prepared
        // Cast: what is not taken tokens is a conversation about the account.
        return withToken(prepared.value as Parameters<typeof withToken>[0])
      },
      async handle({ tx, params, access, prepared, now }) {
        const before = await load(tx, params.uid)
        if (!before.ok) return before
        const endpoint = 'taken' in prepared ? prepared.endpoint : prepared.kubeconfig.endpoint
        const distrusted = trustRefusal(before.value, endpoint, access.allows('cluster.delete', targetOf(before.value)))
        if (distrusted) return err(distrusted)
        const checked = await storeCheck(tx, prepared, before.value, now)
        return checked.ok ? ok({ body: undefined, details: recorded(checked.value, prepared) }) : checked
      },
    }),
  ]
}

function importEndpoint(route: Route, cloudType: wire.CloudType): Endpoint {
  return endpoint({
    route,
    summary: 'Makes a cluster that is to be joined by its manifest, status.clusterImport.importLink',
    permission: { project: 'cluster.import' },
    body: wire.clusterImportByManifest,
    reply: { status: 201, body: uidReply },
    refusals: ['project_required', 'cluster_name_taken', 'resource_limit', 'project_not_found', 'invalid'],
    audit: 'cluster.imported',
    async handle({ tx, project, principal, body: { metadata, spec }, now }) {
      if (project === undefined) return err(refuse('project_required'))
      if (tooManyLabels(metadata.labels)) return err(refuse('invalid', 'metadata.labels: are too many'))
      const room = await hasRoom(tx, 'spectrocluster', () => countClusters(tx))
      if (!room.ok) return room
      const uid = newClusterUid()
      const importMode = spec?.clusterConfig?.importMode === 'read-only' ? 'read-only' : 'full'
      const { name, labels } = metadata
      const annotations = clientAnnotations(metadata.annotations)
      const of = { uid, project, name, labels, annotations, cloudType, importMode, by: principal.user } as const
      const stored = await insertPending(tx, of, now)
      if (!stored.ok) return stored
      return ok({
        body: { uid },
        resource: { uid, name },
        details: { state: 'pending', cloudType, importMode, labels },
      })
    },
  })
}
