import { type Refusal, type RefusalCode, refuse } from '../../contract/errors.ts'
import type { ClusterUid, ProjectUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import type { Intend } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import { accountName, namespace } from './account.ts'
import { type Bootstrap, bootstrap } from './bootstrap.ts'
import { isBearerToken, type Kubeconfig, parseKubeconfig } from './kubeconfig.ts'
import type { CheckDestination, ClusterProblem } from './kubernetes-client.ts'
import { endpointOf } from './records.ts'
import { sealToken } from './renewal.ts'
import {
  type Cluster,
  hasRoom,
  insertCluster,
  isNameTaken,
  newClusterUid,
  readCluster,
  type SealedCredential,
  updateChecked,
} from './store.ts'

/** Importing a cluster, and finishing or repeating what an import does: first the network, then the row. */

export type ImportPorts = {
  readonly inTenant: InTenant
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly checkDestination: CheckDestination
  readonly logger: Logger
}

/** A conversation with a cluster that has taken place, and what storing its outcome takes. */
export type Prepared = {
  readonly kubeconfig: Pick<Kubeconfig, 'endpoint'>
  readonly bootstrap: Bootstrap
  readonly sealer: TenantSealer
}
type PreparedWithUndo = { readonly value: Prepared; readonly undo: () => Promise<void>; readonly forget: () => void }

/** Conversations at the same time; each may take 25 s and hold six sockets. */
const atOnce = { tenant: 4, all: 32 } as const

export function createImports(ports: ImportPorts) {
  const { inTenant, sealerOf, checkDestination, logger } = ports
  const underWay = new Map<TenantUid, number>()

  /** Reads the kubeconfig, asks the cluster and, where told so, makes the account. */
  async function prepareImport(request: {
    readonly tenant: TenantUid
    readonly project: ProjectUid | undefined
    readonly name: string
    readonly kubeconfig: Secret
    readonly bindings: 'install' | 'print'
    readonly now: Date
    readonly intend: Intend
  }): Promise<Result<PreparedWithUndo, Refusal>> {
    const { tenant, project, name, kubeconfig, bindings, now, intend } = request
    if (project === undefined) return err(refuse('project_required'))
    const parsed = judge(kubeconfig, now)
    if (!parsed.ok) return parsed
    // Looked at before a foreign machine is touched; the insert decides.
    const early = await inTenant(tenant, async (tx) => {
      if (await isNameTaken(tx, project, name)) return refuse('cluster_name_taken')
      return (await hasRoom(tx)) ? undefined : refuse('resource_limit')
    })
    return early ? err(early) : converse(tenant, parsed.value, { bindings, resource: { uid: 'none', name }, intend })
  }

  /** The same for a cluster that is there: with a kubeconfig of the same server, or with a token for the server known. */
  async function prepareCheck(request: {
    readonly tenant: TenantUid
    readonly uid: string
    readonly kubeconfig: Secret | undefined
    readonly token: Secret | undefined
    readonly bindings: 'install' | 'print'
    readonly now: Date
    readonly intend: Intend
  }): Promise<Result<PreparedWithUndo, Refusal>> {
    const { tenant, uid, kubeconfig, token, bindings, now, intend } = request
    const cluster = await inTenant(tenant, (tx) => readCluster(tx, uid))
    if (!cluster) return err(refuse('not_found'))
    const act = { bindings, resource: { uid: cluster.uid, name: cluster.name }, intend }
    if (kubeconfig === undefined) {
      if (token === undefined || !isBearerToken(token.reveal()))
        return err(refuse('invalid', 'token: is not a token: visible characters alone'))
      return converse(tenant, { endpoint: endpointOf(cluster), credential: { token } }, act)
    }
    const parsed = judge(kubeconfig, now)
    if (!parsed.ok) return parsed
    const { url } = parsed.value.endpoint.server
    if (url !== cluster.serverUrl)
      return err(
        refuse(
          'kubeconfig_refused',
          `This kubeconfig is for ${url}, the cluster was imported from ${cluster.serverUrl}: use one for that, or import it anew.`,
        ),
      )
    return converse(tenant, parsed.value, act)
  }

  /** What is made on a cluster stays there whatever becomes of this process, so that it is begun is recorded first (threat H04). */
  async function converse(
    tenant: TenantUid,
    kubeconfig: Kubeconfig,
    {
      bindings,
      resource,
      intend,
    }: {
      readonly bindings: 'install' | 'print'
      readonly resource: { readonly uid: string; readonly name: string }
      readonly intend: Intend
    },
  ): Promise<Result<PreparedWithUndo, Refusal>> {
    const mine = underWay.get(tenant) ?? 0
    const all = [...underWay.values()].reduce((sum, one) => sum + one, 0)
    if (mine >= atOnce.tenant || all >= atOnce.all)
      return err({ ...refuse('busy', 'Other clusters are being imported; try again'), retryAfterSeconds: 5 })
    underWay.set(tenant, mine + 1)
    try {
      const sealer = await sealerOf(tenant)
      await intend({ resource, details: { server: kubeconfig.endpoint.server.url, bindings } })
      const done = await bootstrap(kubeconfig, { tenant, bindings }, { checkDestination, logger })
      if (!done.ok) return err(refusalOf(done.error))
      const { undo, forget } = done.value
      return ok({
        value: { kubeconfig: { endpoint: kubeconfig.endpoint }, bootstrap: done.value, sealer },
        undo,
        forget,
      })
    } finally {
      const left = (underWay.get(tenant) ?? 1) - 1
      if (left > 0) underWay.set(tenant, left)
      else underWay.delete(tenant)
    }
  }

  return { prepareImport, prepareCheck }
}

/** Stores an imported cluster. */
export async function storeImport(
  tx: Tx,
  { kubeconfig, bootstrap: { outcome }, sealer }: Prepared,
  cluster: {
    readonly project: ProjectUid
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly by: UserUid
  },
  now: Date,
): Promise<Result<ClusterUid, Refusal>> {
  if (!(await hasRoom(tx))) return err(refuse('resource_limit'))
  const uid = newClusterUid()
  const { endpoint } = kubeconfig
  const stored = await insertCluster(
    tx,
    {
      ...{ ...cluster, uid },
      ...factsOf(endpoint, outcome),
      credential: credentialOf(sealer, uid, outcome.token, now),
    },
    now,
  )
  return stored.ok ? ok(uid) : stored
}

/** Stores what a check found; refuses where the cluster was removed in the meantime. */
export async function storeCheck(
  tx: Tx,
  { kubeconfig, bootstrap: { outcome }, sealer }: Prepared,
  uid: ClusterUid,
  now: Date,
): Promise<Result<Cluster, Refusal>> {
  const credential = credentialOf(sealer, uid, outcome.token, now)
  const stored = await updateChecked(tx, uid, { ...factsOf(kubeconfig.endpoint, outcome), credential }, now)
  const cluster = stored ? await readCluster(tx, uid) : undefined
  return cluster ? ok(cluster) : err(refuse('not_found'))
}

function factsOf({ server, caPem, serverName }: Kubeconfig['endpoint'], outcome: Bootstrap['outcome']) {
  const { kubernetesVersion, missing } = outcome
  return { serverUrl: server.url, caPem, serverName, kubernetesVersion, missing }
}

function credentialOf(
  sealer: TenantSealer,
  uid: ClusterUid,
  token: Bootstrap['outcome']['token'],
  now: Date,
): SealedCredential | undefined {
  return token && { account: `${namespace}/${accountName}`, ...sealToken(sealer, uid, token, now.getTime()) }
}

function judge(kubeconfig: Secret, now: Date): Result<Kubeconfig, Refusal> {
  const parsed = parseKubeconfig(kubeconfig.reveal(), now)
  if (parsed.ok) return parsed
  return err(refuse('kubeconfig_refused', parsed.error.join(' '), { problems: parsed.error }))
}

const codes = {
  destination: 'destination_refused',
  unresolved: 'cluster_unreachable',
  unreachable: 'cluster_unreachable',
  timeout: 'cluster_unreachable',
  failed: 'cluster_unreachable',
  'no-tls': 'cluster_untrusted',
  untrusted: 'cluster_untrusted',
  expired: 'cluster_untrusted',
  'wrong-name': 'cluster_untrusted',
  unauthorized: 'cluster_refuses',
  forbidden: 'cluster_refuses',
  conflict: 'cluster_objects_differ',
  'not-kubernetes': 'cluster_unsupported',
  'too-old': 'cluster_unsupported',
} as const satisfies Record<ClusterProblem['kind'], RefusalCode>

/** Every refusal that a conversation with a cluster may end in. */
export const conversationRefusals = [
  ...new Set<RefusalCode>(['kubeconfig_refused', ...Object.values(codes), 'busy']),
] as const

function refusalOf({ kind, message }: ClusterProblem): Refusal {
  return refuse(codes[kind], message, { reason: kind })
}
