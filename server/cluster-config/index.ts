export { type Allocated, shareOut } from './allocations.ts'
export { type Binding, type BindingPorts, mayBind, newBindings } from './bindings.ts'
export { type ClusterConfig, type ClusterConfigDeps, createClusterConfig } from './cluster-config.ts'
export type { FindCluster } from './config-routes.ts'
export { keptAmong } from './namespace-store.ts'
export { problemOfNamespace } from './namespaces.ts'
export {
  deleteRbacs,
  insertRbac,
  type Rbac,
  readRbacs,
  readRbacsOf,
  updateRbac,
  type WrittenRbac,
} from './rbac-store.ts'
export { rbacAnswer, writtenRbac } from './rbacs.ts'
export { errorsOn } from './reconciliation-store.ts'
