import assert from 'node:assert/strict'
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { type CommandLine, commandLine } from '../support/command-line.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'

const skip = await clusterSkipReason()

describe('the command line and kubectl', { skip }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let cluster: Cluster
  let west: Cluster
  let acme: Tenant
  let admin: CommandLine
  let dev: CommandLine
  let adminHome: string
  let devHome: string
  let devKey: { uid: string; apiKey: string }
  let config: string

  before(async () => {
    family = await createProcessFamily('command-line-kubectl')
    ;[palisade, cluster, west] = await Promise.all([
      startPalisade({ family }),
      startCluster({ name: 'east' }),
      startCluster({ name: 'west', kubelet: false }),
    ])
    await cluster.createPod('default', 'web')
    acme = await createTenant(palisade, 'acme')
    const signedIn = async (name: string, api: Tenant['admin']) => {
      const key = await api.must('POST', '/v1/apiKeys', { body: { metadata: { name } } })
      const home = join(family.folder, name)
      await mkdir(home, { mode: 0o700 })
      const cli = commandLine(home)
      const login = ['login', '--api-key', '--url', palisade.url, '--ca-file', palisade.caFile]
      const { code, err } = await cli(login, { input: key.apiKey })
      assert.equal(code, 0, err)
      return { cli, home, key }
    }
    ;({ cli: admin, home: adminHome } = await signedIn('admin', acme.admin))
    const user = await createUser(palisade, acme, 'dev')
    await admin.must('team', 'create', 'devs', '--user', user.email)
    await admin.must('project', 'create', 'payments', '--team', 'devs=Cluster Viewer')
    ;({ cli: dev, home: devHome, key: devKey } = await signedIn('dev', user.api))
    config = join(devHome, '.kube', 'config')
  })
  after(async () => {
    await palisade?.stop()
    await Promise.all([cluster?.stop(), west?.stop()])
    await family?.stop()
  })

  const kubectl = (...args: string[]) => cluster.kubectl(args, { kubeconfig: config, env: { HOME: devHome } })

  test('an import shows line by line what was found', async () => {
    const good = await admin(['cluster', 'import', '-', '--project', 'payments', '--name', 'east'], {
      input: cluster.adminKubeconfigText,
    })
    assert.equal(good.code, 0, good.err)
    assert.match(good.out, /^ok +it accepts the credential$/m)
    assert.match(good.out, /^ok +no object there is somebody else’s\nok +the account there may act for others/m)
    assert.match(good.out, /^made +Namespace palisade-system$/m)
    assert.match(good.out, /^ready +east [0-9a-f]{24}$/m)
    assert.match(await admin.must('cluster', 'get', 'east'), /^state +ready$/m)
    assert.match(await admin.must('cluster', 'list', '--project', 'payments'), /^east /m)

    const plugin = cluster.adminKubeconfigText.replace(/^( +)user:$/m, '$1user:\n$1  exec: {command: rm}')
    assert.match(plugin, /exec:/)
    const refused = await admin(['cluster', 'import', '-', '-p', 'payments', '--name', 'x'], { input: plugin })
    assert.equal(refused.code, 1)
    assert.match(refused.out, /^failed +the kubeconfig stands for itself$/m)

    const closed = cluster.adminKubeconfigText.replace(/https:\/\/[\w.:]+/, 'https://127.0.0.1:1')
    const away = await admin(['cluster', 'import', '-', '-p', 'payments', '--name', 'x'], { input: closed })
    assert.equal(away.code, 1)
    assert.match(away.out, /^ok +the kubeconfig stands for itself[\s\S]*^failed +/m)
  })

  test('an import without rights says who has to do what; following it finishes the import', async () => {
    const { kubeconfig } = await west.clientKubeconfig({ name: 'limited', clusterRole: 'view' })
    const imported = await admin(['cluster', 'import', '-', '-p', 'payments', '--name', 'west'], { input: kubeconfig })
    assert.equal(imported.code, 0, imported.err)
    assert.match(imported.out, /^lacks +\w+ \S+.*: \w+/m)
    assert.match(imported.out, /^ok +the kubeconfig stands for itself$/m)
    assert.doesNotMatch(imported.out, /somebody else|act for others/, 'nothing was compared: it may not')
    assert.match(imported.out, /^waiting +west [0-9a-f]{24}$/m)
    assert.match(imported.err, /palisade cluster yaml [0-9a-f]{24} \| kubectl apply -f -/)
    assert.match((await admin(['kubeconfig', 'west', '--print'])).err, /waits for its bindings/)

    const applied = await west.kubectl(['apply', '-f', '-'], { stdin: await admin.must('cluster', 'yaml', 'west') })
    assert.equal(applied.code, 0, applied.stderr)
    const account = ['-n', 'palisade-system', 'create', 'token', 'palisade-impersonator', '--duration=1h']
    const { stdout: token } = await west.kubectl(account)
    const checked = await admin(['cluster', 'check', 'west', '--token-file', '-'], { input: token })
    assert.equal(checked.code, 0, checked.err)
    assert.deepEqual(
      checked.out.split('\n').filter((line) => line.startsWith('ok')),
      [
        'ok       its server is at an address that may be a cluster',
        'ok       the server answers',
        'ok       it proves who it is',
        'ok       it is a Kubernetes that can be imported',
        'ok       it accepts the credential',
        'ok       the account there may act for others, and renew its own token',
      ],
      'no kubeconfig was given, and no object compared',
    )
    assert.match(checked.out, /^ready +west /m)
    const wrong = await admin(['cluster', 'check', 'west', '--token-file', '-'], { input: 'no-token-of-this-cluster' })
    assert.equal(wrong.code, 1)
    assert.doesNotMatch(wrong.out, /kubeconfig/)
    assert.match(wrong.out, /^ok +it proves who it is\nfailed +it accepts the credential$/m)
    assert.equal((await admin(['cluster', 'yaml', 'west'])).code, 1)
    assert.equal((await admin(['cluster', 'check', 'west'])).code, 2)
    assert.equal((await admin(['cluster', 'delete', 'west', '--yes'])).code, 0)
  })

  test('a cluster that is imported by manifest is joined with kubectl, read-only until that is lifted', async () => {
    // What an import before this left there (docs/clusters.md#what-to-delete-by-hand).
    await west.kubectl(['delete', 'namespace', 'palisade-system'])
    const ours = 'app.kubernetes.io/managed-by=palisade'
    await west.kubectl(['delete', 'clusterrole,clusterrolebinding', '-l', ours])
    const { items } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
    const project = items.find((one: { metadata: { name: string } }) => one.metadata.name === 'payments').metadata.uid
    const { uid } = await acme.admin.must('POST', '/v1/spectroclusters/generic/import', {
      project,
      body: { metadata: { name: 'far' }, spec: { clusterConfig: { importMode: 'read-only' } } },
    })
    const file = join(family.folder, 'far.yaml')
    await writeFile(file, west.adminKubeconfigText, { mode: 0o600 })
    const env = { PATH: `${dirname(west.tools.kubectl)}:${process.env.PATH}`, KUBECONFIG: file }
    const none = await admin(['cluster', 'join', 'far'], { env })
    assert.equal(none.code, 1)
    assert.match(none.err, /account is not on the cluster yet[\s\S]*cluster join [0-9a-f]{24} --apply/)
    assert.match(await admin.must('cluster', 'get', 'far'), /^state +pending\nimport +read-only$/m)

    const joined = await admin(['cluster', 'join', 'far', '--apply'], { env })
    assert.equal(joined.code, 0, joined.err)
    assert.match(joined.err, /clusterrolebinding.* created/)
    assert.match(joined.out, new RegExp(`^ready +far ${uid}$`, 'm'))
    const through = await admin.must('kubeconfig', 'far', '--print')
    const throughFile = join(family.folder, 'through.yaml')
    await writeFile(throughFile, through, { mode: 0o600 })
    const run = (...args: string[]) => west.kubectl(args, { kubeconfig: throughFile, env: { HOME: adminHome } })
    assert.equal((await run('get', 'namespaces')).code, 0)
    const refused = await run('create', 'configmap', 'x')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /imported read-only/)

    await acme.admin.must('PATCH', `/v1/spectroclusters/${uid}/import/upgrade`)
    const unbound = await run('create', 'configmap', 'x')
    assert.match(
      unbound.stderr,
      /configmaps is forbidden/,
      'the cluster has the last word: the levels are not bound there',
    )
    const again = await admin(['cluster', 'join', 'far', '--apply'], { env })
    assert.equal(again.code, 0, again.err)
    assert.doesNotMatch(again.out, /lacks/)
    assert.equal((await run('create', 'configmap', 'x')).code, 0)
    assert.equal((await admin(['cluster', 'delete', 'far', '--yes'])).code, 0)
  })

  test('the context is added to the file kubectl uses; everything else stays, through a link too', async () => {
    const real = join(devHome, 'kubectl-config.yaml')
    const before = `# my clusters
apiVersion: v1
kind: Config
current-context: mine
clusters:
- name: mine # at home
  cluster: {server: "https://192.0.2.1:6443", tls-server-name: mine}
contexts:
- name: mine
  context: {cluster: mine, user: mine}
users:
- name: mine
  user: {token: abc}
x-unknown: [1, 2]
`
    await writeFile(real, before, { mode: 0o640 })
    await mkdir(join(devHome, '.kube'))
    await symlink(real, config)
    const { code, err } = await dev(['kubeconfig', 'east'])
    assert.equal(code, 0, err)
    assert.ok((await lstat(config)).isSymbolicLink())
    const after = await readFile(real, 'utf8')
    assert.equal((await stat(real)).mode & 0o777, 0o640)
    for (const line of before.split('\n').filter((line) => !line.startsWith('current-context')))
      assert.ok(after.split('\n').includes(line), `${line} is lost:\n${after}`)
    assert.match(after, /^# my clusters\n/)
    assert.match(after, /# at home/)
    assert.match(after, /^current-context: east$/m)
    assert.doesNotMatch(after, /pak_/)
    assert.deepEqual(
      (await readdir(join(devHome, '.kube'))).filter((name) => name !== 'config'),
      [],
    )
    const token = await cluster.kubectl(
      ['config', 'view', '--raw', '-o', 'jsonpath={.users[?(@.name=="mine")].user.token}'],
      {
        kubeconfig: config,
      },
    )
    assert.equal(token.stdout, 'abc')
  })

  test('kubectl works with it, inside what the role allows, and each call asks for no new token', async () => {
    const pods = await kubectl('get', 'pods')
    assert.equal(pods.code, 0, pods.stderr)
    assert.match(pods.stdout, /web +1\/1 +Running/)
    const exec = await kubectl('exec', 'web', '--', 'true')
    assert.notEqual(exec.code, 0)
    assert.match(exec.stderr, /cluster\.update/)
    const [, requestId = ''] = /request ([0-9a-f]{24})/.exec(exec.stderr) ?? []
    assert.match(await admin.must('why', requestId), /^refused +execute$/m)

    const issued = async () =>
      (await admin.must('audit', 'export')).split('\n').filter((line) => line.includes('"cluster.kubeconfig.issued"'))
        .length
    const before = await issued()
    assert.equal((await kubectl('get', 'namespaces')).code, 0)
    assert.equal(await issued(), before)
    const tokens = join(devHome, '.cache', 'palisade', 'tokens')
    for (const name of await readdir(tokens)) assert.equal((await stat(join(tokens, name))).mode & 0o777, 0o600)
  })

  test('again changes nothing; a context that leads elsewhere is not taken, and the file stays as it is', async () => {
    const before = await readFile(config, 'utf8')
    assert.equal((await dev(['kubeconfig', 'east'])).code, 0)
    assert.equal(await readFile(config, 'utf8'), before)
    const taken = await dev(['kubeconfig', 'east', '--context', 'mine'])
    assert.equal(taken.code, 1)
    assert.match(taken.err, /leads elsewhere[\s\S]*--context NAME/)
    assert.equal(await readFile(config, 'utf8'), before)

    const broken = join(devHome, 'broken.yaml')
    await writeFile(broken, 'clusters: [\n')
    const refused = await dev(['kubeconfig', 'east', '--kubeconfig', broken])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /was left as it is: it is not readable as YAML/)
    assert.equal(await readFile(broken, 'utf8'), 'clusters: [\n')

    const nowhere = await dev(['kubeconfig', 'east', '--kubeconfig', join(broken, 'config')])
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.err, /^palisade: cannot use \S+: ENOTDIR\n$/)
  })

  test('what --print prints is a kubeconfig of its own', async () => {
    const file = join(devHome, 'own.yaml')
    await writeFile(file, await dev.must('kubeconfig', 'east', '--print'), { mode: 0o600 })
    const { code, stderr } = await cluster.kubectl(['get', 'pods'], { kubeconfig: file, env: { HOME: devHome } })
    assert.equal(code, 0, stderr)
  })

  test('the token is for this door alone, and dies with the key', async () => {
    const token = (await dev.must('token', '--cluster', 'east')).trim()
    const byToken = palisade.api.as({ token: `Bearer ${token}` })
    assert.equal((await byToken.call('GET', '/v1/users/info')).status, 401)
    const credential = JSON.parse(await dev.must('token', '--cluster', 'east', '--exec-credential'))
    assert.equal(credential.kind, 'ExecCredential')
    assert.equal(credential.status.token, token)
    assert.ok(Date.parse(credential.status.expirationTimestamp) > Date.now())

    assert.equal((await admin(['key', 'delete', devKey.uid, '--yes'])).code, 0)
    const refused = await kubectl('get', 'pods')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /Unauthorized|logged in|provide credentials|not valid/)
  })
})
