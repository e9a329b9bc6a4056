import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Cluster, readCluster, targetOf } from './store.ts'

/** The cluster that a path names, as what is decided about; an unknown or foreign one finds none. */
export async function findCluster({
  tx,
  params,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
}): Promise<Target | undefined> {
  const cluster = await readCluster(tx, params.uid)
  return cluster && targetOf(cluster)
}

/** The same for the handler, in the same transaction; only a row removed by a concurrent call is not there any more. */
export async function load(tx: Tx, uid: string): Promise<Result<Cluster, Refusal>> {
  const cluster = await readCluster(tx, uid)
  return cluster ? ok(cluster) : err(refuse('not_found'))
}
