import { randomBytes } from 'node:crypto'
import { Agent, request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import { type DescribedOperation, eachOperation, OpenApi } from '../docs/openapi.ts'
import type { Api, ApiAnswer } from '../support/api.ts'
import { createAuthority } from '../support/certificates.ts'
import { startTestPostgres, type TestPostgres, withClient } from '../support/database.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { type Place, sampleOf } from './samples.ts'

/** Kinds of objects that have an id of a tenant's own. */
export type Kind =
  | 'user'
  | 'team'
  | 'project'
  | 'apiKey'
  | 'session'
  | 'cluster'
  | 'entry'
  | 'tenant'
  | 'oidcClient'
  | 'stream'
  | 'role'
  | 'filter'
  | 'resourceRole'
  | 'teamResourceRole'
  | 'ownTenant'
  | 'administrator'
  | 'activation'
  | 'reset'
  | 'sshKey'
  | 'edgeToken'
  | 'cloudAccount'
  | 'gcpAccount'
  | 'azureAccount'
  | 'cloudType'
  | 'customAccount'
  | 'feature'
  | 'certificate'
  | 'workspace'
  | 'workspaceRbac'
  | 'clusterRbac'
  | 'clusterNamespace'
  | 'clusterProfile'
  | 'pack'
  | 'assignment'
  | 'accessRequest'

/** A tenant with one object of every kind. */
export type Side = Tenant & {
  readonly ids: Readonly<Record<Kind, string>>
  /** An ordinary user of the tenant, without any role: `ids.user`. */
  readonly member: Api
  readonly memberEmail: string
  /** The token that `ids.session` gave. */
  readonly memberToken: string
  /** The administrator, by API key. */
  readonly key: Api
  readonly keyValue: string
}

export type World = {
  readonly palisade: Palisade
  readonly a: Side
  readonly b: Side
  /** What the running program says it serves. */
  readonly operations: readonly DescribedOperation[]
  stop(): Promise<void>
}

export type WorldOptions = {
  /** A database on which the tenant policies let every row through. */
  readonly policiesOpen?: boolean
}

/** One running program with two tenants in it. The clusters are a server that answers an import as a cluster would. */
export async function startWorld(name: string, { policiesOpen = false }: WorldOptions = {}): Promise<World> {
  const family = await createProcessFamily(name)
  let cluster: FakeKubernetes | undefined
  let palisade: Palisade | undefined
  let postgres: TestPostgres | undefined
  /** Calls to clusters that go on until the end. */
  let watches: Agent | undefined
  const stop = async () => {
    await watches?.destroy()
    await palisade?.stop()
    await cluster?.close()
    await postgres?.stop()
    await family.stop()
  }
  try {
    cluster = await startFakeKubernetes()
    // A watch goes on until its client goes.
    cluster.intercept = ({ path }) => (path.includes('watch=1') ? 'endless' : undefined)
    if (policiesOpen) postgres = await startTestPostgres()
    const env = postgres ? { PALISADE_DATABASE_URL: await openedDatabase(postgres) } : {}
    palisade = await startPalisade({ family, name, env })
    watches = new Agent({ connect: { ca: palisade.caPem } })
    await palisade.system.must('POST', '/v1/users/system/macros', { body: aMacro })
    const a = await createSide(palisade, cluster, watches, 'acme')
    const b = await createSide(palisade, cluster, watches, 'globex')
    const operations = eachOperation(OpenApi.parse(await palisade.api.must('GET', '/openapi.json')))
    return { palisade, a, b, operations, stop }
  } catch (cause) {
    await stop()
    throw cause
  }
}

/** @returns the owner's URL of a migrated database without tenant policies that hold */
async function openedDatabase(postgres: TestPostgres): Promise<string> {
  const { owner } = await postgres.create()
  await withClient(owner, async (client) => {
    const { rows } = await client.query<{ open: string }>(
      `select format('alter policy %I on %I %s', policyname, tablename,
                concat_ws(' ', case when qual is not null then 'using (true)' end,
                               case when with_check is not null then 'with check (true)' end)) as open
         from pg_policies where schemaname = 'public' and policyname = 'tenant'`,
    )
    if (rows.length < 15) throw new Error(`${rows.length} tenant policies`)
    for (const { open } of rows) await client.query(open)
  })
  const url = new URL(`postgres://${owner.user}:${owner.password.reveal()}@socket:${owner.port}/${owner.database}`)
  url.searchParams.set('host', owner.host)
  return url.href
}

async function createSide(palisade: Palisade, cluster: FakeKubernetes, watches: Agent, org: string): Promise<Side> {
  const tenant = await createTenant(palisade, org)
  const { admin } = tenant
  const member = await createUser(palisade, tenant, 'member')
  const named = { metadata: { name: `${org}-one` } }
  const { uid: team } = await admin.must('POST', '/v1/teams', { body: { ...named, spec: { users: [member.uid] } } })
  const { uid: project } = await admin.must('POST', '/v1/projects', { body: named })
  const imported = await admin.must('POST', '/v1/palisade/clusters', {
    project,
    body: { ...named, spec: { kubeconfig: cluster.kubeconfig() } },
  })
  if (imported.state !== 'ready') throw new Error(`the cluster is ${imported.state}, so that it refuses everybody`)
  const { uid: apiKey } = await member.api.must('POST', '/v1/apiKeys', { body: named })
  const { apiKey: keyValue } = await admin.must('POST', '/v1/apiKeys', {
    body: { metadata: { name: 'administrator' } },
  })
  const signIn = { emailId: member.email, password: goodPassword, org }
  const { Authorization: memberToken } = await palisade.api.must('POST', '/v1/auth/authenticate', { body: signIn })
  const byToken = palisade.api.as({ token: memberToken })
  const { items: sessions } = await byToken.must('GET', '/v1/palisade/sessions')
  const session = sessions.find((one: { current: boolean }) => one.current).uid
  const { client } = await admin.must('POST', '/v1/palisade/oidc/clients', {
    body: { name: `${org}-one`, kind: 'web', redirectUris: [`https://${org}.test/`] },
  })
  const { uid: role } = await admin.must('POST', '/v1/roles', {
    body: { ...named, spec: { permissions: ['cluster.get'], scope: 'resource', type: 'user' } },
  })
  const { uid: filter } = await admin.must('POST', '/v1/filters/tag', {
    body: { ...named, spec: { filterGroup: { filters: [{ key: `${org}-key`, values: [`${org}-value`] }] } } },
  })
  const resourceRoles = []
  for (const holder of [`/v1/users/${member.uid}`, `/v1/teams/${team}`]) {
    const path = `${holder}/resourceRoles`
    await admin.must('POST', path, { body: { projectUids: [project], filterRefs: [filter], roles: [role] } })
    resourceRoles.push((await admin.must('GET', path)).resourceRoles[0].uid as string)
  }
  const [resourceRole = '', teamResourceRole = ''] = resourceRoles
  const { uid: sshKey } = await admin.must('POST', '/v1/users/assets/sshkeys', {
    project,
    body: { ...named, spec: { publicKey } },
  })
  const { uid: cloudAccount } = await admin.must('POST', '/v1/cloudaccounts/aws', {
    project,
    body: { ...named, spec: awsSpec },
  })
  const accountOf = async (path: string, spec: object): Promise<string> =>
    (await admin.must('POST', `/v1/cloudaccounts/${path}`, { body: { ...named, spec } })).uid
  const gcpAccount = await accountOf('gcp', gcpSpec)
  const azureAccount = await accountOf('azure', azureSpec)
  const cloudType = `${org}-cloud`
  await admin.must('POST', '/v1/clouds/cloudTypes/register', { body: { metadata: { name: cloudType } } })
  const customAccount = await accountOf(`cloudTypes/${cloudType}`, customSpec)
  const { uid: workspace } = await admin.must('POST', '/v1/workspaces', {
    project,
    body: { ...named, spec: { clusterRefs: [{ clusterUid: imported.uid }], clusterRbacs: [aBinding] } },
  })
  const ofCluster = `/v1/spectroclusters/${imported.uid}/config`
  await admin.must('PUT', `${ofCluster}/rbacs`, { body: { rbacs: [aBinding] } })
  await admin.must('PUT', `${ofCluster}/namespaces`, { body: { namespaces: [aNamespace] } })
  const keptRbacs = await admin.must('GET', `${ofCluster}/rbacs`)
  const keptNamespaces = await admin.must('GET', `${ofCluster}/namespaces`)
  const { spec: ofWorkspace } = await admin.must('GET', `/v1/workspaces/${workspace}`)
  const pack = `${org}-pack`
  const { uid: clusterProfile } = await admin.must('POST', '/v1/clusterprofiles', {
    project,
    body: {
      ...named,
      spec: { template: { packs: [{ name: pack, manifests: [{ name: 'one', content: `${org}: 1` }] }] } },
    },
  })
  const { uid: edgeToken } = await admin.must('POST', '/v1/edgehosts/tokens', {
    body: { ...named, spec: { expiry: '2099-01-01T00:00:00.000Z', defaultProjectUid: project } },
  })
  const { uid: assignment } = await admin.must('POST', '/v1/palisade/access/assignments', {
    body: { user: tenant.adminUid, role: predefinedRole('Project Viewer').uid, project: tenant.defaultProject, endsAt },
  })
  const { uid: accessRequest } = await member.api.must('POST', '/v1/palisade/access/requests', { body: asked(project) })
  for (const place of [`/v1/projects/${project}`, `/v1/tenants/${tenant.uid}`])
    await admin.must('POST', `${place}/macros`, { body: aMacro })
  const { uid: certificate } = await admin.must('POST', `/v1/tenants/${tenant.uid}/assets/certs`, {
    body: aCertificate(),
  })
  const { items: features } = await palisade.system.must('GET', '/v1/system/features')
  const watch = `${palisade.url}/k8s/clusters/${imported.uid}/api/v1/pods?watch=1`
  await request(watch, { dispatcher: watches, headers: { authorization: `Bearer ${keyValue}` } })
  const stream = await until('a stream', async () => {
    const { items } = await admin.must('GET', `/v1/palisade/clusters/${imported.uid}/streams`)
    return items[0]?.uid as string | undefined
  })
  const { items: entries } = await admin.must('GET', '/v1/audits?limit=1')
  return {
    ...tenant,
    ids: {
      user: member.uid,
      team,
      project,
      apiKey,
      session,
      cluster: imported.uid,
      entry: entries[0].metadata.uid,
      oidcClient: client.uid,
      stream,
      role,
      filter,
      resourceRole,
      teamResourceRole,
      tenant: tenant.uid,
      ownTenant: tenant.uid,
      ...(await createAdministrators(palisade, org)),
      sshKey,
      edgeToken,
      cloudAccount,
      ...{ gcpAccount, azureAccount, cloudType, customAccount },
      certificate,
      // The installation's, and so the same for both.
      feature: features[0].metadata.uid,
      workspace,
      workspaceRbac: ofWorkspace.clusterRbacs[0].metadata.uid,
      clusterRbac: keptRbacs.items[0].metadata.uid,
      clusterNamespace: keptNamespaces.items[0].metadata.uid,
      clusterProfile,
      pack,
      assignment,
      accessRequest,
    },
    member: member.api,
    memberEmail: member.email,
    memberToken,
    key: palisade.api.as({ apiKey: keyValue }),
    keyValue,
  }
}

/** System administrators, of whom one waits for a first password, and one for a new one: what tenants have nothing to do with. */
async function createAdministrators({ system, api }: Palisade, org: string) {
  const [administrator = '', pending = '', resetting = ''] = await Promise.all(
    ['one', 'pending', 'resetting'].map(async (name) => {
      const spec = { emailId: `${name}@${org}.admins.test`, firstName: name, adminType: 'OperationAdmin' }
      return (await system.must('POST', '/v1/system/admins', { body: { spec } })).uid as string
    }),
  )
  const tokenOf = async (uid: string) => {
    const { status } = await system.must('GET', `/v1/system/admins/${uid}`)
    return status.activation.link.split('/').at(-1) as string
  }
  await api.must('PATCH', `/v1/auth/password/${await tokenOf(resetting)}/activate`, {
    body: { password: goodPassword },
  })
  await system.must('PUT', `/v1/system/admins/${resetting}/passwordResetLink`)
  return { administrator, activation: await tokenOf(pending), reset: await tokenOf(resetting) }
}

/** What belongs to the system administrators, who find it; nobody else does. */
export const isOfAdministrators = (kind: Kind) =>
  ['tenant', 'administrator', 'activation', 'reset', 'feature'].includes(kind)

/** What the id in a path names, by the path up to it. A path that is not here fails the tests: they must know what to ask for. */
const kindByPath: Readonly<Record<string, Kind>> = {
  '/v1/users/': 'user',
  '/v1/teams/': 'team',
  '/v1/projects/': 'project',
  '/v1/apiKeys/': 'apiKey',
  '/v1/palisade/apiKeys/': 'apiKey',
  '/v1/audits/': 'entry',
  '/v1/tenants/': 'tenant',
  '/v1/system/admins/': 'administrator',
  '/v1/system/admins/auth/password/': 'activation',
  '/v1/system/users/password/': 'reset',
  '/v1/palisade/people/': 'user',
  '/v1/palisade/teams/': 'team',
  '/v1/palisade/tenants/': 'tenant',
  '/v1/spectroclusters/': 'cluster',
  '/v1/dashboard/spectroclusters/': 'cluster',
  '/v1/palisade/clusters/': 'cluster',
  '/v1/palisade/sessions/': 'session',
  '/v1/palisade/streams/': 'stream',
  '/v1/palisade/audit/entries/': 'entry',
  '/v1/palisade/oidc/clients/': 'oidcClient',
  '/v1/roles/': 'role',
  '/v1/filters/tag/': 'filter',
  '/v1/palisade/filters/': 'filter',
  '/v1/users/assets/sshkeys/': 'sshKey',
  '/v1/edgehosts/tokens/': 'edgeToken',
  '/v1/cloudaccounts/aws/': 'cloudAccount',
  '/v1/cloudaccounts/gcp/': 'gcpAccount',
  '/v1/cloudaccounts/azure/': 'azureAccount',
  '/v1/cloudaccounts/cloudTypes/': 'cloudType',
  '/v1/clouds/cloudTypes/': 'cloudType',
  '/v1/system/features/': 'feature',
  '/v1/workspaces/': 'workspace',
  '/v1/workspaces/users/': 'user',
  '/v1/workspaces/teams/': 'team',
  '/v1/clusterprofiles/': 'clusterProfile',
  '/v1/dashboard/clusterprofiles/': 'clusterProfile',
  '/v1/palisade/access/assignments/': 'assignment',
  '/v1/palisade/access/requests/': 'accessRequest',
}

/** What belongs to a tenant's people, and not to the system administrators who made it. */
const ofOwnTenant =
  /^\/v1\/tenants\/\{tenantUid\}\/(assets|authTokenSettings|domains|loginBanner|macros|oidc|password|preferences|rateConfig|resourceLimits|saml|sso)\b/

export function kindOf({ path }: Pick<DescribedOperation, 'path'>): Kind {
  if (ofOwnTenant.test(path)) return 'ownTenant'
  const [before] = path.split('{')
  const kind = kindByPath[before ?? '']
  if (kind === undefined) throw new Error(`${path}: say in tests/isolation/world.ts what the id in it names`)
  return kind
}

/** Tenants as objects are the system administrators'; what is below them is the tenant's own. */
export const isOfSystem = ({ path }: Pick<DescribedOperation, 'path'>) =>
  /^\/v1\/(?:system|users\/system|(?:palisade\/)?tenants)/.test(path) && !ofOwnTenant.test(path)

/** Operations whose answer goes on for as long as somebody listens: it takes no input, and shows nothing of an object. */
export const isEndless = ({ responses }: Pick<DescribedOperation, 'responses'>) =>
  responses['200']?.content?.['text/event-stream'] !== undefined

/** Operations that need a credential. */
export const guarded = (operations: readonly DescribedOperation[]) =>
  operations.filter(({ security }) => security.length > 0)

/** Operations on one object: with an id in the path that belongs to a tenant. */
export const onObjects = (operations: readonly DescribedOperation[]) =>
  guarded(operations).flatMap((one) => {
    return one.path.includes('{') ? [{ ...one, kind: kindOf(one) }] : []
  })

/** What the second id in a path names, by the path up to it. */
const kindOfInner: Readonly<Record<string, Kind>> = {
  '/v1/users/{uid}/resourceRoles/': 'resourceRole',
  '/v1/tenants/{tenantUid}/assets/certs/': 'certificate',
  '/v1/teams/{uid}/resourceRoles/': 'teamResourceRole',
  '/v1/workspaces/{uid}/clusterRbacs/': 'workspaceRbac',
  '/v1/spectroclusters/{uid}/config/rbacs/': 'clusterRbac',
  '/v1/spectroclusters/{uid}/config/namespaces/': 'clusterNamespace',
  '/v1/clusterprofiles/{uid}/packs/': 'pack',
  '/v1/cloudaccounts/cloudTypes/{cloudType}/': 'customAccount',
}

/** Operations on an object inside another, with the kind of the inner one. */
export const onInnerObjects = (operations: readonly DescribedOperation[]) =>
  onObjects(operations).flatMap((one) => {
    const [, second] = [...one.path.matchAll(/\{\w+\}/g)]
    if (second === undefined) return []
    const inner = kindOfInner[one.path.slice(0, second.index)]
    if (inner === undefined) throw new Error(`${one.path}: say in tests/isolation/world.ts what the second id names`)
    return [{ ...one, inner }]
  })

/** @param inner the second id of the path, where it has one; without it the same as the first */
export const pathWith = ({ path }: Pick<DescribedOperation, 'path'>, uid: string, inner = uid) => {
  const [first, second] = [uid, inner].map(encodeURIComponent)
  return path.replace(/\{\w+\}/, first ?? '').replace(/\{\w+\}/, second ?? '')
}

/** An id of the right form that nothing has. */
export const unknownId = () => randomBytes(12).toString('hex')

/** Names of members that hold ids, and of what. */
const kindByName: Readonly<Record<string, Kind>> = {
  team: 'team',
  ...{ clusterUid: 'cluster', workspace: 'workspace' },
  ...{ user: 'user', users: 'user', userId: 'user', userUid: 'user' },
  ...{ teams: 'team', teamId: 'team' },
  ...{ projectUid: 'project', projectUids: 'project', tenantUid: 'tenant', resourceUid: 'user' },
  ...{ defaultProjectUid: 'project', project: 'project', defaultTeams: 'team' },
  ...{ filterRefs: 'filter', sessionUid: 'session', request: 'entry', uids: 'clusterProfile' },
}

/** What the id at this place of a body, or in this query parameter, names; undefined where there is none. */
export function kindAt(place: Place): Kind | undefined {
  const name = place.findLast((step) => step !== '[]') ?? ''
  // Of these the predefined ones exist alone, the same for everybody; and these are addresses.
  if (['roles', 'emailId', 'orgEmailId'].includes(name)) return undefined
  // Of a cloud or an identity provider.
  if (['tenantId', 'clientId'].includes(name)) return undefined
  if (name in kindByName) return kindByName[name]
  if (name === 'uid' && place[0] === 'workspaces') return 'workspace'
  // Lists of ids; as query parameters these are searches.
  if (place.join('.') === 'projects.[]') return 'project'
  if (place.join('.') === 'filters.[]') return 'filter'
  // Of what a client sends back as it read it, and not looked at.
  if (name === 'uid' && place.at(-2) === 'metadata') return undefined
  if (/uids?$|ids?$/i.test(name)) throw new Error(`${place.join('.')}: say in tests/isolation/world.ts what it names`)
  return undefined
}

const searchFor = (property: string, type: string, condition: unknown) => ({ property, type, condition })
const matching = { operator: 'contains', match: { conjunction: 'or', values: ['x'] }, negation: false }
const anyDay = { operator: 'gt', match: { conjunction: 'or', values: ['2026-01-01T00:00:00.000Z'] }, negation: false }

type Ids = (kind: Kind, place: Place) => string | undefined

/** All of its lists are needed, and what kind of role it takes the schema does not say. */
const resourceRole = (ids: Ids) => ({
  projectUids: [ids('project', ['projectUids', '[]'])].filter((uid) => uid !== undefined),
  filterRefs: [ids('filter', ['filterRefs', '[]'])].filter((uid) => uid !== undefined),
  roles: [predefinedRole('Resource Cluster Viewer').uid],
})
const rolesOnWorkspace = (ids: Ids) => ({
  workspaces: [ids('workspace', ['workspaces', '[]', 'uid'])]
    .filter((uid) => uid !== undefined)
    .map((uid) => ({ uid, roles: [predefinedRole('Workspace Operator').uid] })),
})
const roleSpec = { permissions: ['cluster.get'], scope: 'resource', type: 'user' }

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
const sshKey = () => ({ metadata: { name: unknownId() }, spec: { publicKey } })
const awsSpec = { credentialType: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'not-a-real-one' }
const awsAccount = () => ({ metadata: { name: unknownId() }, spec: awsSpec })
const aNamespace = { metadata: { name: 'shop' } }
const gcpSpec = {
  jsonCredentials: JSON.stringify({
    ...{ type: 'service_account', project_id: 'shop', private_key_id: '1', client_email: 'a@shop.test' },
    private_key: '-----BEGIN PRIVATE KEY-----\nbm90LWEtcmVhbC1vbmU=\n-----END PRIVATE KEY-----\n',
  }),
}
const azureSpec = {
  ...{ tenantId: '00000000-0000-4000-8000-000000000001', clientId: '00000000-0000-4000-8000-000000000002' },
  clientSecret: 'not-a-real-one',
}
const customSpec = { credentials: { password: 'not-a-real-one' } }
const accountWith = (spec: object) => () => ({ metadata: { name: unknownId() }, spec })
/** A proxy would be refused. */
const byManifest = () => ({
  metadata: { name: unknownId(), labels: {}, annotations: {} },
  spec: { clusterConfig: { importMode: 'read-only' } },
})
const aBinding = {
  spec: {
    bindings: [
      {
        ...{ type: 'RoleBinding', namespace: 'shop', role: { kind: 'ClusterRole', name: 'view' } },
        subjects: [{ type: 'Group', name: 'somebody' }],
      },
    ],
  },
}
const profile = () => ({
  metadata: { name: unknownId() },
  spec: {
    version: '1.2.3',
    template: { type: 'add-on', packs: [{ name: 'web', manifests: [{ name: 'one', content: 'kind: Pod' }] }] },
    variables: [{ name: 'size', format: 'number', defaultValue: '1' }],
  },
})
const profileUpdate = () => ({
  metadata: { name: unknownId() },
  spec: { version: '1.2.4', template: { packs: null } },
})
const aVariable = { variables: [{ name: 'size', format: 'number', defaultValue: '1' }] }
const cloneMetadata = (ids: Ids) => ({
  name: unknownId(),
  target: { scope: 'project', projectUid: ids('project', ['target', 'projectUid']) ?? '' },
})
const wideFilter = () => ({ name: unknownId(), expressions: [{ key: 'env', operator: 'prefix', values: ['p'] }] })
const endsAt = '2099-01-01T00:00:00.000Z'
const asked = (project: string | undefined) => ({
  ...{ role: predefinedRole('Project Viewer').uid, project },
  ...{ seconds: 600, reason: 'to look at it' },
})
const authorityPem = (await createAuthority('sample')).certPem
const aCertificate = () => ({ metadata: { name: unknownId() }, spec: { certificate: authorityPem, isCA: true } })
/** Changes name those that are there. */
const aMacro = { macros: [{ name: 'GREETING', value: 'hello' }] }

const defaultTeams = (ids: Ids) => [ids('team', ['defaultTeams', '[]'])].filter((uid) => uid !== undefined)
const oidcConfig = (ids: Ids) => ({ issuerUrl: 'https://idp.test/', defaultTeams: defaultTeams(ids) })
const samlConfig = (ids: Ids) => ({ defaultTeams: defaultTeams(ids) })
/** What may be asked of a password hangs together. */
const aPolicy = { minLength: 8, maxLength: 64 }

/** Bodies that the schema alone does not describe. */
const bodies: Readonly<Record<string, (ids: Ids) => unknown>> = {
  'POST /v1/palisade/access/assignments': (ids) => ({
    ...{ user: ids('user', ['user']), project: ids('project', ['project']) },
    ...{ role: predefinedRole('Project Viewer').uid, endsAt },
  }),
  'PATCH /v1/palisade/access/assignments/{uid}': () => ({ endsAt }),
  'POST /v1/palisade/access/requests': (ids) => asked(ids('project', ['project'])),
  'POST /v1/palisade/filters': wideFilter,
  'POST /v1/palisade/filters/selection': () => ({ expressions: [{ key: 'env', operator: 'prefix', values: ['p'] }] }),
  'PUT /v1/palisade/filters/{uid}': wideFilter,
  'POST /v1/roles': () => ({ metadata: { name: unknownId() }, spec: roleSpec }),
  'PUT /v1/roles/{uid}': () => ({ metadata: { name: unknownId() }, spec: roleSpec }),
  'POST /v1/users/assets/sshkeys': sshKey,
  'PUT /v1/users/assets/sshkeys/{uid}': sshKey,
  'POST /v1/cloudaccounts/aws': awsAccount,
  'PUT /v1/cloudaccounts/aws/{uid}': awsAccount,
  'POST /v1/workspaces': (ids) => ({
    metadata: { name: unknownId() },
    spec: { clusterRefs: [{ clusterUid: ids('cluster', ['clusterRefs', '[]', 'clusterUid']) ?? unknownId() }] },
  }),
  'PUT /v1/workspaces/{uid}/clusterNamespaces': (ids) => {
    const clusterUid = ids('cluster', ['clusterRefs', '[]', 'clusterUid'])
    return { clusterNamespaces: [{ name: 'shop' }], ...(clusterUid ? { clusterRefs: [{ clusterUid }] } : {}) }
  },
  'PUT /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}': () => aBinding,
  'PUT /v1/spectroclusters/{uid}/config/namespaces/{namespaceUid}': () => aNamespace,
  'PUT /v1/spectroclusters/{uid}/config/rbacs': () => ({ rbacs: [aBinding] }),
  'PUT /v1/spectroclusters/{uid}/config/namespaces': () => ({ namespaces: [aNamespace] }),
  'POST /v1/workspaces/{uid}/clusterRbacs': () => aBinding,
  'PUT /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}': () => aBinding,
  'PUT /v1/workspaces/users/{userUid}/roles': rolesOnWorkspace,
  'PUT /v1/workspaces/teams/{teamUid}/roles': rolesOnWorkspace,
  'POST /v1/clouds/aws/account/validate': () => awsSpec,
  'POST /v1/cloudaccounts/gcp': accountWith(gcpSpec),
  'PUT /v1/cloudaccounts/gcp/{uid}': accountWith(gcpSpec),
  'POST /v1/clouds/gcp/account/validate': () => ({ spec: gcpSpec }),
  'POST /v1/cloudaccounts/azure': accountWith(azureSpec),
  'PUT /v1/cloudaccounts/azure/{uid}': accountWith(azureSpec),
  'POST /v1/clouds/azure/account/validate': () => azureSpec,
  // Without a project it makes none: the kind of cloud could not be removed while there is another account of it.
  'POST /v1/cloudaccounts/cloudTypes/{cloudType}': () => ({
    metadata: { name: unknownId(), annotations: { scope: 'project' } },
    spec: customSpec,
  }),
  'PUT /v1/cloudaccounts/cloudTypes/{cloudType}/{uid}': accountWith(customSpec),
  'POST /v1/clouds/cloudTypes/register': () => ({ metadata: { name: `n${unknownId()}` } }),
  'POST /v1/clusterprofiles': profile,
  'PUT /v1/clusterprofiles/{uid}': profileUpdate,
  'PATCH /v1/clusterprofiles/{uid}/metadata': profileUpdate,
  'PUT /v1/clusterprofiles/{uid}/variables': () => aVariable,
  'PATCH /v1/clusterprofiles/{uid}/variables': () => aVariable,
  'POST /v1/clusterprofiles/{uid}/clone': (ids) => ({ metadata: cloneMetadata(ids) }),
  'POST /v1/clusterprofiles/{uid}/clone/validate': cloneMetadata,
  'POST /v1/dashboard/clusterprofiles': () => ({ filter: { profileName: { contains: 'x' } }, sort: [] }),
  'PUT /v1/projects/{uid}/macros': () => aMacro,
  'PATCH /v1/projects/{uid}/macros': () => aMacro,
  'PUT /v1/tenants/{tenantUid}/macros': () => aMacro,
  'PATCH /v1/tenants/{tenantUid}/macros': () => aMacro,
  'POST /v1/tenants/{tenantUid}/password/policy': () => aPolicy,
  'PUT /v1/system/password/policy/default': () => aPolicy,
  'POST /v1/system/admins': () => ({
    spec: { emailId: `u${unknownId()}@sample.test`, firstName: 'Some', adminType: 'AccountAdmin' },
  }),
  'PUT /v1/system/classificationBanner': () => ({ config: '{}' }),
  'POST /v1/palisade/system/signingKeys': () => ({}),
  'PUT /v1/users/system/macros': () => aMacro,
  'POST /v1/tenants/{tenantUid}/assets/certs': aCertificate,
  'PUT /v1/tenants/{tenantUid}/assets/certs/{certificateUid}': aCertificate,
  'PATCH /v1/system/features/{uid}': () => ({ isAllowed: true }),
  'PATCH /v1/tenants/{tenantUid}/emailId': () => ({ emailId: 'office@sample.test' }),
  'POST /v1/tenants/{tenantUid}/oidc/config': oidcConfig,
  'POST /v1/tenants/{tenantUid}/saml/config': samlConfig,
  'POST /v1/tenants/{tenantUid}/domains': () => ({ domains: [`${unknownId()}.test`] }),
  'PATCH /v1/users/system/macros': () => aMacro,
  'POST /v1/users/{uid}/resourceRoles': resourceRole,
  'POST /v1/teams/{uid}/resourceRoles': resourceRole,
  'PATCH /v1/users/{uid}/resourceRoles/{resourceRoleUid}': resourceRole,
  'PATCH /v1/teams/{uid}/resourceRoles/{resourceRoleUid}': resourceRole,
  'PATCH /v1/users/{uid}': () => [{ op: 'replace', path: '/spec/firstName', value: 'Other' }],
  'PATCH /v1/teams/{uid}': () => [{ op: 'replace', path: '/metadata/name', value: unknownId() }],
  'POST /v1/palisade/clusters/{uid}/check': () => ({ token: 'not-a-token' }),
  'PUT /v1/spectroclusters/{uid}/location': () => ({ location: { countryCode: 'CH' } }),
  'POST /v1/spectroclusters/generic/import': byManifest,
  'POST /v1/spectroclusters/aws/import': byManifest,
  'POST /v1/spectroclusters/azure/import': byManifest,
  'POST /v1/spectroclusters/gcp/import': byManifest,
  'POST /v1/spectroclusters/vsphere/import': byManifest,
  'POST /v1/spectroclusters/maas/import': byManifest,
  'POST /v1/spectroclusters/edge-native/import': byManifest,
  'POST /v1/spectroclusters/apache-cloudstack/import': byManifest,
  'POST /v1/dashboard/spectroclusters/search': () => ({
    filter: {
      conjunction: 'and',
      filterGroups: [
        {
          conjunction: 'or',
          filters: [searchFor('clusterName', 'string', { string: { ...matching, ignoreCase: true } })],
        },
        { conjunction: 'or', filters: [searchFor('tags', 'keyValue', { keyValue: { key: 'env', ...matching } })] },
        { conjunction: 'or', filters: [searchFor('creationTimestamp', 'date', { date: anyDay })] },
      ],
    },
    sort: [{ field: 'clusterName', order: 'asc' }],
  }),
}

/** Further bodies of what is said in several ways. */
const otherBodies: Readonly<Record<string, readonly ((ids: Ids) => unknown)[]>> = {
  'POST /v1/palisade/access/assignments': [
    (ids) => ({
      ...{ user: ids('user', ['user']), workspace: ids('workspace', ['workspace']) },
      ...{ role: predefinedRole('Workspace Operator').uid, endsAt },
    }),
    (ids) => ({
      ...{ team: ids('team', ['team']), roles: [predefinedRole('Resource Cluster Viewer').uid], endsAt },
      projects: [ids('project', ['projects', '[]'])].filter((uid) => uid !== undefined),
      filters: [ids('filter', ['filters', '[]'])].filter((uid) => uid !== undefined),
    }),
  ],
}

/** All bodies that say what an operation can be told. */
export const bodiesOf = (
  operation: Pick<DescribedOperation, 'route' | 'requestBody'>,
  ids: Ids,
): readonly unknown[] => [bodyOf(operation, ids), ...(otherBodies[operation.route] ?? []).map((make) => make(ids))]

/**
 * A body that gets past the parser.
 *
 * @param ids what stands where an id is expected; without it those members are left out
 */
export function bodyOf(
  { route, requestBody }: Pick<DescribedOperation, 'route' | 'requestBody'>,
  ids: Ids = () => undefined,
): unknown {
  const schema = requestBody?.content['application/json']?.schema
  if (!schema) return undefined
  return bodies[route]?.(ids) ?? sampleOf(schema, (place) => textAt(place, ids))
}

const wellKnown: Readonly<Record<string, (() => unknown) | undefined>> = {
  emailId: () => `u${unknownId()}@sample.test`,
  orgEmailId: () => undefined,
  userMsg: () => 'a note',
  redirectUris: () => 'https://sample.test/',
  password: () => goodPassword,
  currentPassword: () => 'Not-The-Passw0rd-of-anybody',
  newPassword: () => `${goodPassword}-2`,
  state: () => undefined,
  continue: () => undefined,
  // As far as they are not asked for, roles are left alone: a wrong one would hide what else a handler looks at.
  roles: () => undefined,
}

function textAt(place: Place, ids: Ids): unknown {
  const kind = kindAt(place)
  if (kind !== undefined) return ids(kind, place)
  const name = place.findLast((step) => step !== '[]') ?? ''
  const known = wellKnown[name]
  return known ? known() : `n${unknownId()}`
}

/** An answer as it may be compared: without what is of this one request, and with these ids taken out. */
export function comparable({ status, headers, text }: ApiAnswer, ...ids: readonly string[]) {
  const request = String(headers['x-request-id'])
  const neutral = (value: string) =>
    ids.reduce((left, id) => left.replaceAll(id, '<id>'), value.replaceAll(request, '<request>'))
  const { date: _, ...lines } = headers
  const lineOf = (name: string, value: unknown) => (name === 'audituid' ? '<entry>' : neutral(String(value)))
  return {
    status,
    headers: Object.fromEntries(Object.entries(lines).map(([name, value]) => [name, lineOf(name, value)])),
    text: neutral(text),
  }
}
