import type { z } from 'zod'
import type { TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf } from '../../contract/wire/annotations.ts'
import { wireTime } from '../../contract/wire/common.ts'
import type * as wire from '../../contract/wire/workspaces.ts'
import { type errorsOn, type Rbac, rbacAnswer } from '../cluster-config/index.ts'
import type { RequestAccess } from '../gateway/index.ts'
import { targetOf, type Workspace } from './workspace-store.ts'

export function workspaceAnswer(
  workspace: Workspace,
  rbacs: readonly Rbac[],
  onClusters: Awaited<ReturnType<typeof errorsOn>>,
  seeing: Seeing,
): z.input<typeof wire.workspace> {
  const { project, clusters, namespaces, quota } = workspace
  const errors = onClusters.filter(({ owner }) => owner.kind === 'workspace' && owner.uid === workspace.uid)
  return {
    metadata: metadataOf(workspace, seeing),
    spec: {
      clusterRefs: clusters.map(({ uid, name }) => ({ clusterUid: uid, clusterName: name })),
      clusterNamespaces: namespaces.map(({ name, namespaceResourceAllocation: allotted }) => ({
        ...{ name, isRegex: false },
        namespaceResourceAllocation: {
          clusterResourceAllocations: (allotted?.clusterResourceAllocations ?? []).flatMap((one) =>
            one.resourceAllocation ? [{ clusterUid: one.clusterUid, resourceAllocation: one.resourceAllocation }] : [],
          ),
          ...(allotted?.defaultResourceAllocation
            ? { defaultResourceAllocation: allotted.defaultResourceAllocation }
            : {}),
        },
      })),
      clusterRbacs: rbacs.map((rbac) =>
        rbacAnswer(rbac, {
          ...{ tenantUid: seeing.tx.tenant, projectUid: project },
          permissions: permissionsOn(workspace, seeing, ['workspace.get', 'workspace.update']),
          errors: errors
            .filter(({ owner }) => owner.rbac === rbac.uid)
            .map(({ msg, name, resourceType }) => ({ msg, name, resourceType })),
        }),
      ),
      quota: isQuota(quota) ? { resourceAllocation: quota } : {},
      policies: {},
    },
    status: {
      errors: errors.map(({ cluster, msg, name, resourceType }) => ({ clusterUid: cluster, msg, name, resourceType })),
    },
  }
}

/** Clients that set no quota send one of zeros, and plan a change for as long as they read that back. */
function isQuota(quota: Workspace['quota']): quota is NonNullable<Workspace['quota']> {
  return quota !== undefined && (quota.cpuCores > 0 || quota.memoryMiB > 0 || quota.gpuConfig !== undefined)
}

export function summaryAnswer(
  workspace: Workspace,
  seeing: Seeing,
): z.input<typeof wire.dashboardWorkspaces>['items'][number] {
  const { clusters, namespaces, quota } = workspace
  return {
    metadata: metadataOf(workspace, seeing),
    spec: {
      clusterRefs: clusters.map(({ uid, name }) => ({ uid, name })),
      namespaces: namespaces.map(({ name }) => name),
      quota: quota
        ? {
            resourceAllocation: {
              // What is not limited is left out there.
              ...(quota.cpuCores > 0 ? { cpu: quota.cpuCores } : {}),
              ...(quota.memoryMiB > 0 ? { memory: quota.memoryMiB } : {}),
              ...(quota.gpuConfig ? { gpuConfig: quota.gpuConfig } : {}),
            },
          }
        : {},
    },
  }
}

/** Who looks at a workspace. */
type Seeing = { readonly tx: { readonly tenant: TenantUid }; readonly access: RequestAccess }

/** What can be done to one; backups and their like nobody can do, whatever they hold. */
const onWorkspaces = [
  ...['workspace.delete', 'workspace.get', 'workspace.list', 'workspace.update'],
  'tag.update',
] as const satisfies readonly Permission[]

const permissionsOn = (workspace: Workspace, { access }: Seeing, permissions: readonly Permission[]) =>
  permissions.filter((permission) => access.allows(permission, targetOf(workspace)))

function metadataOf(workspace: Workspace, seeing: Seeing) {
  const { uid, name, project, labels, annotations, createdAt, updatedAt } = workspace
  return {
    ...{ name, uid, labels: { ...labels } },
    annotations: annotationsOf(annotations, {
      ...{ scope: 'project', tenantUid: seeing.tx.tenant, projectUid: project },
      permissions: permissionsOn(workspace, seeing, onWorkspaces),
    }),
    creationTimestamp: wireTime(createdAt),
    lastModifiedTimestamp: wireTime(updatedAt),
    deletionTimestamp: wireTime(null),
  }
}
