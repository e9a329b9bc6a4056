import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createAssets } from './index.ts'

// Accounts of other clouds than AWS, for which cloud-accounts.test.ts stands.

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

const mask = '********'
const keyFile = {
  ...{ type: 'service_account', project_id: 'shop-1', private_key_id: 'abc', client_email: 'a@shop-1.test' },
  ...{ client_id: '1', token_uri: 'https://oauth2.googleapis.com/token' },
  private_key: '-----BEGIN PRIVATE KEY-----\naGlkZGVuLWtleQ==\n-----END PRIVATE KEY-----\n',
}
const gcp = (change: object = {}) => ({ jsonCredentials: JSON.stringify({ ...keyFile, ...change }) })
const azure = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  clientId: '22222222-2222-4222-8222-222222222222',
  ...{ clientSecret: 'hidden-secret', tenantName: 'shop', azureEnvironment: 'AzurePublicCloud' },
  settings: { disablePropertiesRequest: true },
  tls: null,
}
const custom = { credentials: { endpoint: 'https://cloud.test', password: 'hidden-password' } }
const cloudType = 'nutanix'
type Kind = 'gcp' | 'azure' | 'custom'
const specs: Readonly<Record<Kind, object>> = { gcp: gcp(), azure, custom }
const route: Readonly<Record<Kind, string>> = {
  gcp: '/v1/cloudaccounts/gcp',
  azure: '/v1/cloudaccounts/azure',
  custom: '/v1/cloudaccounts/cloudTypes/{cloudType}',
}
const at = (uid: string) => ({ params: { uid, cloudType } })
const bodyOf = (name: string, spec: object, more: object = {}) => ({
  params: { cloudType },
  body: { metadata: { name, uid: '', creationTimestamp: '0001-01-01T00:00:00.000Z', ...more }, spec },
})
async function tenant() {
  const made = await api.tenant()
  const body = { metadata: { name: cloudType }, spec: { displayName: 'Nutanix', cloudCategory: 'datacenter' } }
  await api.must(made.admin, 'POST /v1/clouds/cloudTypes/register', { body })
  return made
}
const newAccount = async (who: Principal, kind: Kind, name: string, project?: string): Promise<string> =>
  (await api.must(who, `POST ${route[kind]}`, { ...bodyOf(name, specs[kind]), ...(project ? { project } : {}) })).uid
const stored = async (uid: string) =>
  withClient(database.superuser, async (client) => {
    const { rows } = await client.query('select * from cloud_accounts where account_id = $1', [uid])
    return { text: JSON.stringify(rows) + rows[0].secrets.toString('latin1'), secrets: rows[0].secrets as Buffer }
  })

describe('accounts of GCP, Azure and registered clouds', () => {
  for (const kind of ['gcp', 'azure', 'custom'] as const)
    test(`${kind}: made, read without secrets, changed with what was read, and deleted`, async () => {
      const { admin, project } = await tenant()
      const uid = await newAccount(admin, kind, 'shop', project)
      const found = await api.must(admin, `GET ${route[kind]}/{uid}`, at(uid))
      assert.deepEqual(
        [found.kind, found.metadata.annotations.scope, found.status.state],
        [kind === 'custom' ? cloudType : kind, 'project', 'Unverified'],
      )
      const before = await stored(uid)
      for (const text of [JSON.stringify(found), before.text])
        assert.doesNotMatch(text, /hidden|aGlkZGVu/, 'no secret is shown, and none is stored openly')
      assert.match(JSON.stringify(found.spec), /\*{8}/)
      // What was read is written back: the secrets stay.
      await api.must(admin, `PUT ${route[kind]}/{uid}`, { ...bodyOf('shop 2', found.spec), ...at(uid) })
      assert.deepEqual((await stored(uid)).secrets, before.secrets)
      const changed = await api.must(admin, `GET ${route[kind]}/{uid}`, at(uid))
      assert.deepEqual([changed.metadata.name, changed.spec], ['shop 2', found.spec])
      await api.must(admin, `PUT ${route[kind]}/{uid}`, { ...bodyOf('shop 2', specs[kind]), ...at(uid) })
      assert.notDeepEqual((await stored(uid)).secrets, before.secrets)
      const { items } = await api.must(admin, `GET ${route[kind]}`, { params: { cloudType }, query: { limit: '0' } })
      assert.deepEqual(
        items.map((one: { metadata: { uid: string } }) => one.metadata.uid),
        [uid],
      )
      await api.must(admin, `DELETE ${route[kind]}/{uid}`, at(uid))
      assert.equal((await api.call(admin, `GET ${route[kind]}/{uid}`, at(uid))).status, 404)
      const entries = api.entries.filter(({ resource }) => resource.uid === uid)
      assert.equal(entries.length, 4)
      assert.doesNotMatch(JSON.stringify(entries.map(({ details }) => details)), /hidden|aGlkZGVu/)
    })

  test('a secret does not come under what it was not sent for', async () => {
    const { admin } = await tenant()
    const cases: readonly (readonly [Kind, object])[] = [
      ['gcp', gcp({ private_key: mask, client_email: 'b@shop-1.test' })],
      ['gcp', gcp({ private_key: mask, project_id: 'other' })],
      ['gcp', gcp({ private_key: mask, token_uri: 'https://elsewhere.test' })],
      ['azure', { ...azure, clientSecret: '', tenantId: '33333333-3333-4333-8333-333333333333' }],
      ['azure', { ...azure, clientSecret: mask, clientId: '33333333-3333-4333-8333-333333333333' }],
      ['azure', { ...azure, clientSecret: null, azureEnvironment: 'AzureChinaCloud' }],
      ['custom', { credentials: { endpoint: 'https://elsewhere.test', password: mask } }],
      ['custom', { credentials: { password: mask } }],
      ['custom', { credentials: { endpoint: mask, password: mask, more: mask } }],
    ]
    const uids = new Map<Kind, string>()
    for (const kind of ['gcp', 'azure', 'custom'] as const) uids.set(kind, await newAccount(admin, kind, 'shop'))
    for (const [kind, spec] of cases) {
      const call = { ...bodyOf('shop', spec), ...at(uids.get(kind) ?? '') }
      const answer = await api.call(admin, `PUT ${route[kind]}/{uid}`, call)
      assert.deepEqual([answer.status, answer.refusal?.code], [400, 'invalid'], JSON.stringify(spec))
    }
    for (const [kind, nothing] of [
      ['gcp', null],
      ['gcp', { jsonCredentials: '' }],
      ['azure', { ...azure, clientSecret: '' }],
      ['custom', null],
    ] as const) {
      const uid = uids.get(kind) ?? ''
      const { secrets } = await stored(uid)
      const call = { ...bodyOf('shop', nothing ?? {}), ...at(uid) }
      await api.must(admin, `PUT ${route[kind]}/{uid}`, call)
      assert.deepEqual((await stored(uid)).secrets, secrets, `${kind}: not sent, it stays`)
    }
  })

  test('what has not the form that the cloud documents is refused, and never quoted', async () => {
    const { admin } = await tenant()
    const cases: readonly (readonly [Kind, object, RegExp])[] = [
      ['gcp', {}, /must not be empty/],
      ['gcp', { jsonCredentials: 'hidden' }, /is no JSON object/],
      ['gcp', { jsonCredentials: '"hidden"' }, /is no JSON object/],
      ['gcp', gcp({ type: 'authorized_user' }), /type/],
      ['gcp', gcp({ client_email: undefined }), /client_email/],
      ['gcp', gcp({ private_key: 'hidden' }), /private_key: is no private key/],
      ['gcp', gcp({ private_key: mask }), /private_key: has to be sent/],
      ['gcp', gcp({ refresh_token: 'hidden' }), /a member that no key file/],
      ['gcp', gcp({ token_uri: 'http://hidden.test' }), /token_uri: must be an https/],
      ['azure', { ...azure, tenantId: 'hidden' }, /spec\.tenantId/],
      ['azure', { ...azure, clientId: 'hidden' }, /spec\.clientId/],
      ['azure', { ...azure, clientSecret: '' }, /spec\.clientSecret: must not be empty/],
      ['azure', { ...azure, clientSecret: mask }, /spec\.clientSecret: must not be empty/],
      ['azure', { ...azure, clientSecret: 'hidden secret' }, /spec\.clientSecret: has characters/],
      ['azure', { ...azure, tls: { cert: 'hidden' } }, /AzureUSSecretCloud alone/],
      [
        ...(['azure', { ...azure, azureEnvironment: 'AzureUSSecretCloud', tls: { cert: 'hidden' } }] as const),
        /tls\.cert: must be certificates/,
      ],
      ['custom', {}, /must not be empty/],
      ['custom', { credentials: { password: mask } }, /must not be empty/],
      ['custom', { credentials: { password: mask, user: 'hidden' } }, /all of them/],
      [
        ...(['custom', { credentials: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [i, 'x'])) }] as const),
        /more than 50/,
      ],
    ]
    for (const [kind, spec, message] of cases) {
      const made = await api.call(admin, `POST ${route[kind]}`, bodyOf('x', spec))
      assert.deepEqual([made.status, made.refusal?.code], [400, 'invalid'], `${kind} ${JSON.stringify(spec)}`)
      assert.match(made.refusal?.detail ?? '', message)
      assert.doesNotMatch(JSON.stringify(made.refusal), /hidden/)
    }
    const validate = async (cloud: 'gcp' | 'azure', body: object) =>
      (await api.call(admin, `POST /v1/clouds/${cloud}/account/validate`, { body })).status
    assert.equal(await validate('gcp', { spec: gcp() }), 204)
    assert.equal(await validate('gcp', { spec: gcp({ private_key: 'x' }) }), 400)
    assert.equal(await validate('gcp', {}), 400)
    assert.equal(await validate('azure', azure), 204)
    assert.equal(await validate('azure', { ...azure, clientId: 'x' }), 400)
    for (const [azureEnvironment, tenantId] of [
      ['AzureUSGovernmentCloud', 'shop.onmicrosoft.com'],
      ['AzureUSSecretCloud', azure.tenantId],
    ])
      assert.equal(await validate('azure', { ...azure, azureEnvironment, tenantId }), 204)
  })

  test('an account is found under its own cloud alone; a name is one cloud’s; the summary lists all', async () => {
    const { admin, project } = await tenant()
    const accounts = new Map<Kind, string>()
    for (const kind of ['gcp', 'azure', 'custom'] as const)
      accounts.set(kind, await newAccount(admin, kind, 'one', project))
    for (const [kind, uid] of accounts)
      for (const other of ['gcp', 'azure', 'custom'] as const) {
        if (other === kind) continue
        assert.equal((await api.call(admin, `GET ${route[other]}/{uid}`, at(uid))).status, 404, `${kind} as ${other}`)
        assert.equal((await api.call(admin, `DELETE ${route[other]}/{uid}`, at(uid))).status, 404)
      }
    const taken = await api.call(admin, `POST ${route.gcp}`, { ...bodyOf('ONE', gcp()), project })
    assert.deepEqual([taken.status, taken.refusal?.code], [409, 'cloud_account_name_taken'])
    const { items, listmeta } = await api.must(admin, 'GET /v1/cloudaccounts/summary', { query: { limit: '0' } })
    assert.deepEqual(
      items
        .map((one: { kind: string; specSummary: { accountId: string } }) => [one.kind, one.specSummary.accountId])
        .toSorted(),
      [
        ['azure', azure.tenantId],
        ['gcp', 'shop-1'],
        ['nutanix', ''],
      ],
    )
    assert.equal(listmeta.count, 3)
    const filtered = await api.must(admin, 'GET /v1/cloudaccounts/summary', { query: { filters: 'kind=gcp' } })
    assert.equal(filtered.items.length, 1)
  })

  test('kinds of clouds are registered once, listed beside the known ones, and stay while there are accounts', async () => {
    const { admin, project } = await tenant()
    const register = async (who: Principal, name: string) =>
      api.call(who, 'POST /v1/clouds/cloudTypes/register', { body: { metadata: { name } } })
    for (const name of ['aws', 'gcp', 'azure', cloudType])
      assert.deepEqual((await register(admin, name)).refusal?.code, 'cloud_type_taken', name)
    for (const name of ['Upper', 'a', 'a/b', '-a', 'x'.repeat(64)])
      assert.equal((await register(admin, name)).status, 400, name)
    const { cloudTypes } = await api.must(admin, 'GET /v1/clouds/cloudTypes')
    assert.deepEqual(
      cloudTypes.map(({ name, isCustom }: { name: string; isCustom: boolean }) => [name, isCustom]),
      [
        ['aws', false],
        ['gcp', false],
        ['azure', false],
        [cloudType, true],
      ],
    )
    const { admin: stranger } = await api.tenant()
    assert.equal((await api.must(stranger, 'GET /v1/clouds/cloudTypes')).cloudTypes.length, 3)
    const nowhere = { ...bodyOf('x', custom), params: { cloudType: 'unknown' } }
    assert.equal((await api.call(admin, `POST ${route.custom}`, nowhere)).status, 404)
    assert.equal((await api.call(admin, `GET ${route.custom}`, { params: { cloudType: 'unknown' } })).status, 404)
    const remove = async (who: Principal) =>
      api.call(who, 'DELETE /v1/clouds/cloudTypes/{cloudType}', { params: { cloudType } })
    const uid = await newAccount(admin, 'custom', 'one', project)
    assert.equal((await remove(admin)).refusal?.code, 'cloud_type_in_use')
    const person = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(person.user),
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Project Admin').uid] }] },
    })
    assert.equal((await register(person, 'mine')).status, 403)
    assert.equal((await remove(person)).status, 403)
    // In the project, the person keeps accounts of it all the same.
    await newAccount(person, 'custom', 'two', project)
    assert.equal((await api.call(person, `POST ${route.custom}`, bodyOf('three', custom))).status, 403)
    for (const { metadata } of (await api.must(admin, `GET ${route.custom}`, { params: { cloudType } })).items)
      await api.must(admin, `DELETE ${route.custom}/{uid}`, at(metadata.uid))
    assert.equal((await api.call(admin, `GET ${route.custom}/{uid}`, at(uid))).status, 404)
    assert.equal((await remove(admin)).status, 204)
  })

  test('no account of a kind outlives it, whichever of the two is first', async () => {
    const { admin } = await tenant()
    for (let round = 0; round < 8; round++) {
      const [made, removed] = await Promise.all([
        api.call(admin, `POST ${route.custom}`, bodyOf(`one ${round}`, custom)),
        api.call(admin, 'DELETE /v1/clouds/cloudTypes/{cloudType}', { params: { cloudType } }),
      ])
      assert.deepEqual([made.status, removed.status].toSorted(), made.status === 201 ? [201, 409] : [204, 404])
      const { items } = await api.must(admin, 'GET /v1/cloudaccounts/summary')
      assert.equal(items.length, made.status === 201 ? 1 : 0)
      if (made.status === 201) await api.must(admin, `DELETE ${route.custom}/{uid}`, at(made.body.uid))
      else await api.must(admin, 'POST /v1/clouds/cloudTypes/register', { body: { metadata: { name: cloudType } } })
    }
  })
})
