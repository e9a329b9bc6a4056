import * as contract from '../../contract/clusters.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Intend } from '../gateway/index.ts'
import { accountName, levelsYaml, namespace, removeAccountCommand } from './account.ts'
import { authenticationYaml } from './authentication-yaml.ts'
import { findCluster, load } from './found.ts'
import { recorded } from './import-routes.ts'
import {
  changedMeanwhile,
  conversationRefusals,
  type Imports,
  type Prepared,
  type PreparedTokens,
  sameTrust,
  storeAccount,
  storeTokens,
  trustRefusal,
  type Work,
  withToken,
} from './imports.ts'
import { type Cluster, targetOf } from './store.ts'

export type CredentialModePorts = {
  readonly tokens: { readonly issuer: string }
  /** What our own certificate is verified by; undefined where clients trust it anyway. */
  readonly caPem: () => string | undefined
}

type Change = (typeof contract.CredentialModeChange)['_output']

/** How Palisade proves to a cluster who calls: what the cluster needs for it, and switching, which is tried first. */
export function credentialModeEndpoints(imports: Imports, ports: CredentialModePorts): readonly Endpoint[] {
  const { issuer } = ports.tokens

  /** The conversation that shows whether the cluster can be reached in the new way. A refusal leaves everything as it was. */
  async function prepare(
    tenant: TenantUid,
    uid: string,
    change: Change,
    isAdministrator: boolean,
    now: Date,
    intend: Intend,
  ): Promise<Result<Work<Prepared | PreparedTokens>, Refusal>> {
    const cluster = await imports.find(tenant, uid)
    if (!cluster) return err(refuse('not_found'))
    if (change.mode === 'token')
      return imports.prepareTokens(tenant, cluster, { kubeconfig: undefined, isAdministrator: false }, now)
    const { kubeconfig, token, bindings } = change
    const prepared = await imports.prepareAccount(
      tenant,
      cluster,
      { kubeconfig, token, bindings, isAdministrator },
      now,
      intend,
    )
    return prepared.ok ? withToken(prepared.value) : prepared
  }

  return [
    endpoint({
      route: 'GET /v1/palisade/clusters/{uid}/authentication',
      summary: 'What an API server has to be told to take Palisade’s tokens for this cluster',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: contract.ClusterAuthentication },
      refusals: ['not_found', 'cluster_not_ready'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const { uid, name, credentialMode, directTokens, reached, importMode } = found.value
        if (!reached) return err(refuse('cluster_not_ready'))
        const { kubernetesVersion } = reached
        const trusting = {
          issuer,
          issuerCaPem: ports.caPem(),
          tenantUid: tx.tenant,
          clusterUid: uid,
          kubernetesVersion,
        }
        return ok({
          body: {
            ...{ uid, name, credentialMode, directTokens, issuer },
            audience: uid,
            configuration: authenticationYaml(trusting, name),
            bindings: levelsYaml(importMode),
          },
        })
      },
    }),
    endpoint({
      route: 'PUT /v1/palisade/clusters/{uid}/credentialMode',
      summary:
        'Switches between an account that acts as others and tokens of each caller’s own; the cluster is tried first',
      permission: { object: 'cluster.import', find: findCluster },
      params: uidPath,
      body: contract.CredentialModeChange,
      reply: { status: 200, body: contract.CredentialModeChanged },
      refusals: [
        ...(['not_found', 'invalid', 'forbidden', 'conflict', 'cluster_not_ready', 'cluster_refuses_tokens'] as const),
        ...conversationRefusals,
      ],
      audit: 'cluster.credential.mode.changed',
      // Every call from now on is proved in the new way.
      changes: 'access',
      prepare: ({ principal, params, body, access, target, now, intend }) => {
        const isAdministrator = target !== undefined && access.allows('cluster.delete', target)
        return prepare(principal.tenant, params.uid, body, isAdministrator, now, intend)
      },
      async handle({ tx, params, body, prepared, access, now }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const before = found.value
        const endpoint = 'taken' in prepared ? prepared.endpoint : prepared.kubeconfig.endpoint
        if ('taken' in prepared && !sameTrust(before, endpoint)) return err(changedMeanwhile)
        const distrusted = trustRefusal(before, endpoint, access.allows('cluster.delete', targetOf(before)))
        if (distrusted) return err(distrusted)
        const stored =
          'taken' in prepared
            ? await storeTokens(tx, prepared, { uid: before.uid, directTokens: wantsDirect(body) }, now)
            : await storeAccount(tx, prepared, before, now)
        if (!stored.ok) return stored
        const { uid, credentialMode, directTokens, missing } = stored.value
        const authority = sameTrust(before, endpoint) ? {} : { authorityChanged: true }
        const was = { credentialMode: before.credentialMode, directTokens: before.directTokens }
        return ok({
          body: {
            ...{ uid, credentialMode, directTokens },
            created: 'taken' in prepared ? [] : [...prepared.bootstrap.outcome.created],
            missing: [...missing],
            ...leftBehind(before, stored.value),
          },
          details: { ...recorded(stored.value, prepared), directTokens, ...authority, was },
        })
      },
    }),
  ]
}

const wantsDirect = (change: Change): boolean => change.mode === 'token' && change.direct

/** The account may not delete itself: whoever administers the cluster does. */
function leftBehind(before: Cluster, { credentialMode }: Cluster) {
  if (credentialMode === 'impersonation' || before.credentialMode === 'token' || !before.credential) return {}
  return { leftOnCluster: { account: `${namespace}/${accountName}`, remove: removeAccountCommand } }
}
