import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { parse, stringify } from 'yaml'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { type Api, createApi } from '../support/api.ts'
import { type CommandLine, commandLine } from '../support/command-line.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { switchToTokens, trustingNobody } from '../support/token-mode.ts'
import { until } from '../support/until.ts'

// Clusters that trust our issuer, on real API servers: switching and what is refused then, the names, direct tokens.

const skip = await clusterSkipReason()

type Person = { readonly uid: string; readonly api: Api; readonly cli: CommandLine; readonly home: string }
type Level = 'Cluster Viewer' | 'Cluster Editor' | 'Cluster Admin'

describe('token mode', { skip }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let east: Cluster
  let west: Cluster
  let acme: Tenant
  let globex: Tenant
  let team: string
  let viewer: Person
  let editor: Person
  let admin: Person
  let eastUid: string
  let westUid: string

  before(async () => {
    family = await createProcessFamily('token-mode')
    ;[palisade, east, west] = await Promise.all([
      startPalisade({ family }),
      startCluster({ name: 'east', audit: true, authenticationConfig: trustingNobody }),
      startCluster({ name: 'west', kubelet: false, authenticationConfig: trustingNobody }),
    ])
    await east.createPod('default', 'web')
    acme = await createTenant(palisade, 'acme')
    globex = await createTenant(palisade, 'globex')
    viewer = await person('viewer', 'Cluster Viewer')
    editor = await person('editor', 'Cluster Editor')
    admin = await person('operator', 'Cluster Admin')
    const spec = { users: [viewer.uid] }
    team = (await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'devs' }, spec } })).uid
    eastUid = await importEast(acme, 'east')
  })
  after(async () => {
    await palisade?.stop()
    await Promise.all([east?.stop(), west?.stop()])
    await family?.stop()
  })

  const giveLevel = (uid: string, level: Level | undefined) =>
    acme.admin.must('PUT', `/v1/users/${uid}/projects`, {
      body: {
        projects: level ? [{ projectUid: acme.defaultProject, roles: [predefinedRole(level).uid] }] : [],
      },
    })

  /** Somebody of acme with a level on its clusters, signed in to the command line too. */
  async function person(name: string, level: Level): Promise<Person> {
    const user = await createUser(palisade, acme, name)
    await giveLevel(user.uid, level)
    const home = join(family.folder, name)
    await mkdir(home, { mode: 0o700 })
    const cli = commandLine(home)
    const { apiKey } = await user.api.must('POST', '/v1/apiKeys', { body: { metadata: { name } } })
    const login = ['login', '--api-key', '--url', palisade.url, '--ca-file', palisade.caFile]
    const { code, err } = await cli(login, { input: apiKey })
    assert.equal(code, 0, err)
    return { uid: user.uid, api: user.api, cli, home }
  }

  async function importEast(tenant: Tenant, name: string, spec: object = {}): Promise<string> {
    const imported = await tenant.admin.must('POST', '/v1/palisade/clusters', {
      project: tenant.defaultProject,
      body: { metadata: { name }, spec: { kubeconfig: east.adminKubeconfigText, ...spec } },
    })
    return imported.uid
  }

  const kubeconfigOf = async (who: Person, uid: string) => {
    const { text } = await who.api.call('GET', `/v1/spectroclusters/${uid}/assets/kubeconfig`)
    return east.writeKubeconfig(text)
  }
  const whoami = async (kubeconfig: string) => {
    const { code, stdout, stderr } = await east.kubectl(['auth', 'whoami', '-o', 'json'], { kubeconfig })
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout).status.userInfo
  }
  const mode = (body: object, uid = eastUid, who = acme.admin) =>
    who.call('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, { body })
  const direct = (who: Api, uid = eastUid, body: object = {}) =>
    who.call('POST', `/v1/palisade/clusters/${uid}/directToken`, { body })
  /** What an API server itself answers to a token, without Palisade in between. */
  async function ask({ server, caPem }: Cluster, token: string, path = '/api/v1/namespaces/default/pods') {
    const api = createApi(server, caPem)
    try {
      return (await api.as({ token: `Bearer ${token}` }).call('GET', path)).status
    } finally {
      await api.close()
    }
  }
  const entries = async (event: string) => {
    const { text } = await acme.admin.call('GET', '/v1/palisade/audit/export')
    const lines = text.trimEnd().split('\n').slice(1)
    return lines.map((line) => JSON.parse(line)).filter((entry) => entry.event === event)
  }

  describe('switching', () => {
    let before: { readonly extra: Readonly<Record<string, readonly string[]>> }
    const withoutRequest = ({ extra: { 'palisade.dev/request': _, ...extra }, ...rest }: typeof before) => ({
      ...rest,
      extra,
    })

    test('a cluster that trusts nobody refuses, says what it needs, and is reached as before', async () => {
      const kubeconfig = await kubeconfigOf(viewer, eastUid)
      before = await whoami(kubeconfig)
      const refused = await admin.cli(['cluster', 'mode', 'east', 'token'])
      assert.equal(refused.code, 1)
      assert.match(refused.err, /east is reached as before/)
      assert.match(refused.err, new RegExp(`issuer ${palisade.url}/oidc with audience ${eastUid}`))
      const now = await whoami(kubeconfig)
      // The request's id differs each time.
      assert.deepEqual(withoutRequest(now), withoutRequest(before))
      assert.ok(now.extra['palisade.dev/request'])
      assert.match(await admin.cli.must('cluster', 'get', 'east'), /^mode +impersonation$/m)
      assert.equal((await direct(admin.api)).body.code, 'DirectAccessUnavailable')
      const [entry] = await entries('cluster.credential.mode.changed')
      assert.equal(entry.outcome, 'refused')
      assert.equal(entry.actor.uid, admin.uid)
    })

    test('one that looks at too little refuses, and each thing that it forgets is named', async () => {
      const { configuration } = await acme.admin.must('GET', `/v1/palisade/clusters/${eastUid}/authentication`)
      const loose = parse(configuration)
      loose.jwt[0].claimValidationRules = []
      loose.jwt[0].userValidationRules = []
      loose.jwt[0].issuer.audiences.push('0'.repeat(24))
      loose.jwt[0].issuer.audienceMatchPolicy = 'MatchAny'
      await east.configureAuthentication(stringify(loose))
      const problems = await until(
        'the loose configuration to be in force',
        async () => {
          const { body } = await mode({ mode: 'token' })
          assert.equal(body.code, 'ClusterRefusesTokens')
          return /\(401\)/.test(body.problems[0]) ? undefined : (body.problems as string[])
        },
        { timeoutMs: 90_000, everyMs: 500 },
      )
      assert.equal(problems.length, 7, problems.join('\n'))
      for (const member of ['issuer.audiences', 'claims.aud', 'claims.tenant', 'claims.exp', 'claims.access'])
        assert.ok(
          problems.some((problem) => problem.includes(member)),
          member,
        )
    })

    test('one with the printed configuration is switched; the account is no longer needed', async () => {
      const { leftOnCluster } = await switchToTokens(acme.admin, east, eastUid)
      assert.equal(leftOnCluster.account, 'palisade-system/palisade-impersonator')
      for (const command of leftOnCluster.remove.split(' && '))
        assert.equal((await east.kubectl(command.split(' ').slice(1))).code, 0, command)
      assert.match(await admin.cli.must('cluster', 'get', 'east'), /^mode +token$/m)
      const entry = (await entries('cluster.credential.mode.changed')).at(-1)
      assert.equal(entry.outcome, 'done')
      assert.deepEqual(entry.details.was, { credentialMode: 'impersonation', directTokens: false })
      const { credential, state } = await acme.admin.must('GET', `/v1/palisade/clusters/${eastUid}`)
      assert.deepEqual([credential, state], [undefined, 'ready'])
    })

    test('the cluster sees the same names as before', async () => {
      const after = await whoami(await kubeconfigOf(viewer, eastUid))
      const { 'palisade.dev/token': token, 'authentication.kubernetes.io/credential-id': _id, ...extra } = after.extra
      assert.deepEqual({ ...after, extra }, withoutRequest(before))
      assert.match(token[0], /^[0-9a-f]{24}$/)
    })

    test('a check needs no credential, and takes none of an account', async () => {
      const shown = await admin.cli.must('cluster', 'check', 'east')
      assert.match(shown, /^ok +it takes Palisade’s tokens, and none that it must refuse$/m)
      assert.match(shown, /^ready +east /m)
      assert.doesNotMatch(shown, /kubeconfig|credential|somebody else|act for others/, 'none of it was looked at')
      const check = (body: object) => acme.admin.call('POST', `/v1/palisade/clusters/${eastUid}/check`, { body })
      assert.equal((await check({ token: 'x' })).status, 400)
      const { body: checked } = await check({ kubeconfig: east.adminKubeconfigText })
      assert.deepEqual([checked.credentialMode, checked.levels], ['token', ['view', 'edit', 'admin']])
      const stranger = parse(east.adminKubeconfigText)
      const authority = Buffer.from(west.caPem).toString('base64')
      stranger.clusters[0].cluster['certificate-authority-data'] = authority
      assert.equal((await check({ kubeconfig: stringify(stranger) })).body.code, 'ClusterNotTrusted')
    })

    test('who may not import may not switch', async () => {
      for (const who of [viewer, editor]) {
        assert.equal((await mode({ mode: 'token', direct: true }, eastUid, who.api)).status, 403)
      }
      assert.equal((await mode({ mode: 'token', direct: true }, eastUid, globex.admin)).status, 404)
      assert.equal((await globex.admin.call('GET', `/v1/palisade/clusters/${eastUid}/authentication`)).status, 404)
    })
  })

  describe('calls', () => {
    test('bear the ids by which both logs are read side by side', async () => {
      const kubeconfig = await kubeconfigOf(viewer, eastUid)
      await Promise.all([1, 2].map(() => east.kubectl(['get', 'configmaps'], { kubeconfig })))
      const calls = (await entries('cluster.call')).filter(
        ({ actor, details }) => actor.uid === viewer.uid && details.resource === 'configmaps',
      )
      assert.equal(calls.length, 2)
      const seen = await east.auditEvents()
      for (const { request, details } of calls) {
        const event = seen.find(({ auditID }) => auditID === request)
        assert.equal(event?.user.username, `palisade:${acme.uid}:${viewer.uid}`)
        assert.equal(event?.impersonatedUser, undefined)
        assert.deepEqual(event?.user.extra?.['palisade.dev/token'], [details.token])
      }
    })

    test('C02 a level or a team that is taken away is in no later token', async () => {
      const kubeconfig = await kubeconfigOf(viewer, eastUid)
      const groups = async () => (await whoami(kubeconfig)).groups.toSorted()
      const teamGroup = `palisade:team:${acme.uid}:${team}`
      assert.deepEqual(await groups(), ['palisade:level:view', teamGroup, 'system:authenticated'])
      await giveLevel(viewer.uid, 'Cluster Editor')
      await until('the level', async () => (await groups()).includes('palisade:level:edit') || undefined)
      await acme.admin.must('DELETE', `/v1/teams/${team}`)
      await giveLevel(viewer.uid, 'Cluster Viewer')
      await until('the end of both', async () => (await groups()).length === 2 || undefined)
      assert.deepEqual(await groups(), ['palisade:level:view', 'system:authenticated'])
    })
  })

  describe('direct tokens', () => {
    test('are given where an administrator allows them, and nowhere else', async () => {
      assert.equal((await direct(viewer.api)).body.code, 'DirectAccessUnavailable')
      assert.match(await admin.cli.must('cluster', 'mode', 'east', 'token', '--direct'), /direct ones too/)
      const { status, body, headers } = await direct(viewer.api)
      assert.equal(status, 201)
      assert.equal(headers['cache-control'], 'no-store')
      assert.deepEqual(body.levels, ['view'])
      assert.equal(body.server, east.server)
      const { iat, exp } = decodeJwt(body.token)
      assert.equal(Number(exp) - Number(iat), 300)
      assert.equal(Date.parse(body.expiresAt), Number(exp) * 1000)
      const [entry] = await entries('cluster.directToken.issued').then((all) =>
        all.filter(({ outcome }) => outcome === 'done'),
      )
      assert.equal(entry.actor.uid, viewer.uid)
      assert.deepEqual(entry.details.levels, ['view'])
      assert.ok(!JSON.stringify(entry).includes(body.token))
      assert.equal(await ask(east, body.token), 200)
    })

    test('palisade kubeconfig --direct leads to the cluster’s own API server, under the same name', async () => {
      const through = await whoami(await kubeconfigOf(viewer, eastUid))
      const { code, err } = await viewer.cli(['kubeconfig', 'east', '--direct'])
      assert.equal(code, 0, err)
      const file = join(viewer.home, '.kube', 'config')
      const config = parse(await readFile(file, 'utf8'))
      assert.equal(config['current-context'], 'east-direct')
      assert.equal(config.clusters[0].cluster.server, east.server)
      assert.doesNotMatch(JSON.stringify(config), /eyJ[\w-]+\.eyJ/)
      const kubectl = (...args: string[]) => east.kubectl(args, { kubeconfig: file, env: { HOME: viewer.home } })
      const self = await kubectl('auth', 'whoami', '-o', 'json')
      assert.equal(self.code, 0, self.stderr)
      const { username, groups } = JSON.parse(self.stdout).status.userInfo
      assert.deepEqual([username, groups], [through.username, through.groups])
      assert.match((await kubectl('get', 'pods')).stdout, /web +1\/1/)
      // Now the cluster alone decides.
      assert.match((await kubectl('exec', 'web', '--', 'true')).stderr, /cannot (create|get) resource "pods\/exec"/)
      assert.notEqual((await kubectl('get', 'secrets', '-A')).code, 0)
    })

    test('not to editors, whom only the door keeps from what is worth more; they may read', async () => {
      const refused = await editor.cli(['kubeconfig', 'east', '--direct'])
      assert.equal(refused.code, 1)
      assert.match(refused.err, /Level edit is kept within its bounds by Palisade/)
      assert.equal((await direct(editor.api)).body.code, 'DirectLevelRefused')
      assert.equal((await direct(editor.api, eastUid, { level: 'edit' })).body.code, 'DirectLevelRefused')
      assert.equal((await direct(admin.api, eastUid, { level: 'edit' })).body.code, 'DirectLevelRefused')
      assert.deepEqual((await direct(editor.api, eastUid, { level: 'view' })).body.levels, ['view'])
      const file = join(editor.home, 'direct.yaml')
      await writeFile(file, await editor.cli.must('kubeconfig', 'east', '--direct', '--level', 'view', '--print'))
      const kubectl = (...args: string[]) => east.kubectl(args, { kubeconfig: file, env: { HOME: editor.home } })
      assert.equal((await kubectl('get', 'pods')).code, 0)
      assert.notEqual((await kubectl('create', 'configmap', 'mine')).code, 0)
    })

    test('to administrators with all of it, and never more than one holds', async () => {
      const all = (await direct(admin.api)).body
      assert.deepEqual(all.levels, ['view', 'edit', 'admin'])
      assert.equal(await ask(east, all.token, '/api/v1/secrets'), 200)
      const less = (await direct(admin.api, eastUid, { level: 'view' })).body
      assert.equal(await ask(east, less.token, '/api/v1/secrets'), 403)
      const more = await direct(viewer.api, eastUid, { level: 'admin' })
      assert.equal(more.status, 403)
      assert.match(more.body.detail, /cluster\.delete/)
      assert.equal((await direct(globex.admin)).status, 404)
      assert.equal((await direct(viewer.api, eastUid, { level: 'root' })).status, 400)
      assert.equal((await direct(viewer.api, eastUid, { user: admin.uid })).status, 400)
    })

    test('nobody is given one whose rights or session have ended', async () => {
      await giveLevel(editor.uid, undefined)
      assert.equal((await direct(editor.api, eastUid, { level: 'view' })).status, 403)
      await giveLevel(editor.uid, 'Cluster Editor')
      const session = await palisade.signIn('editor@acme.test', 'A-good-Passw0rd-here', 'acme')
      assert.equal((await direct(session, eastUid, { level: 'view' })).status, 201)
      await session.must('POST', '/v1/palisade/logout')
      assert.equal((await direct(session, eastUid, { level: 'view' })).status, 401)
    })
  })

  describe('an API server takes tokens for itself alone', () => {
    test('a cluster can come under Palisade without ever having an account', async () => {
      const limited = await west.clientKubeconfig({ name: 'nobody' })
      const imported = await globex.admin.must('POST', '/v1/palisade/clusters', {
        project: globex.defaultProject,
        body: { metadata: { name: 'west' }, spec: { kubeconfig: limited.kubeconfig, bindings: 'print' } },
      })
      westUid = imported.uid
      assert.deepEqual([imported.state, imported.created], ['needs-bindings', []])
      const { bindings } = await globex.admin.must('GET', `/v1/palisade/clusters/${westUid}/authentication`)
      assert.equal((await west.kubectl(['apply', '-f', '-'], { stdin: bindings })).code, 0)
      const switched = await switchToTokens(globex.admin, west, westUid, { direct: true })
      assert.deepEqual([switched.missing, switched.leftOnCluster], [[], undefined])
      assert.notEqual((await west.kubectl(['get', 'namespace', 'palisade-system'])).code, 0)
      const text = (await globex.admin.call('GET', `/v1/spectroclusters/${westUid}/assets/kubeconfig`)).text
      const kubeconfig = await west.writeKubeconfig(text)
      assert.equal((await west.kubectl(['get', 'nodes'], { kubeconfig })).code, 0)
    })

    test('another tenant’s token is refused by the cluster, both ways', async () => {
      const theirs = (await direct(globex.admin, westUid)).body.token
      const ours = (await direct(admin.api)).body.token
      assert.equal(await ask(west, theirs), 200)
      assert.equal(await ask(east, ours), 200)
      assert.equal(await ask(east, theirs), 401)
      assert.equal(await ask(west, ours), 401)
    })

    test('a token for another cluster of the same tenant is refused', async () => {
      const other = await importEast(acme, 'other', { bindings: 'install' })
      await switchToTokens(acme.admin, east, other, { direct: true })
      const token = (await direct(admin.api, other)).body.token
      assert.equal(await ask(east, token), 200)
      // The API server is the first cluster's again.
      const { configuration } = await acme.admin.must('GET', `/v1/palisade/clusters/${eastUid}/authentication`)
      await east.configureAuthentication(configuration)
      const own = await until(
        'the first configuration',
        async () => {
          const { body } = await direct(admin.api)
          return (await ask(east, body.token)) === 200 ? body.token : undefined
        },
        { timeoutMs: 90_000, everyMs: 500 },
      )
      // As new as the other: what an API server took it remembers for ten seconds.
      const fresh = (await direct(admin.api, other)).body.token
      assert.equal(await ask(east, fresh), 401)
      assert.equal(await ask(east, own), 200)
      const kubeconfig = await kubeconfigOf(admin, other)
      const through = await east.kubectl(['get', '--raw', '/api/v1/pods'], { kubeconfig })
      assert.match(through.stderr, /does not accept Palisade’s credential/)
    })
  })

  describe('back to impersonation', () => {
    test('needs a credential that can make the account; what cannot leaves the mode as it is', async () => {
      const limited = await east.clientKubeconfig({ name: 'too-little', clusterRole: 'view' })
      const refused = await mode({ mode: 'impersonation', kubeconfig: limited.kubeconfig })
      assert.equal(refused.body.code, 'ClusterRefusesCredential')
      assert.ok(refused.body.missing.length > 0)
      assert.match(await admin.cli.must('cluster', 'get', 'east'), /^mode +token/m)
      assert.equal((await admin.cli(['cluster', 'mode', 'east', 'impersonation'])).code, 2)
    })

    test('and then takes no direct tokens any more', async () => {
      const file = join(admin.home, 'cluster-admin.yaml')
      await writeFile(file, east.adminKubeconfigText, { mode: 0o600 })
      const out = await admin.cli.must('cluster', 'mode', 'east', 'impersonation', '--kubeconfig', file)
      assert.match(out, /^mode +east impersonation$/m)
      const { extra } = await whoami(await kubeconfigOf(viewer, eastUid))
      assert.ok(extra['palisade.dev/request'])
      assert.equal((await direct(admin.api)).body.code, 'DirectAccessUnavailable')
    })
  })
})
