import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { after, before, beforeEach, describe, test } from 'node:test'
import { bearer, type Caller, type DoorWorld, marker, pods, startDoorWorld } from './door-world.ts'
import { sendHttp2 } from './raw-http2.ts'
import { connectRaw, requestText, sendRaw } from './support.ts'

// Threats A12–A17 and A23: what is called, and by which bytes, at the Kubernetes door of the real program.

let world: DoorWorld
before(async () => {
  world = await startDoorWorld()
})
after(() => world?.stop())
beforeEach(() => world.reset())

describe('what is called', () => {
  test('A12 whatever the method, exec takes the right to change; a viewer’s GET is no way in', async () => {
    const paths = ['exec?command=sh', 'attach?stdin=true', 'portforward?ports=80'].map((sub) => `${pods}/web/${sub}`)
    for (const path of paths) {
      const texts = [
        world.websocketText(world.viewer, path),
        world.spdyText(world.viewer, path),
        requestText(`GET ${world.door}${path}`, [bearer(world.viewer)]),
        requestText(`POST ${world.door}${path}`, [bearer(world.viewer)]),
        requestText(`PUT ${world.door}${path}`, [bearer(world.viewer)]),
        requestText(`GET ${world.door}${path.replace('exec', 'e%78ec')}`, [bearer(world.viewer)]),
      ]
      for (const text of texts) {
        const { status, body } = await sendRaw(world.palisade, text)
        assert.equal(status, 403, text.split('\r\n')[0])
        assert.match(body, /cluster\.update/)
      }
    }
    const proxies = [
      '/api/v1/nodes/n1/proxy/exec/default/web/main?command=sh',
      '/api/v1/nodes/n1:10250/proxy/run/default/web/main?cmd=id',
      '/api/v1/proxy/nodes/n1/exec/default/web/main',
      `${pods}/web:8080/proxy/`,
      '/api/v1/namespaces/default/services/https:web:443/proxy/',
    ]
    for (const path of proxies)
      for (const who of [world.viewer, world.editor])
        for (const text of [requestText(`GET ${world.door}${path}`, [bearer(who)]), world.websocketText(who, path)]) {
          const { status, body } = await sendRaw(world.palisade, text)
          assert.equal(status, 403, path)
          assert.match(body, /cluster\.delete/)
        }
    world.assertNotAsked('nothing of it reached the cluster')

    for (const path of paths) {
      const connection = await connectRaw(world.palisade)
      connection.write(world.websocketText(world.editor, path))
      await connection.waitFor(/101 Switching/)
      connection.destroy()
    }
    assert.equal((await world.get(world.admin, proxies[0] ?? '')).status, 200)
    assert.equal(world.cluster.seen.length, 4, 'those who may, get there')
    const refused = await world.acme.admin.must('GET', `/v1/audits?limit=0&userUid=${world.viewer.uid}`)
    const rules = refused.items
      .filter(
        (item: { metadata: { annotations: { outcome: string } } }) => item.metadata.annotations.outcome === 'refused',
      )
      .map((item: { spec: { contentMsg: string } }) => /"rule":"([^"]+)"/.exec(item.spec.contentMsg)?.[1])
    assert.ok(rules.includes('execute') && rules.includes('proxy'), 'refusals are in the log by their rule')
  })

  test('A13 one spelling is decided and that one goes out; what could be read otherwise is refused', async () => {
    const refused = [
      '//api/v1/pods',
      '/api//v1/pods',
      '/api/v1/pods//',
      '/api/v1/namespaces/a/../b/secrets',
      '/api/v1/namespaces/a/./secrets',
      '/api/v1/namespaces/a/%2e%2e/b/secrets',
      '/api/v1/namespaces/a/%2E%2E/b/secrets',
      '/api/v1/namespaces/a/.%2e/b/secrets',
      '/api/v1/namespaces/a%2fb/secrets',
      '/api/v1/namespaces/a%2Fsecrets',
      '/api/v1/namespaces/a%252fb/secrets',
      '/api/v1/namespaces/a%252e%252e/secrets',
      '/api/v1/namespaces/a;x/secrets',
      '/api/v1/namespaces/a%3bx/secrets',
      '/api/v1/namespaces/a;/../secrets',
      '/api/v1\\namespaces',
      '/api/v1%5cnamespaces',
      '/api/v1/namespaces/..%5csecrets',
      '/api/v1/namespaces/%c0%ae%c0%ae/secrets',
      '/api/v1/namespaces/%c0%af/secrets',
      '/api/v1/namespaces/%ff/secrets',
      '/api/v1/namespaces/%/secrets',
      '/api/v1/namespaces/%zz/secrets',
      '/api/v1/namespaces/%00/secrets',
      '/api/v1/namespaces/a%0d%0aX/secrets',
      '/api/v1/namespaces/a%3fwatch=1',
      '/api/v1/namespaces/a%23x',
      '/api/v1/pods#/version',
      '/api/v1/pods?watch=1;x=y',
      '/api/v1/pods?%zz',
      '/..',
      '/../..',
      '/%2e%2e/%2e%2e/v1/users',
    ]
    for (const path of refused) {
      assert.equal((await world.get(world.admin, path)).status, 400, path)
      const over2 = await sendHttp2(world.palisade, [
        ...([
          [':method', 'GET'],
          [':scheme', 'https'],
          [':authority', 'localhost'],
        ] as const),
        ...([
          [':path', world.door + path],
          ['authorization', `Bearer ${world.admin.token}`],
        ] as const),
      ])
      assert.ok(over2 === 'refused' || !over2.ok, `${path} over HTTP/2`)
    }
    for (const target of [
      `https://localhost${world.door}/version`,
      `http://${world.palisade.port}${world.door}/version`,
      '*',
    ])
      assert.ok(
        (await sendRaw(world.palisade, requestText(`GET ${target}`, [bearer(world.admin)]))).status >= 400,
        target,
      )
    const others = [
      '/k8s/clusters/../clusters',
      `/k8s/./${world.door.slice(5)}`,
      `/k8s%2f${world.door.slice(5)}`,
      `/K8S/${world.door.slice(5)}`,
    ]
    for (const prefix of [...others, world.door.slice(0, -1), `${world.door}0`, world.door.toUpperCase()])
      assert.ok(
        (await sendRaw(world.palisade, requestText(`GET ${prefix}/version`, [bearer(world.admin)]))).status >= 400,
        prefix,
      )
    world.assertNotAsked('none of it reached the cluster')

    const canonical: Record<string, string> = {
      '/api/v1/namespace%73/kube-system': '/api/v1/namespaces/kube-system',
      '/%61pi/v1/pods': '/api/v1/pods',
      '/api/v1/pods/': '/api/v1/pods/',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3acoredns':
        '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns',
      '/api/v1/namespaces/d%c3%a9f': '/api/v1/namespaces/d%C3%A9f',
      '/api/v1/pods?labelSelector=a%3Db%2Cc': '/api/v1/pods?labelSelector=a%3Db%2Cc',
    }
    for (const [asked, forwarded] of Object.entries(canonical)) {
      world.cluster.forget()
      assert.equal((await world.get(world.admin, asked)).status, 200, asked)
      assert.deepEqual(
        world.cluster.seen.map(({ target }) => target),
        [forwarded],
      )
    }
    // The spelling changes nothing about what is refused.
    assert.equal((await world.get(world.editor, '/api/v1/namespaces/kube-s%79stem/secrets')).status, 403)
    assert.equal((await world.get(world.editor, '/api/v1/namespaces/kube-system/secret%73')).status, 403)
  })

  test('A14 a subresource that is not known is refused; what mints or unlocks takes the highest level', async () => {
    const known = ['status', 'eviction', 'binding', 'resize', 'ephemeralcontainers']
    const unknown = [
      'frobnicate',
      'Exec',
      'EXEC',
      'exec.',
      'exec2',
      'tokens',
      'finalizers',
      'log2',
      'proxies',
      'constructor',
      '__proto__',
    ]
    for (const who of [world.viewer, world.editor])
      for (const sub of unknown)
        for (const method of ['GET', 'POST', 'PUT'])
          assert.equal(
            (await sendRaw(world.palisade, requestText(`${method} ${world.door}${pods}/web/${sub}`, [bearer(who)])))
              .status,
            403,
            sub,
          )
    const guarded: readonly (readonly [string, string])[] = [
      ['PUT', '/api/v1/namespaces/default/finalize'],
      ['PUT', '/api/v1/namespaces/kube-system/finalize'],
      ['POST', '/api/v1/namespaces/default/serviceaccounts/default/token'],
      ['POST', '/api/v1/namespaces/default/serviceaccount/default/token'],
      ['PUT', '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval'],
      ['PATCH', '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval'],
      ['GET', '/apis/example.com/v1/namespaces/default/widgets/w/exec'],
      ['POST', '/apis/example.com/v1/namespaces/default/serviceaccounts/default/token'],
      ['POST', '/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/v/console'],
    ]
    for (const [method, path] of guarded)
      for (const who of [world.viewer, world.editor]) {
        const { status } = await sendRaw(world.palisade, requestText(`${method} ${world.door}${path}`, [bearer(who)]))
        assert.equal(status, 403, `${method} ${path}`)
      }
    world.assertNotAsked()
    for (const sub of known)
      assert.equal(
        (await sendRaw(world.palisade, requestText(`POST ${world.door}${pods}/web/${sub}`, [bearer(world.editor)])))
          .status,
        200,
        sub,
      )
    for (const [method, path] of guarded)
      assert.equal(
        (await sendRaw(world.palisade, requestText(`${method} ${world.door}${path}`, [bearer(world.admin)]))).status,
        200,
        path,
      )
  })

  test('A15 group, resource, namespace and scope are compared exactly', async () => {
    const asked = (method: string, path: string) =>
      sendRaw(world.palisade, requestText(`${method} ${world.door}${path}`, [bearer(world.editor)]))
    const protectedOnes: readonly (readonly [string, string])[] = [
      ['GET', '/api/v1/secrets'],
      ['GET', '/api/v1/namespaces/kube-system/secrets'],
      ['GET', '/api/v1/namespaces/kube-system/secrets/x'],
      ['GET', '/api/v1/watch/secrets'],
      ['GET', '/api/v1/watch/namespaces/kube-system/secrets'],
      ['POST', '/api/v1/namespaces/kube-system/pods'],
      ['POST', '/apis/apps/v1/namespaces/kube-system/daemonsets'],
      ['POST', '/apis/example.com/v1/namespaces/kube-system/widgets'],
      ['DELETE', '/api/v1/namespaces/kube-system'],
      ['PATCH', '/api/v1/namespaces/kube-system'],
      ['DELETE', '/api/v1/namespaces'],
      ['DELETE', '/api/v1/namespaces/palisade-system'],
      // A cluster-scoped object through a path that names a namespace: the namespace named is the one that is compared.
      ['DELETE', '/api/v1/namespaces/kube-system/persistentvolumes/x'],
      ['POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/clusterrolebindings'],
    ]
    for (const [method, path] of protectedOnes)
      assert.equal((await asked(method, path)).status, 403, `${method} ${path}`)
    world.assertNotAsked()
    // The same words in another group, another place of the path or another spelling are other things; the cluster decides.
    const others: readonly (readonly [string, string])[] = [
      ['GET', '/apis/example.com/v1/secrets'],
      ['GET', '/apis/example.com/v1/namespaces/kube-system/secrets'],
      ['DELETE', '/apis/example.com/v1/namespaces'],
      ['GET', '/api/v1/namespaces/default/secrets'],
      ['GET', '/api/v1/namespaces/secrets/pods'],
      ['GET', '/api/v1/namespaces/kube-system/pods'],
      ['POST', '/api/v1/namespaces/kube-system2/pods'],
      ['DELETE', '/api/v1/namespaces/default/persistentvolumes/x'],
    ]
    for (const [method, path] of others) {
      world.cluster.forget()
      assert.equal((await asked(method, path)).status, 200, `${method} ${path}`)
      assert.deepEqual(
        world.cluster.seen.map((seen) => [seen.method, seen.target]),
        [[method, path]],
        'as it was decided',
      )
    }
  })

  test('A16 no header, query or body makes one verb of another', async () => {
    const override = ['X-HTTP-Method-Override: DELETE', 'X-HTTP-Method: DELETE', 'X-Method-Override: DELETE']
    assert.equal((await world.get(world.viewer, pods, override)).status, 200)
    const [seen] = world.cluster.seen
    assert.equal(seen?.method, 'GET')
    world.assertOurs(seen, world.viewer)
    assert.equal((await world.get(world.viewer, `${pods}?_method=DELETE`)).status, 200)
    for (const method of ['TRACE', 'OPTIONS', 'LINK', 'PURGE', 'SEARCH', 'REPORT'])
      assert.equal(
        (await sendRaw(world.palisade, requestText(`${method} ${world.door}${pods}`, [bearer(world.admin)]))).status,
        405,
        method,
      )
    for (const method of ['get', 'Get', 'FOO'])
      assert.ok(
        (await sendRaw(world.palisade, requestText(`${method} ${world.door}${pods}`, [bearer(world.admin)]))).status >=
          400,
        method,
      )
    // What is recorded is what kube-apiserver would do; which verb that is for odd queries is tried against a real one.
    const cases: readonly (readonly [string, string, string])[] = [
      ['GET', `${pods}?watch=1`, 'watch'],
      ['GET', `${pods}?watch=false&watch=true`, 'list'],
      ['DELETE', pods, 'deletecollection'],
      ['GET', `${pods}?fieldSelector=metadata.name%3Dweb`, 'list'],
    ]
    const ids: string[] = []
    for (const [method, path] of cases) {
      const { head } = await sendRaw(
        world.palisade,
        requestText(`${method} ${world.door}${path}`, [bearer(world.admin)]),
      )
      ids.push(/x-request-id: (\S+)/i.exec(head)?.[1] ?? '')
    }
    const { text } = await world.acme.admin.call('GET', '/v1/palisade/audit/export')
    const entries = text.split('\n').filter((line) => line.includes('"cluster.call"'))
    for (const [i, [, path, verb]] of cases.entries()) {
      const entry = entries.find((line) => line.includes(`"request":"${ids[i]}"`))
      assert.match(entry ?? '', new RegExp(`"verb":"${verb}"`), path)
    }
  })

  test('A17 what a proxied path leads to is fixed before it is decided, and no cluster is at a forbidden address', async () => {
    const service = '/api/v1/namespaces/default/services/https:web:443/proxy'
    const bad = [
      '/..%2f..%2fsecrets',
      '/../../../../secrets',
      '/%2e%2e/%2e%2e/x',
      '/a%252f..%252fb',
      '/a\\..\\b',
      '//evil.test/',
      '/a;b/..',
      '/%00',
    ]
    for (const rest of bad) assert.equal((await world.get(world.admin, service + rest)).status, 400, rest)
    for (const who of [world.viewer, world.editor])
      assert.equal((await world.get(who, `${service}/`)).status, 403, 'off below the admin level')
    world.assertNotAsked()
    assert.equal((await world.get(world.admin, `${service}/a/b?x=%2f..%2f`)).status, 200)
    assert.deepEqual(
      world.cluster.seen.map(({ target }) => target),
      [`${service}/a/b?x=%2f..%2f`],
    )

    const forbidden = [
      ...[
        'https://169.254.169.254',
        'https://[fd00:ec2::254]',
        'https://100.100.100.200',
        'https://[::ffff:169.254.169.254]',
      ],
      ...[
        `https://127.0.0.1:${world.palisade.port}`,
        `https://localhost:${world.palisade.env.PALISADE_METRICS_PORT}`,
        'https://0.0.0.0:443',
      ],
      ...['https://[64:ff9b::a9fe:a9fe]', 'https://224.0.0.1', 'https://0xa9fea9fe', 'https://2852039166'],
    ]
    for (const server of forbidden) {
      const answer = await world.acme.admin.call('POST', '/v1/palisade/clusters', {
        project: world.acme.defaultProject,
        body: {
          metadata: { name: `forbidden ${server}` },
          spec: { kubeconfig: world.backend.kubeconfig(undefined, { server, caPem: world.cluster.caPem }) },
        },
      })
      assert.equal(answer.status, 400, `${server}: ${answer.text}`)
    }
  })
})

describe('bytes', () => {
  const canary = '/api/v1/namespaces/canary'
  const smuggled = `GET ${canary} HTTP/1.1\r\nHost: a\r\nX: `
  const head = (start: string, lines: readonly string[]) =>
    [`${start} HTTP/1.1`, bearer(world.admin), ...lines, '', ''].join('\r\n')

  test('A23 nothing ambiguous passes: one request in is one request out, or none', async () => {
    const post = `POST ${world.door}${pods}`
    const chunked = 'Transfer-Encoding: chunked'
    const refused: Record<string, string> = {
      'length and chunks': `${head(post, ['Host: a', 'Content-Length: 6', chunked])}0\r\n\r\n${smuggled}`,
      'chunks and length': `${head(post, ['Host: a', chunked, 'Content-Length: 6'])}0\r\n\r\n${smuggled}`,
      'two lengths': head(post, ['Host: a', 'Content-Length: 0', 'Content-Length: 44']) + smuggled,
      'two equal lengths': head(post, ['Host: a', 'Content-Length: 0', 'Content-Length: 0']) + smuggled,
      'a list of lengths': head(post, ['Host: a', 'Content-Length: 0, 44']) + smuggled,
      'a signed length': head(post, ['Host: a', 'Content-Length: +0']) + smuggled,
      'a length in hex': head(post, ['Host: a', 'Content-Length: 0x0']) + smuggled,
      'another coding': `${head(post, ['Host: a', 'Transfer-Encoding: gzip, chunked'])}0\r\n\r\n${smuggled}`,
      'a coding in disguise': `${head(post, ['Host: a', 'Transfer-Encoding: xchunked'])}0\r\n\r\n${smuggled}`,
      identity: head(post, ['Host: a', 'Transfer-Encoding: identity']) + smuggled,
      'two codings': `${head(post, ['Host: a', chunked, chunked])}0\r\n\r\n${smuggled}`,
      'a coding with a tab': `${head(post, ['Host: a', 'Transfer-Encoding:\x0bchunked'])}0\r\n\r\n${smuggled}`,
      'a blank before the colon': `${head(post, ['Host: a', 'Transfer-Encoding : chunked'])}0\r\n\r\n${smuggled}`,
      'bare line feeds': `GET ${world.door}${pods} HTTP/1.1\nHost: a\n${bearer(world.admin)}\n\n`,
      'a bare line feed in the head': head(post, [`Host: a\nX-A: b`, 'Content-Length: 0']),
      'two hosts': head(`GET ${world.door}${pods}`, ['Host: a', 'Host: b']),
      'no host': head(`GET ${world.door}${pods}`, []),
      'a chunk size that overflows': `${head(post, ['Host: a', chunked])}ffffffffffffffff0\r\nx\r\n0\r\n\r\n`,
      'a negative chunk': `${head(post, ['Host: a', chunked])}-1\r\nx\r\n0\r\n\r\n`,
      'an odd expectation': `${head(post, ['Host: a', 'Expect: 200-ok', 'Content-Length: 2'])}{}`,
      'an upgrade with a body':
        head(`POST ${world.door}${pods}/web/exec?command=sh`, [
          ...['Host: a', 'Connection: Upgrade', 'Upgrade: SPDY/3.1', `Content-Length: ${smuggled.length}`],
        ]) + smuggled,
      'HTTP/0.9': `GET ${world.door}${pods}\r\n\r\n`,
      'HTTP/1.2 of nobody': head(`GET ${world.door}${pods}`, ['Host: a']).replace('HTTP/1.1', 'HTTP/3.7'),
    }
    for (const [what, text] of Object.entries(refused)) {
      const connection = await connectRaw(world.palisade)
      connection.write(text)
      connection.socket.end()
      const answer = await connection.closed
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
      assert.ok(
        statuses.every((status) => status >= 400),
        `${what}: ${answer.slice(0, 200)}`,
      )
    }
    const complete = world.cluster.seen.filter(({ target }) => target === canary)
    assert.deepEqual(complete, [], 'no second request was made of the rest')

    const over2 = [
      ...([
        [':method', 'POST'],
        [':scheme', 'https'],
        [':authority', 'localhost'],
      ] as const),
      ...([
        [':path', world.door + pods],
        ['authorization', `Bearer ${world.admin.token}`],
      ] as const),
    ]
    world.cluster.forget()
    const framings: Record<string, readonly (readonly [string, string])[]> = {
      'chunks over HTTP/2': [...over2, ['transfer-encoding', 'chunked']],
      'a length that is too short': [...over2, ['content-length', '0']],
      'a length that is too long': [...over2, ['content-length', '999']],
      'two lengths': [...over2, ['content-length', '0'], ['content-length', String(smuggled.length)]],
      'two hosts': [...over2, ['host', 'evil.test']],
    }
    for (const [what, lines] of Object.entries(framings)) {
      const answer = await sendHttp2(world.palisade, lines, `0\r\n\r\n${smuggled}`)
      assert.ok(answer === 'refused' || !answer.ok, `${what} over HTTP/2`)
    }
    assert.deepEqual(
      world.cluster.seen.filter(({ target }) => target !== pods),
      [],
    )
  })

  test('A23 what is clear passes once and whole, and leaves nothing for whoever comes next', async () => {
    const body = `{"kind":"Pod","smuggled":${JSON.stringify(smuggled)}}`
    const texts: readonly string[] = [
      head(`POST ${world.door}${pods}`, ['Host: a', 'Connection: close', `Content-Length: ${body.length}`]) + body,
      head(`POST ${world.door}${pods}`, ['Host: a', 'Connection: close', 'Transfer-Encoding: chunked']) +
        `${body.length.toString(16)};name="${canary}";x=y\r\n${body}\r\n0\r\nX-Trailer: ${marker}\r\n\r\n`,
      head(`POST ${world.door}${pods}`, [
        'Host: a',
        'Connection: close',
        'Expect: 100-continue',
        `Content-Length: ${body.length}`,
      ]) + body,
    ]
    for (const text of texts) {
      world.cluster.forget()
      const connection = await connectRaw(world.palisade)
      connection.write(text)
      const answer = await connection.closed
      assert.match(answer, new RegExp(`"size":${body.length}\\b`), answer)
      assert.equal(world.cluster.seen.length, 1)
      world.assertOurs(world.cluster.seen[0], world.admin)
    }
    // Requests of two people behind one another, on connections that are kept: each is answered with their own.
    world.cluster.forget()
    const line = (who: Caller) => requestText(`GET ${world.door}${pods}`, [bearer(who)])
    const pipelined = await connectRaw(world.palisade)
    pipelined.write(line(world.viewer).replace('Connection: close', 'Connection: keep-alive') + line(world.editor))
    const answers = (await pipelined.closed).match(/"user":"[^"]+"/g) ?? []
    assert.deepEqual(
      answers,
      [world.viewer, world.editor].map(({ uid }) => `"user":"palisade:${world.acme.uid}:${uid}"`),
    )
    for (const [i, who] of [world.viewer, world.editor].entries()) world.assertOurs(world.cluster.seen[i], who)

    const session = connectHttp2(world.palisade.url, { ca: world.palisade.caPem })
    try {
      const ask = async (who: Caller) => {
        const stream = session.request({ ':path': world.door + pods, authorization: `Bearer ${who.token}` })
        let text = ''
        for await (const chunk of stream.setEncoding('utf8')) text += chunk
        return text
      }
      const rounds = Array.from(
        { length: 30 },
        (_, i) => [world.viewer, world.editor, world.admin][i % 3] ?? world.viewer,
      )
      const texts = await Promise.all(rounds.map(ask))
      for (const [i, who] of rounds.entries()) assert.ok(texts[i]?.includes(who.uid), 'its own answer')
    } finally {
      session.close()
    }
  })
})
