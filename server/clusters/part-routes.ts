import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/clusters.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { findCluster, load } from './found.ts'
import { organisation, updateLocation } from './store.ts'

export type PartPorts = {
  readonly publicUrl: string
  readonly tokens: { readonly issuer: string }
  /** What our own certificate is verified by; undefined where clients trust it anyway. */
  readonly caPem: () => string | undefined
}

/** Where a cluster stands, where the console shows it, and by which issuer it knows people. */
export function partEndpoints({ publicUrl, tokens, caPem }: PartPorts): readonly Endpoint[] {
  const inConsole = async (tx: Parameters<typeof organisation>[0], uid: string) =>
    `${publicUrl}/t/${encodeURIComponent(await organisation(tx))}/clusters/${uid}`
  return [
    endpoint({
      route: 'PUT /v1/spectroclusters/{uid}/location',
      summary: 'Says where a cluster stands; shown in status.location',
      permission: { object: 'cluster.update', find: findCluster },
      params: uidPath,
      body: wire.clusterLocation,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cluster.updated',
      async handle({ tx, params, body, now }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        await updateLocation(tx, cluster.value.uid, body.location, now)
        return ok({ body: undefined, details: { location: body.location ?? null } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/kubectl/redirect',
      summary: 'Where the console lists the cluster’s pods, in which it opens terminals',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.redirect },
      refusals: ['not_found', 'cluster_not_ready'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        if (cluster.value.state !== 'ready') return err(refuse('cluster_not_ready'))
        return ok({ body: { redirectUri: `${await inConsole(tx, cluster.value.uid)}/pods` } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/oidc/dashboard/url',
      summary: 'The cluster’s page in the console',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.dashboardUrl },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        return cluster.ok ? ok({ body: { url: await inConsole(tx, cluster.value.uid) } }) : cluster
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/oidc',
      summary: 'The issuer that the cluster trusts in token mode, and as which client; empty in the other mode',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.clusterOidc },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        const { uid, credentialMode } = cluster.value
        const trusts = credentialMode === 'token'
        const authority = trusts ? (caPem() ?? '') : ''
        return ok({
          body: {
            ...{ issuerUrl: trusts ? tokens.issuer : '', clientId: trusts ? uid : '', clientSecret: '', scopes: [] },
            requiredClaims: { Email: '', FirstName: '', LastName: '', SpectroTeam: trusts ? 'groups' : '' },
            issuerTls: { caCertificateBase64: Buffer.from(authority).toString('base64'), insecureSkipVerify: false },
          },
        })
      },
    }),
  ]
}
