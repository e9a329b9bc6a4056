import type { Endpoint } from '../gateway/index.ts'
import { workspaceRbacEndpoints } from './rbac-routes.ts'
import { type WorkspacePorts, workspaceEndpoints } from './workspace-routes.ts'

export type Workspaces = { readonly endpoints: readonly Endpoint[] }

/** Namespaces and role bindings on several clusters of one project, kept together. */
export function createWorkspaces(ports: WorkspacePorts): Workspaces {
  return { endpoints: [...workspaceEndpoints(ports), ...workspaceRbacEndpoints(ports)] }
}
