import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { type Api, type ApiAnswer, createApi } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { freePort } from '../support/ports.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { type OpenedPalisade, startOpened } from './support.ts'

// Threats A18, D01, D04, D08, D11 and D18, and what the documentation of the model system gives as examples: the real program, twice
// on one database.

let family: ProcessFamily
let here: OpenedPalisade
/** Another replica. */
let there: Palisade
let cluster: FakeKubernetes
let acme: Tenant
let project: string

before(async () => {
  family = await createProcessFamily('access')
  const rootKey = join(family.folder, 'root.key')
  await writeFile(rootKey, randomBytes(32).toString('base64'), { mode: 0o600 })
  // Replicas have one address for clients, whichever of them answers.
  const publicUrl = `https://localhost:${await freePort()}`
  const hereEnv = { PALISADE_ROOT_KEY_FILE: rootKey, PALISADE_PUBLIC_URL: publicUrl }
  here = await startOpened({ family, name: 'here', env: hereEnv })
  const shared = ['PALISADE_DATABASE_URL', 'PALISADE_ROOT_KEY_FILE', 'PALISADE_PUBLIC_URL'] as const
  const env = Object.fromEntries(shared.map((name) => [name, String(here.env[name])]))
  ;[there, cluster] = await Promise.all([startPalisade({ family, name: 'there', env }), startFakeKubernetes()])
  acme = await createTenant(here, 'acme')
  project = acme.defaultProject
})
after(async () => {
  await there?.stop()
  await here?.stop()
  await cluster?.close()
  await family?.stop()
})

const uidOf = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid
let made = 0
const fresh = (what: string) => `${what}-${++made}`

async function newRole(name: string, scope: 'tenant' | 'project' | 'resource', permissions: readonly string[]) {
  const { uid } = await acme.admin.must('POST', '/v1/roles', {
    body: { metadata: { name: fresh(name), annotations: { scope } }, spec: { permissions, scope, type: 'user' } },
  })
  return uid as string
}
const filterOf = (name: string, ...filters: readonly object[]) => ({
  metadata: { name },
  spec: { filterGroup: { conjunction: 'and', filters } },
})
const eq = (key: string, ...values: string[]) => ({ key, negation: false, operator: 'eq', values })
async function newFilter(...filters: readonly object[]): Promise<string> {
  return (await acme.admin.must('POST', '/v1/filters/tag', { body: filterOf(fresh('filter'), ...filters) })).uid
}
const give = (user: string, roles: readonly string[]) =>
  acme.admin.must('PUT', `/v1/users/${user}/roles`, { body: { roles } })
const giveInProject = (user: string, roles: readonly string[]) =>
  acme.admin.must('PUT', `/v1/users/${user}/projects`, { body: { projects: [{ projectUid: project, roles }] } })
const giveThrough = (user: string, filters: readonly string[], roles: readonly string[]) =>
  acme.admin.must('POST', `/v1/users/${user}/resourceRoles`, {
    body: { projectUids: [project], filterRefs: filters, roles },
  })

/** An object with tags that needs no cluster behind it. */
async function newAccount(labels: Record<string, string>): Promise<string> {
  const { uid } = await acme.admin.must('POST', '/v1/cloudaccounts/aws', {
    project,
    body: {
      metadata: { name: fresh('account'), labels },
      spec: { credentialType: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'not-a-real-one' },
    },
  })
  return uid
}

describe('D01: nobody gives themselves more than they have', () => {
  const refused = (answer: ApiAnswer, what: string) => {
    assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text}`)
    assert.match(answer.body.message, /^Nobody gives more than they hold/, `${what}: ${answer.text}`)
  }

  test('D01 by role, filter, membership, project or resource role', async () => {
    // May administer people, teams, roles, filters and projects, and nothing that is in them.
    const keeper = await newRole('keeper', 'tenant', [
      ...['user.get', 'user.list', 'user.update', 'user.create', 'team.get', 'team.update', 'team.create'],
      ...['role.get', 'role.update', 'role.create', 'filter.get', 'filter.update', 'project.get', 'project.update'],
    ])
    const mallory = await createUser(here, acme, fresh('mallory'))
    const own = await newRole('own', 'tenant', ['role.get'])
    await give(mallory.uid, [keeper, own])
    const prod = await newFilter(eq('env', 'prod'))
    const reader = await newRole('reader', 'resource', ['cloudaccount.get'])
    await giveThrough(mallory.uid, [prod], [reader])
    const owners = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: fresh('owners') }, spec: { users: [], roles: [uidOf('Tenant Admin')] } },
    })
    const account = await newAccount({ env: 'dev' })

    const roleNow = (permissions: readonly string[], uid: string) => ({
      metadata: { name: fresh('changed'), annotations: { scope: 'tenant' }, uid },
      ...{ spec: { permissions, scope: 'tenant', type: 'user' }, status: { isEnabled: true } },
    })
    const more = uidOf('Tenant Admin')
    const inProject = [uidOf('Project Admin')]
    const { api } = mallory
    const ways: Readonly<Record<string, () => Promise<ApiAnswer>>> = {
      'a role that they hold': () =>
        api.call('PUT', `/v1/roles/${own}`, { body: roleNow(['role.get', 'user.delete'], own) }),
      'their roles': () => api.call('PUT', `/v1/users/${mallory.uid}/roles`, { body: { roles: [keeper, more] } }),
      'their roles in a project': () =>
        api.call('PUT', `/v1/users/${mallory.uid}/projects`, {
          body: { projects: [{ projectUid: project, roles: inProject }] },
        }),
      'the user as a whole': () => api.call('PUT', `/v1/users/${mallory.uid}`, { body: { spec: { roles: [more] } } }),
      'another user, who is theirs': () =>
        api.call('POST', '/v1/users', {
          body: {
            metadata: { name: 'p' },
            spec: { emailId: `${fresh('puppet')}@acme.test`, firstName: 'p', roles: [more] },
          },
        }),
      'the members of a team that has more': () =>
        api.call('PUT', `/v1/teams/${owners.uid}`, {
          body: { metadata: { name: fresh('t') }, spec: { users: [mallory.uid] } },
        }),
      'a team of their own': () =>
        api.call('POST', '/v1/teams', {
          body: { metadata: { name: fresh('t') }, spec: { users: [mallory.uid], roles: [more] } },
        }),
      'the users of a project': () =>
        api.call('PUT', `/v1/projects/${project}/users`, {
          body: { users: [{ userId: mallory.uid, roles: inProject }] },
        }),
      'the teams of a project': () =>
        api.call('PUT', `/v1/projects/${project}/teams`, {
          body: { teams: [{ teamId: owners.uid, roles: inProject }] },
        }),
      'the filter that a role of theirs acts through': () =>
        api.call('PUT', `/v1/filters/tag/${prod}`, {
          body: filterOf(fresh('wide'), { ...eq('env', 'none'), negation: true }),
        }),
      'another filter for the same role': async () => {
        const all = await newFilter({ ...eq('env', 'none'), negation: true })
        const body = { projectUids: [project], filterRefs: [all], roles: [reader] }
        return api.call('POST', `/v1/users/${mallory.uid}/resourceRoles`, { body })
      },
      'a further role through the same filter': () =>
        api.call('POST', `/v1/users/${mallory.uid}/resourceRoles`, {
          body: { projectUids: [project], filterRefs: [prod], roles: [uidOf('Resource Cluster Admin')] },
        }),
    }
    const before = await api.must('GET', '/v1/palisade/access/what-can')
    for (const [what, way] of Object.entries(ways)) {
      refused(await way(), what)
      assert.deepEqual(await api.must('GET', '/v1/palisade/access/what-can'), before, what)
      assert.equal((await api.call('GET', `/v1/cloudaccounts/aws/${account}`, { project })).status, 403, what)
    }
    // What they have they give, so that it is the right that is missing and not the way.
    const puppet = await createUser(here, acme, fresh('friend'))
    await api.must('PUT', `/v1/users/${puppet.uid}/roles`, { body: { roles: [own] } })
  })

  const invite = async (by: Api, name: string) => {
    const email = `${fresh(name)}@acme.test`
    const { uid } = await by.must('POST', '/v1/users', {
      body: { metadata: { name }, spec: { emailId: email, firstName: name, lastName: 'Test' } },
    })
    return { uid: uid as string, email }
  }
  const linkOf = async (by: Api, uid: string): Promise<string> =>
    (await by.must('GET', `/v1/users/${uid}`)).status.activationLink
  /** Uses a link on the other replica, and answers whether it set the password. */
  const uses = async (link: string, how: 'activate' | 'reset') => {
    const { status, body } = await there.api.call('PATCH', `/v1/auth/password/${link.split('/').at(-1)}/${how}`, {
      body: { password: goodPassword },
    })
    if (status === 204) return true
    assert.equal(body.code, 'InvalidPasswordToken')
    return false
  }
  const peopleAdmin = async () => {
    const one = await createUser(here, acme, fresh('people-admin'))
    await give(one.uid, [uidOf('Tenant User Admin')])
    return one
  }

  test('D01 by an invitation that was read before the person was made more than its reader', async () => {
    const mallory = await peopleAdmin()
    const newcomer = await invite(mallory.api, 'newcomer')
    const known = await linkOf(mallory.api, newcomer.uid)
    assert.match(known, /\/sign-in\/activate\//)
    await give(newcomer.uid, [uidOf('Tenant Admin')])
    assert.equal(await uses(known, 'activate'), false)
    const page = await there.api.call('GET', new URL(known).pathname)
    assert.equal(page.status, 400)
    assert.match(page.text, /Ask your administrator for a new one/)
    const { text: log } = await acme.admin.call('GET', '/v1/palisade/audit/export')
    const refused = log
      .split('\n')
      .filter((line) => line.includes('"password.set"') && line.includes(newcomer.uid))
      .map((line) => JSON.parse(line))
    assert.equal(refused.length, 1, log)
    assert.partialDeepStrictEqual(refused[0], {
      outcome: 'refused',
      actor: { uid: 'unknown' },
      details: { by: 'activate link', readBy: [mallory.uid] },
    })
    // Nobody hands over what works no longer. A new one is for who may do as much.
    assert.equal(await linkOf(acme.admin, newcomer.uid), '')
    const { link } = await acme.admin.must('GET', `/v1/palisade/people/${newcomer.uid}`)
    assert.equal(link, null)
    await acme.admin.must('PATCH', `/v1/users/${newcomer.uid}/password/reset`)
    assert.equal(await linkOf(mallory.api, newcomer.uid), '')
    assert.equal(await uses(known, 'activate'), false, 'the one before is void')
    assert.equal(await uses(await linkOf(acme.admin, newcomer.uid), 'activate'), true)
  })

  test('D01 by a reset link, too, which works again when its reader may do as much', async () => {
    const mallory = await peopleAdmin()
    const person = await createUser(here, acme, fresh('person'))
    await mallory.api.must('PATCH', `/v1/users/${person.uid}/password/reset`)
    const known = await linkOf(mallory.api, person.uid)
    const page = async () => (await here.api.call('GET', new URL(known).pathname)).status
    assert.equal(await page(), 200)
    await giveInProject(person.uid, [uidOf('Project Admin')])
    assert.equal(await uses(known, 'reset'), false)
    assert.equal(await page(), 400)
    await giveInProject(person.uid, [])
    assert.equal(await page(), 200)
    // Nor is it for who may not change users any more, although somebody without rights is no more than they are.
    await give(mallory.uid, [uidOf('Tenant Viewer')])
    assert.equal(await page(), 400)
    await give(mallory.uid, [uidOf('Tenant User Admin')])
    assert.equal(await page(), 200)
    // Who was sent away knows it still, though whoever holds nothing is no more than they were.
    await acme.admin.must('PATCH', `/v1/users/${mallory.uid}`, {
      body: [{ op: 'replace', path: '/status/isActive', value: false }],
    })
    assert.equal(await uses(known, 'reset'), false)
    await acme.admin.must('DELETE', `/v1/users/${mallory.uid}`)
    assert.equal(await uses(known, 'reset'), false)
    await acme.admin.must('PATCH', `/v1/users/${person.uid}/password/reset`)
    assert.equal(await uses(await linkOf(acme.admin, person.uid), 'reset'), true)
  })

  test('an invitation goes its ordinary way: made, read, roles given, handed over', async () => {
    const newcomer = await invite(acme.admin, 'ordinary')
    const link = await linkOf(acme.admin, newcomer.uid)
    await give(newcomer.uid, [uidOf('Tenant Admin')])
    assert.equal(await linkOf(acme.admin, newcomer.uid), link)
    const mallory = await peopleAdmin()
    assert.equal(await linkOf(mallory.api, newcomer.uid), '', 'whoever is shown nothing bars nobody')
    assert.equal(await uses(link, 'activate'), true)
    // Who invites and reads nothing bars nobody either.
    const other = await invite(mallory.api, 'unread')
    await give(other.uid, [uidOf('Tenant Admin')])
    assert.equal(await uses(await linkOf(acme.admin, other.uid), 'activate'), true)
  })

  test('D01 by the link of a tenant’s first person, kept by a system administrator who is none any more', async () => {
    const { system } = here
    const made = await system.must('POST', '/v1/system/admins', {
      body: {
        metadata: { name: 'former' },
        spec: { adminType: 'OperationAdmin', emailId: 'former@system.test', firstName: 'Former', lastName: 'Admin' },
      },
    })
    const invited = await system.must('GET', `/v1/system/admins/${made.uid}`)
    assert.equal(await uses(invited.status.activation.link, 'activate'), true)
    const { Authorization } = await here.api.must('POST', '/v1/auth/syslogin', {
      body: { username: 'former@system.test', password: goodPassword },
    })
    const former = here.api.as({ token: Authorization })
    const { uid } = await former.must('POST', '/v1/tenants', {
      body: {
        metadata: { name: 'initech' },
        spec: { orgName: 'initech', firstName: 'Bea', lastName: 'Admin', emailId: 'bea@initech.test' },
      },
    })
    const firstLink = async (by: Api) => (await by.must('GET', `/v1/tenants/${uid}/user`)).status.activationLink
    const known = await firstLink(former)
    assert.equal(await firstLink(system), known)
    await system.must('DELETE', `/v1/system/admins/${made.uid}`)
    assert.equal(await uses(known, 'activate'), false)
    assert.equal((await system.must('GET', `/v1/palisade/tenants/${uid}`)).firstUser.link, null)
    await system.must('POST', `/v1/palisade/tenants/${uid}/invitation`)
    assert.equal(await uses(await firstLink(system), 'activate'), true)
  })

  test('D01 by an API key that was made for somebody before they were made more than its maker', async () => {
    const mallory = await peopleAdmin()
    const robot = await createUser(here, acme, fresh('robot'))
    const { apiKey } = await mallory.api.must('POST', '/v1/apiKeys', {
      body: { metadata: { name: 'for a robot' }, spec: { userUid: robot.uid } },
    })
    const own = await robot.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'own' } } })
    const keyed = (key: string, on: Palisade) => on.api.as({ apiKey: key }).call('GET', '/v1/users/me')
    assert.equal((await keyed(apiKey, here)).status, 200)
    await give(robot.uid, [uidOf('Tenant Admin')])
    const answer = await keyed(apiKey, here)
    assert.equal(answer.status, 401, answer.text)
    assert.match(answer.text, /Who made this API key may not do all that its owner may/)
    await until(
      'the refusal on the other replica',
      async () => (await keyed(apiKey, there)).status === 401 || undefined,
    )
    assert.equal((await keyed(own.apiKey, here)).status, 200, 'what they made themselves is theirs')
    await give(robot.uid, [])
    await until('the key to be good again', async () => (await keyed(apiKey, here)).status === 200 || undefined)
    await acme.admin.must('DELETE', `/v1/users/${mallory.uid}`)
    assert.equal((await keyed(apiKey, here)).status, 401)
  })
})

test('A18 what a get refuses no list and no count shows, and what a list shows a get answers', async () => {
  const prod = await newAccount({ env: 'prod' })
  const dev = await newAccount({ env: 'dev' })
  const bare = await newAccount({})
  const reader = await newRole('reads', 'resource', ['cloudaccount.get', 'cloudaccount.list'])
  const getter = await newRole('gets', 'resource', ['cloudaccount.get'])
  const lister = await newRole('lists', 'resource', ['cloudaccount.list'])
  const isProd = await newFilter(eq('env', 'prod'))
  const notProd = await newFilter({ ...eq('env', 'prod'), negation: true })
  const cases = [
    { what: 'reads prod', through: [isProd], roles: [reader], list: [prod], get: [prod] },
    { what: 'reads all but prod', through: [notProd], roles: [reader], list: [dev, bare], get: [dev, bare] },
    { what: 'may get but not list', through: [isProd], roles: [getter], list: [], get: [prod] },
    { what: 'may list but not get', through: [isProd], roles: [lister], list: [prod], get: [] },
  ]
  for (const { what, through, roles, list, get } of cases) {
    const { uid, api } = await createUser(here, acme, fresh('reader'))
    await giveThrough(uid, through, roles)
    const all = [prod, dev, bare]
    const { status, body } = await api.call('GET', '/v1/cloudaccounts/aws?limit=50', { project })
    assert.equal(status, list.length > 0 ? 200 : 403, what)
    const listed: string[] = (body.items ?? []).map(({ metadata }: { metadata: { uid: string } }) => metadata.uid)
    assert.deepEqual(listed.filter((one) => all.includes(one)).sort(), [...list].sort(), `${what}: the list`)
    assert.equal(body.listmeta?.count ?? 0, listed.length, `${what}: the count`)
    for (const one of all) {
      const { status } = await api.call('GET', `/v1/cloudaccounts/aws/${one}`, { project })
      assert.equal(status, get.includes(one) ? 200 : 403, `${what}: ${one}`)
    }
  }
})

test('A18 of a project in which somebody reaches single objects alone, lists say what it is called and no more', async () => {
  const labels = { owner: 'secret-owner' }
  const { uid: there } = await acme.admin.must('POST', '/v1/projects', {
    body: { metadata: { name: fresh('quiet'), labels, annotations: { description: 'secret-description' } } },
  })
  const insider = await createUser(here, acme, fresh('insider'))
  const crew = await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: fresh('crew') } } })
  const held = [uidOf('Project Viewer')]
  await acme.admin.must('PUT', `/v1/projects/${there}/users`, {
    body: { users: [{ userId: insider.uid, roles: held }] },
  })
  await acme.admin.must('PUT', `/v1/projects/${there}/teams`, { body: { teams: [{ teamId: crew.uid, roles: held }] } })
  const workspace = await acme.admin.must('POST', '/v1/workspaces', {
    project: there,
    body: { metadata: { name: fresh('workspace') }, spec: {} },
  })
  const through = await createUser(here, acme, fresh('through'))
  await acme.admin.must('POST', `/v1/users/${through.uid}/resourceRoles`, {
    body: {
      ...{ projectUids: [there], filterRefs: [await newFilter(eq('env', 'prod'))] },
      roles: [uidOf('Resource Cluster Viewer')],
    },
  })
  const inWorkspace = await createUser(here, acme, fresh('in-workspace'))
  await acme.admin.must('PUT', `/v1/workspaces/users/${inWorkspace.uid}/roles`, {
    body: { workspaces: [{ uid: workspace.uid, roles: [uidOf('Workspace Operator')] }] },
  })

  type Listed = { readonly metadata: { readonly uid: string } }
  const both = async (api: Api) => {
    const lists = [
      await api.must('GET', '/v1/projects'),
      await api.must('POST', '/v1/dashboard/projects', {
        body: { sort: [{ field: 'creationTimestamp', order: 'desc' }] },
      }),
    ]
    return lists.map(({ items }) => items.find(({ metadata }: Listed) => metadata.uid === there))
  }
  for (const { uid, api } of [through, inWorkspace]) {
    // Workspace Operator carries none of project.get and project.list on a workspace; nor do resource roles.
    assert.equal((await api.call('GET', `/v1/projects/${there}`)).status, 403, uid)
    const [listed, summary] = await both(api)
    for (const one of [listed, summary]) {
      assert.ok(one, 'who reaches something in it finds it')
      const { name, labels, annotations, creationTimestamp } = one.metadata
      assert.match(name, /^quiet-/)
      assert.deepEqual([labels, creationTimestamp.slice(0, 4)], [{}, '0001'])
      assert.deepEqual(annotations, { scope: 'tenant', tenantUid: acme.uid, permissions: '' })
      assert.doesNotMatch(JSON.stringify(one), new RegExp(`secret-|${insider.uid}|${crew.uid}`))
    }
    assert.deepEqual([listed.spec.users, listed.spec.teams], [[], []])
    assert.deepEqual([summary.specSummary.users, summary.specSummary.teams], [[], []])
  }
  // Who may read it reads all of it.
  const [listed, summary] = await both(insider.api)
  assert.deepEqual(listed, await insider.api.must('GET', `/v1/projects/${there}`))
  assert.deepEqual([listed.metadata.labels, listed.spec.users], [labels, [{ userId: insider.uid, roles: held }]])
  assert.equal(summary.specSummary.teams[0].uid, crew.uid)
})

test('D11 what is to be applied on a cluster is for who may remove it, by every way to it', async () => {
  const { uid } = await acme.admin.must('POST', '/v1/spectroclusters/generic/import', {
    project,
    body: { metadata: { name: fresh('joined') }, spec: {} },
  })
  const viewer = await createUser(here, acme, fresh('viewer'))
  await giveInProject(viewer.uid, [uidOf('Cluster Viewer')])
  const editor = await createUser(here, acme, fresh('editor'))
  await giveInProject(editor.uid, [uidOf('Cluster Editor')])
  for (const { api } of [viewer, editor]) {
    for (const path of ['import/manifest', 'assets/manifest'])
      assert.equal((await api.call('GET', `/v1/spectroclusters/${uid}/${path}`, { project })).status, 403, path)
    assert.equal((await api.must('GET', `/v1/spectroclusters/${uid}/assets`, { project })).spec.manifest, '')
    const shown = await api.must('GET', `/v1/palisade/clusters/${uid}`, { project })
    assert.deepEqual([shown.state, shown.yaml], ['pending', undefined])
  }
  const { yaml } = await acme.admin.must('GET', `/v1/palisade/clusters/${uid}`, { project })
  assert.match(yaml, /^kind: ClusterRole$/m)
  assert.equal((await acme.admin.call('GET', `/v1/spectroclusters/${uid}/import/manifest`, { project })).text, yaml)
})

test('a system administrator names no project: the header is refused them, as every unknown one is', async () => {
  for (const uid of [project, 'f'.repeat(24), 'x'])
    for (const path of ['/v1/tenants', '/v1/users/me', '/v1/system/admins']) {
      const { status, body } = await here.system.call('GET', path, { project: uid })
      assert.deepEqual([status, body.code], [404, 'ProjectNotFoundInTenant'], `${path} ${uid}`)
    }
  // Clients send it empty where they mean none.
  assert.equal((await here.system.call('GET', '/v1/users/me', { project: '' })).status, 200)
})

test('every kind of object says what its reader may do to it, and a call that it names is not refused', async () => {
  const admin = acme.admin
  const shop = fresh('shop')
  const { uid: clusterUid } = await admin.must('POST', '/v1/palisade/clusters', {
    project,
    body: { metadata: { name: fresh('cluster') }, spec: { kubeconfig: cluster.kubeconfig() } },
  })
  const made = async (path: string, body: object, inProject = true) =>
    (await admin.must('POST', path, { body, ...(inProject ? { project } : {}) })).uid as string
  const bindings = [
    {
      ...{ type: 'RoleBinding', namespace: shop, role: { kind: 'ClusterRole', name: 'view' } },
      subjects: [{ type: 'Group', name: 'shoppers' }],
    },
  ]
  await admin.must('PUT', `/v1/spectroclusters/${clusterUid}/config/namespaces`, {
    body: { namespaces: [{ metadata: { name: shop }, spec: {} }] },
  })
  await admin.must('PUT', `/v1/spectroclusters/${clusterUid}/config/rbacs`, {
    body: { rbacs: [{ metadata: { name: shop }, spec: { bindings } }] },
  })
  const profile = await made('/v1/clusterprofiles', { metadata: { name: shop }, spec: { version: '1.0.0' } })
  const tenantProfile = await made(
    '/v1/clusterprofiles',
    { metadata: { name: shop }, spec: { version: '1.0.0' } },
    false,
  )
  const workspace = await made('/v1/workspaces', {
    metadata: { name: shop },
    spec: { clusterRbacs: [{ spec: { bindings } }] },
  })
  const account = await newAccount({})
  const role = await newRole('kind', 'tenant', ['role.get'])
  const filter = await newFilter(eq('env', 'kind'))
  const token = await made('/v1/edgehosts/tokens', {
    metadata: { name: shop },
    spec: { expiry: new Date(Date.now() + 86_400_000).toISOString() },
  })
  const key = await made('/v1/apiKeys', { metadata: { name: shop }, spec: {} }, false)

  const reader = await createUser(here, acme, fresh('reader'))
  await give(reader.uid, [uidOf('Tenant Viewer')])
  const of = (key: string, ...operations: readonly string[]) => operations.map((one) => `${key}.${one}`)
  const reads = (key: string) => of(key, 'get', 'list')
  const writes = (key: string) => of(key, 'delete', 'get', 'list', 'update')
  type Found = { readonly metadata: { readonly uid: string; readonly annotations: { readonly permissions?: string } } }
  const first = ({ items }: { readonly items: readonly Found[] }) => items[0]
  const config = `/v1/spectroclusters/${clusterUid}/config`
  const kinds: Readonly<
    Record<string, { all: readonly string[]; read: readonly string[]; of?: (body: ApiAnswer['body']) => unknown }>
  > = {
    [`/v1/clusterprofiles/${profile}`]: {
      all: [...writes('clusterProfile'), 'clusterProfile.publish', 'tag.update'],
      read: reads('clusterProfile'),
    },
    [`/v1/cloudaccounts/aws/${account}`]: {
      all: [...writes('cloudaccount'), 'tag.update'],
      read: reads('cloudaccount'),
    },
    [`/v1/workspaces/${workspace}`]: { all: [...writes('workspace'), 'tag.update'], read: reads('workspace') },
    [`/v1/workspaces/${workspace}?rbac`]: {
      ...{ all: of('workspace', 'get', 'update'), read: ['workspace.get'] },
      of: ({ spec }) => spec.clusterRbacs[0],
    },
    [`${config}/rbacs`]: { all: of('cluster', 'get', 'update'), read: ['cluster.get'], of: first },
    [`${config}/namespaces`]: { all: of('cluster', 'get', 'update'), read: ['cluster.get'], of: first },
    [`/v1/roles/${role}`]: { all: writes('role'), read: reads('role') },
    [`/v1/roles/${uidOf('Tenant Admin')}`]: { all: reads('role'), read: reads('role') },
    [`/v1/filters/tag/${filter}`]: { all: writes('filter'), read: reads('filter') },
    [`/v1/edgehosts/tokens/${token}`]: { all: writes('edgeToken'), read: reads('edgeToken') },
    [`/v1/apiKeys/${key}`]: { all: writes('apiKey'), read: reads('apiKey') },
    [`/v1/spectroclusters/${clusterUid}`]: { all: [...writes('cluster'), 'tag.update'], read: reads('cluster') },
    [`/v1/projects/${project}`]: { all: [...writes('project'), 'tag.update'], read: reads('project') },
  }
  for (const [path, { all, read, of = (body: ApiAnswer['body']) => body }] of Object.entries(kinds))
    for (const [api, expected] of [
      [admin, all],
      [reader.api, read],
    ] as const) {
      const found = of(await api.must('GET', path)) as Found
      assert.equal(found.metadata.annotations.permissions, expected.join(','), path)
    }
  // One of the tenant's is read in a project by who reads such objects there, and changed in the tenant alone.
  const inside = await createUser(here, acme, fresh('inside'))
  await giveInProject(inside.uid, [uidOf('Cluster Profile Admin')])
  const permissionsAt = async (uid: string) =>
    (await inside.api.must('GET', `/v1/clusterprofiles/${uid}`, { project })).metadata.annotations.permissions
  assert.equal(await permissionsAt(tenantProfile), reads('clusterProfile').join(','))
  assert.equal(
    await permissionsAt(profile),
    [...writes('clusterProfile'), 'clusterProfile.publish', 'tag.update'].join(','),
  )
  assert.equal((await inside.api.call('DELETE', `/v1/clusterprofiles/${tenantProfile}`, { project })).status, 403)
  // Whose an API key is needs no permission for it.
  const own = await reader.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: shop }, spec: {} } })
  const { metadata } = await reader.api.must('GET', `/v1/apiKeys/${own.uid}`)
  assert.equal(metadata.annotations.permissions, writes('apiKey').join(','))
})

test('D04 in tags and filters * + / , : are characters, and nothing is a pattern', async () => {
  const odd = ['*', '+', '/', ',', ':', 'prod*', 'p.*', 'prod,dev', 'prod:dev', '%', '_', '$1', '{{env}}', '\\']
  const { uid, api } = await createUser(here, acme, fresh('pattern'))
  const reader = await newRole('reads', 'resource', ['cloudaccount.get', 'cloudaccount.list'])
  const accounts = new Map<string, string>()
  for (const value of ['prod', 'dev', 'prod-1']) accounts.set(value, await newAccount({ d04: value }))
  for (const value of odd) {
    const filter = await acme.admin.call('POST', '/v1/filters/tag', { body: filterOf(fresh('odd'), eq('d04', value)) })
    // A value that no tag may have is refused; one that a tag may have selects that tag alone.
    if (filter.status !== 201) {
      assert.equal(filter.status, 400, `${value}: ${filter.text}`)
      continue
    }
    await giveThrough(uid, [filter.body.uid], [reader])
    for (const [tag, account] of accounts)
      assert.equal(
        (await api.call('GET', `/v1/cloudaccounts/aws/${account}`, { project })).status,
        403,
        `${value} ${tag}`,
      )
    assert.equal((await api.must('GET', '/v1/cloudaccounts/aws', { project })).items.length, 0, value)
  }
  // A key neither.
  for (const key of ['*', 'd0?', 'd04*', '.*']) {
    const filter = await acme.admin.call('POST', '/v1/filters/tag', { body: filterOf(fresh('odd'), eq(key, 'prod')) })
    if (filter.status === 201) await giveThrough(uid, [filter.body.uid], [reader])
    const account = String(accounts.get('prod'))
    assert.equal((await api.call('GET', `/v1/cloudaccounts/aws/${account}`, { project })).status, 403, key)
  }
  // And what such a value says literally is found by it.
  const filter = await newFilter(eq('d04', 'prod'))
  await giveThrough(uid, [filter], [reader])
  assert.equal((await api.call('GET', `/v1/cloudaccounts/aws/${accounts.get('prod')}`, { project })).status, 200)
})

test('D08 the same e-mail and the same names in two tenants are two people, two teams, two projects', async () => {
  const globex = await createTenant(here, 'globex')
  const email = 'twin@both.test'
  const invite = async (tenant: Tenant) => {
    const { uid } = await tenant.admin.must('POST', '/v1/users', {
      body: { metadata: { name: 'twin' }, spec: { emailId: email, firstName: 'Twin', lastName: 'Both' } },
    })
    const { status } = await tenant.admin.must('GET', `/v1/users/${uid}`)
    return { uid: uid as string, link: status.activationLink as string }
  }
  const [one, other] = [await invite(acme), await invite(globex)]
  const passwords = { acme: `${goodPassword}-1`, globex: `${goodPassword}-2` }
  for (const [link, password] of [
    [one.link, passwords.acme],
    [other.link, passwords.globex],
  ] as const)
    await here.api.must('PATCH', `/v1/auth/password/${link.split('/').at(-1)}/activate`, { body: { password } })
  const team = { body: { metadata: { name: 'Same' }, spec: { users: [] as string[], roles: [uidOf('Tenant Admin')] } } }
  team.body.spec.users = [one.uid]
  await acme.admin.must('POST', '/v1/teams', team)
  await globex.admin.must('POST', '/v1/teams', {
    body: { ...team.body, spec: { users: [], roles: team.body.spec.roles } },
  })

  const inAcme = await here.signIn(email, passwords.acme, 'acme')
  const inGlobex = await here.signIn(email, passwords.globex, 'globex')
  assert.equal((await inAcme.call('GET', '/v1/users')).status, 200)
  // The team of the same name is another one, and gives the person of the same name nothing.
  assert.equal((await inGlobex.call('GET', '/v1/users')).status, 403)
  assert.notEqual(one.uid, other.uid)
  assert.equal((await inAcme.call('GET', `/v1/users/${other.uid}`)).status, 404)
  assert.equal((await inAcme.call('GET', '/v1/spectroclusters', { project: globex.defaultProject })).status, 404)
  // Neither password is good in the other tenant, nor without a tenant where there are two.
  for (const [password, org] of [
    [passwords.acme, 'globex'],
    [passwords.globex, 'acme'],
    [passwords.acme, undefined],
  ] as const) {
    const body = { emailId: email, password, ...(org === undefined ? {} : { org }) }
    assert.equal((await here.api.call('POST', '/v1/auth/authenticate', { body })).status, 401, String(org))
  }
})

test('D18 what one replica has answered the other knows: a right is there, and gone, with the next request', async () => {
  const account = await newAccount({ env: 'new-enemy' })
  const { uid } = await createUser(here, acme, fresh('enemy'))
  const { Authorization } = await here.api.must('POST', '/v1/auth/authenticate', {
    body: {
      emailId: (await acme.admin.must('GET', `/v1/users/${uid}`)).spec.emailId,
      password: goodPassword,
      org: 'acme',
    },
  })
  const apis = [here, there].map(({ url, caPem }) => createApi(url, caPem))
  const admins: Api[] = []
  for (const server of [here, there]) admins.push(await server.signIn(acme.adminEmail, goodPassword, 'acme'))
  try {
    const askers = apis.map((api) => api.as({ token: Authorization }))
    const viewer = [uidOf('Project Viewer')]
    const filter = await newFilter(eq('env', 'new-enemy'))
    const reader = await newRole('reads', 'resource', ['cloudaccount.get'])
    const ways: readonly ((admin: Api, on: boolean) => Promise<unknown>)[] = [
      (admin, on) =>
        admin.must('PUT', `/v1/users/${uid}/projects`, {
          body: { projects: on ? [{ projectUid: project, roles: viewer }] : [] },
        }),
      (admin, on) =>
        admin.must('PUT', `/v1/users/${uid}/roles`, { body: { roles: on ? [uidOf('Tenant Viewer')] : [] } }),
      async (admin, on) => {
        const path = `/v1/users/${uid}/resourceRoles`
        if (on)
          return admin.must('POST', path, { body: { projectUids: [project], filterRefs: [filter], roles: [reader] } })
        const { resourceRoles } = await admin.must('GET', path)
        return admin.must('DELETE', `${path}/${resourceRoles[0].uid}`)
      },
    ]
    for (let round = 0; round < 30; round++) {
      const [writer, asker] = round % 2 === 0 ? [0, 1] : [1, 0]
      const way = ways[round % ways.length]!
      for (const on of [true, false]) {
        await way(admins[writer]!, on)
        // At the other replica first, then where it was written; nobody waits for anything.
        for (const at of [asker, writer]) {
          const { status } = await askers[at]!.call('GET', `/v1/cloudaccounts/aws/${account}`, { project })
          assert.equal(status, on ? 200 : 403, `round ${round}, ${on ? 'given' : 'taken'}, replica ${at}`)
        }
      }
    }
  } finally {
    for (const api of apis) await api.close()
  }
})

describe('D02: labels that roles read', () => {
  test('D02 nobody relabels an object to where a filtered role of their own gives them more', async () => {
    const { uid: dev } = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project,
      body: {
        metadata: { name: fresh('cluster'), labels: { env: 'prod' } },
        spec: { kubeconfig: cluster.kubeconfig() },
      },
    })
    const account = await newAccount({ env: 'prod' })
    const { uid, api } = await createUser(here, acme, fresh('eve'))
    const tagger = await newRole('tagger', 'project', [...['cloudaccount.get', 'cloudaccount.update', 'tag.update']])
    await giveInProject(uid, [uidOf('Cluster Editor')])
    const onDev = await newFilter(eq('env', 'dev'))
    await giveThrough(uid, [onDev], [uidOf('Resource Cluster Admin')])
    const mallory = await createUser(here, acme, fresh('mallory'))
    await giveInProject(mallory.uid, [tagger])
    await giveThrough(mallory.uid, [onDev], [await newRole('owner', 'resource', ['cloudaccount.list'])])

    const relabel = (labels: object) =>
      api.call('PATCH', `/v1/spectroclusters/${dev}/metadata`, { project, body: { metadata: { labels } } })
    assert.equal((await api.call('DELETE', `/v1/spectroclusters/${dev}`, { project })).status, 403)
    const refused = await relabel({ env: 'dev' })
    assert.equal(refused.status, 403, refused.text)
    assert.match(refused.text, /could use /)
    // Nor while a role with an end gives them the same, which the filtered one would outlive.
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
    await acme.admin.must('POST', '/v1/palisade/access/assignments', {
      body: { user: uid, role: uidOf('Cluster Admin'), project, endsAt: inAnHour },
    })
    assert.equal((await relabel({ env: 'dev' })).status, 403)
    const held = await acme.admin.must('GET', `/v1/palisade/access/assignments?user=${uid}`)
    const timed = held.items.find((one: { endsAt: string | null }) => one.endsAt !== null)
    await acme.admin.must('DELETE', `/v1/palisade/access/assignments/${timed.uid}`)
    // Nor is it less for having an end, or conditions.
    const through = await acme.admin.must('GET', `/v1/palisade/access/assignments?user=${uid}`)
    const onFilter = through.items.find((one: { kind: string }) => one.kind === 'resource-role')
    for (const terms of [{ endsAt: inAnHour }, { endsAt: null, conditions: { networks: ['0.0.0.0/0', '::/0'] } }]) {
      await acme.admin.must('PATCH', `/v1/palisade/access/assignments/${onFilter.uid}`, { body: terms })
      assert.equal((await relabel({ env: 'dev' })).status, 403, JSON.stringify(terms))
    }
    // What gives no more is theirs to write.
    assert.equal((await relabel({ env: 'prod', owner: 'eve' })).status, 204)
    assert.equal((await api.call('DELETE', `/v1/spectroclusters/${dev}`, { project })).status, 403)

    const found = await acme.admin.must('GET', `/v1/cloudaccounts/aws/${account}`, { project })
    const put = await mallory.api.call('PUT', `/v1/cloudaccounts/aws/${account}`, {
      project,
      body: { ...found, metadata: { ...found.metadata, labels: { env: 'dev' } } },
    })
    assert.equal(put.status, 403, put.text)
    assert.match(put.text, /could use cloudaccount.list/)
    const who = (permission: string) =>
      acme.admin.must('GET', `/v1/palisade/access/who-can?permission=${permission}&cloudAccount=${account}`)
    const uids = async (permission: string) =>
      (await who(permission)).items.map((one: { user: { uid: string } }) => one.user.uid)
    assert.ok((await uids('cloudaccount.update')).includes(mallory.uid))
    assert.ok(!(await uids('cloudaccount.list')).includes(mallory.uid), 'what the filter does not select')
    const why = await mallory.api.must('POST', '/v1/palisade/access/explain', {
      body: { permission: 'cloudaccount.list', cloudAccount: account },
    })
    assert.deepEqual([why.effect, why.on?.uid, why.near[0]?.why], ['deny', account, 'not-selected'])
    for (const uid of ['\0', 'x', 'f'.repeat(24)])
      assert.equal(
        (
          await acme.admin.call('POST', '/v1/palisade/access/explain', {
            body: { permission: 'sshKey.get', sshKey: uid },
          })
        ).status,
        404,
      )
  })

  test('a filter is changed while a role that acts through it is switched off, and then gives nothing unasked', async () => {
    const reader = await newRole('reader', 'resource', ['cloudaccount.get'])
    const filter = await newFilter(eq('env', 'dev'))
    const { uid } = await createUser(here, acme, fresh('holder'))
    await giveThrough(uid, [filter], [reader])
    const role = await acme.admin.must('GET', `/v1/roles/${reader}`)
    await acme.admin.must('PUT', `/v1/roles/${reader}`, { body: { ...role, status: { isEnabled: false } } })
    await acme.admin.must('PUT', `/v1/filters/tag/${filter}`, { body: filterOf(fresh('wider'), eq('env', 'prod')) })
    await acme.admin.must('PUT', `/v1/roles/${reader}`, { body: { ...role, status: { isEnabled: true } } })
  })
})

describe('the model system’s own examples', () => {
  test('security people reach the clusters that are tagged prodAllowed, in their project, and no others', async () => {
    const importCluster = async (labels: Record<string, string>): Promise<string> => {
      const { uid } = await acme.admin.must('POST', '/v1/palisade/clusters', {
        project,
        body: { metadata: { name: fresh('cluster'), labels }, spec: { kubeconfig: cluster.kubeconfig() } },
      })
      return uid
    }
    const allowed = await importCluster({ prodAllowed: 'true' })
    const denied = await importCluster({ prodAllowed: 'false' })
    const bare = await importCluster({})
    const filter = await newFilter(eq('prodAllowed', 'true'))
    const security = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: fresh('security') }, spec: { users: [], roles: [] } },
    })
    await acme.admin.must('POST', `/v1/teams/${security.uid}/resourceRoles`, {
      body: { projectUids: [project], filterRefs: [filter], roles: [uidOf('Resource Cluster Viewer')] },
    })
    const { uid, api } = await createUser(here, acme, fresh('guard'))
    const get = async (of: string) => (await api.call('GET', `/v1/spectroclusters/${of}`, { project })).status
    assert.deepEqual([await get(allowed), await get(denied), await get(bare)], [403, 403, 403])
    await acme.admin.must('PUT', `/v1/teams/${security.uid}`, {
      body: { metadata: { name: fresh('security') }, spec: { users: [uid] } },
    })
    assert.deepEqual([await get(allowed), await get(denied), await get(bare)], [200, 403, 403])
    assert.equal((await api.call('DELETE', `/v1/spectroclusters/${allowed}`, { project })).status, 403)
    const { items } = await api.must('GET', '/v1/dashboard/spectroclusters/metadata', { project })
    assert.equal(items.length, 1, JSON.stringify(items))
    assert.ok(JSON.stringify(items).includes(allowed))
  })

  test('who has roles in a project sees no users and no teams of the tenant', async () => {
    const names = ['Project Viewer', 'Project Editor', 'Cluster Viewer'] as const
    for (const name of names) {
      const { uid, api } = await createUser(here, acme, fresh('insider'))
      await giveInProject(uid, [uidOf(name)])
      assert.equal((await api.call('GET', `/v1/projects/${project}`)).status, 200, name)
      const paths = ['/v1/users', '/v1/teams', `/v1/users/${acme.adminUid}`, '/v1/users/meta', '/v1/palisade/people']
      for (const path of paths) assert.equal((await api.call('GET', path, { project })).status, 403, `${name} ${path}`)
      // Nor by another way: what shows the project names nobody.
      for (const path of ['/v1/dashboard/projects', `/v1/projects/${project}`]) {
        const { text } = await api.call(path.includes('dashboard') ? 'POST' : 'GET', path, {
          ...(path.includes('dashboard') ? { body: {} } : {}),
        })
        assert.doesNotMatch(text, new RegExp(acme.adminEmail), `${name} ${path}`)
      }
      const held = await api.must('GET', `/v1/palisade/access/assignments?project=${project}`)
      const others = held.items.filter((one: { subject: { uid: string } }) => one.subject.uid !== uid)
      assert.ok(others.length > 0)
      assert.deepEqual([...new Set(others.map((one: { subject: { name: string } }) => one.subject.name))], [''])
      for (const { createdBy } of held.items) assert.equal(createdBy.name, '')
    }
  })
})
