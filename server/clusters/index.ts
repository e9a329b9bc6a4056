export { type Clusters, type ClustersDeps, createClusters } from './clusters.ts'
export type { ClusterEndpoint, ServerAddress } from './kubeconfig.ts'
export type { CheckDestination } from './kubernetes-client.ts'
export type { ClusterRecord } from './records.ts'
