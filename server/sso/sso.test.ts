import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createCa } from '../pki/index.ts'
import { singleSignOnEndpoints } from './index.ts'

const publicUrl = 'https://palisade.test:8443'
let postgres: TestPostgres
let database: TestDatabase
let api: Phases
let caPem: string
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [
    ...accessEndpoints,
    ...singleSignOnEndpoints({ sealerOf: keys.of, publicUrl }),
  ])
  caPem = (await createCa({ now: new Date(), randomBytes })).certificatePem
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const place = '/v1/tenants/{tenantUid}'
type Of = { readonly uid: string; readonly admin: Principal }
const read = ({ uid, admin }: Of, what: string) =>
  api.must(admin, `GET ${place}/${what}`, { params: { tenantUid: uid } })
const write = ({ uid, admin }: Of, what: string, body: object) =>
  api.call(admin, `POST ${place}/${what}`, { params: { tenantUid: uid }, body })
async function accepted(of: Of, what: string, body: object) {
  const { status, refusal } = await write(of, what, body)
  assert.equal(status, 204, JSON.stringify(refusal))
}
async function refused(of: Of, what: string, body: object, detail: RegExp, code = 'invalid') {
  const before = await read(of, what)
  const { refusal } = await write(of, what, body)
  assert.equal(refusal?.code, code, JSON.stringify(refusal))
  assert.match(refusal?.detail ?? '', detail)
  assert.deepEqual(await read(of, what), before, 'nothing of it was kept')
}
const newTeam = async ({ admin }: Of, roles: readonly string[] = []) => {
  const { uid } = await api.must(admin, 'POST /v1/teams', {
    body: { metadata: { name: `team ${Math.random()}` }, spec: {} },
  })
  await api.must(admin, 'PUT /v1/teams/{uid}/roles', { params: { uid }, body: { roles } })
  return uid as string
}

/** A tenant whose administrator's organisation has this name. */
async function named(org: string): Promise<Of> {
  const { uid, admin } = await api.tenant(org)
  return { uid, admin: { ...admin, person: { ...admin.person, org } } }
}

const requiredClaims = { Email: 'email', FirstName: 'given_name', LastName: 'family_name', SpectroTeam: 'groups' }
/** As the provider writes it, the authority's certificate as it was typed. */
const oidc = (given: object = {}) => ({
  ...{
    isSsoEnabled: true,
    issuerUrl: 'https://idp.test/realms/acme/',
    clientId: 'palisade',
    clientSecret: 'top-s3cret',
  },
  ...{ scopes: ['profile', 'email'], scopesDelimiter: '', requiredClaims, syncSsoTeams: true, defaultTeams: null },
  ...{ userInfo: null, issuerTls: { caCertificateBase64: caPem, insecureSkipVerify: false } },
  ...{ callbackUrl: '', logoutUrl: '' },
  ...given,
})

const base64 = (text: string) => Buffer.from(text).toString('base64')
const metadata = ({ key, services = '', before = '' }: { key?: string; services?: string; before?: string } = {}) => {
  const certificate = key ?? caPem.replaceAll(/-----[A-Z ]+-----|\s/g, '')
  return `${before}<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.test/saml">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.test/sso"/>${services}
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`
}
const attributes = ['FirstName', 'LastName', 'Email', 'SpectroTeam'].map((name) => ({
  ...{ name, mappedAttribute: name.toLowerCase(), attributeValue: '', nameFormat: 'unspecified' },
}))
const saml = (given: object = {}) => ({
  ...{ isSsoEnabled: true, isSingleLogoutEnabled: false, syncSsoTeams: true, identityProvider: 'Okta' },
  ...{ federationMetadata: base64(metadata()), attributes, defaultTeams: [] },
  nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  ...given,
})

describe('OpenID Connect', () => {
  test('a document is whole before anybody wrote one, and taken back as it was read', async () => {
    const tenant = await named('Acme & Söhne')
    const unset = await read(tenant, 'oidc/config')
    const at = `${publicUrl}/v1/auth/org/Acme%20%26%20S%C3%B6hne/oidc`
    assert.deepEqual([unset.callbackUrl, unset.logoutUrl], [`${at}/callback`, `${at}/logout`])
    assert.deepEqual(unset.requiredClaims, { Email: '', FirstName: '', LastName: '', SpectroTeam: '' })
    assert.deepEqual(unset.issuerTls, { caCertificateBase64: '', insecureSkipVerify: false })
    assert.deepEqual([unset.isSsoEnabled, unset.clientSecret, unset.scopes], [false, '', []])
    await accepted(tenant, 'oidc/config', unset)
    assert.deepEqual(await read(tenant, 'oidc/config'), unset)
  })

  test('what a client wrote is what it reads, the secret masked and the certificate in base64', async () => {
    const tenant = await api.tenant()
    const team = await newTeam(tenant)
    await accepted(tenant, 'oidc/config', oidc({ defaultTeams: [team] }))
    const shown = await read(tenant, 'oidc/config')
    const { callbackUrl, logoutUrl } = shown
    assert.deepEqual(shown, {
      ...oidc({ defaultTeams: [team], clientSecret: '********' }),
      ...{ callbackUrl, logoutUrl },
      userInfo: { useUserInfo: false, claims: { Email: '', FirstName: '', LastName: '', SpectroTeam: '' } },
      issuerTls: { caCertificateBase64: base64(caPem), insecureSkipVerify: false },
    })
    await accepted(tenant, 'oidc/config', shown)
    assert.deepEqual(await read(tenant, 'oidc/config'), shown, 'encoded or not, it is the same certificate')
    await api.must(tenant.admin, 'DELETE /v1/teams/{uid}', { params: { uid: team } })
    assert.deepEqual((await read(tenant, 'oidc/config')).defaultTeams, [], 'a team that is gone is not shown')
  })

  test('the secret is sealed, stays with its issuer and client, and stands nowhere', async () => {
    const tenant = await api.tenant()
    const stored = () =>
      withClient(database.superuser, async (client) => {
        const { rows } = await client.query<{ value: { sealedSecret: string } }>(
          `select value from settings where tenant_id = $1 and kind = 'sso-oidc'`,
          [tenant.uid],
        )
        return rows[0]?.value.sealedSecret ?? ''
      })
    await accepted(tenant, 'oidc/config', oidc())
    const first = await stored()
    assert.ok(
      first.length > 20 && !first.includes('top-s3cret') && !Buffer.from(first, 'base64').includes('top-s3cret'),
    )
    for (const clientSecret of ['********', '*', '', null]) {
      await accepted(tenant, 'oidc/config', oidc({ clientSecret, scopes: ['openid'] }))
      assert.equal(await stored(), first, `kept with ${clientSecret}`)
    }
    // Any text may be a secret, whatever words the code has for having none.
    for (const clientSecret of ['keep', 'none']) {
      const before = await stored()
      await accepted(tenant, 'oidc/config', oidc({ clientSecret }))
      assert.ok((await stored()).length > 20 && (await stored()) !== before, `"${clientSecret}" is kept as a secret`)
    }
    const elsewhere = { issuerUrl: 'https://evil.test/', clientSecret: '********' }
    await refused(tenant, 'oidc/config', oidc(elsewhere), /clientSecret: send it again/)
    await refused(tenant, 'oidc/config', oidc({ ...elsewhere, clientSecret: '' }), /clientSecret: is needed/)
    await refused(
      tenant,
      'oidc/config',
      oidc({ clientId: 'other', clientSecret: '***' }),
      /clientSecret: send it again/,
    )
    await accepted(tenant, 'oidc/config', oidc({ ...elsewhere, isSsoEnabled: false, clientSecret: '' }))
    assert.equal(await stored(), '', 'it did not go along')
    await accepted(tenant, 'oidc/config', oidc())
    assert.notEqual(await stored(), first)
    assert.ok(!JSON.stringify(api.entries.map(({ details }) => details)).includes('top-s3cret'))
  })

  const wrong: readonly [string, object | (() => object), RegExp, string?][] = [
    ['D15 no https', { issuerUrl: 'http://idp.test' }, /issuerUrl/],
    ['D15 no address', { issuerUrl: 'idp.test' }, /issuerUrl/],
    ['D15 a query', { issuerUrl: 'https://idp.test/?a=b' }, /issuerUrl/],
    ['D15 a fragment', { issuerUrl: 'https://idp.test/#' }, /issuerUrl/],
    ['D15 a user', { issuerUrl: 'https://me@idp.test/' }, /issuerUrl/],
    ['D15 no client', { clientId: '' }, /clientId: is needed/],
    ['D15 no secret', { clientSecret: '' }, /clientSecret: is needed/],
    ['D15 no claim for the address', { requiredClaims: null }, /requiredClaims.Email: is needed/],
    ['D15 a scope that is none', { scopes: ['openid profile'] }, /scopes/],
    ['D15 any certificate', () => ({ issuerTls: { insecureSkipVerify: true } }), /insecureSkipVerify: must be false/],
    ['a damaged certificate', { issuerTls: { caCertificateBase64: 'LS0t' } }, /holds no certificate/],
    [
      'a private key',
      { issuerTls: { caCertificateBase64: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' } },
      /caCertificateBase64/,
      'private_key_refused',
    ],
    ['a team that is none', { defaultTeams: ['f'.repeat(24)] }, /No team/, 'not_found'],
  ]
  for (const [what, given, detail, code] of wrong)
    test(`refuses ${what}`, async () => {
      await refused(
        await api.tenant(),
        'oidc/config',
        oidc(typeof given === 'function' ? given() : given),
        detail,
        code,
      )
    })

  test('nobody lets others sign in to more than they hold', async () => {
    const tenant = await api.tenant()
    const team = await newTeam(tenant, [predefinedRole('Tenant Admin').uid])
    const { uid: role } = await api.must(tenant.admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Settings' },
        spec: {
          permissions: ['user.list', 'user.get', 'user.update', 'role.update', 'apiKey.update', 'project.update'],
          ...{ scope: 'tenant', type: 'user' },
        },
      },
    })
    const lesser = { ...tenant, admin: await api.person(tenant.admin, { roles: [role] }) }
    for (const [what, body] of [
      ['oidc/config', oidc({ defaultTeams: [team] })],
      ['saml/config', saml({ defaultTeams: [team] })],
    ] as const) {
      await refused(lesser, what, body, /./, 'exceeds_own_rights')
      await accepted(tenant, what, body)
      await accepted(lesser, what, body)
    }
  })
})

describe('SAML', () => {
  test('a document is whole before anybody wrote one: four attributes, metadata of ours, and it is taken back', async () => {
    const tenant = await named('Globex')
    const unset = await read(tenant, 'saml/config')
    assert.deepEqual(unset.attributes.map(({ name }: { name: string }) => name).toSorted(), [
      'Email',
      'FirstName',
      'LastName',
      'SpectroTeam',
    ])
    const acsUrl = `${publicUrl}/v1/auth/org/Globex/saml/callback`
    const ours = { acsUrl, entityId: acsUrl, issuer: acsUrl, audienceUrl: acsUrl }
    for (const [member, url] of Object.entries(ours)) assert.equal(unset[member], url, member)
    assert.ok(unset.serviceProviderMetadata.includes(`entityID="${acsUrl}"`))
    for (const attributesRead of [unset.attributes, null])
      await accepted(tenant, 'saml/config', { ...unset, attributes: attributesRead, isSsoEnabled: false })
    assert.deepEqual(await read(tenant, 'saml/config'), unset)
  })

  test('what a client wrote is what it reads, the metadata byte for byte', async () => {
    const tenant = await api.tenant()
    const body = saml({ defaultTeams: [await newTeam(tenant)] })
    await accepted(tenant, 'saml/config', body)
    const shown = await read(tenant, 'saml/config')
    const byName = (list: { name: string }[]) => list.toSorted((a, b) => a.name.localeCompare(b.name))
    for (const [member, value] of Object.entries(body))
      if (member !== 'attributes') assert.deepEqual(shown[member], value, member)
    assert.deepEqual(byName(shown.attributes), byName(attributes))
    const logout = '<md:SingleLogoutService Location="https://idp.test/slo"/>'
    const both = saml({ isSingleLogoutEnabled: true, federationMetadata: base64(metadata({ services: logout })) })
    await accepted(tenant, 'saml/config', both)
    assert.match((await read(tenant, 'saml/config')).serviceProviderMetadata, /SingleLogoutService/)
  })

  const xml = (text: string) => ({ federationMetadata: base64(text) })
  const deep = `${'<a>'.repeat(60_000)}`
  const wrong: readonly [string, () => object, RegExp][] = [
    ['no base64', () => ({ federationMetadata: '<xml/>' }), /must be XML in base64/],
    ['no metadata', () => ({ federationMetadata: '' }), /is needed/],
    ['no XML', () => xml('hello'), /no well-formed XML/],
    ['what is not closed', () => xml(metadata().slice(0, -5)), /no well-formed XML/],
    ['a very deep document', () => xml(deep), /no well-formed XML/],
    ['a document type', () => xml(metadata({ before: '<!DOCTYPE x [<!ENTITY a "b">]>' })), /document type/],
    [
      'a document type from outside',
      () => xml(metadata({ before: '<!doctype x SYSTEM "file:///etc/passwd">' })),
      /document type/,
    ],
    ['another encoding', () => xml(metadata({ before: '<?xml version="1.0" encoding="UTF-16"?>' })), /not in UTF-8/],
    ['no text', () => ({ federationMetadata: Buffer.from([0xff, 0xfe, 0x3c]).toString('base64') }), /no text/],
    ['too much', () => xml(`${metadata()}<!--${'x'.repeat(256 * 1024)}-->`), /256 KiB/],
    ['a service provider', () => xml(metadata().replaceAll('IDPSSO', 'SPSSO')), /no identity provider/],
    [
      'a federation',
      () => xml(`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>`),
      /no EntityDescriptor/,
    ],
    [
      'another namespace',
      () => xml(metadata().replaceAll('SAML:2.0:metadata', 'SAML:1.0:metadata')),
      /no EntityDescriptor/,
    ],
    ['plain http', () => xml(metadata().replace('https://idp.test/sso', 'http://idp.test/sso')), /begin with https/],
    ['a damaged certificate', () => xml(metadata({ key: 'AAAA' })), /damaged/],
    ['a comment in a certificate', () => xml(metadata().replace('</ds:X509C', '<!-- x --></ds:X509C')), /damaged/],
    [
      'D15 a format of names with a typo',
      () => ({ nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:email' }),
      /nameIdFormat/,
    ],
    ['D15 an attribute that nobody reads', () => ({ attributes: [{ name: 'Emial' }] }), /attributes/],
    ['D15 an attribute twice', () => ({ attributes: [{ name: 'Email' }, { name: 'Email' }] }), /twice/],
    ['D15 logout that the provider has not', () => ({ isSingleLogoutEnabled: true }), /SingleLogoutService/],
  ]
  for (const [what, given, detail] of wrong)
    test(`refuses ${what}`, async () => refused(await api.tenant(), 'saml/config', saml(given()), detail))
})

test('one of both is enabled: the other is disabled, and kept', async () => {
  const tenant = await api.tenant()
  const enabled = async () => [
    (await read(tenant, 'oidc/config')).isSsoEnabled,
    (await read(tenant, 'saml/config')).isSsoEnabled,
  ]
  await accepted(tenant, 'saml/config', saml())
  assert.deepEqual(await enabled(), [false, true])
  await accepted(tenant, 'oidc/config', oidc())
  assert.deepEqual(await enabled(), [true, false])
  assert.equal((await read(tenant, 'saml/config')).federationMetadata, base64(metadata()))
  const entry = api.entries.findLast(({ event, tenant: of }) => event === 'tenant.sso.updated' && of === tenant.uid)
  assert.equal(entry?.details.disabled, 'saml')
  // As a client ends single sign-on.
  for (const what of ['saml/config', 'oidc/config'])
    await accepted(tenant, what, { ...(await read(tenant, what)), isSsoEnabled: false })
  await accepted(tenant, 'domains', { domains: [] })
  await accepted(tenant, 'sso/auth/providers', { isEnabled: false, ssoLogins: [''] })
  assert.deepEqual(await enabled(), [false, false])
  assert.equal((await read(tenant, 'oidc/config')).clientSecret, '********')
})

test('sign-in applications of the installation are wanted by name, and a typo is refused (D15)', async () => {
  const tenant = await api.tenant()
  assert.deepEqual(await read(tenant, 'sso/auth/providers'), { isEnabled: false, ssoLogins: [] })
  await accepted(tenant, 'sso/auth/providers', { isEnabled: true, ssoLogins: ['github', 'google'] })
  assert.deepEqual(await read(tenant, 'sso/auth/providers'), { isEnabled: true, ssoLogins: ['github', 'google'] })
  await refused(tenant, 'sso/auth/providers', { isEnabled: true, ssoLogins: ['gihub'] }, /ssoLogins/)
  await accepted(tenant, 'sso/auth/providers', { isEnabled: false, ssoLogins: null })
  assert.deepEqual((await read(tenant, 'sso/auth/providers')).ssoLogins, [])
})

describe('domains', () => {
  test('are in one spelling, in the order in which they were written', async () => {
    const tenant = await api.tenant()
    await accepted(tenant, 'domains', {
      domains: ['Z-Domains.test', ' a.domains.test ', 'münchen.domains.test', 'z-domains.TEST'],
    })
    const canonical = ['z-domains.test', 'a.domains.test', 'xn--mnchen-3ya.domains.test']
    assert.deepEqual((await read(tenant, 'domains')).domains, canonical)
    await accepted(tenant, 'domains', { domains: canonical.toReversed() })
    assert.deepEqual((await read(tenant, 'domains')).domains, canonical.toReversed())
    await accepted(tenant, 'domains', { domains: null })
    assert.deepEqual((await read(tenant, 'domains')).domains, [])
  })

  test('D03 one that another tenant has is refused in any spelling, without a word on whose it is', async () => {
    const [mine, theirs] = [await api.tenant(), await api.tenant()]
    await accepted(theirs, 'domains', { domains: ['taken.test'] })
    for (const spelled of ['taken.test', 'TAKEN.Test', ' taken.test']) {
      const { status, refusal } = await write(mine, 'domains', { domains: ['free.test', spelled] })
      assert.deepEqual([status, refusal?.code, refusal?.details], [409, 'domain_taken', { taken: ['taken.test'] }])
      assert.ok(!JSON.stringify(refusal).includes(theirs.uid))
      assert.deepEqual((await read(mine, 'domains')).domains, [], 'nothing of it was kept')
    }
    await accepted(theirs, 'domains', { domains: [] })
    await accepted(mine, 'domains', { domains: ['taken.test'] })
    await api.must(api.root, 'DELETE /v1/tenants/{tenantUid}', { params: { tenantUid: mine.uid } })
    await accepted(theirs, 'domains', { domains: ['taken.test'] })
  })

  test('of two tenants that ask at once for the same ones, one has all of them', async () => {
    const tenants = await Promise.all(Array.from({ length: 4 }, () => api.tenant()))
    const wanted = ['race-1.test', 'race-2.test', 'race-3.test']
    const answers = await Promise.all(
      tenants.map((tenant, i) => write(tenant, 'domains', { domains: i % 2 ? wanted : wanted.toReversed() })),
    )
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 409, 409, 409])
  })

  for (const domain of [
    ...['*.acme.test', 'acme', 'acme.test.', '.acme.test', 'acme..test', 'acme.test/x', 'acme.test:443', 'a@acme.test'],
    ...[
      '192.0.2.1',
      '0x7f.1',
      '[::1]',
      'acme_x.test',
      'ａcme.test',
      'acme%2etest',
      'xn--zz.test',
      'a b.test',
      '+acme.test',
    ],
  ])
    test(`D03 D04 "${domain}" is no domain`, async () => {
      await refused(await api.tenant(), 'domains', { domains: [domain] }, /domains\.0/)
    })
})

test('reading and writing take rights in the own tenant', async () => {
  const tenant = await api.tenant()
  const viewer = { ...tenant, admin: await api.person(tenant.admin, { roles: [predefinedRole('Tenant Viewer').uid] }) }
  const stranger = { ...tenant, admin: (await api.tenant()).admin }
  for (const [what, body] of [
    ['oidc/config', oidc()],
    ['saml/config', saml()],
    ['domains', { domains: [] }],
    ['sso/auth/providers', {}],
  ] as const) {
    await read(viewer, what)
    assert.equal((await write(viewer, what, body)).status, 403, what)
    assert.equal((await write(stranger, what, body)).status, 404, what)
    const params = { tenantUid: tenant.uid }
    assert.equal((await api.call(stranger.admin, `GET ${place}/${what}`, { params })).status, 404, what)
  }
})
