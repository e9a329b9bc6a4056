import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Cluster, readCluster, targetOf } from './store.ts'

/** The cluster that a path names, as what is decided about; an unknown or foreign one finds none, nor does one of another project. */
export async function findCluster({
  tx,
  params,
  project,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
  /** From the ProjectUid header; without it every project's. */
  readonly project?: ProjectUid | undefined
}): Promise<Target | undefined> {
  const cluster = await readCluster(tx, params.uid)
  return cluster && (project === undefined || cluster.project === project) ? targetOf(cluster) : undefined
}

/** The same for the handler, in the same transaction; only a row removed by a concurrent call is not there any more. */
export async function load(tx: Tx, uid: string): Promise<Result<Cluster, Refusal>> {
  const cluster = await readCluster(tx, uid)
  return cluster ? ok(cluster) : err(refuse('not_found'))
}
