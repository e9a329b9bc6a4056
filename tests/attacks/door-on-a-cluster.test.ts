import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { subresourceClass } from '../../core/kube/index.ts'
import { type AuditEvent, type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { kubeconfig } from '../cluster/kubeconfig.ts'
import type { Api, ApiAnswer } from '../support/api.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { connectRaw, requestText, sendRaw } from './support.ts'

// Threats of the Kubernetes door that a real kube-apiserver has to prove: what it reads of whom it is told (A04–A06), what it
// serves and how it reads requests (A14, A16), whose credentials it takes (A09), that every way into a pod is recorded (H05)
// and that every open stream ends when its reason does (C01).

const skip = await clusterSkipReason()

type Caller = { readonly uid: string; readonly email: string; readonly api: Api; readonly token: string }
type Entry = {
  readonly name: string
  readonly outcome: string
  readonly uid: string
  readonly intent: string | undefined
  readonly request: string
  readonly at: number
  readonly details: Readonly<Record<string, unknown>>
}

describe('on a real cluster', { skip }, () => {
  let palisade: Palisade
  let cluster: Cluster
  let acme: Tenant
  let clusterUid: string
  let door: string
  let viewer: Caller
  let editor: Caller
  let admin: Caller

  before(async () => {
    ;[palisade, cluster] = await Promise.all([
      startPalisade({ name: 'door-real' }),
      startCluster({ name: 'attacked', audit: true }),
    ])
    await cluster.createPod('default', 'web')
    acme = await createTenant(palisade, 'acme')
    clusterUid = await importCluster()
    door = `/k8s/clusters/${clusterUid}`
    viewer = await caller('viewer', 'Cluster Viewer')
    editor = await caller('editor', 'Cluster Editor')
    admin = await caller('cluster-admin', 'Cluster Admin')
  })
  after(async () => {
    await palisade?.stop()
    await cluster?.stop()
  })

  async function importCluster(): Promise<string> {
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'attacked' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
    })
    assert.equal(imported.state, 'ready')
    return imported.uid
  }

  async function signIn(emailId: string): Promise<string> {
    const body = { emailId, password: goodPassword, org: 'acme' }
    return (await palisade.api.must('POST', '/v1/auth/authenticate', { body })).Authorization
  }

  async function caller(name: string, level: 'Cluster Viewer' | 'Cluster Editor' | 'Cluster Admin'): Promise<Caller> {
    const user = await createUser(palisade, acme, name)
    await give(user.uid, level)
    return { ...user, token: await signIn(user.email) }
  }

  const give = (user: string, level: 'Cluster Viewer' | 'Cluster Editor' | 'Cluster Admin' | undefined) =>
    acme.admin.must('PUT', `/v1/users/${user}/projects`, {
      body: { projects: level ? [{ projectUid: acme.defaultProject, roles: [predefinedRole(level).uid] }] : [] },
    })

  const call = (
    who: Caller,
    method: string,
    path: string,
    body?: unknown,
    type = 'application/json',
  ): Promise<ApiAnswer> =>
    palisade.api.call(method, door + path, {
      headers: { authorization: `Bearer ${who.token}`, ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body }),
    })

  /** What kube-apiserver recorded of the request whose answer named this id. */
  const recordedBy = (auditId: string): Promise<AuditEvent> =>
    until('kube-apiserver’s audit event', async () =>
      (await cluster.auditEvents()).find((one) => one.auditID === auditId),
    )

  /** Entries of calls of one user, newest first. */
  async function entriesOf(user: string): Promise<Entry[]> {
    const { items } = await acme.admin.must('GET', `/v1/audits?limit=0&userUid=${user}`)
    return items.map((item: Record<string, never>) => entryOf(item))
  }

  // biome-ignore lint/suspicious/noExplicitAny: the wire gives anything; the members are looked at one by one
  function entryOf({ metadata, spec }: any): Entry {
    const { outcome, intent, request } = metadata.annotations
    const details = spec.contentMsg === '' ? {} : JSON.parse(spec.contentMsg)
    const at = Date.parse(metadata.creationTimestamp)
    return { name: metadata.name, uid: metadata.uid, outcome, intent, request, at, details }
  }

  const pods = '/api/v1/namespaces/default/pods'

  test('A04 A05 A06 kube-apiserver reads user and groups as they were meant, and no name as another', async () => {
    const member = await caller('member', 'Cluster Viewer')
    const names = ['dev,system:masters', 'dev%2Csystem:masters', 'Größe ☂, "quoted"']
    const uids: string[] = []
    for (const name of names)
      uids.push(
        (await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name }, spec: { users: [member.uid] } } }))
          .uid,
      )
    for (const [who, teams] of [
      [member, uids],
      [viewer, []],
    ] as const) {
      const answer = await call(who, 'GET', pods)
      assert.equal(answer.status, 200, answer.text)
      const { user, impersonatedUser } = await recordedBy(String(answer.headers['audit-id']))
      assert.equal(user.username, 'system:serviceaccount:palisade-system:palisade-impersonator')
      assert.equal(impersonatedUser?.username, `palisade:${acme.uid}:${who.uid}`)
      assert.equal(impersonatedUser?.uid, who.uid)
      assert.deepEqual(impersonatedUser?.groups?.toSorted(), [
        'palisade:level:view',
        ...teams.map((uid) => `palisade:team:${acme.uid}:${uid}`).toSorted(),
        'system:authenticated',
      ])
      assert.deepEqual(
        (impersonatedUser?.extra?.['palisade.dev/team'] ?? []).toSorted(),
        teams.length > 0 ? names.toSorted() : [],
      )
      assert.deepEqual(impersonatedUser?.extra?.['palisade.dev/request'], [answer.headers['x-request-id']])
    }
    // It may be told so: what the account could not do is refused by the cluster, not by luck.
    assert.equal((await call(member, 'GET', '/api/v1/namespaces/default/secrets')).status, 403)
  })

  test('A09 a token that the cluster takes is nobody’s here, and the cluster hears nothing of it', async () => {
    const account = await cluster.clientKubeconfig({ name: 'strong', clusterRole: 'cluster-admin' })
    const direct = await cluster.kubectl(['get', 'secrets', '-A', '-o', 'name'], {
      kubeconfig: await cluster.writeKubeconfig(account.kubeconfig),
    })
    assert.equal(direct.code, 0, direct.stderr)
    const heard = async () =>
      (await cluster.auditEvents()).filter((event) => JSON.stringify(event).includes('strong')).length
    const before = await heard()
    for (const path of ['/api/v1/secrets', '/version', '/apis/authentication.k8s.io/v1/tokenreviews']) {
      const { status } = await sendRaw(
        palisade,
        requestText(`GET ${door}${path}`, [`Authorization: Bearer ${account.token}`]),
      )
      assert.equal(status, 401, path)
    }
    // A call of somebody who is known comes after them in the cluster's log, so theirs would be there by now.
    const known = await call(viewer, 'GET', pods)
    await recordedBy(String(known.headers['audit-id']))
    assert.equal(await heard(), before)
    // Ours is nothing to the cluster.
    const ours = await cluster.kubectl(['--token', viewer.token, 'get', 'pods'], {
      kubeconfig: await cluster.writeKubeconfig(
        kubeconfig({
          clusterName: 'x',
          server: cluster.server,
          caPem: cluster.caPem,
          user: 'x',
          credential: { token: viewer.token },
        }),
      ),
    })
    assert.match(ours.stderr, /Unauthorized|must be logged in/)
  })

  test('A14 every subresource that the cluster serves is known, and reached or refused by what it is', async () => {
    const served: {
      group: string
      base: string
      resource: string
      sub: string
      namespaced: boolean
      verbs: string[]
    }[] = []
    // Discovery is the API server's own.
    type List = { resources: { name: string; namespaced: boolean; verbs: string[] }[] }
    type Groups = { groups: { versions: { groupVersion: string }[] }[] }
    const { groups } = (await cluster.api('GET', '/apis')).body as Groups
    const versions = ['v1', ...groups.flatMap((group) => group.versions.map((version) => version.groupVersion))]
    for (const version of versions) {
      const base = version === 'v1' ? '/api/v1' : `/apis/${version}`
      for (const { name, namespaced, verbs } of ((await cluster.api('GET', base)).body as List).resources) {
        const [resource = '', sub] = name.split('/')
        if (sub !== undefined)
          served.push({
            group: version === 'v1' ? '' : (version.split('/')[0] ?? ''),
            base,
            resource,
            sub,
            namespaced,
            verbs,
          })
      }
    }
    assert.ok(served.length >= 40, `${served.length} subresources`)

    const methods: Record<string, string> = { get: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH' }
    for (const { group, base, resource, sub, namespaced, verbs } of served) {
      const what = `${resource}.${group}/${sub}`
      const kind = subresourceClass(group, resource, sub)
      assert.ok(kind, `${what} is classified`)
      const path = `${base}${namespaced ? '/namespaces/default' : ''}/${resource}/attacked/${sub}`
      for (const verb of verbs) {
        const method = methods[verb] ?? 'GET'
        for (const who of [viewer, editor]) {
          // Without a body, so that nothing is changed where the call is let through.
          const answer = await sendRaw(
            palisade,
            requestText(`${method} ${door}${path}`, [`Authorization: Bearer ${who.token}`]),
          )
          const reached = /\r\naudit-id: /i.test(answer.head)
          // Through its status the labels of a namespace could be changed, which say what pods there may do (D16).
          const isNamespaceItself = group === '' && resource === 'namespaces' && verb !== 'get'
          const refused: boolean = kind === 'admin' || (kind === 'execute' && who === viewer) || isNamespaceItself
          assert.equal(reached, !refused, `${method} ${what} by ${who.email}: ${answer.status} ${answer.body}`)
          if (refused) assert.equal(answer.status, 403)
        }
      }
    }
    for (const path of ['/pods/web/frobnicate', '/services/kubernetes/exec', '/configmaps/x/token'])
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await sendRaw(
          palisade,
          requestText(`${method} ${door}/api/v1/namespaces/default${path}`, [`Authorization: Bearer ${editor.token}`]),
        )
        assert.equal(answer.status, 403, path)
        assert.doesNotMatch(answer.head, /audit-id/i, `${method} ${path} is refused before the cluster`)
      }
  })

  test('A16 Palisade reads every request as kube-apiserver does', async () => {
    const named = `${pods}/web`
    const selector = (text: string) => `fieldSelector=${encodeURIComponent(text)}`
    const requests: readonly (readonly [string, string, (readonly string[])?, string?])[] = [
      ...[
        '',
        '?watch=true',
        '?watch=1',
        '?watch=0',
        '?watch=false',
        '?watch=False',
        '?watch=TRUE',
        '?watch',
        '?watch=',
      ].map((query) => ['GET', pods + query] as const),
      ...[
        '?watch=true&watch=false',
        '?watch=false&watch=true',
        '?watch=%74rue',
        '?Watch=true',
        '?watch=no',
        '?%77atch=1',
      ].map((query) => ['GET', pods + query] as const),
      ['GET', `${named}?watch=true`],
      ['GET', `${pods}?${selector('metadata.name=web')}`],
      ['GET', `${pods}?${selector('metadata.name=web')}&watch=1`],
      ['GET', `${pods}?${selector('metadata.name!=web')}`],
      ['GET', `${pods}?${selector('metadata.name=web,status.phase=Running')}`],
      ['GET', `${pods}?${selector('metadata.name=a')}&${selector('metadata.name=web')}`],
      ['GET', `${pods}?${selector('metadata.name=a/b')}`],
      ['GET', `${pods}?${selector('metadata.name==web')}`],
      ['GET', `${pods}?limit=x&watch=true`],
      ['GET', `${pods}?labelSelector=%21%21&watch=1`],
      ['GET', '/api/v1/watch/namespaces/default/pods'],
      ['GET', '/api/v1/watch/namespaces/default/pods/web'],
      ['GET', '/api/v1/watch/pods'],
      ['HEAD', named],
      ['GET', '/api/v1/namespaces/default'],
      ['GET', '/api/v1/namespaces/default/status'],
      ['GET', '/api/v1/namespaces'],
      ['GET', '/api/v1/pods'],
      ['GET', '/apis'],
      ['GET', '/api'],
      ['GET', '/healthz'],
      ['GET', '/openapi/v2'],
      ['GET', '/apis/apps/v1/namespaces/default/deployments'],
      ['GET', '/apis/apps/v1/namespaces/default/deployments/x/scale'],
      ['GET', '/apis/example.com/v1/namespaces/default/pods'],
      ['DELETE', '/api/v1/namespaces/default/configmaps?labelSelector=no%3Dsuch'],
      ['DELETE', '/api/v1/namespaces/default/configmaps/none'],
      ['DELETE', `/api/v1/namespaces/default/configmaps?${selector('metadata.name=none')}`],
      ['POST', '/api/v1/namespaces/default/configmaps', ['X-HTTP-Method-Override: DELETE'], '{}'],
      ['PUT', '/api/v1/namespaces/default/configmaps/none', ['X-HTTP-Method-Override: GET'], '{}'],
      ['PATCH', '/api/v1/namespaces/default/configmaps/none', [], '{}'],
      ['GET', named, [], '{"kind":"DeleteOptions"}'],
      ['POST', `${named}/eviction`, [], '{}'],
      ['GET', '/api/v1/namespaces/default/services/none/proxy/a/b'],
      ['GET', '/api/v1/nodes/none/proxy/'],
    ]
    const sentOnes: { what: string; auditId: string; requestId: string }[] = []
    for (const [method, path, lines = [], body = ''] of requests) {
      const connection = await connectRaw(palisade)
      connection.write(
        requestText(
          `${method} ${door}${path}`,
          [`Authorization: Bearer ${admin.token}`, 'Content-Type: application/json', ...lines],
          body,
        ),
      )
      // A watch does not end by itself; its head says enough.
      const [head] = await connection.waitFor(/^HTTP\/1\.1 [\s\S]*?\r\n\r\n/)
      connection.destroy()
      const what = `${method} ${path}`
      const auditId = /\r\naudit-id: (\S+)/i.exec(head)?.[1]
      assert.ok(auditId, `${what} reached the cluster: ${head}`)
      sentOnes.push({ what, auditId, requestId: /\r\nx-request-id: (\S+)/i.exec(head)?.[1] ?? '' })
    }
    const entries = await entriesOf(admin.uid)
    for (const { what, auditId, requestId } of sentOnes) {
      const { verb, objectRef } = await recordedBy(auditId)
      const entry = entries.find((one) => one.request === requestId && one.name === 'cluster.call')
      assert.ok(entry, `${what} is in the log`)
      const { resource, subresource, namespace, name } = entry.details
      assert.deepEqual(
        { verb: entry.details.verb, resource, subresource, namespace, name },
        {
          verb,
          resource: objectRef?.resource,
          subresource: objectRef?.subresource,
          namespace: objectRef?.namespace,
          name: objectRef?.name,
        },
        what,
      )
    }
  })

  const kubeconfigOf = (token: string) =>
    cluster.writeKubeconfig(
      kubeconfig({
        clusterName: 'palisade',
        server: `${palisade.url}${door}`,
        caPem: palisade.caPem,
        user: 'somebody',
        credential: { token },
      }),
    )

  describe('H05 every way into a pod has a beginning, an end and its bytes in the log', () => {
    const overSpdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }
    const ways: readonly {
      way: string
      args: readonly string[]
      subresource: string
      upgrade?: string
      env?: Readonly<Record<string, string>>
      terminal?: boolean
      /** What is typed, and seen before the end; without it the program ends by itself. */
      interactive?: { readonly write: string; readonly see: RegExp }
    }[] = [
      {
        way: 'exec without input',
        args: ['exec', 'web', '--', 'echo', 'seen'],
        subresource: 'exec',
        upgrade: 'websocket',
      },
      {
        way: 'exec over SPDY',
        args: ['exec', 'web', '--', 'echo', 'seen'],
        subresource: 'exec',
        upgrade: 'spdy',
        env: overSpdy,
      },
      {
        way: 'exec of one that fails',
        args: ['exec', 'web', '--', 'sh', '-c', 'echo seen; exit 3'],
        subresource: 'exec',
      },
      {
        way: 'exec with input',
        args: ['exec', '-i', 'web', '--', 'cat'],
        subresource: 'exec',
        interactive: { write: 'typed\n', see: /typed/ },
      },
      {
        way: 'exec with input over SPDY',
        args: ['exec', '-i', 'web', '--', 'cat'],
        subresource: 'exec',
        upgrade: 'spdy',
        env: overSpdy,
        interactive: { write: 'typed\n', see: /typed/ },
      },
      {
        way: 'exec with a terminal and no input',
        args: ['exec', '-t', 'web', '--', 'echo', 'seen'],
        subresource: 'exec',
      },
      {
        way: 'exec on a terminal',
        args: ['exec', '-it', 'web', '--', 'sh', '-c', 'read line; echo got-$line; read end'],
        subresource: 'exec',
        terminal: true,
        // It ends at a second line: the signal that ends the others does not get to the far side of a terminal, and KWOK
        // loses what is written right before the end.
        interactive: { write: 'typed\n', see: /got-typed/ },
      },
      { way: 'attach', args: ['attach', 'web'], subresource: 'attach', interactive: { write: '', see: /attached/ } },
      {
        way: 'attach over SPDY',
        args: ['attach', 'web'],
        subresource: 'attach',
        upgrade: 'spdy',
        env: overSpdy,
        interactive: { write: '', see: /attached/ },
      },
    ]

    for (const { way, args, subresource, upgrade, env = {}, terminal = false, interactive } of ways)
      test(`H05 ${way}`, async () => {
        const known = new Set((await entriesOf(editor.uid)).map(({ uid }) => uid))
        const options = { kubeconfig: await kubeconfigOf(editor.token), env }
        if (interactive) {
          const open = await cluster.openKubectl(args, { ...options, terminal })
          if (interactive.write === '') {
            // What an attached container writes comes from its log.
            await until('the attached output', async () => {
              await cluster.appendLog('attached')
              return interactive.see.test(open.stdout()) || undefined
            })
          } else {
            open.write(interactive.write)
            await open.waitFor(interactive.see)
          }
          if (terminal) open.write('\n')
          else open.kill()
          await open.ended
        } else {
          const { stdout, stderr } = await cluster.kubectl(args, options)
          assert.match(stdout, /seen/, stderr)
        }
        const [intent, end] = await newCall(known, subresource)
        assert.deepEqual([intent.outcome, end.outcome], ['intended', 'ended'])
        if (upgrade) assert.equal(intent.details.upgrade, upgrade)
        if (subresource === 'exec') assert.deepEqual(intent.details.command, args.slice(args.indexOf('--') + 1))
        assert.ok(Number(end.details.bytesOut) > 0, JSON.stringify(end.details))
        if (interactive?.write) assert.ok(Number(end.details.bytesIn) > 0, JSON.stringify(end.details))
        assert.equal(end.details.status, 101)
      })

    test('H05 port-forward, and a debug container', async () => {
      const known = new Set((await entriesOf(editor.uid)).map(({ uid }) => uid))
      const forward = await cluster.openKubectl(['port-forward', 'pod/web', ':80', '--address', '127.0.0.1'], {
        kubeconfig: await kubeconfigOf(editor.token),
      })
      const port = Number((await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/))[1])
      assert.equal(await echoOnce(port, 'ping'), 'ping')
      forward.kill()
      await forward.ended
      const [, end] = await newCall(known, 'portforward')
      assert.ok(Number(end.details.bytesIn) > 4 && Number(end.details.bytesOut) > 4, JSON.stringify(end.details))

      const patch = {
        spec: { ephemeralContainers: [{ name: 'debugger', image: 'test', targetContainerName: 'main' }] },
      }
      const type = 'application/strategic-merge-patch+json'
      // Kubernetes' own `edit` has no debug containers; refused by the cluster it is recorded all the same.
      const refused = await call(editor, 'PATCH', `${pods}/web/ephemeralcontainers`, patch, type)
      assert.equal(refused.status, 403)
      assert.equal((await newCall(known, 'ephemeralcontainers'))[1].details.status, 403)
      const before = new Set((await entriesOf(admin.uid)).map(({ uid }) => uid))
      const added = await call(admin, 'PATCH', `${pods}/web/ephemeralcontainers`, patch, type)
      assert.equal(added.status, 200, added.text)
      const [intent, done] = await newCall(before, 'ephemeralcontainers', admin)
      assert.deepEqual([intent.details.verb, intent.details.name, done.details.status], ['patch', 'web', 200])
      assert.ok(Number(done.details.bytesIn) > 0)
    })

    /** Beginning and end of the one call of this kind that is not among the known. */
    function newCall(known: ReadonlySet<string>, subresource: string, who = editor): Promise<readonly [Entry, Entry]> {
      return until(`both entries of the ${subresource}`, async () => {
        const entries = (await entriesOf(who.uid)).filter(({ uid }) => !known.has(uid))
        const intents = entries.filter((one) => one.name === 'cluster.call' && one.details.subresource === subresource)
        assert.ok(intents.length <= 1, `${intents.length} calls`)
        const [intent] = intents
        const end = entries.find((one) => one.intent !== undefined && one.intent === intent?.uid)
        return intent && end ? ([intent, end] as const) : undefined
      })
    }
  })

  describe('C01 every open stream ends within a second of its reason, and says why', () => {
    /** The published bound (docs/revocation.md), on the audit log's own times. */
    const boundMs = 1_000
    let dev: Caller

    before(async () => {
      dev = await caller('dev', 'Cluster Editor')
    })

    const reasons: readonly {
      of: string
      reason: string
      /** The credential that the streams are opened with. */
      credential?: () => Promise<{ readonly token: string; readonly uid?: string }>
      revoke: (credential: { readonly token: string; readonly uid?: string }) => Promise<unknown>
      restore?: () => Promise<unknown>
      /** What the same credential is answered afterwards. */
      answer: RegExp
    }[] = [
      {
        of: 'the role',
        reason: 'right-withdrawn',
        revoke: () => give(dev.uid, undefined),
        restore: () => give(dev.uid, 'Cluster Editor'),
        answer: /cluster\.get/,
      },
      {
        of: 'the role to a lower one',
        reason: 'right-withdrawn',
        revoke: () => give(dev.uid, 'Cluster Viewer'),
        restore: () => give(dev.uid, 'Cluster Editor'),
        answer: /cluster\.update/,
      },
      {
        of: 'the session',
        reason: 'session-ended',
        revoke: ({ token }) => palisade.api.as({ token }).must('POST', '/v1/palisade/logout'),
        answer: /does not know who calls|Unauthorized|logged in/,
      },
      {
        of: 'the key',
        reason: 'key-ended',
        async credential() {
          const { apiKey, uid } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'streams' } } })
          return { token: apiKey, uid }
        },
        revoke: ({ uid }) => dev.api.must('PATCH', `/v1/apiKeys/${uid}`, { body: { isActive: false } }),
        answer: /does not know who calls|Unauthorized|logged in/,
      },
      {
        of: 'the user',
        reason: 'user-inactive',
        revoke: () => setActive(false),
        restore: () => setActive(true),
        answer: /does not know who calls|Unauthorized|logged in/,
      },
      {
        of: 'the tenant',
        reason: 'tenant-inactive',
        revoke: () => palisade.system.must('PATCH', `/v1/tenants/${acme.uid}/activate`, { body: { isActive: false } }),
        async restore() {
          await palisade.system.must('PATCH', `/v1/tenants/${acme.uid}/activate`, { body: { isActive: true } })
          acme = { ...acme, admin: palisade.api.as({ token: await signIn(acme.adminEmail) }) }
        },
        answer: /does not know who calls|Unauthorized|logged in/,
      },
      {
        of: 'the cluster',
        reason: 'cluster-removed',
        revoke: () => acme.admin.must('DELETE', `/v1/spectroclusters/${clusterUid}`),
        answer: /not found/i,
      },
    ]

    const setActive = (value: boolean) =>
      acme.admin.must('PATCH', `/v1/users/${dev.uid}`, { body: [{ op: 'replace', path: '/status/isActive', value }] })

    for (const { of, reason, credential, revoke, restore, answer } of reasons)
      test(`C01 taking away ${of} ends watch, logs, exec and port-forward`, async (t) => {
        const own = (await credential?.()) ?? { token: await signIn(dev.email) }
        const config = { kubeconfig: await kubeconfigOf(own.token) }
        const open = (...args: string[]) => cluster.openKubectl(args, config)
        const watch = await open('get', 'pods', '-w')
        const logs = await open('logs', '-f', 'web')
        const exec = await open('exec', '-i', 'web', '--', 'cat')
        const forward = await open('port-forward', 'pod/web', ':80', '--address', '127.0.0.1')
        await watch.waitFor(/web/)
        await until('a followed line', async () => {
          await cluster.appendLog('followed')
          return logs.stdout().includes('followed') || undefined
        })
        exec.write('alive\n')
        await exec.waitFor(/alive/)
        const port = Number((await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/))[1])
        assert.equal(await echoOnce(port, 'ping'), 'ping')

        const before = Date.now()
        try {
          await revoke(own)
          await Promise.all([watch.ended, logs.ended, exec.ended])
          // Four ends, each at its own moment: the log's times below are held against the bound.
          await until('the forwarded port to be cut', () =>
            echoOnce(port, 'again').then(
              () => undefined,
              () => true,
            ),
          )
          forward.kill()
          const next = await cluster.kubectl(['exec', 'web', '--', 'true'], config)
          assert.notEqual(next.code, 0)
          assert.match(next.stderr, answer)
        } finally {
          await restore?.()
        }

        const ends = await until('the ends of the four streams', async () => {
          const ended = (await entriesOf(dev.uid)).filter(
            (one) => one.name === 'cluster.call.ended' && one.details.reason === reason && one.at >= before,
          )
          return ended.length >= 4 ? ended : undefined
        })
        assert.equal(ends.length, 4)
        t.diagnostic(
          `the last of four ended ${Math.max(...ends.map(({ at }) => at)) - before} ms after the request began`,
        )
        for (const { at, details } of ends)
          assert.ok(at - before < boundMs, `${JSON.stringify(details)} after ${at - before} ms`)
      })
  })
})

/** Sends a line through a forwarded port and answers what comes back; rejects when the other side closes instead. */
function echoOnce(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(5_000, () => socket.destroy(new Error('no echo within 5 s')))
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an echo')))
  })
}
