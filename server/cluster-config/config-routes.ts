import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ClusterUid } from '../../contract/ids.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/cluster-config.ts'
import { rbacIn, rbac as rbacShape } from '../../contract/wire/cluster-rbacs.ts'
import { uidPath, wireTime } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { ConfigError } from './apply.ts'
import { type BindingPorts, mayBind, newBindings } from './bindings.ts'
import { type KeptNamespace, readNamespaces, replaceNamespaces, type WrittenNamespace } from './namespace-store.ts'
import { problemOfNamespace } from './namespaces.ts'
import { deleteRbacs, insertRbac, type Rbac, readRbacs, updateRbac, type WrittenRbac } from './rbac-store.ts'
import { rbacAnswer, writtenRbac } from './rbacs.ts'
import { errorsOn } from './reconciliation-store.ts'

export type FindCluster = (c: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
}) => Promise<Target | undefined>

export type ConfigPorts = BindingPorts & {
  readonly findCluster: FindCluster
  /** Says that something else is wanted on clusters from the commit on. */
  readonly changed: (tx: Tx, clusters: readonly string[], now: Date) => Promise<void>
}

/** The role bindings and namespaces that are kept on one cluster. */
export function configEndpoints(ports: ConfigPorts): readonly Endpoint[] {
  const { findCluster, changed, protectedNamespaces } = ports
  return [
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/config/rbacs',
      summary: 'Lists the role bindings that are kept on a cluster; those of workspaces are with the workspaces',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.rbacList },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const rbacs = await readRbacs(c.tx, { cluster: c.params.uid })
        return ok({ body: { items: await rbacAnswers(c, rbacs) } })
      },
    }),
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/config/rbacs',
      summary: 'Replaces the role bindings that are kept on a cluster; a set that is named by its uid stays that set',
      permission: { object: 'cluster.update', find: findCluster },
      params: uidPath,
      body: wire.rbacsIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights'],
      audit: 'cluster.rbac.updated',
      async handle(c) {
        const { tx, params, body, target, principal, now } = c
        if (!target) return err(refuse('not_found'))
        const before = await readRbacs(tx, { cluster: params.uid })
        const left = new Set(before)
        const written: { readonly uid: Rbac['uid'] | undefined; readonly rbac: WrittenRbac }[] = []
        for (const one of body.rbacs) {
          const same = [...left].find((rbac) =>
            one.metadata?.uid ? rbac.uid === one.metadata.uid : one.metadata?.name && rbac.name === one.metadata.name,
          )
          if (same) left.delete(same)
          const rbac = await writtenRbac(ports, tx, one, same)
          if (!rbac.ok) return rbac
          written.push({ uid: same?.uid, rbac: rbac.value })
        }
        const added = newBindings(
          before.flatMap((rbac) => rbac.bindings),
          written.flatMap(({ rbac }) => rbac.bindings),
        )
        const covered = mayBind({ ...c, protectedNamespaces }, added, [target])
        if (!covered.ok) return covered
        await deleteRbacs(
          tx,
          [...left].map(({ uid }) => uid),
        )
        for (const { uid, rbac } of written)
          if (uid) await updateRbac(tx, uid, rbac, now)
          else await insertRbac(tx, { cluster: params.uid }, rbac, principal.user, now)
        await changed(tx, [params.uid], now)
        return ok({ body: undefined, details: { bindings: body.rbacs.flatMap(({ spec }) => spec.bindings) } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}',
      summary: 'Reads one set of role bindings that is kept on a cluster',
      permission: { object: 'cluster.get', find: findCluster },
      params: wire.rbacPath,
      reply: { status: 200, body: rbacShape },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const rbac = await loadRbac(c.tx, c.params)
        if (!rbac.ok) return rbac
        const [body] = await rbacAnswers(c, [rbac.value])
        return body ? ok({ body }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}',
      summary: 'Replaces one set of role bindings that is kept on a cluster',
      permission: { object: 'cluster.update', find: findCluster },
      params: wire.rbacPath,
      body: rbacIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights'],
      audit: 'cluster.rbac.updated',
      async handle(c) {
        const { tx, params, body, target, now } = c
        const before = await loadRbac(tx, params)
        if (!before.ok || !target) return before.ok ? err(refuse('not_found')) : before
        const rbac = await writtenRbac(ports, tx, body, before.value)
        if (!rbac.ok) return rbac
        const added = newBindings(before.value.bindings, rbac.value.bindings)
        const covered = mayBind({ ...c, protectedNamespaces }, added, [target])
        if (!covered.ok) return covered
        await updateRbac(tx, before.value.uid, rbac.value, now)
        await changed(tx, [params.uid], now)
        return ok({ body: undefined, details: { rbac: before.value.uid, bindings: body.spec.bindings } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/config/namespaces',
      summary: 'Lists the namespaces that are kept on a cluster; those of workspaces are with the workspaces',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.namespaceList },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const items = await namespaceAnswers(c, await readNamespaces(c.tx, ClusterUid.parse(c.params.uid)))
        return ok({ body: { items } })
      },
    }),
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/config/namespaces',
      summary:
        'Replaces the namespaces that are kept on a cluster; one that is left out stays there, without our limits',
      permission: { object: 'cluster.update', find: findCluster },
      params: uidPath,
      body: wire.namespacesIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid'],
      audit: 'cluster.namespaces.updated',
      async handle({ tx, params, body, now }) {
        const cluster = ClusterUid.parse(params.uid)
        const before = await readNamespaces(tx, cluster)
        const written: WrittenNamespace[] = []
        for (const one of body.namespaces) {
          const same = before.find(({ name }) => name === one.metadata.name)
          const namespace = writtenNamespace(one, same)
          if (!namespace.ok) return namespace
          if (written.some(({ name }) => name === namespace.value.name))
            return err(refuse('invalid', `namespaces: "${namespace.value.name}" stands twice`))
          written.push(namespace.value)
        }
        await replaceNamespaces(tx, cluster, written, now)
        await changed(tx, [cluster], now)
        return ok({ body: undefined, details: { namespaces: written.map(({ name }) => name) } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/config/namespaces/{namespaceUid}',
      summary: 'Reads one namespace that is kept on a cluster',
      permission: { object: 'cluster.get', find: findCluster },
      params: wire.namespacePath,
      reply: { status: 200, body: wire.namespace },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const all = await readNamespaces(c.tx, ClusterUid.parse(c.params.uid))
        const found = all.filter(({ uid }) => uid === c.params.namespaceUid)
        const [body] = await namespaceAnswers(c, found)
        return body ? ok({ body }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/config/namespaces/{namespaceUid}',
      summary: 'Changes the limits of one namespace that is kept on a cluster; its name stays',
      permission: { object: 'cluster.update', find: findCluster },
      params: wire.namespacePath,
      body: wire.namespaceIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid'],
      audit: 'cluster.namespaces.updated',
      async handle({ tx, params, body, now }) {
        const cluster = ClusterUid.parse(params.uid)
        const before = await readNamespaces(tx, cluster)
        const found = before.find(({ uid }) => uid === params.namespaceUid)
        if (!found) return err(refuse('not_found'))
        if (body.metadata.name !== found.name)
          return err(refuse('invalid', `metadata.name: is "${found.name}" and stays so; namespaces are not renamed`))
        const namespace = writtenNamespace(body, found)
        if (!namespace.ok) return namespace
        const after = before.map((one) => (one === found ? namespace.value : one))
        await replaceNamespaces(tx, cluster, after, now)
        await changed(tx, [cluster], now)
        return ok({ body: undefined, details: { namespaces: [found.name] } })
      },
    }),
  ]

  function writtenNamespace(
    { metadata, spec }: z.output<typeof wire.namespaceIn>,
    before: KeptNamespace | undefined,
  ): Result<WrittenNamespace, Refusal> {
    const { name } = metadata
    const problem = spec?.isRegex
      ? 'is a pattern: Palisade sets nothing in namespaces that it did not make, so name each one'
      : problemOfNamespace(name, protectedNamespaces)
    if (problem) return err(refuse('invalid', `namespaces: "${name}" ${problem}`))
    return ok({
      name,
      labels: metadata.labels ?? before?.labels ?? {},
      annotations: metadata.annotations ? clientAnnotations(metadata.annotations) : (before?.annotations ?? {}),
      allocation: spec?.resourceAllocation,
    })
  }
}

async function loadRbac(
  tx: Tx,
  { uid, rbacUid }: { readonly uid: string; readonly rbacUid: string },
): Promise<Result<Rbac, Refusal>> {
  const found = (await readRbacs(tx, { cluster: uid })).find((one) => one.uid === rbacUid)
  return found ? ok(found) : err(refuse('not_found'))
}

/** Who looks at what is kept on which cluster. */
type Seeing = {
  readonly tx: Tx
  readonly params: { readonly uid: string }
  readonly target: Target | undefined
  readonly access: RequestAccess
}

/** What an answer says of where something is, and of what the caller may do to it, which is what they may do to the cluster. */
const placeIn = ({ tx, target, access }: Seeing) => ({
  tenantUid: tx.tenant,
  projectUid: target && 'projectUid' in target.scope ? target.scope.projectUid : '',
  permissions: (['cluster.get', 'cluster.update'] as const).filter(
    (permission) => target !== undefined && access.allows(permission, target),
  ),
})

export const errorAnswer = ({ msg, name, resourceType }: ConfigError) => ({ msg, name, resourceType })

async function rbacAnswers(seeing: Seeing, rbacs: readonly Rbac[]) {
  const errors = await errorsOn(seeing.tx, [seeing.params.uid])
  return rbacs.map((rbac) =>
    rbacAnswer(rbac, {
      ...placeIn(seeing),
      errors: errors.filter(({ owner }) => owner.kind === 'rbac' && owner.uid === rbac.uid).map(errorAnswer),
    }),
  )
}

async function namespaceAnswers(
  seeing: Seeing,
  namespaces: readonly KeptNamespace[],
): Promise<z.input<typeof wire.namespace>[]> {
  const errors = await errorsOn(seeing.tx, [seeing.params.uid])
  return namespaces.map(({ uid, name, labels, annotations, allocation, createdAt, updatedAt }) => ({
    metadata: {
      ...{ name, uid, labels: { ...labels } },
      annotations: annotationsOf(annotations, { scope: 'project', ...placeIn(seeing) }),
      creationTimestamp: wireTime(createdAt),
      lastModifiedTimestamp: wireTime(updatedAt),
      deletionTimestamp: wireTime(null),
    },
    spec: {
      isRegex: false,
      resourceAllocation: {
        // What is not limited is left out there.
        ...(allocation && allocation.cpuCores > 0 ? { cpuCores: allocation.cpuCores } : {}),
        ...(allocation && allocation.memoryMiB > 0 ? { memoryMiB: allocation.memoryMiB } : {}),
        ...(allocation?.gpuConfig ? { gpuConfig: allocation.gpuConfig } : {}),
      },
    },
    status: { errors: errors.filter(({ owner }) => owner.kind === 'namespace' && owner.uid === uid).map(errorAnswer) },
  }))
}
