import type { Bindings, ImportMode } from '../../contract/clusters.ts'
import { type Refusal, type RefusalCode, refuse } from '../../contract/errors.ts'
import type { ClusterUid, ProjectUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import type { Intend } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import { hasRoom, unaskedBindings } from '../settings/index.ts'
import { accountName, namespace } from './account.ts'
import { type Bootstrap, bootstrap } from './bootstrap.ts'
import { createConversations } from './conversations.ts'
import { type ClusterEndpoint, isBearerToken, type Kubeconfig, parseKubeconfig, wipe } from './kubeconfig.ts'
import type { CheckDestination, ClusterProblem } from './kubernetes-client.ts'
import { endpointOf } from './records.ts'
import { sealToken } from './renewal.ts'
import {
  type Cluster,
  countClusters,
  insertCluster,
  isNameTaken,
  newClusterUid,
  readCluster,
  type SealedCredential,
  updateChecked,
  updateTokenMode,
} from './store.ts'
import { checkTokens, type MintProbe, type TokenProblem, type TokensTaken } from './token-check.ts'

/** Importing a cluster, and finishing or repeating what an import does: first the network, then the row. */

export type ImportPorts = {
  readonly inTenant: InTenant
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly checkDestination: CheckDestination
  /** For clusters that trust our issuer. */
  readonly tokens: { readonly issuer: string; readonly mintProbe: MintProbe; readonly now: () => number }
  readonly logger: Logger
}

/** A conversation with a cluster about its account that has taken place, and what storing its outcome takes. */
export type Prepared = {
  readonly kubeconfig: Pick<Kubeconfig, 'endpoint'>
  readonly bootstrap: Bootstrap
  readonly bindings: Bindings
  readonly sealer: TenantSealer
}
/** The same where there is no account: the cluster takes our tokens. */
export type PreparedTokens = { readonly endpoint: ClusterEndpoint; readonly taken: TokensTaken }
export type Work<T> = { readonly value: T; readonly undo?: () => Promise<void>; readonly forget?: () => void }

/** A credential for a conversation about the account. */
export type AccountCredential = {
  readonly kubeconfig?: Secret | undefined
  readonly token?: Secret | undefined
  readonly bindings?: Bindings | undefined
}

export type Imports = ReturnType<typeof createImports>

export function createImports(ports: ImportPorts) {
  const { inTenant, sealerOf, checkDestination, logger, tokens } = ports
  const converse = createConversations()

  /** Reads the kubeconfig, asks the cluster and, where told so, makes the account. */
  async function prepareImport(request: {
    readonly tenant: TenantUid
    readonly project: ProjectUid | undefined
    readonly name: string
    readonly kubeconfig: Secret
    readonly bindings?: Bindings | undefined
    readonly now: Date
    readonly intend: Intend
  }): Promise<Result<Work<Prepared>, Refusal>> {
    const { tenant, project, name, kubeconfig, bindings, now, intend } = request
    if (project === undefined) return err(refuse('project_required'))
    const parsed = judge(kubeconfig, now)
    if (!parsed.ok) return parsed
    // Looked at before a foreign machine is touched; the insert decides.
    const early = await inTenant(tenant, async (tx) => {
      if (await isNameTaken(tx, project, name)) return refuse('cluster_name_taken')
      const room = await hasRoom(tx, 'spectrocluster', () => countClusters(tx))
      return room.ok ? undefined : room.error
    })
    return early
      ? err(early)
      : aboutAccount(tenant, parsed.value, { bindings, importMode: 'full', resource: { uid: 'none', name }, intend })
  }

  /** The same for a cluster that is there: with a kubeconfig of the same server, or with a token for the server known. */
  async function prepareAccount(
    tenant: TenantUid,
    cluster: Cluster,
    { kubeconfig, token, bindings, isAdministrator }: AccountCredential & { readonly isAdministrator: boolean },
    now: Date,
    intend: Intend,
  ): Promise<Result<Work<Prepared>, Refusal>> {
    const act = { bindings, importMode: cluster.importMode, resource: { uid: cluster.uid, name: cluster.name }, intend }
    if (kubeconfig === undefined) {
      if (token === undefined) return err(refuse('invalid', 'needs a kubeconfig, or a token of the account'))
      if (!isBearerToken(token.reveal()))
        return err(refuse('invalid', 'token: is not a token: visible characters alone'))
      if (!cluster.reached) return err(refuse('invalid', 'needs a kubeconfig: where the cluster is, is not known yet'))
      return aboutAccount(tenant, { endpoint: endpointOf(cluster.reached), credential: { token } }, act)
    }
    const parsed = judgeFor(cluster, kubeconfig, now)
    if (!parsed.ok) return parsed
    const distrusted = trustRefusal(cluster, parsed.value.endpoint, isAdministrator)
    if (!distrusted) return aboutAccount(tenant, parsed.value, act)
    wipe(parsed.value.credential)
    return err(distrusted)
  }

  /**
   * Whether the cluster takes our tokens. Of a kubeconfig only the authority is used, which may have been replaced.
   */
  async function prepareTokens(
    tenant: TenantUid,
    cluster: Cluster,
    { kubeconfig, isAdministrator }: { readonly kubeconfig: Secret | undefined; readonly isAdministrator: boolean },
    now: Date,
  ): Promise<Result<Work<PreparedTokens>, Refusal>> {
    const { reached, importMode } = cluster
    if (!reached) return err(refuse('cluster_not_ready'))
    const parsed = kubeconfig && judgeFor(cluster, kubeconfig, now)
    if (parsed && !parsed.ok) return parsed
    if (parsed) wipe(parsed.value.credential)
    const endpoint = parsed ? parsed.value.endpoint : endpointOf(reached)
    const distrusted = trustRefusal(cluster, endpoint, isAdministrator)
    if (distrusted) return err(distrusted)
    return converse(tenant, async () => {
      const of = { tenant, cluster: cluster.uid, issuer: tokens.issuer, importMode }
      const taken = await checkTokens(endpoint, of, { checkDestination, mint: tokens.mintProbe, now: tokens.now })
      return taken.ok ? ok({ value: { endpoint, taken: taken.value } }) : err(tokenRefusalOf(taken.error))
    })
  }

  /** What a check is, by how the cluster is reached. */
  async function prepareCheck(request: {
    readonly tenant: TenantUid
    readonly uid: string
    readonly credential: AccountCredential
    /** Whether the caller has the highest level on the cluster. */
    readonly isAdministrator: boolean
    readonly now: Date
    readonly intend: Intend
  }): Promise<Result<Work<Prepared | PreparedTokens>, Refusal>> {
    const { tenant, uid, credential, isAdministrator, now, intend } = request
    const cluster = await find(tenant, uid)
    if (!cluster) return err(refuse('not_found'))
    if (cluster.credentialMode === 'impersonation')
      return prepareAccount(tenant, cluster, { ...credential, isAdministrator }, now, intend)
    if (credential.token)
      return err(refuse('invalid', 'token: is of an account, and this cluster is reached without one'))
    return prepareTokens(tenant, cluster, { kubeconfig: credential.kubeconfig, isAdministrator }, now)
  }

  const find = (tenant: TenantUid, uid: string) => inTenant(tenant, (tx) => readCluster(tx, uid))

  /** What is made on a cluster stays there whatever becomes of this process, so that it is begun is recorded first (threat H04). */
  const aboutAccount = (
    tenant: TenantUid,
    kubeconfig: Kubeconfig,
    {
      bindings: asked,
      importMode,
      resource,
      intend,
    }: {
      readonly bindings?: Bindings | undefined
      readonly importMode: ImportMode
      readonly resource: { readonly uid: string; readonly name: string }
      readonly intend: Intend
    },
  ): Promise<Result<Work<Prepared>, Refusal>> =>
    converse(tenant, async () => {
      const sealer = await sealerOf(tenant)
      const bindings = asked ?? (await inTenant(tenant, unaskedBindings))
      const { leaves } = await intend({ resource, details: { server: kubeconfig.endpoint.server.url, bindings } })
      const done = await bootstrap(kubeconfig, { tenant, bindings, importMode }, { checkDestination, logger, leaves })
      if (!done.ok) return err(refusalOf(done.error))
      const { undo, forget } = done.value
      return ok({
        value: { kubeconfig: { endpoint: kubeconfig.endpoint }, bootstrap: done.value, bindings, sealer },
        undo,
        forget,
      })
    })

  return { find, prepareImport, prepareCheck, prepareAccount, prepareTokens }
}

/** Whether whoever answers is believed to be the cluster for the same reasons as before. */
export const sameTrust = ({ reached }: Cluster, { caPem, serverName }: ClusterEndpoint): boolean =>
  // Where nobody has been believed yet whoever imports says who is.
  reached === undefined || (caPem === reached.caPem && serverName === reached.serverName)

/**
 * Whoever answers under another authority, or another name, is sent the account's token or those of people: only an
 * administrator of the cluster names one, however it is reached and by whatever route.
 */
export function trustRefusal(
  cluster: Cluster,
  endpoint: ClusterEndpoint,
  isAdministrator: boolean,
): Refusal | undefined {
  if (isAdministrator || sameTrust(cluster, endpoint)) return undefined
  return refuse(
    'forbidden',
    `Another authority of this API server needs cluster.delete in project ${cluster.project}`,
    {
      permission: 'cluster.delete',
      scope: { kind: 'project', uid: cluster.project },
    },
  )
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
  const room = await hasRoom(tx, 'spectrocluster', () => countClusters(tx))
  if (!room.ok) return room
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

/**
 * Stores what a check found, where the cluster is still reached as it was when it was asked; refuses where it was removed in the
 * meantime.
 */
export async function storeCheck(
  tx: Tx,
  prepared: Prepared | PreparedTokens,
  before: Cluster,
  now: Date,
): Promise<Result<Cluster, Refusal>> {
  const { uid, credentialMode, directTokens } = before
  if ('taken' in prepared !== (credentialMode === 'token')) return err(changedMeanwhile)
  return 'taken' in prepared
    ? storeTokens(tx, prepared, { uid, directTokens }, now)
    : storeAccount(tx, prepared, before, now)
}

/** A conversation that came to a token of the account; else what it made is taken back, and what is missing said. */
export async function withToken(work: Work<Prepared>): Promise<Result<Work<Prepared>, Refusal>> {
  const { outcome } = work.value.bootstrap
  if (outcome.token) return ok(work)
  await work.undo?.()
  work.forget?.()
  const missing = outcome.missing.map(({ why: _, ...right }) => right)
  return err(refuse('cluster_refuses', 'The account on the cluster cannot do its work yet', { missing }))
}

/** What was tried is not what is there now. */
export const changedMeanwhile = refuse('conflict', 'How the cluster is reached was changed in the meantime; try again')

/** Reached by the account from now on, where the conversation came to a token of it; else as before. */
export async function storeAccount(
  tx: Tx,
  { kubeconfig, bootstrap: { outcome }, sealer }: Prepared,
  { uid, reached }: Cluster,
  now: Date,
): Promise<Result<Cluster, Refusal>> {
  if (reached && reached.serverUrl !== kubeconfig.endpoint.server.url) return err(changedMeanwhile)
  const credential = credentialOf(sealer, uid, outcome.token, now)
  const stored = await updateChecked(tx, uid, { ...factsOf(kubeconfig.endpoint, outcome), credential }, now)
  const cluster = stored ? await readCluster(tx, uid) : undefined
  return cluster ? ok(cluster) : err(refuse('not_found'))
}

/** Reached by tokens from now on; the account's token is forgotten. */
export async function storeTokens(
  tx: Tx,
  { endpoint, taken }: PreparedTokens,
  { uid, directTokens }: { readonly uid: ClusterUid; readonly directTokens: boolean },
  now: Date,
): Promise<Result<Cluster, Refusal>> {
  const stored = await updateTokenMode(tx, uid, { ...factsOf(endpoint, taken), directTokens }, now)
  const cluster = stored ? await readCluster(tx, uid) : undefined
  return cluster ? ok(cluster) : err(refuse('not_found'))
}

function factsOf({ server, caPem, serverName }: ClusterEndpoint, outcome: TokensTaken) {
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

/** A kubeconfig of the server that the cluster was imported from, and of no other. */
function judgeFor(cluster: Cluster, kubeconfig: Secret, now: Date): Result<Kubeconfig, Refusal> {
  const parsed = judge(kubeconfig, now)
  if (!parsed.ok) return parsed
  const { url } = parsed.value.endpoint.server
  if (!cluster.reached || url === cluster.reached.serverUrl) return parsed
  wipe(parsed.value.credential)
  return err(
    refuse(
      'kubeconfig_refused',
      `This kubeconfig is for ${url}, the cluster was imported from ${cluster.reached.serverUrl}: use one for that, or import it anew.`,
    ),
  )
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

function tokenRefusalOf(problem: TokenProblem): Refusal {
  if (problem.kind !== 'tokens') return refusalOf(problem)
  return refuse('cluster_refuses_tokens', problem.problems.join(' '), { problems: problem.problems })
}

function refusalOf({ kind, message }: ClusterProblem): Refusal {
  return refuse(codes[kind], message, { reason: kind })
}
