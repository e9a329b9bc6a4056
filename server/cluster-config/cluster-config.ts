import type { Endpoint } from '../gateway/index.ts'
import { type ConfigPorts, configEndpoints } from './config-routes.ts'
import { liveNamespaceEndpoint } from './live-namespaces.ts'
import { createReconciler, type Reconciler, type ReconcilerDeps } from './reconciler.ts'
import { wantAnew } from './reconciliation-store.ts'

export type ClusterConfigDeps = Omit<ConfigPorts, 'changed'> & ReconcilerDeps

export type ClusterConfig = Pick<Reconciler, 'start' | 'stop' | 'reconcileDue'> & {
  readonly endpoints: readonly Endpoint[]
  /** For those who want something on clusters: it is different from the commit on. */
  readonly changed: ConfigPorts['changed']
}

/** Namespaces, limits and role bindings that are kept on clusters: for single clusters here, for workspaces by them. */
export function createClusterConfig(deps: ClusterConfigDeps): ClusterConfig {
  const reconciler = createReconciler(deps)
  const changed: ConfigPorts['changed'] = async (tx, clusters, now) => {
    await wantAnew(tx, clusters, now)
    tx.afterCommit(() => reconciler.wake())
  }
  return {
    endpoints: [...configEndpoints({ ...deps, changed }), liveNamespaceEndpoint(deps)],
    changed,
    start: reconciler.start,
    stop: reconciler.stop,
    reconcileDue: reconciler.reconcileDue,
  }
}
