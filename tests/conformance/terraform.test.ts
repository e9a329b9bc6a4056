import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { predefinedRole } from '../../contract/roles.ts'
import { type KubernetesObject, pathOf } from '../../server/clusters/account.ts'
import type { Api } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { activate, createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { addOnProfile, brownfield, type Workspace, workspace } from './terraform/clusters.ts'
import { awsAccount, registrationToken, sshKey } from './terraform/objects.ts'
import { filter, project, role, type Team, team, type User, user } from './terraform/people.ts'
import { oneNamed, Provider } from './terraform/provider.ts'
import { replay } from './terraform/replay.ts'
import { type AnyRow, row } from './terraform/resource.ts'
import {
  allLimits,
  developerSetting,
  macros,
  type PlatformSetting,
  passwordPolicy,
  platformSetting,
  projectSetting,
  resourceLimit,
  sso,
} from './terraform/settings.ts'

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
const days = { expiryDurationInDays: 365, firstReminderInDays: 5 }
const metadataOfIdp = (caPem: string) => `<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://identity.example.com/saml">
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>${caPem.replaceAll(/-----.+-----|\s/g, '')}</X509Certificate>
    </X509Data></KeyInfo></KeyDescriptor>
    <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://identity.example.com/saml/out"/>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://identity.example.com/saml/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>
`

/** What stands on nothing else, one row a resource. */
function independent(defaultProject: string, caPem: string, join: (uid: string) => Promise<void>): AnyRow[] {
  const counters = { minLength: 15, minNumOfBlockLetters: 1, minNumOfDigits: 1, minNumOfSmallLetters: 1 }
  const key = { type: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE' } as const
  const platform: PlatformSetting = {
    ...{ sessionMinutes: 230, bindsRolesAutomatically: true, repairsNodes: true, agentUpgrades: 'lock' },
    ...{ banner: { title: 'Notice', message: 'For members only' }, fips: [true, false, true] },
  }
  const oidc = {
    type: 'oidc',
    caPem,
    scopes: ['openid', 'email'],
    providers: ['github'],
    domains: ['acme.test'],
  } as const
  return [
    row({
      resource: role,
      first: { name: 'Pod Reader', type: 'project', permissions: ['cluster.get', 'cluster.list'] },
      changed: {
        name: 'Pod Reader',
        type: 'project',
        permissions: ['cloudaccount.get', 'cluster.get', 'cluster.list'],
      },
      importAs: 'Pod Reader',
    }),
    row({
      resource: project,
      first: { name: 'dev', description: 'first', labels: { team: 'a', plain: 'spectro__tag' } },
      changed: { name: 'dev', description: '', labels: { team: 'b' } },
    }),
    row({
      resource: filter,
      first: {
        ...{ name: 'prod', conjunction: 'and' },
        filters: [{ key: 'env', negation: false, operator: 'eq', values: ['z', 'a'] }],
      },
      changed: {
        ...{ name: 'live', conjunction: 'or' },
        filters: [{ key: 'env', negation: true, operator: 'eq', values: ['a'] }],
      },
    }),
    row({
      resource: registrationToken,
      first: { name: 'edge', description: 'first', project: defaultProject, expiry: '2099-03-25', isActive: true },
      changed: { name: 'edge', description: 'changed', project: defaultProject, expiry: '2098-01-01', isActive: false },
    }),
    row({
      resource: passwordPolicy,
      first: { counters: { ...counters, minNumOfSpecialCharacters: 1 }, days },
      changed: { regex: '^.{15,}$', days: { ...days, firstReminderInDays: 7 } },
    }),
    row({ resource: resourceLimit, first: allLimits({ filter: 300 }), changed: allLimits({ filter: 301 }) }),
    row({
      resource: platformSetting,
      first: platform,
      changed: { ...platform, bindsRolesAutomatically: false, banner: undefined, repairsNodes: false },
    }),
    row({
      resource: developerSetting,
      first: {
        credit: { cpu: 20, memoryGiB: 100, storageGiB: 100, virtualClustersLimit: 10 },
        hidesSystemGroups: true,
      },
      changed: { credit: { cpu: 0, memoryGiB: 1, storageGiB: 0, virtualClustersLimit: 0 }, hidesSystemGroups: false },
    }),
    row({ resource: sso, first: { ...oidc, secret: 'first' }, changed: { ...oidc, secret: 'changed', domains: [] } }),
    row({
      resource: macros('project'),
      first: { one: '1', two: '2' },
      changed: { one: '1', two: '2b', three: '3' },
    }),
    row({ resource: macros('tenant'), first: { tone: 'a' }, changed: { tone: 'b' } }),
    ...(['project', 'tenant'] as const).map((context) =>
      row({
        resource: sshKey(context),
        first: { name: context, publicKey },
        changed: { name: `${context} 2`, publicKey },
      }),
    ),
    row({
      resource: awsAccount('project'),
      first: {
        ...{ name: 'by key', partition: 'aws', policyARNs: ['arn:aws:iam::123456789012:policy/Some'] },
        credential: { ...key, secretKey: 'first' },
      },
      changed: {
        ...{ name: 'by key', partition: 'aws', policyARNs: [] },
        credential: { ...key, secretKey: 'changed' },
      },
      importAs: 'by key',
    }),
    row({
      resource: addOnProfile,
      first: {
        ...{ name: 'add-on', description: 'first', labels: { owner: 'bob' }, version: '1.0.0' },
        manifests: { ns: 'kind: Namespace' },
      },
      changed: {
        ...{ name: 'add-on', description: 'changed', labels: {}, version: '1.0.0' },
        manifests: { ns: 'kind: Namespace\napiVersion: v1', more: 'kind: ConfigMap' },
      },
    }),
    row({
      resource: brownfield(join),
      first: { ...unjoined, name: 'east', labels: { env: 'prod' } },
      // Refused by the provider itself until the cluster runs and is healthy.
      changed: { ...unjoined, name: 'east', labels: { env: 'prod' } },
    }),
    row({
      resource: brownfield(join),
      first: {
        ...{ name: 'west', labels: { env: 'prod' }, isJoined: true },
        namespaces: [{ name: 'apps', cpuCores: 2, memoryMiB: 2048 }],
        bindings: [{ namespace: 'apps', role: 'pod-reader', users: ['one'] }],
      },
      changed: {
        ...{ name: 'west', labels: { env: 'prod', zone: 'b' }, isJoined: true },
        namespaces: [
          { name: 'apps', cpuCores: 4, memoryMiB: 2048 },
          { name: 'more', cpuCores: 1, memoryMiB: 512 },
        ],
        bindings: [{ namespace: 'apps', role: 'pod-reader', users: ['one', 'two'] }],
      },
    }),
  ]
}

const unjoined = { namespaces: [], bindings: [], isJoined: false }

/**
 * What the provider calls and Palisade does not serve, by section of its resources. Each is refused as what there is not, so that a
 * configuration which has it fails at the apply.
 */
const leftOut: readonly { readonly of: string; readonly why: string; readonly calls: readonly Call[] }[] = [
  {
    of: 'spectrocloud_audit_trail',
    why: 'the audit log is not delivered to other systems yet; it is exported, with its proof',
    calls: [
      ['POST', () => '/v1/clouds/aws/cloudwatch/validate'],
      ...(['GET', 'POST', 'PUT', 'DELETE'] as const).map(
        (method): Call => [method, ({ tenant }) => `/v1/tenants/${tenant}/assets/dataSinks`],
      ),
      ['POST', ({ tenant }) => `/v1/tenants/${tenant}/datasinks/splunk`],
    ],
  },
  {
    of: 'backup_policy of spectrocloud_workspace',
    why: 'Palisade makes no backups of workloads; the look at them, which every read takes, says that none is configured',
    calls: (['POST', 'PUT'] as const).map(
      (method): Call => [method, ({ workspace: uid }) => `/v1/workspaces/${uid}/backup`],
    ),
  },
  {
    of: 'backup_policy and scan_policy of spectrocloud_cluster_brownfield',
    why: 'nothing of Palisade runs on a cluster that could back up or scan it',
    calls: ['features/backup', 'features/complianceScan'].flatMap((feature): Call[] => [
      ['GET', ({ cluster }) => `/v1/spectroclusters/${cluster}/${feature}`],
      ['POST', ({ cluster }) => `/v1/spectroclusters/${cluster}/${feature}`],
    ]),
  },
]
type Call = readonly [
  'GET' | 'POST' | 'PUT' | 'DELETE',
  (of: Record<'tenant' | 'workspace' | 'cluster', string>) => string,
]

/** Settings of one project, and those of the other kind of sign-in: each is one thing that another row writes too. */
const alternatives = (metadata: string): AnyRow[] => [
  row({
    resource: projectSetting,
    first: { repairsNodes: true, agentUpgrades: 'lock' },
    changed: { repairsNodes: false, agentUpgrades: 'unlock' },
  }),
  row({
    resource: sso,
    first: { type: 'saml', metadata, domains: ['acme.test'] },
    changed: { type: 'saml', metadata: metadata.replace('saml/sso', 'saml/other'), domains: ['acme.test', 'b.test'] },
  }),
]

type Ids = Readonly<Record<'project' | 'dev' | 'role' | 'filter' | 'cluster' | 'admin', string>>

const viewer = predefinedRole('Cluster Viewer').uid
const editor = predefinedRole('Cluster Editor').uid
const tenantViewer = predefinedRole('Tenant Viewer').uid
const sorted = (...uids: readonly string[]) => uids.toSorted()

/** One to which a set of bindings is added, and one from which a set is taken. */
function onThem({ cluster }: Ids): readonly [AnyRow, AnyRow] {
  const inApps = { type: 'RoleBinding', namespace: 'apps', role: 'pod-reader', users: ['one'] } as const
  const everywhere = { type: 'ClusterRoleBinding', namespace: '', role: 'view', users: ['one'] } as const
  const shop: Workspace = {
    name: 'shop',
    clusters: [cluster],
    namespaces: [{ name: 'apps', cpuCores: 2, memoryMiB: 2048 }],
    bindings: [inApps],
  }
  const more = { name: 'more', cpuCores: 1, memoryMiB: 512 }
  const desk = { ...shop, name: 'desk', namespaces: [{ name: 'desk', cpuCores: 1, memoryMiB: 512 }] }
  const inDesk = { ...inApps, namespace: 'desk' }
  return [
    row({
      resource: workspace,
      first: shop,
      changed: {
        ...shop,
        namespaces: [{ name: 'apps', cpuCores: 3, memoryMiB: 2048 }, more],
        bindings: [{ ...inApps, users: ['one', 'two'] }, everywhere],
      },
      importAs: 'shop',
    }),
    row({
      resource: workspace,
      first: { ...desk, bindings: [inDesk, everywhere] },
      changed: { ...desk, bindings: [{ ...everywhere, users: ['two'] }] },
    }),
  ]
}

function teamRow(ids: Ids, workspaceUid: string): AnyRow {
  const inWorkspace = [
    { uid: ids.project, workspaces: [{ uid: workspaceUid, roles: [predefinedRole('Workspace Admin').uid] }] },
  ]
  const first: Team = {
    ...{ name: 'devs', users: [ids.admin], tenantRoles: [tenantViewer], workspaceRoles: inWorkspace },
    projectRoles: [
      { uid: ids.dev, roles: sorted(ids.role, viewer) },
      { uid: ids.project, roles: [editor] },
    ].toSorted((a, b) => (a.uid < b.uid ? -1 : 1)),
  }
  const changed: Team = {
    ...{ name: 'developers', users: [], tenantRoles: [], workspaceRoles: [] },
    projectRoles: [{ uid: ids.dev, roles: [ids.role] }],
  }
  return row({ resource: team, first, changed })
}

/** In no team: a team names its users too, and each change of it would put out who is not named. */
function userRow(ids: Ids, workspaceUid: string): AnyRow {
  const through = { filters: [ids.filter], roles: [predefinedRole('Resource Cluster Viewer').uid] }
  const named = { firstName: 'Robin', lastName: 'Moss', email: 'Robin.Moss@acme.test', teams: [] }
  const first: User = {
    ...{ ...named, tenantRoles: [tenantViewer], projectRoles: [{ uid: ids.dev, roles: [viewer] }] },
    workspaceRoles: [
      { uid: ids.project, workspaces: [{ uid: workspaceUid, roles: [predefinedRole('Workspace Operator').uid] }] },
    ],
    resourceRoles: [{ ...through, projects: sorted(ids.dev, ids.project) }],
  }
  const changed: User = {
    ...{ ...named, tenantRoles: [], projectRoles: [{ uid: ids.dev, roles: sorted(viewer, ids.role) }] },
    workspaceRoles: [],
    resourceRoles: [{ ...through, projects: [ids.dev] }],
  }
  return row({ resource: user, first, changed, importAs: named.email })
}

describe('the published Terraform provider, call by call', () => {
  let palisade: Palisade
  const joined: FakeKubernetes[] = []
  before(async () => {
    palisade = await startPalisade({ name: 'terraform' })
  })
  after(async () => {
    await palisade?.stop()
    for (const one of joined) await one.close()
  })

  /** What somebody does who applies the manifest: a cluster of its own then has the account, and Palisade is told where it is. */
  async function join(admin: Api, uid: string): Promise<void> {
    const cluster = await startFakeKubernetes()
    joined.push(cluster)
    const { text } = await admin.call('GET', `/v1/spectroclusters/${uid}/import/manifest`)
    for (const document of parseAllDocuments(text)) {
      const object: KubernetesObject = document.toJS()
      cluster.objects.set(pathOf(object), { ...object })
    }
    cluster.tokens.add('by-hand')
    const body = { kubeconfig: cluster.kubeconfig('by-hand') }
    await admin.must('PUT', `/v1/spectroclusters/${uid}/assets/kubeconfig`, { body })
  }

  async function freshTenant(name: string): Promise<{ readonly tenant: Tenant; readonly key: Api }> {
    const tenant = await createTenant(palisade, name)
    const { apiKey } = await tenant.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'terraform' } } })
    return { tenant, key: palisade.api.as({ apiKey }) }
  }

  for (const parallelism of [1, 10])
    test(`apply, change, import and destroy, ${parallelism} at once`, async () => {
      const { tenant, key } = await freshTenant(`at-${parallelism}`)
      const provider = await Provider.configure(key)
      const run = replay(provider, parallelism)
      const base = independent(provider.projectUid, palisade.caPem, (uid) => join(tenant.admin, uid))
      await run.apply(base)
      const idOf = (name: string) => run.idOf(base.find(({ resource }) => resource.name === name)!)
      const ids: Ids = {
        ...{ project: provider.projectUid, dev: idOf(project.name), role: idOf(role.name), filter: idOf(filter.name) },
        ...{ cluster: idOf('spectrocloud_cluster_brownfield'), admin: tenant.adminUid },
      }
      const [onCluster, second] = onThem(ids)
      await run.apply([onCluster, second])
      const devs = teamRow(ids, run.idOf(onCluster))
      await run.apply([devs])
      const robin = userRow(ids, run.idOf(onCluster))
      await run.apply([robin])
      const rows = [...base, onCluster, second, devs, robin]
      await run.change(rows)
      await run.import(rows)
      for (const one of [robin, devs, onCluster, second]) await run.destroy([one])
      await run.destroy(base)
      const others = alternatives(metadataOfIdp(palisade.caPem))
      await run.apply(others)
      await run.change(others)
      await run.destroy(others)
    })

  test('what is left out is refused as what there is not', async () => {
    const { tenant, key } = await freshTenant('left-out')
    const provider = await Provider.configure(key)
    provider.select('project')
    const cluster = await brownfield(() => Promise.reject(new Error('nobody applies it'))).create(provider, {
      ...{ ...unjoined, name: 'east', labels: {} },
    })
    const uid = await workspace.create(provider, { name: 'shop', clusters: [cluster], namespaces: [], bindings: [] })
    for (const { of, why, calls } of leftOut)
      for (const [method, path] of calls) {
        const { status, body } = await key.call(method, path({ tenant: tenant.uid, workspace: uid, cluster }), {
          ...(method === 'GET' ? {} : { body: {} }),
          project: provider.projectUid,
        })
        // By neither word is anything taken for gone.
        assert.match(`${status} ${body.code}`, /^(404 RouteNotFound|405 MethodNotAllowed)$/, `${of}: ${method}: ${why}`)
      }
  })

  test('what went away behind its back is planned anew, and is no mistake', async () => {
    const { tenant, key } = await freshTenant('behind')
    const provider = await Provider.configure(key)
    provider.select('tenant')
    const config = { name: 'Pod Reader', type: 'project', permissions: ['cluster.get'] }
    const uid = await role.create(provider, config)
    await tenant.admin.must('DELETE', `/v1/roles/${uid}`)
    assert.equal(await role.read(provider, uid, config), undefined)
    await assert.rejects(role.delete(provider, uid, config), { code: 'ResourceNotFound' })
  })

  test('a user made in teams is read in them, in the order in which they were named', async () => {
    const { key } = await freshTenant('ordered')
    const provider = await Provider.configure(key)
    const none = { users: [], projectRoles: [], tenantRoles: [], workspaceRoles: [] }
    const teams: string[] = []
    for (const name of ['c', 'a', 'b']) teams.push(await team.create(provider, { name, ...none }))
    const config: User = {
      ...{ firstName: 'Robin', lastName: 'Moss', email: 'robin@acme.test', teams },
      ...{ projectRoles: [], tenantRoles: [], workspaceRoles: [], resourceRoles: [] },
    }
    const uid = await user.create(provider, config)
    assert.deepEqual(await user.read(provider, uid, config), config)
    const reversed = { ...config, email: 'other@acme.test', teams: teams.toReversed() }
    assert.deepEqual(await user.read(provider, await user.create(provider, reversed), reversed), reversed)
  })

  test('an approved request between two plans is no difference, and an apply leaves it alone', async () => {
    const { tenant, key } = await freshTenant('just-in-time')
    const provider = await Provider.configure(key)
    provider.select('tenant')
    const { projectUid } = provider
    const devs: Team = {
      ...{ name: 'devs', users: [], tenantRoles: [tenantViewer], workspaceRoles: [] },
      projectRoles: [{ uid: projectUid, roles: [viewer] }],
    }
    const robin: User = {
      ...{ firstName: 'Robin', lastName: 'Moss', email: 'robin@acme.test', teams: [] },
      ...{ tenantRoles: [tenantViewer], workspaceRoles: [], resourceRoles: [] },
      projectRoles: [{ uid: projectUid, roles: [viewer] }],
    }
    const teamUid = await team.create(provider, devs)
    const uid = await user.create(provider, robin)
    await activate(palisade.api, (await tenant.admin.must('GET', `/v1/users/${uid}`)).status.activationLink)
    const person = await palisade.signIn(robin.email, goodPassword, tenant.org)
    const plansAreEmpty = async (when: string) => {
      assert.deepEqual(await user.read(provider, uid, robin), robin, when)
      assert.deepEqual(await team.read(provider, teamUid, devs), devs, when)
    }
    await plansAreEmpty('at first')

    const approved: string[] = []
    for (const asked of [{ role: 'Cluster Admin', project: projectUid }, { role: 'Tenant Cluster Group Viewer' }]) {
      const { uid: request } = await person.must('POST', '/v1/palisade/access/requests', {
        body: { ...asked, seconds: 3_600, reason: 'the night shift' },
      })
      await tenant.admin.must('POST', `/v1/palisade/access/requests/${request}/approve`, { body: {} })
      approved.push(asked.role)
    }
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString()
    const given = { role: editor, project: projectUid, endsAt: inAnHour }
    await tenant.admin.must('POST', '/v1/palisade/access/assignments', { body: { team: teamUid, ...given } })
    const ending = async (of: string) => {
      const { items } = await tenant.admin.must('GET', `/v1/palisade/access/assignments?${of}`)
      return items
        .filter((one: { endsAt: string | null }) => one.endsAt !== null)
        .map((one: { role: { name: string } }) => one.role.name)
    }
    await plansAreEmpty('after approvals')
    assert.deepEqual(await ending(`user=${uid}`), approved)

    // An apply for another reason writes every list anew.
    const wider: User = { ...robin, projectRoles: [{ uid: projectUid, roles: sorted(viewer, editor) }] }
    await user.update(provider, uid, robin, wider)
    assert.deepEqual(await user.read(provider, uid, wider), wider)
    await user.update(provider, uid, wider, robin)
    await team.update(provider, teamUid, devs, devs)
    await plansAreEmpty('after an apply')
    assert.deepEqual(await ending(`user=${uid}`), approved)
    assert.deepEqual(await ending(`team=${teamUid}`), ['Cluster Editor'])

    // What stands in the configuration and is made to end behind its back is a difference, and the next apply puts it right.
    const { items } = await tenant.admin.must('GET', `/v1/palisade/access/assignments?user=${uid}`)
    const standing = items.find((one: { role: { uid: string } }) => one.role.uid === viewer)
    await tenant.admin.must('PATCH', `/v1/palisade/access/assignments/${standing.uid}`, { body: { endsAt: inAnHour } })
    const drifted = await user.read(provider, uid, robin)
    assert.deepEqual(drifted?.projectRoles, [])
    await user.update(provider, uid, drifted ?? robin, robin)
    await plansAreEmpty('after the next apply')
    assert.deepEqual(await ending(`user=${uid}`), approved)
  })

  test('settings that nobody ever made are read without a mistake', async () => {
    const { key } = await freshTenant('unset')
    const provider = await Provider.configure(key)
    const tenant = await provider.tenantUid()
    const settings = [
      ...['password/policy', 'saml/config', 'oidc/config', 'domains', 'sso/auth/providers', 'resourceLimits'],
      ...['authTokenSettings', 'loginBanner', 'preferences/clusterRbacSettings', 'preferences/clusterSettings'],
      ...['preferences/fips', 'preferences/developerCredit', 'preferences/clusterGroup'],
    ].map((setting) => `/v1/tenants/${tenant}/${setting}`)
    const inProject = `/v1/projects/${provider.projectUid}/preferences/clusterSettings`
    for (const context of ['tenant', 'project'] as const) {
      provider.select(context)
      for (const path of [...settings, inProject, '/v1/spectroclusters/upgrade/settings'])
        assert.equal(typeof (await provider.call('in context', 'GET', path)), 'object', path)
    }
  })

  test('data sources find what they name', async () => {
    const { tenant, key } = await freshTenant('sources')
    const provider = await Provider.configure(key)
    const get = (path: string) => provider.call('without context', 'GET', path)
    const own = await role.create(provider, { name: 'Last Of All', type: 'tenant', permissions: ['user.get'] })
    // One page, and no filter: predefined roles alone nearly fill it.
    assert.equal(oneNamed<Named>((await get('/v1/roles?limit=50')).items, 'Last Of All').metadata.uid, own)
    assert.equal(
      oneNamed<Named>((await get('/v1/roles?limit=50')).items, 'Workspace Operator').metadata.name,
      'Workspace Operator',
    )
    for (const scope of ['tenant', 'project', 'resource']) {
      const [found, ...more] = (await get(`/v1/permissions?scope=${scope}`)).filter(
        ({ name }: { name: string }) => name === 'Cluster',
      )
      assert.ok(found.permissions.includes('cluster.get'), scope)
      assert.equal(more.length, 0)
    }
    const users = (await get('/v1/users?limit=0')).items
    assert.ok(users.some(({ spec }: { spec: { emailId: string } }) => spec.emailId === tenant.adminEmail))
    await team.create(provider, { name: 'some', users: [], projectRoles: [], tenantRoles: [], workspaceRoles: [] })
    assert.equal((await get('/v1/teams?limit=50&filters=metadata.name=some')).items.length, 1)
    assert.equal((await get('/v1/teams?limit=50&filters=metadata.name=none')).items.length, 0)
    for (let at = 0; at < 60; at++)
      await filter.create(provider, {
        ...{ name: `f${at}`, conjunction: 'and' },
        filters: [{ key: 'k', negation: false, operator: 'eq', values: ['v'] }],
      })
    assert.equal((await get('/v1/filters?limit=0')).items.length, 60)
  })
})

type Named = { readonly metadata: { readonly name: string; readonly uid: string } }
