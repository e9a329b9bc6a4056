import { createHash } from 'node:crypto'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/sso.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { firstUnknown } from '../access/index.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import {
  administration,
  findOwnTenant,
  mayAdminister,
  readSetting,
  type Setting,
  type Writing,
  writeSetting,
} from '../settings/index.ts'
import {
  judgeOidc,
  judgeSaml,
  mask,
  type OidcDocument,
  oidcDocument,
  providersDocument,
  type SamlDocument,
  samlDocument,
  secretField,
} from './documents.ts'
import { serviceProviderMetadata, serviceProviderOf } from './service-provider.ts'

export type SsoPorts = {
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly publicUrl: string
}

const reading = { permission: { object: 'user.list', find: findOwnTenant }, params: tenantPath } as const
const writing = { permission: { object: 'user.update', find: findOwnTenant }, params: tenantPath } as const
const needs = `needs ${administration.join(', ')}`

/**
 * How a tenant's identity provider is asked. The documents are checked and kept; in this release nobody signs in by them. One of
 * both is enabled at most: enabling one disables the other.
 */
export function ssoEndpoints({ sealerOf, publicUrl }: SsoPorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/oidc/config',
      summary: 'The OpenID Connect provider that people are to sign in by; the secret is never shown',
      ...reading,
      reply: { status: 200, body: wire.oidcConfig },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, principal }) {
        const { sealedSecret, caPem, ...document } = await readSetting(tx, oidcDocument)
        return ok({
          body: {
            ...document,
            ...serviceProviderOf(publicUrl, principal.person.org).oidc,
            clientSecret: sealedSecret === '' ? '' : mask,
            issuerTls: { caCertificateBase64: Buffer.from(caPem).toString('base64'), insecureSkipVerify: false },
            defaultTeams: await existingTeams(tx, document.defaultTeams),
          },
        })
      },
    }),
    endpoint({
      route: 'POST /v1/tenants/{tenantUid}/oidc/config',
      summary: `Keeps an OpenID Connect provider for the identity work; nobody signs in by it yet; ${needs}`,
      ...writing,
      body: wire.oidcConfigIn,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'invalid', 'exceeds_own_rights', 'private_key_refused'],
      audit: 'tenant.sso.updated',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const before = await readSetting(tx, oidcDocument)
        const judged = judgeOidc(body, before)
        if (!judged.ok) return judged
        const { document, secret } = judged.value
        const teams = await mayGive(tx, access, before.defaultTeams, document.defaultTeams)
        if (!teams.ok) return teams
        const sealer = await sealerOf(tx.tenant)
        const sealedSecret =
          secret === 'keep'
            ? before.sealedSecret
            : secret === 'none'
              ? ''
              : sealer.seal(secretField, secret.sent).toString('base64')
        const act = { by: principal.user, now }
        const after = { ...document, sealedSecret }
        await writeSetting(tx, oidcDocument, after, act)
        const disabled = document.isSsoEnabled && (await disable(tx, samlDocument, act))
        return ok({
          body: undefined,
          details: {
            ...{ protocol: 'oidc', before: describeOidc(before), after: describeOidc(after) },
            secretChanged: secret === 'none' ? before.sealedSecret !== '' : secret !== 'keep',
            ...(disabled ? { disabled: 'saml' } : {}),
          },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/saml/config',
      summary: 'The SAML identity provider that people are to sign in by, and what it has to be told of Palisade',
      ...reading,
      reply: { status: 200, body: wire.samlConfig },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, principal }) {
        const { metadata, ...document } = await readSetting(tx, samlDocument)
        const { saml } = serviceProviderOf(publicUrl, principal.person.org)
        const { nameIdFormat, isSingleLogoutEnabled: singleLogout } = document
        return ok({
          body: {
            ...document,
            attributes: [...document.attributes],
            ...saml,
            ...{ audienceUrl: saml.entityId, issuer: saml.entityId },
            federationMetadata: Buffer.from(metadata).toString('base64'),
            serviceProviderMetadata: serviceProviderMetadata(saml, { nameIdFormat, singleLogout }),
            // There is no key to sign with until somebody signs in this way.
            certificate: '',
            defaultTeams: await existingTeams(tx, document.defaultTeams),
          },
        })
      },
    }),
    endpoint({
      route: 'POST /v1/tenants/{tenantUid}/saml/config',
      summary: `Keeps a SAML identity provider for the identity work; nobody signs in by it yet; ${needs}`,
      ...writing,
      body: wire.samlConfigIn,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'invalid', 'exceeds_own_rights'],
      audit: 'tenant.sso.updated',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const before = await readSetting(tx, samlDocument)
        const judged = judgeSaml(body)
        if (!judged.ok) return judged
        const after = judged.value
        const teams = await mayGive(tx, access, before.defaultTeams, after.defaultTeams)
        if (!teams.ok) return teams
        const act = { by: principal.user, now }
        await writeSetting(tx, samlDocument, after, act)
        const disabled = after.isSsoEnabled && (await disable(tx, oidcDocument, act))
        return ok({
          body: undefined,
          details: {
            ...{ protocol: 'saml', before: describeSaml(before), after: describeSaml(after) },
            ...(disabled ? { disabled: 'oidc' } : {}),
          },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/sso/auth/providers',
      summary: "Which of the installation's sign-in applications the tenant wants",
      ...reading,
      reply: { status: 200, body: wire.providers },
      refusals: ['not_found'],
      audit: 'refusals-only',
      handle: async ({ tx }) => ok({ body: await readSetting(tx, providersDocument) }),
    }),
    endpoint({
      route: 'POST /v1/tenants/{tenantUid}/sso/auth/providers',
      summary: `Keeps which of the installation's sign-in applications the tenant wants; there is none yet; ${needs}`,
      ...writing,
      body: wire.providersIn,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden'],
      audit: 'tenant.sso.updated',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const before = await readSetting(tx, providersDocument)
        await writeSetting(tx, providersDocument, body, { by: principal.user, now })
        return ok({ body: undefined, details: { protocol: 'application', before, after: body } })
      },
    }),
  ]
}

/** Refuses teams that are not the tenant's, and new ones that give more than the caller holds: who signs in will be in them. */
async function mayGive(
  tx: Tx,
  access: RequestAccess,
  before: readonly string[],
  teams: readonly string[],
): Promise<Result<undefined, Refusal>> {
  const unknown = await firstUnknown(tx, 'team', teams)
  if (unknown !== undefined) return err(refuse('not_found', `No team ${unknown} in this tenant`))
  for (const team of teams) {
    const covered = before.includes(team) ? ok(undefined) : access.coversTeam(team)
    if (!covered.ok) return covered
  }
  return ok(undefined)
}

/** Those that are still there. */
async function existingTeams(tx: Tx, teams: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ team_id: string }>(
    'select team_id from teams where tenant_id = $1 and team_id = any($2)',
    [tx.tenant, teams],
  )
  const existing = new Set(rows.map(({ team_id }) => team_id))
  return teams.filter((team) => existing.has(team))
}

/** @returns whether it was enabled */
async function disable<Document extends { readonly isSsoEnabled: boolean }>(
  tx: Tx,
  setting: Setting<Document>,
  act: Writing,
): Promise<boolean> {
  const document = await readSetting(tx, setting)
  if (document.isSsoEnabled) await writeSetting(tx, setting, { ...document, isSsoEnabled: false }, act)
  return document.isSsoEnabled
}

const describeOidc = ({ sealedSecret: _, caPem, userInfo: { useUserInfo }, ...rest }: OidcDocument) => ({
  ...rest,
  ...{ useUserInfo, caCertificates: caPem === '' ? 'none' : hash(caPem) },
})

const describeSaml = ({ metadata, attributes, ...rest }: SamlDocument) => ({
  ...rest,
  attributes: Object.fromEntries(attributes.map(({ name, mappedAttribute }) => [name, mappedAttribute])),
  federationMetadata: metadata === '' ? 'none' : hash(metadata),
})

const hash = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
