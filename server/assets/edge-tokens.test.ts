import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createAssets } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [
    ...accessEndpoints,
    ...createAssets({ sealerOf: keys.of }).endpoints,
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const path = '/v1/edgehosts/tokens'
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const expiry = '2099-01-01T02:00:00.000+02:00'
const inUtc = '2099-01-01T00:00:00.000Z'
/** As the Terraform provider sends it. */
const tokenBody = (name: string, spec: object = { expiry }) => ({
  body: {
    metadata: { name, annotations: { description: 'for the shop' }, creationTimestamp: '0001-01-01T00:00:00.000Z' },
    spec,
  },
})
const newToken = async (who: Principal, name: string, spec: object = { expiry }): Promise<string> =>
  (await api.must(who, `POST ${path}`, tokenBody(name, spec))).uid

describe('registration tokens', () => {
  test('a token is made by us, found in the list, switched off, changed and deleted', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newToken(admin, 'shop', { defaultProjectUid: project, expiry })
    const { items } = await api.must(admin, `GET ${path}`)
    assert.equal(items.length, 1)
    const [found] = items
    assert.deepEqual(found, await api.must(admin, `GET ${path}/{uid}`, at(uid)))
    assert.match(found.spec.token, /^[\w-]{43}$/)
    assert.deepEqual([found.spec.expiry, found.spec.defaultProject], [inUtc, { uid: project, name: 'Default' }])
    assert.deepEqual(found.metadata.annotations, {
      ...{ description: 'for the shop', scope: 'tenant', tenantUid: tenant },
      permissions: 'edgeToken.delete,edgeToken.get,edgeToken.list,edgeToken.update',
    })
    assert.deepEqual(found.status, { isActive: true })

    await api.must(admin, `PUT ${path}/{uid}/state`, at(uid, { body: { isActive: false } }))
    // Clients send the project along here.
    const body = { spec: { expiry: '2100-01-01T00:00:00.000Z' } }
    await api.must(admin, `PUT ${path}/{uid}`, at(uid, { body, project }))
    const changed = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual(changed.spec, {
      token: found.spec.token,
      expiry: '2100-01-01T00:00:00.000Z',
      defaultProject: { uid: '', name: '' },
    })
    assert.deepEqual([changed.metadata.name, changed.status.isActive], ['shop', false])
    assert.equal(changed.metadata.annotations.description, 'for the shop')

    await api.must(admin, `DELETE ${path}/{uid}`, at(uid))
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(uid))).status, 404)
    const entries = api.entries.filter(({ resource }) => resource.uid === uid)
    assert.deepEqual(
      entries.map(({ event }) => event),
      ['edgetoken.created', 'edgetoken.updated', 'edgetoken.updated', 'edgetoken.deleted'],
    )
    assert.ok(!JSON.stringify(entries.map(({ details }) => details)).includes(found.spec.token))
  })

  test('the token itself is shown to who may read tokens, and is sealed in the database', async () => {
    const { uid: tenant, admin } = await api.tenant()
    await newToken(admin, 'shop')
    const { uid: role } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: 'Lister' }, spec: { permissions: ['edgeToken.list'], scope: 'tenant', type: 'user' } },
    })
    const person = await api.person(admin, { roles: [role] })
    const { items } = await api.must(person, `GET ${path}`)
    assert.deepEqual([items.length, items[0].spec.token], [1, undefined])
    const [shown] = (await api.must(admin, `GET ${path}`)).items
    assert.equal((await api.call(person, `GET ${path}/{uid}`, at(shown.metadata.uid))).status, 403)
    const { rows } = await withClient(database.superuser, (client) =>
      client.query('select token from edge_tokens where tenant_id = $1', [tenant]),
    )
    assert.equal(rows.length, 1)
    assert.ok(!rows[0].token.includes(shown.spec.token))
  })

  for (const [what, spec, status, says] of [
    ['no end', {}, 400, /needs an end/],
    ['the zero time for an end', { expiry: '0001-01-01T00:00:00.000Z' }, 400, /needs an end/],
    ['an end that has passed', { expiry: '2020-01-01T00:00:00.000Z' }, 400, /has passed/],
    ['a project that is not there', { expiry, defaultProjectUid: 'f'.repeat(24) }, 404, /No project f/],
    ['what is no uid for a project', { expiry, defaultProjectUid: 'Default' }, 404, /No project Default/],
  ] as const)
    test(`a token is neither made nor changed to have ${what}`, async () => {
      const { admin } = await api.tenant()
      const made = await api.call(admin, `POST ${path}`, tokenBody('x', spec))
      assert.equal(made.status, status)
      assert.match(made.refusal?.detail ?? '', says)
      const uid = await newToken(admin, 'good')
      const changed = await api.call(admin, `PUT ${path}/{uid}`, at(uid, { body: { spec } }))
      // An end that is not sent stays.
      assert.equal(changed.status, /needs an end/.test(says.source) ? 204 : status)
      assert.equal((await api.must(admin, `GET ${path}/{uid}`, at(uid))).spec.expiry, inUtc)
    })

  test('a name is taken in any spelling; a default project that is deleted is none', async () => {
    const { admin } = await api.tenant()
    const { uid: project } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Short' } } })
    const uid = await newToken(admin, 'Shop', { expiry, defaultProjectUid: project })
    const other = await newToken(admin, 'other')
    const made = await api.call(admin, `POST ${path}`, tokenBody('ｓhop'))
    assert.deepEqual([made.status, made.refusal?.code], [409, 'edge_token_name_taken'])
    const renamed = await api.call(admin, `PUT ${path}/{uid}`, at(other, tokenBody('SHOP')))
    assert.equal(renamed.refusal?.code, 'edge_token_name_taken')
    await api.must(admin, 'DELETE /v1/projects/{uid}', at(project))
    const found = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual(found.spec.defaultProject, { uid: '', name: '' })
  })

  test('another tenant’s is not there, and its project is none to name', async () => {
    const { admin } = await api.tenant()
    const { admin: stranger, project } = await api.tenant()
    const uid = await newToken(admin, 'shop')
    for (const [route, call] of [
      [`GET ${path}/{uid}`, {}],
      [`PUT ${path}/{uid}`, { body: { spec: { expiry } } }],
      [`PUT ${path}/{uid}/state`, { body: { isActive: false } }],
      [`DELETE ${path}/{uid}`, {}],
    ] as const)
      assert.equal((await api.call(stranger, route, at(uid, call))).status, 404, route)
    const made = await api.call(admin, `POST ${path}`, tokenBody('x', { expiry, defaultProjectUid: project }))
    assert.equal(made.status, 404)
  })
})
