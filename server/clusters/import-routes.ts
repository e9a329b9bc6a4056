import type { z } from 'zod'
import { type ClusterCheckName, clusterChecks } from '../../contract/cluster-checks.ts'
import * as contract from '../../contract/clusters.ts'
import { refuse } from '../../contract/errors.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { levelRows } from '../../core/kube/index.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { accountYaml, levelsYaml, manifestYaml } from './account.ts'
import type { Bootstrapped } from './bootstrap.ts'
import { findCluster, load } from './found.ts'
import {
  conversationRefusals,
  type Imports,
  type Prepared,
  type PreparedTokens,
  sameTrust,
  storeCheck,
  storeImport,
  trustRefusal,
} from './imports.ts'
import { type Cluster, readCluster, sameServer, targetOf } from './store.ts'

/** Import by kubeconfig, and what follows it. */
export function importEndpoints(imports: Imports): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/palisade/clusters',
      summary: 'Imports a cluster: checks it, makes Palisade’s account on it, forgets the kubeconfig',
      permission: { project: 'cluster.import' },
      body: contract.NewCluster,
      reply: { status: 201, body: contract.ClusterChecked },
      refusals: ['project_required', 'cluster_name_taken', 'resource_limit', ...conversationRefusals],
      audit: 'cluster.imported',
      prepare: ({ principal, project, body: { metadata, spec }, now, intend }) =>
        imports.prepareImport({ ...spec, tenant: principal.tenant, project, name: metadata.name, now, intend }),
      async handle({ tx, project, principal, access, body: { metadata }, prepared, now }) {
        if (project === undefined) return err(refuse('project_required'))
        const stored = await storeImport(tx, prepared, { ...metadata, project, by: principal.user }, now)
        if (!stored.ok) return stored
        const cluster = await readCluster(tx, stored.value)
        if (!cluster) throw new Error(`cluster ${stored.value} is not there although it was just stored`)
        const { uid, name } = cluster
        return ok({
          body: await checkedAnswer(tx, cluster, { prepared, kubeconfig: true }, access),
          resource: { uid, name },
          details: { ...recorded(cluster, prepared), bindings: prepared.bindings, labels: cluster.labels },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/clusters/{uid}',
      summary: 'Says how Palisade reaches a cluster, and what is missing on it',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: contract.ClusterAccess },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        // As by every other way to it: what makes the account is for who may remove the cluster (threat D11).
        const isAdministrator = access.allows('cluster.delete', targetOf(cluster.value))
        return ok({ body: accessAnswer(cluster.value, isAdministrator) })
      },
    }),
    endpoint({
      route: 'POST /v1/palisade/clusters/{uid}/check',
      summary: 'Repeats what an import does: finishes it after the YAML was applied, or replaces a lost credential',
      permission: { object: 'cluster.import', find: findCluster },
      params: uidPath,
      body: contract.ClusterCheck,
      reply: { status: 200, body: contract.ClusterChecked },
      refusals: ['not_found', 'invalid', 'forbidden', 'conflict', 'cluster_refuses_tokens', ...conversationRefusals],
      audit: 'cluster.bindings.checked',
      // A cluster becomes one that calls are let through to.
      changes: 'access',
      prepare: ({ principal, params, body, access, target, now, intend }) => {
        const isAdministrator = target !== undefined && access.allows('cluster.delete', target)
        return imports.prepareCheck({
          tenant: principal.tenant,
          uid: params.uid,
          credential: body,
          isAdministrator,
          now,
          intend,
        })
      },
      async handle({ tx, access, body, prepared, now, params }) {
        const before = await load(tx, params.uid)
        if (!before.ok) return before
        const endpoint = 'taken' in prepared ? prepared.endpoint : prepared.kubeconfig.endpoint
        // What was believed may have been changed while the cluster was asked.
        const distrusted = trustRefusal(before.value, endpoint, access.allows('cluster.delete', targetOf(before.value)))
        if (distrusted) return err(distrusted)
        const checked = await storeCheck(tx, prepared, before.value, now)
        if (!checked.ok) return checked
        const cluster = checked.value
        const authority = sameTrust(before.value, endpoint) ? {} : { authorityChanged: true }
        return ok({
          body: await checkedAnswer(tx, cluster, { prepared, kubeconfig: body.kubeconfig !== undefined }, access),
          details: { ...recorded(cluster, prepared), ...authority },
        })
      },
    }),
  ]
}

/** What a conversation came to; where the cluster takes our tokens nothing is made there, and nothing kept. */
function outcomeOf(prepared: Prepared | PreparedTokens): Bootstrapped {
  return 'taken' in prepared
    ? { ...prepared.taken, created: [], compared: false, token: undefined }
    : prepared.bootstrap.outcome
}

/** The levels that are bound, where somebody was seen to be spoken for: what is missing then is levels alone. */
function levelsOf(prepared: Prepared | PreparedTokens) {
  const { missing, token } = outcomeOf(prepared)
  if (!('taken' in prepared || token)) return {}
  const bound = levelRows.filter(({ clusterRole }) => !missing.some(({ name }) => name === clusterRole))
  return { levels: bound.map(({ level }) => level) }
}

/** What was looked at: an account, or our own tokens, and a kubeconfig only where one was given. */
function checksOf({ prepared, kubeconfig }: Conversation): readonly ClusterCheckName[] {
  const { compared, token } = outcomeOf(prepared)
  const made: Readonly<Record<ClusterCheckName, boolean>> = {
    ...{ kubeconfig, destination: true, answers: true, trusted: true, supported: true },
    ...{ tokens: 'taken' in prepared, credential: !('taken' in prepared) },
    ...{ objects: compared, account: token !== undefined },
  }
  return clusterChecks.filter((check) => made[check])
}

type Conversation = {
  readonly prepared: Prepared | PreparedTokens
  /** Whether a kubeconfig was given for it. */
  readonly kubeconfig: boolean
}

/** What the log remembers of a conversation. */
export function recorded(cluster: Cluster, prepared: Prepared | PreparedTokens) {
  const { state, reached, credentialMode, credential } = cluster
  const outcome = outcomeOf(prepared)
  return {
    state,
    server: reached?.serverUrl,
    kubernetesVersion: reached?.kubernetesVersion,
    credentialMode,
    created: outcome.created,
    missing: outcome.missing.map(({ why: _, ...right }) => right),
    credential: outcome.token
      ? { account: credential?.account, expiresAt: outcome.token.expiresAt.toISOString() }
      : 'none',
  }
}

async function checkedAnswer(
  tx: Tx,
  cluster: Cluster,
  conversation: Conversation,
  access: RequestAccess,
): Promise<z.input<typeof contract.ClusterChecked>> {
  const { prepared } = conversation
  const outcome = outcomeOf(prepared)
  const others = await sameServer(tx, cluster)
  const nameOf = (other: Cluster) =>
    access.allows('cluster.get', targetOf(other)) ? `The cluster "${other.name}"` : 'Another cluster'
  return {
    uid: cluster.uid,
    state: cluster.state,
    kubernetesVersion: outcome.kubernetesVersion,
    credentialMode: cluster.credentialMode,
    checks: [...checksOf(conversation)],
    ...levelsOf(prepared),
    created: [...outcome.created],
    missing: [...outcome.missing],
    warnings: others.map((other) => `${nameOf(other)} of this project leads to the same API server.`),
    ...(outcome.missing.length > 0 ? { yaml: yamlFor(cluster) } : {}),
  }
}

function accessAnswer(cluster: Cluster, isAdministrator: boolean): z.input<typeof contract.ClusterAccess> {
  const { uid, name, state, importMode, reached, missing, credential, credentialMode, directTokens } = cluster
  return {
    ...{ uid, name, state, importMode, credentialMode, directTokens },
    ...(reached
      ? {
          server: reached.serverUrl,
          kubernetesVersion: reached.kubernetesVersion,
          contactedAt: reached.contactedAt.toISOString(),
        }
      : {}),
    missing: [...missing],
    ...(isAdministrator && (missing.length > 0 || !reached) ? { yaml: yamlFor(cluster) } : {}),
    ...(credential
      ? {
          credential: {
            account: credential.account,
            expiresAt: credential.expiresAt.toISOString(),
            renewAt: credential.renewAt.toISOString(),
            ...(credential.problem === undefined ? {} : { problem: credential.problem }),
          },
        }
      : {}),
  }
}

/** What is to be applied on a cluster, however it was imported. */
export function yamlFor({ uid, credentialMode, importMode, reached }: Cluster): string {
  if (credentialMode === 'token') return levelsYaml(importMode)
  return reached ? accountYaml(`/v1/palisade/clusters/${uid}/check`, importMode) : manifestYaml(uid, importMode)
}
