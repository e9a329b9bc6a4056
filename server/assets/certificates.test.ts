import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { createAuthority } from '../../tests/support/certificates.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Principal } from '../gateway/index.ts'
import { limitEndpoints } from '../settings/index.ts'
import { certificateEndpoints } from './certificate-routes.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
/** In PEM, the leaves with their keys. */
let authority: string
let leaf: { readonly certificate: string; readonly key: string }
let other: typeof leaf
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [...certificateEndpoints({ sealerOf: keys.of }), ...limitEndpoints])
  const { certPem, issue } = await createAuthority('authority of a tenant')
  const issued = async () => {
    const { certPem: certificate, keyPem: key } = await issue({ commonName: 'idp.test', dnsNames: ['idp.test'] })
    return { certificate, key }
  }
  authority = certPem
  ;[leaf, other] = [await issued(), await issued()]
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const list = '/v1/tenants/{tenantUid}/assets/certs'
const one = `${list}/{certificateUid}`
type Of = { readonly uid: string; readonly admin: Principal }
const at = ({ uid }: Of, certificateUid?: string) => ({
  params: { tenantUid: uid, ...(certificateUid === undefined ? {} : { certificateUid }) },
})
const body = (spec: object, name = 'One') => ({ body: { metadata: { name, labels: null }, spec } })
const add = (of: Of, spec: object, name?: string) =>
  api.call(of.admin, `POST ${list}`, { ...at(of), ...body(spec, name) })
const ofAuthority = () => ({ certificate: authority, isCA: true, key: '' })

describe('certificates', () => {
  test('are kept with their key, which is sealed and never shown', async () => {
    const tenant = await api.tenant()
    const { uid } = (await add(tenant, { ...leaf, isCA: false })).body
    const shown = await api.must(tenant.admin, `GET ${one}`, at(tenant, uid))
    assert.deepEqual(shown.spec, { certificate: leaf.certificate, key: '', isCA: false })
    assert.equal(shown.metadata.name, 'One')
    const { items } = await api.must(tenant.admin, `GET ${list}`, at(tenant))
    assert.deepEqual(items, [shown])
    const stored = () =>
      withClient(database.superuser, async (client) => {
        const { rows } = await client.query<{ private_key: Buffer | null }>(
          'select private_key from tenant_certificates where tenant_id = $1',
          [tenant.uid],
        )
        return rows[0]?.private_key
      })
    const sealed = await stored()
    assert.ok(sealed && !sealed.includes('PRIVATE KEY'))

    const change = (spec: object, name?: string) =>
      api.call(tenant.admin, `PUT ${one}`, { ...at(tenant, uid), ...body(spec, name) })
    assert.equal((await change(shown.spec, 'Renamed')).status, 204, 'sent back as it was read')
    assert.deepEqual(await stored(), sealed, 'the key stayed')
    assert.match((await change({ certificate: other.certificate })).refusal?.detail ?? '', /spec\.key: is needed/)
    assert.match((await change({ ...other, key: leaf.key })).refusal?.detail ?? '', /does not belong/)
    assert.equal((await change(other)).status, 204)
    assert.notDeepEqual(await stored(), sealed)
    await api.must(tenant.admin, `DELETE ${one}`, at(tenant, uid))
    assert.equal((await api.call(tenant.admin, `GET ${one}`, at(tenant, uid))).status, 404)
    const said = JSON.stringify(api.entries.map(({ details }) => details))
    assert.ok(!said.includes('PRIVATE KEY') && said.includes('"key":"kept"'))
  })

  test('names are unique in any spelling, and there are as many as the limit says', async () => {
    const tenant = await api.tenant()
    assert.equal((await add(tenant, ofAuthority(), 'Root')).status, 201)
    assert.equal((await add(tenant, ofAuthority(), ' ROOT ')).refusal?.code, 'certificate_name_taken')
    await api.must(tenant.admin, 'PATCH /v1/tenants/{tenantUid}/resourceLimits', {
      ...at(tenant),
      body: { resources: [{ kind: 'certificate', limit: 1 }] },
    })
    assert.equal((await add(tenant, ofAuthority(), 'Two')).refusal?.code, 'resource_limit')
  })

  const wrong: readonly [string, () => object, RegExp, string?][] = [
    ['no certificate', () => ({ certificate: 'hello' }), /no certificate in PEM/],
    ['a damaged one', () => ({ ...leaf, certificate: leaf.certificate.replace(/\nM/, '\nX') }), /damaged/],
    ['something beside it', () => ({ ...leaf, certificate: `${leaf.certificate}and more` }), /something beside/],
    [
      'a key in its place',
      () => ({ ...leaf, certificate: `${leaf.certificate}${leaf.key}` }),
      /spec\.key/,
      'private_key_refused',
    ],
    ['too many', () => ({ ...leaf, certificate: leaf.certificate.repeat(11) }), /more than 10/],
    ['the key of another', () => ({ ...leaf, key: other.key }), /does not belong/],
    ['no key', () => ({ certificate: leaf.certificate }), /is needed/],
    ['a key that is none', () => ({ ...leaf, key: 'hello' }), /no private key/],
    ['D15 an authority that is none', () => ({ ...leaf, isCA: true }), /not of an authority/],
    ['D15 an authority that is not said to be one', () => ({ certificate: authority }), /isCA does not say so/],
  ]
  for (const [what, spec, detail, code = 'invalid'] of wrong)
    test(`refuses ${what}`, async () => {
      const { refusal } = await add(await api.tenant(), spec())
      assert.equal(refusal?.code, code)
      assert.match(refusal?.detail ?? '', detail)
      assert.ok(!JSON.stringify(refusal).includes('PRIVATE KEY-----'))
    })

  test('are read with user.list, changed by administrators, and not there for others', async () => {
    const tenant = await api.tenant()
    const { uid } = (await add(tenant, ofAuthority())).body
    const viewer = await api.person(tenant.admin, { roles: [predefinedRole('Tenant Viewer').uid] })
    const { admin: stranger, uid: strange } = await api.tenant()
    for (const [route, call] of [
      [`GET ${list}`, at(tenant)],
      [`GET ${one}`, at(tenant, uid)],
      [`POST ${list}`, { ...at(tenant), ...body(ofAuthority()) }],
      [`PUT ${one}`, { ...at(tenant, uid), ...body(ofAuthority()) }],
      [`DELETE ${one}`, at(tenant, uid)],
    ] as const) {
      assert.equal((await api.call(viewer, route, call)).status, route.startsWith('GET') ? 200 : 403, route)
      assert.equal((await api.call(stranger, route, call)).status, 404, route)
      if (!route.endsWith('}')) continue
      const own = { ...call, params: { ...call.params, tenantUid: strange } }
      assert.equal((await api.call(stranger, route, own)).status, 404, `${route} below their own tenant`)
    }
  })
})
