import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { describe, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { failure, type Status } from '../../../core/kube/index.ts'
import { until } from '../../../tests/support/until.ts'
import { createDestinationPolicy } from './destination.ts'
import type { CallEnd } from './index.ts'
import { authority, credential, identity, openDoor, startCluster, startHostile, type TestDoor } from './test-door.ts'

const pods = '/api/v1/namespaces/ns/pods'

describe('an ordinary call', async () => {
  const cluster = await startCluster((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.setHeader('audit-id', 'a-1')
      response.setHeader('warning', ['299 - "one"', '299 - "two"'])
      response.end(JSON.stringify({ body: Buffer.concat(chunks).toString() }))
    })
  })
  const door = await openDoor({ upstream: { port: cluster.port } })

  test('goes out with our credential and identity, one line each, and nothing of what the client said of itself', async () => {
    const ended = door.nextEnd()
    const answer = await door.ask(`${pods}?limit=5`, {
      headers: {
        accept: 'application/json',
        authorization: 'Bearer of-the-client',
        'user-agent': 'kubectl/v1.36.0',
        'kubectl-command': 'kubectl get',
        'x-remote-user': 'root',
        'x-forwarded-for': '10.0.0.1',
        forwarded: 'for=10.0.0.1',
        'x-request-id': 'mine',
        'audit-id': 'mine',
        cookie: 'a=b',
        te: 'trailers',
        'x-http-method-override': 'DELETE',
      },
    })
    assert.equal(answer.status, 200)
    assert.deepEqual(lower(cluster.seen.at(-1)!.rawHeaders), [
      ...['host', `127.0.0.1:${cluster.port}`, 'connection', 'keep-alive', 'accept', 'application/json'],
      ...['user-agent', 'kubectl/v1.36.0', 'kubectl-command', 'kubectl get', 'authorization', credential],
      ...identity.flatMap(([name, value]) => [name.toLowerCase(), value]),
    ])
    assert.equal(cluster.seen.at(-1)!.url, `${pods}?limit=5`)
    assert.deepEqual(await ended, {
      reason: 'complete',
      detail: undefined,
      status: 200,
      bytesIn: 0,
      bytesOut: answer.body.length,
    } satisfies CallEnd)
  })

  test('comes back with the lines that are allowed, and ours', async () => {
    const answer = await door.ask(pods)
    assert.equal(answer.headers['audit-id'], 'a-1')
    assert.equal(answer.headers['x-request-id'], 'req-1')
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    assert.match(String(answer.headers['content-security-policy']), /sandbox/)
    assert.equal(answer.headers['cache-control'], 'no-cache, private')
    const warnings = answer.rawHeaders.filter((_, i) => answer.rawHeaders[i - 1]?.toLowerCase() === 'warning')
    assert.deepEqual(warnings, ['299 - "one"', '299 - "two"'])
  })

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    test(`${method} takes its body along, with a length and without`, async () => {
      const body = JSON.stringify({ kind: 'Pod', filler: 'ü'.repeat(100_000) })
      const headers = { 'content-type': 'application/json' }
      const withLength = await door.ask(pods, {
        method,
        body,
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      })
      assert.equal(JSON.parse(withLength.body).body, body)
      assert.equal(cluster.seen.at(-1)!.headers['content-length'], String(Buffer.byteLength(body)))
      const ended = door.nextEnd()
      const chunked = await door.ask(pods, { method, body, headers: { ...headers, 'transfer-encoding': 'chunked' } })
      assert.equal(JSON.parse(chunked.body).body, body)
      assert.equal(cluster.seen.at(-1)!.headers['transfer-encoding'], 'chunked')
      assert.equal((await ended).bytesIn, Buffer.byteLength(body))
    })
  }

  test('HEAD has a head and no body', async () => {
    const answer = await door.ask(pods, { method: 'HEAD' })
    assert.deepEqual([answer.status, answer.body, answer.headers['audit-id']], [200, '', 'a-1'])
  })

  test('works the same over HTTP/2, with a body too', async () => {
    const session = door.http2()
    const get = session.request({ ':path': pods, authorization: 'Bearer x', accept: 'a/b' })
    const [headers] = (await once(get, 'response')) as [Record<string, unknown>]
    assert.deepEqual([headers[':status'], headers['audit-id'], headers['x-request-id']], [200, 'a-1', 'req-1'])
    assert.equal(await textOf(get), '{"body":""}')
    const post = session.request({ ':path': pods, ':method': 'POST', 'content-type': 'application/json' })
    post.end('{"kind":"Pod"}')
    assert.equal(JSON.parse(await textOf(post)).body, '{"kind":"Pod"}')
    assert.equal(cluster.seen.at(-1)!.headers.authorization, credential)
    session.close()
  })

  test('connections to the cluster are kept and used again', async () => {
    const { accepted } = cluster.connections()
    for (let i = 0; i < 5; i++) await door.ask(pods)
    assert.equal(cluster.connections().accepted, accepted)
  })

  test('A23: a connection to the cluster serves one subject alone', async () => {
    let subject = 't:somebody'
    const shared = await openDoor({ upstream: { port: cluster.port }, call: () => ({ subject }) })
    const { accepted } = cluster.connections()
    for (const each of ['t:somebody', 't:else', 't:somebody', 't:else']) {
      subject = each
      await shared.ask(pods)
    }
    assert.equal(cluster.connections().accepted, accepted + 2)
  })

  test('A17: what is forwarded is what was authorised, in its one spelling', async () => {
    await door.ask('/%61pi/v1/namespaces/n%73/p%6Fds/a%20b')
    assert.equal(cluster.seen.at(-1)!.url, '/api/v1/namespaces/ns/pods/a%20b')
  })

  test('a base path of the cluster goes before it', async () => {
    const based = await openDoor({ upstream: { port: cluster.port, basePath: '/k8s/x' } })
    await based.ask(`${pods}?watch=0`)
    assert.equal(cluster.seen.at(-1)!.url, `/k8s/x${pods}?watch=0`)
  })
})

describe('A02, A03, A23: heads that could be read in two ways', async () => {
  const cluster = await startCluster((request, response) => {
    request.resume()
    response.end('ok')
  })
  const door = await openDoor({ upstream: { port: cluster.port } })
  const get = `GET ${pods} HTTP/1.1\r\nHost: palisade\r\n`

  const refused: readonly { rule: string; head: string }[] = [
    {
      rule: 'A02: identity named hop-by-hop',
      head: `${get}Connection: close, Impersonate-User, Impersonate-Group\r\n\r\n`,
    },
    { rule: 'A02: Authorization named hop-by-hop', head: `${get}Connection: Authorization\r\n\r\n` },
    {
      rule: 'A02: in any case, in a second line',
      head: `${get}Connection: close\r\nConnection: AUTHORIZATION\r\n\r\n`,
    },
    { rule: 'A02: with an underscore', head: `${get}Connection: impersonate_user\r\n\r\n` },
    { rule: 'A02: the length named hop-by-hop', head: `${get}Connection: content-length\r\n\r\n` },
    { rule: 'A02: X-Remote-User named hop-by-hop', head: `${get}Connection: x-remote-user\r\n\r\n` },
    { rule: 'A03: blank before the colon', head: `${get}Impersonate-User : root\r\n\r\n` },
    { rule: 'A03: tab before the colon', head: `${get}Impersonate-User\t: root\r\n\r\n` },
    { rule: 'A03: folded line', head: `${get}X-A: b\r\n Impersonate-User: root\r\n\r\n` },
    { rule: 'A03: NUL', head: `${get}X-A: b\0c\r\n\r\n` },
    { rule: 'A03: a second Authorization', head: `${get}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n` },
    { rule: 'A23: two hosts', head: `GET ${pods} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n` },
    { rule: 'A23: the same host twice', head: `GET ${pods} HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n` },
    { rule: 'A23: no host', head: `GET ${pods} HTTP/1.1\r\n\r\n` },
    { rule: 'A23: no host in HTTP/1.0', head: `GET ${pods} HTTP/1.0\r\n\r\n` },
    {
      rule: 'A23: length and coding',
      head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    },
    {
      rule: 'A23: two lengths',
      head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    },
    { rule: 'A23: signed length', head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc` },
    {
      rule: 'A23: another coding',
      head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    },
    {
      rule: 'A23: a coding that is none',
      head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    },
    {
      rule: 'A23: chunked twice',
      head: `POST ${pods} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    },
    { rule: 'A23: bare line feeds', head: `GET ${pods} HTTP/1.1\nHost: a\n\n` },
    { rule: 'A23: a bare line feed in a value', head: `${get}X-A: b\nImpersonate-User: root\r\n\r\n` },
    { rule: 'A23: a bare carriage return', head: `${get}X-A: b\rImpersonate-User: root\r\n\r\n` },
    { rule: 'absolute form', head: `GET https://palisade${pods} HTTP/1.1\r\nHost: palisade\r\n\r\n` },
    { rule: 'an upgrade to something else', head: `${get}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n` },
    {
      rule: 'an upgrade with a body',
      head: `POST ${pods}/x/exec HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 5\r\n\r\nhello`,
    },
  ]
  for (const { rule, head } of refused) {
    test(`${rule}: 400, and nothing reaches the cluster`, async () => {
      const before = cluster.seen.length
      const client = await door.raw()
      client.write(head)
      assert.match(await client.waitFor(/\r\n\r\n/), /^HTTP\/1\.1 400 /)
      client.socket.destroy()
      assert.equal(cluster.seen.length, before)
    })
  }

  for (const name of [
    'impersonate_user',
    'IMPERSONATE-USER',
    'X-Remote-User',
    'x_remote_user',
    'X-Forwarded-User',
    'X-Impersonate-User',
  ]) {
    test(`A03: ${name} does not pass`, async () => {
      const client = await door.raw()
      client.write(`${get}${name}: root\r\n${name}: root2\r\nConnection: close\r\n\r\n`)
      assert.match(await client.closed, /^HTTP\/1\.1 200 /)
      const names = lower(cluster.seen.at(-1)!.rawHeaders).filter((_, i) => i % 2 === 0)
      assert.deepEqual(
        names.filter((each) => /remote|forwarded|impersonate_|x-imp/.test(each)),
        [],
      )
      assert.deepEqual(
        names.filter((each) => each.startsWith('impersonate')),
        identity.map(([each]) => each.toLowerCase()),
      )
    })
  }

  test('A02: a line that may be named hop-by-hop is dropped', async () => {
    const client = await door.raw()
    client.write(`${get}User-Agent: x\r\nConnection: close, user-agent\r\n\r\n`)
    assert.match(await client.closed, /^HTTP\/1\.1 200 /)
    assert.equal(cluster.seen.at(-1)!.headers['user-agent'], undefined)
  })

  test('A23: a smuggled second request is one of its own, and chunk extensions end here', async () => {
    const before = cluster.seen.length
    const client = await door.raw()
    client.write(`POST ${pods} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x="\r\nabc\r\n0\r\n\r\n`)
    await client.waitFor(/\r\n\r\n/)
    client.write(`GET ${pods}/second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await client.closed
    assert.ok(cluster.seen.slice(before).every(({ headers }) => headers.authorization === credential))
  })
})

describe('A24: a hostile cluster', async () => {
  /** A door to a cluster that answers with these bytes. */
  async function doorTo(answer: string | ((index: number) => string), close = true): Promise<TestDoor> {
    const hostile = await startHostile((socket, _head, index) => {
      socket.write(Buffer.from(typeof answer === 'string' ? answer : answer(index), 'latin1'))
      if (close) socket.end()
    })
    const door = await openDoor({ upstream: { port: hostile.port } })
    return door
  }

  test('sets no cookies, sends nobody anywhere, renders nothing', async () => {
    const door = await doorTo(
      'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\nClear-Site-Data: "*"\r\nLocation: https://evil\r\n' +
        'Refresh: 0;url=https://evil\r\nAccess-Control-Allow-Origin: *\r\nStrict-Transport-Security: max-age=0\r\n' +
        'Content-Security-Policy: default-src *\r\nX-Content-Type-Options: sniff\r\nCache-Control: public, max-age=99\r\n' +
        'WWW-Authenticate: Basic\r\nAlt-Svc: h2=":1"\r\nLink: <x>; rel=preload\r\nServer: x\r\nContent-Length: 15\r\n\r\n<script>x()</sc',
    )
    const { headers, body } = await door.ask(pods)
    assert.equal(body, '<script>x()</sc')
    assert.deepEqual(Object.keys(headers).sort(), [
      ...['cache-control', 'connection', 'content-length', 'content-security-policy', 'content-type', 'date'],
      ...['x-content-type-options', 'x-request-id'],
    ])
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cache-control'], 'no-cache, private')
  })

  for (const status of [301, 302, 303, 307, 308, 300]) {
    test(`A10: a redirect (${status}) is neither followed nor passed on`, async () => {
      const evil = await startCluster((_request, response) => response.end())
      const door = await doorTo(
        `HTTP/1.1 ${status} X\r\nLocation: https://127.0.0.1:${evil.port}/\r\nContent-Length: 0\r\n\r\n`,
      )
      const answer = await door.ask(pods)
      assert.equal(answer.status, 502)
      assert.match(statusOf(answer.body).message, new RegExp(`redirect \\(${status}\\), which is not followed`))
      assert.equal(answer.headers.location, undefined)
      assert.equal(evil.connections().accepted, 0)
    })
  }

  test('304 is no redirect', async () => {
    const door = await doorTo('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', false)
    const answer = await door.ask(pods, { headers: { 'if-none-match': '"x"' } })
    assert.deepEqual([answer.status, answer.headers.etag], [304, '"x"'])
  })

  test('its 401 is about our credential, not the client’s', async () => {
    const door = await doorTo('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    const ended = door.nextEnd()
    const answer = await door.ask(pods)
    assert.equal(answer.status, 502)
    assert.match(statusOf(answer.body).message, /does not accept Palisade’s credential \(request req-1\)/)
    assert.equal((await ended).reason, 'credential_refused')
  })

  test('a proxied application’s 401 is its own', async () => {
    const door = await doorTo('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    assert.equal((await door.ask('/api/v1/namespaces/n/services/web/proxy/')).status, 401)
  })

  const broken: readonly { rule: string; answer: string }[] = [
    { rule: 'not HTTP', answer: 'SSH-2.0-OpenSSH\r\n\r\n' },
    { rule: 'a huge head', answer: `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n` },
    { rule: 'two lengths', answer: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' },
    { rule: 'an upgrade nobody asked for', answer: 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n' },
    { rule: 'nothing at all', answer: '' },
    { rule: 'a bare line feed', answer: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n' },
  ]
  for (const { rule, answer } of broken) {
    test(`${rule}: 502`, async () => {
      const door = await doorTo(answer)
      const got = await door.ask(pods)
      assert.equal(got.status, 502)
      assert.equal(statusOf(got.body).reason, 'BadGateway')
    })
  }

  test('an answer that says more than its length is cut there, and the connection not used again', async () => {
    const door = await doorTo(
      (index) =>
        index === 0
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
          : 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood',
      false,
    )
    assert.equal((await door.ask(pods)).body, 'ok')
    assert.equal((await door.ask(pods)).body, 'good')
  })

  test('an answer that breaks off does not look whole', async () => {
    for (const answer of [
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    ]) {
      const door = await doorTo(answer)
      const ended = door.nextEnd()
      await assert.rejects(door.ask(pods), /aborted|hang up|ECONNRESET/)
      assert.equal((await ended).reason, 'upstream_failed')
      const stream = door.http2().request({ ':path': pods })
      await assert.rejects(textOf(stream), /NGHTTP2_INTERNAL_ERROR/)
    }
  })

  test('informational answers are skipped', async () => {
    const door = await doorTo(
      'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
    assert.equal((await door.ask(pods)).body, 'ok')
  })
})

describe('no way to the cluster', async () => {
  const cluster = await startCluster((_request, response) => response.end('ok'))
  const cases: readonly {
    rule: string
    door: Parameters<typeof openDoor>[0]
    status: number
    message: RegExp
    reason: CallEnd['reason']
  }[] = [
    {
      rule: 'nobody listens',
      door: { upstream: { port: 1 } },
      status: 502,
      message: /cannot be reached: ECONNREFUSED/,
      reason: 'unreachable',
    },
    {
      rule: 'another authority signed its certificate',
      door: {
        upstream: {
          port: cluster.port,
          caPem: (await import('../../../tests/support/certificates.ts').then((m) => m.createAuthority('other')))
            .certPem,
        },
      },
      status: 502,
      message: /not the one pinned at import/,
      reason: 'unreachable',
    },
    {
      rule: 'nothing is pinned, and the public authorities are not asked for',
      door: { upstream: { port: cluster.port, caPem: undefined } },
      status: 502,
      message: /not the one pinned at import/,
      reason: 'unreachable',
    },
    {
      rule: 'the public authorities do not know it',
      door: { upstream: { port: cluster.port, caPem: undefined, systemRoots: true } },
      status: 502,
      message: /not the one pinned at import/,
      reason: 'unreachable',
    },
    {
      rule: 'the certificate is for another name',
      door: { upstream: { port: cluster.port, servername: 'kubernetes.default' } },
      status: 502,
      message: /not the one pinned at import/,
      reason: 'unreachable',
    },
    {
      rule: 'the address is forbidden',
      door: {
        upstream: { port: cluster.port },
        destination: createDestinationPolicy({ ownListeners: () => [], allowLoopback: false, allowedRanges: [] }),
      },
      status: 502,
      message: /an address that Palisade may not connect to/,
      reason: 'unreachable',
    },
    {
      rule: 'it is ourselves',
      door: {
        upstream: { port: cluster.port },
        destination: createDestinationPolicy({
          ownListeners: () => [{ address: '127.0.0.1', port: cluster.port }],
          allowLoopback: true,
          allowedRanges: [],
        }),
      },
      status: 502,
      message: /an address that Palisade may not connect to/,
      reason: 'unreachable',
    },
    {
      rule: 'its name does not resolve',
      door: {
        upstream: { port: cluster.port, host: 'gone.example.com' },
        destination: createDestinationPolicy({
          ownListeners: () => [],
          allowLoopback: true,
          allowedRanges: [],
          lookup: async () => [],
        }),
      },
      status: 502,
      message: /cannot be reached: gone\.example\.com has no address/,
      reason: 'unreachable',
    },
    {
      rule: 'it does not get as far as TLS',
      door: {
        upstream: { port: cluster.port },
        limits: { connectMs: 50 },
        destination: { check: () => new Promise(() => {}) },
      },
      status: 504,
      message: /no connection within 50 ms/,
      reason: 'unreachable',
    },
  ]
  for (const { rule, door: settings, status, message, reason } of cases) {
    test(`${rule}: ${status}`, async () => {
      const door = await openDoor(settings)
      const ended = door.nextEnd()
      const answer = await door.ask(pods)
      assert.equal(answer.status, status)
      assert.match(statusOf(answer.body).message, message)
      assert.equal((await ended).reason, reason)
      assert.deepEqual(door.transport.stats(), { clusters: 1, calls: 0, streams: 0, subjects: 0 })
    })
  }

  test('a name that changes its mind is judged again at the next connect (DNS rebinding)', async () => {
    const answers = ['127.0.0.1', '169.254.169.254']
    const door = await openDoor({
      // No other resolver knows this name: the addresses judged are the ones connected to.
      upstream: { port: cluster.port, host: 'cluster.invalid', servername: 'localhost' },
      destination: createDestinationPolicy({
        ownListeners: () => [],
        allowLoopback: true,
        allowedRanges: [],
        lookup: async () => [{ address: answers.shift()!, family: 4 }],
      }),
    })
    assert.equal((await door.ask(pods, { method: 'HEAD' })).status, 200)
    // A HEAD closes its connection, so the next call has to connect anew.
    assert.equal((await door.ask(pods)).status, 502)
    assert.deepEqual(answers, [])
  })

  test('what this machine trusts counts only where the record says so', async (t) => {
    const before = getCACertificates('default')
    t.after(() => setDefaultCACertificates(before))
    setDefaultCACertificates([authority.certPem])
    for (const [systemRoots, status] of [
      [false, 502],
      [true, 200],
    ] as const) {
      const door = await openDoor({ upstream: { port: cluster.port, caPem: undefined, systemRoots } })
      assert.equal((await door.ask(pods)).status, status)
    }
  })

  test('a certificate for the name in the record is good at any address', async () => {
    const door = await openDoor({ upstream: { port: cluster.port, servername: 'localhost' } })
    assert.equal((await door.ask(pods)).status, 200)
  })

  test('a changed record is used at once', async () => {
    const other = await startCluster((_request, response) => response.end('other'))
    let port = cluster.port
    const door = await openDoor({ upstream: { port }, call: ({ upstream }) => ({ upstream: { ...upstream, port } }) })
    assert.equal((await door.ask(pods)).body, 'ok')
    port = other.port
    assert.equal((await door.ask(pods)).body, 'other')
    assert.equal(door.transport.stats().clusters, 1)
  })

  test('what is forgotten is closed', async () => {
    const own = await startCluster((_request, response) => response.end('ok'))
    const door = await openDoor({ upstream: { port: own.port } })
    await door.ask(pods)
    assert.equal(own.connections().open, 1)
    door.transport.forget('c')
    await until('the connection to be closed', () => (own.connections().open === 0 ? true : undefined))
    assert.equal((await door.ask(pods)).status, 200)
  })

  test('after the end there is 503', async () => {
    const door = await openDoor({ upstream: { port: cluster.port } })
    await door.transport.close()
    const answer = await door.ask(pods)
    assert.equal(answer.status, 503)
    assert.match(statusOf(answer.body).message, /shutting down/)
  })
})

describe('a kept connection that the cluster closes', () => {
  test('a read is asked once more, a write is not', async () => {
    const hostile = await startHostile((socket, _head, index) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      // From now on whatever comes on this connection is met with its end; only the second one stays.
      if (index !== 1) socket.on('data', () => socket.destroy())
    })
    const door = await openDoor({ upstream: { port: hostile.port } })
    assert.equal((await door.ask(pods)).body, 'ok')
    assert.equal((await door.ask(pods)).body, 'ok', 'on a new connection')
    for (const options of [{ method: 'POST', body: '{}' }, { method: 'DELETE' }]) {
      door.transport.forget('c')
      assert.equal((await door.ask(pods)).body, 'ok')
      const answer = await door.ask(pods, options)
      assert.equal(answer.status, 502)
      assert.match(statusOf(answer.body).message, /whether it did what was asked is not known/)
    }
  })
})

describe('times', async () => {
  test('a cluster that does not answer: 504, and later when the client gives it longer', async () => {
    const cluster = await startCluster(() => {})
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { headersMs: 300, maxHeadersMs: 400 } })
    const ended = door.nextEnd()
    const answer = await door.ask(pods)
    assert.equal(answer.status, 504)
    assert.match(statusOf(answer.body).message, /did not answer in time/)
    assert.equal((await ended).reason, 'upstream_timeout')
    assert.equal((await door.ask(`${pods}?timeout=1h`)).status, 504)
  })

  for (const http of ['HTTP/1.1', 'HTTP/2'])
    test(`the head of an ordinary answer does not wait for its body, over ${http}`, async () => {
      const held: ServerResponse[] = []
      const slow = await startCluster((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5' }).flushHeaders()
        held.push(response)
      })
      const patient = await openDoor({ upstream: { port: slow.port } })
      const read = async (stream: AsyncIterable<Buffer>) => {
        const chunks: Buffer[] = []
        for await (const chunk of stream) chunks.push(chunk)
        return Buffer.concat(chunks).toString()
      }
      let body: Promise<string>
      if (http === 'HTTP/2') {
        const stream = patient.http2().request({ ':path': pods })
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
        assert.deepEqual([headers[':status'], headers['content-length']], [200, '5'])
        body = read(stream)
      } else {
        const asked = httpsRequest({ host: '127.0.0.1', port: patient.port, path: pods, ca: authority.certPem })
        asked.end()
        const [response] = (await once(asked, 'response')) as [IncomingMessage]
        assert.deepEqual([response.statusCode, response.headers['content-length']], [200, '5'])
        body = read(response)
      }
      held[0]!.end('hello') // the head has come, so the request has
      assert.equal(await body, 'hello')
    })

  test('an answer that stops halfway is broken off, a watch is not', async () => {
    const cluster = await startCluster((_request, response) => void response.write('{"half":'))
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { bodyGapMs: 300 } })
    const watch = httpsRequest({ host: '127.0.0.1', port: door.port, path: `${pods}?watch=1`, ca: authority.certPem })
    watch.end()
    const [response] = (await once(watch, 'response')) as [IncomingMessage]
    await once(response, 'data')
    const ended = door.nextEnd()
    await assert.rejects(door.ask(pods), /aborted|ECONNRESET/)
    assert.equal((await ended).reason, 'upstream_timeout')
    assert.equal(response.complete, false)
    assert.equal(door.transport.stats().streams, 1)
    watch.destroy()
  })
})

describe('the record of the call', async () => {
  const secret = 'secret'.repeat(1000)
  const cluster = await startCluster((request, response) => {
    if (request.url === '/empty') response.writeHead(204).end()
    else response.end(secret)
  })

  for (const [name, path, method] of [
    ['a body', pods, 'GET'],
    ['an empty answer', '/empty', 'GET'],
    ['a HEAD', pods, 'HEAD'],
  ] as const) {
    test(`not a byte before it is there: ${name}`, async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const door = await openDoor({ upstream: { port: cluster.port }, call: () => ({ recorded: promise }) })
      const before = cluster.seen.length
      const client = await door.raw()
      client.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      // The cluster is asked meanwhile.
      await until('the cluster to be asked', () => (cluster.seen.length > before ? true : undefined))
      await roundTrips(door)
      assert.equal(client.text(), '')
      resolve()
      assert.match(await client.closed, /^HTTP\/1\.1 20[04] /)
      assert.equal(client.text().includes('secret'), name === 'a body')
    })
  }

  test('without it the answer is withheld', async () => {
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({ recorded: Promise.reject(new Error('disk full')) }),
    })
    const ended = door.nextEnd()
    const answer = await door.ask(pods)
    assert.equal(answer.status, 503)
    assert.equal(answer.body.includes('secret'), false)
    assert.match(statusOf(answer.body).message, /could not be recorded.*\(request req-1\)/)
    const { reason, bytesOut } = await ended
    assert.deepEqual([reason, bytesOut], ['not_recorded', 0])
  })

  test('access that ended while it was written stands in its place', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let ended: Status | undefined
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({ recorded: promise, endedWith: () => ended }),
    })
    const before = cluster.seen.length
    const asked = door.ask(pods)
    await until('the cluster to be asked', () => (cluster.seen.length > before ? true : undefined))
    ended = failure(403, 'gone')
    resolve()
    const answer = await asked
    assert.deepEqual([answer.status, statusOf(answer.body).message], [403, 'gone'])
  })
})

describe('the end of access', async () => {
  let isOpen = false
  let closedUpstream = 0
  const cluster = await startCluster((request, response) => {
    isOpen = true
    response.on('close', () => {
      isOpen = false
      closedUpstream++
    })
    if (request.url?.startsWith('/never')) return
    response.setHeader('content-type', 'application/json')
    response.write('{"type":"ADDED"}\n')
  })

  async function revocable(): Promise<{ door: TestDoor; revoke: () => void }> {
    const controller = new AbortController()
    let status: Status | undefined
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({ signal: controller.signal, endedWith: () => status }),
    })
    return {
      door,
      revoke: () => {
        status = failure(403, 'your access has ended')
        controller.abort('right-withdrawn')
      },
    }
  }

  test('a watch over HTTP/1.1 ends regularly, at once, on both sides', async () => {
    const { door, revoke } = await revocable()
    const client = await door.raw()
    client.write(`GET ${pods}?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.waitFor(/ADDED/)
    const ended = door.nextEnd()
    const at = performance.now()
    revoke()
    const end = await ended
    assert.ok(performance.now() - at < 200)
    assert.deepEqual([end.reason, end.detail, end.status], ['ended', 'right-withdrawn', 200])
    assert.match(await client.waitFor(/\r\n0\r\n\r\n$/), /ADDED/)
    await until('the cluster to notice', () => (isOpen ? undefined : true))
    client.socket.destroy()
  })

  test('a watch over HTTP/2 ends regularly', async () => {
    const { door, revoke } = await revocable()
    const stream = door.http2().request({ ':path': `${pods}?watch=1` })
    await once(stream, 'data')
    const text = textOf(stream)
    revoke()
    await text
    assert.equal(stream.rstCode, 0)
  })

  test('a watch that nobody reads does not stay open for it', async () => {
    let sent = 0
    const flood = await startCluster((_request, response) => {
      const more = (): void => {
        do sent += 65_536
        while (response.write('x'.repeat(65_536)))
        response.once('drain', more)
      }
      more()
    })
    const controller = new AbortController()
    const door = await openDoor({ upstream: { port: flood.port }, call: () => ({ signal: controller.signal }) })
    const client = await door.raw()
    client.write(`GET ${pods}?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n`)
    client.socket.pause()
    await untilStill(() => sent)
    const ended = door.nextEnd()
    controller.abort('right-withdrawn')
    assert.equal((await ended).reason, 'ended')
    client.socket.resume()
    assert.ok(!(await client.closed).endsWith('0\r\n\r\n'))
  })

  for (const path of [`${pods}/x/log?follow=true`, pods]) {
    test(`anything else is broken off, so that it does not look whole: ${path}`, async () => {
      const { door, revoke } = await revocable()
      const before = closedUpstream
      const client = await door.raw()
      client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await client.waitFor(/ADDED/)
      revoke()
      assert.ok(!(await client.closed).endsWith('0\r\n\r\n'))
      await until('the cluster to notice', () => (closedUpstream > before ? true : undefined))
      assert.equal(door.ends.at(-1)?.reason, 'ended')
    })

    test(`over HTTP/2 with an error of the stream alone: ${path}`, async () => {
      const { door, revoke } = await revocable()
      const session = door.http2()
      const stream = session.request({ ':path': path })
      await once(stream, 'data')
      const text = textOf(stream)
      revoke()
      await assert.rejects(text, /NGHTTP2_INTERNAL_ERROR/)
      assert.equal(session.destroyed, false)
    })
  }

  test('before the answer it is the answer', async () => {
    const { door, revoke } = await revocable()
    const before = cluster.seen.length
    const asked = door.ask('/never')
    await until('the cluster to be asked', () => (cluster.seen.length > before ? true : undefined))
    revoke()
    const answer = await asked
    assert.deepEqual([answer.status, statusOf(answer.body).message], [403, 'your access has ended'])
    await until('the cluster to notice', () => (isOpen ? undefined : true))
  })

  test('before the call nothing is asked', async () => {
    const { door, revoke } = await revocable()
    revoke()
    const before = cluster.seen.length
    assert.equal((await door.ask(pods)).status, 403)
    assert.equal(cluster.seen.length, before)
    assert.equal(door.transport.stats().calls, 0)
  })

  test('while there is no connection yet, none is used any more', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const real = createDestinationPolicy({ ownListeners: () => [], allowLoopback: true, allowedRanges: [] })
    const controller = new AbortController()
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({ signal: controller.signal }),
      destination: {
        check: async (host, port) => {
          await promise
          return real.check(host, port)
        },
      },
    })
    const before = cluster.seen.length
    const asked = door.ask(pods)
    await until('the call to wait', () => (door.transport.stats().calls === 1 ? true : undefined))
    controller.abort('right-withdrawn')
    assert.equal((await asked).status, 403)
    const { accepted } = cluster.connections()
    resolve()
    await until('the connection', () => (cluster.connections().accepted > accepted ? true : undefined))
    await roundTrips(door)
    assert.equal(cluster.seen.length, before)
  })
})

describe('either side goes away', () => {
  for (const version of ['1.1', '2']) {
    test(`the client: the cluster is let go (HTTP/${version})`, async () => {
      let closed = 0
      const cluster = await startCluster((_request, response) => {
        response.on('close', () => closed++)
        response.write('x')
      })
      const door = await openDoor({ upstream: { port: cluster.port } })
      const ended = door.nextEnd()
      if (version === '2') {
        const stream = door.http2().request({ ':path': `${pods}?watch=1` })
        stream.on('error', () => {})
        await once(stream, 'data')
        stream.close(8)
      } else {
        const client = await door.raw()
        client.write(`GET ${pods}?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n`)
        await client.waitFor(/x\r\n$/)
        client.socket.destroy()
      }
      assert.equal((await ended).reason, 'client_closed')
      await until('the cluster to notice', () => (closed === 1 ? true : undefined))
      assert.deepEqual(door.transport.stats(), { clusters: 1, calls: 0, streams: 0, subjects: 0 })
    })
  }

  for (const version of ['1.1', '2']) {
    test(`the client while the call is being decided: nothing is asked (HTTP/${version})`, async () => {
      const cluster = await startCluster((_request, response) => response.end())
      const { promise, resolve } = Promise.withResolvers<void>()
      let deciding = false
      const door = await openDoor({
        upstream: { port: cluster.port },
        decide: () => {
          deciding = true
          return promise
        },
      })
      const ended = door.nextEnd()
      if (version === '2') {
        const stream = door.http2().request({ ':path': pods })
        stream.on('error', () => {})
        await until('the call to be decided', () => deciding || undefined)
        stream.close(8)
        await once(stream, 'close')
      } else {
        const client = await door.raw()
        client.write(`GET ${pods} HTTP/1.1\r\nHost: a\r\n\r\n`)
        await until('the call to be decided', () => deciding || undefined)
        client.socket.destroy()
        await client.closed
      }
      await roundTrips(door)
      resolve()
      assert.deepEqual([(await ended).reason, (await ended).status], ['client_closed', 0])
      assert.equal(cluster.seen.length, 0)
      assert.equal(door.transport.stats().calls, 0)
    })
  }

  test('the client in the middle of its upload', async () => {
    let aborted = 0
    const cluster = await startCluster((request) => {
      request.on('error', () => aborted++)
      request.resume()
    })
    const door = await openDoor({ upstream: { port: cluster.port } })
    const ended = door.nextEnd()
    const client = await door.raw()
    client.write(`POST ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf`)
    await until('the cluster to be asked', () => (cluster.seen.length === 1 ? true : undefined))
    client.socket.destroy()
    assert.equal((await ended).reason, 'client_closed')
    await until('the cluster to notice', () => (aborted === 1 ? true : undefined))
  })

  test('the cluster refuses before the body is there: the client reads why', async () => {
    const cluster = await startCluster((_request, response) => {
      response.writeHead(403, { connection: 'close' }).end('no')
    })
    const door = await openDoor({ upstream: { port: cluster.port } })
    const session = door.http2()
    const stream = session.request({ ':path': pods, ':method': 'POST' })
    stream.write('a'.repeat(1000))
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 403)
    assert.equal(await textOf(stream), 'no')
    const client = await door.raw()
    client.write(`POST ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'a'.repeat(1000)}`)
    await client.waitFor(/\r\n\r\n.*no/s)
  })
})

describe('pace', async () => {
  const big = randomBytes(1024 * 1024)
  const rounds = 48
  const expected = createHash('sha256')
  for (let i = 0; i < rounds; i++) expected.update(big)
  const digest = expected.digest('hex')
  let sent = 0
  let received = 0
  let readNow: () => void = () => {}
  const cluster = await startCluster((request, response) => {
    if (request.method === 'POST') {
      const hash = createHash('sha256')
      readNow = () => {
        request.on('data', (chunk: Buffer) => {
          received += chunk.length
          hash.update(chunk)
        })
        request.on('end', () => response.end(hash.digest('hex')))
      }
      return
    }
    sent = 0
    void pour(response, () => {
      sent += big.length
    })
  })
  const door = await openDoor({ upstream: { port: cluster.port }, limits: { requestBytes: 64 * 1024 * 1024 } })

  async function pour(response: ServerResponse, onRound: () => void): Promise<void> {
    for (let i = 0; i < rounds && !response.destroyed; i++) {
      if (!response.write(big)) await once(response, 'drain')
      onRound()
    }
    response.end()
  }

  test('a large answer comes whole, and no faster than the client reads it', async () => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: door.port,
      path: pods,
      ca: authority.certPem,
      agent: false,
    })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.pause()
    const atRest = await untilStill(() => sent)
    assert.ok(atRest < 20 * 1024 * 1024, `${atRest} bytes had left the cluster before anybody read`)
    // Others are served meanwhile.
    const hash = createHash('sha256')
    for await (const chunk of response) hash.update(chunk as Buffer)
    assert.equal(hash.digest('hex'), digest)
  })

  test('the same over HTTP/2', async () => {
    const stream = door.http2().request({ ':path': pods })
    stream.pause()
    const atRest = await untilStill(() => sent)
    assert.ok(atRest < 20 * 1024 * 1024, `${atRest} bytes had left the cluster before anybody read`)
    const hash = createHash('sha256')
    for await (const chunk of stream) hash.update(chunk as Buffer)
    assert.equal(hash.digest('hex'), digest)
  })

  test('a large body arrives whole, and no faster than the cluster reads it', async () => {
    let written = 0
    const request = httpsRequest({
      host: '127.0.0.1',
      port: door.port,
      path: pods,
      method: 'POST',
      headers: { 'content-length': String(rounds * big.length) },
      ca: authority.certPem,
      agent: false,
    })
    const sending = (async () => {
      for (let i = 0; i < rounds; i++) {
        if (!request.write(big)) await once(request, 'drain')
        written += big.length
      }
      request.end()
    })()
    const atRest = await untilStill(() => written)
    assert.ok(atRest < 20 * 1024 * 1024, `${atRest} bytes had been taken before the cluster read any`)
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    readNow()
    await sending
    const [response] = await answered
    assert.equal(await textOf(response), digest)
    assert.equal(received, rounds * big.length)
  })

  test('a client that reads nothing is let go after a while', async () => {
    const impatient = await openDoor({ upstream: { port: cluster.port }, limits: { clientStallMs: 200 } })
    const ended = impatient.nextEnd()
    const client = await impatient.raw()
    client.write(`GET ${pods} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.waitFor(/\r\n\r\n/)
    client.socket.pause()
    assert.equal((await ended).reason, 'client_stalled')
    client.socket.destroy()
  })

  test('so is one that sends nothing', async () => {
    const impatient = await openDoor({ upstream: { port: cluster.port }, limits: { clientStallMs: 200 } })
    const ended = impatient.nextEnd()
    const client = await impatient.raw()
    client.write(`PUT ${pods} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf`)
    assert.equal((await ended).reason, 'client_stalled')
    await client.closed
  })

  test('a body over the limit: 413, whether announced or not', async () => {
    const strict = await openDoor({ upstream: { port: cluster.port }, limits: { requestBytes: 1000 } })
    for (const headers of [{ 'content-length': '2000' }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await strict.ask(pods, { method: 'PUT', body: 'a'.repeat(2000), headers })
      assert.equal(answer.status, 413)
      assert.equal(statusOf(answer.body).reason, 'RequestEntityTooLarge')
    }
  })
})

describe('limits', async () => {
  let waiting: ServerResponse[] = []
  const cluster = await startCluster((request, response) => {
    if (request.url?.includes('watch=') || request.url?.includes('wait')) {
      response.write('x')
      waiting.push(response)
    } else {
      response.end('ok')
    }
  })

  test('watches, followed logs and proxied applications take nobody’s place', async () => {
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { callsPerCluster: 2 } })
    const session = door.http2()
    const streams = [
      ...Array.from({ length: 20 }, () => `${pods}?watch=1`),
      `${pods}/x/log?follow=true&wait`,
      '/api/v1/namespaces/n/services/s/proxy/wait',
    ].map((path) => session.request({ ':path': path }))
    await Promise.all(streams.map((stream) => once(stream, 'data')))
    assert.deepEqual(door.transport.stats(), { clusters: 1, calls: 0, streams: 22, subjects: 1 })
    assert.equal((await door.ask(pods)).body, 'ok')
  })

  test('a long call has a connection of its own, closed with it', async () => {
    waiting = []
    const own = await startCluster((_request, response) => {
      response.write('x')
      waiting.push(response)
      if (waiting.length === 1) response.end()
    })
    const door = await openDoor({ upstream: { port: own.port } })
    await door.ask(pods)
    assert.deepEqual(own.connections(), { accepted: 1, open: 1 })
    const watch = door.http2().request({ ':path': `${pods}?watch=1` })
    await once(watch, 'data')
    assert.deepEqual(own.connections(), { accepted: 2, open: 2 })
    waiting[1]?.end()
    await textOf(watch)
    await until('its connection to be closed', () => (own.connections().open === 1 ? true : undefined))
  })

  test('too many calls at once: 429 with a time to wait, per person and per cluster', async () => {
    for (const limits of [{ callsPerSubject: 2 }, { callsPerCluster: 2 }, { streamsPerSubject: 2 }]) {
      waiting = []
      const path = 'streamsPerSubject' in limits ? `${pods}?watch=1` : `${pods}?wait`
      const door = await openDoor({ upstream: { port: cluster.port }, limits })
      const session = door.http2()
      const streams = [1, 2].map(() => session.request({ ':path': path }))
      await Promise.all(streams.map((stream) => once(stream, 'data')))
      const answer = await door.ask(path)
      assert.equal(answer.status, 429)
      assert.equal(answer.headers['retry-after'], '1')
      assert.equal(statusOf(answer.body).reason, 'TooManyRequests')
      assert.equal(door.ends.at(-1)?.reason, 'refused')
      for (const response of waiting) response.end()
      await Promise.all(streams.map(textOf))
      await until('the places to be free', () => {
        const { calls, streams } = door.transport.stats()
        return calls + streams === 0 ? true : undefined
      })
      const again = session.request({ ':path': path })
      await once(again, 'data')
    }
  })

  test('one person’s limit is not another’s', async () => {
    let subject = 'a'
    const door = await openDoor({
      upstream: { port: cluster.port },
      limits: { callsPerSubject: 1 },
      call: () => ({ subject }),
    })
    const held = door.http2().request({ ':path': `${pods}?wait` })
    await once(held, 'data')
    assert.equal((await door.ask(pods)).status, 429)
    subject = 'b'
    assert.equal((await door.ask(pods)).status, 200)
  })
})

describe('what the caller adds', async () => {
  const cluster = await startCluster((_request, response) => {
    response.writeHead(403, { 'content-type': 'application/json', warning: '299 - "theirs"' })
    response.end('{"kind":"Status","message":"the cluster’s own"}')
  })

  test('a warning beside the cluster’s 403, whose body stays as it is', async () => {
    const seen: unknown[] = []
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({
        decorateResponse: (answer) => {
          seen.push(answer)
          return [['Warning', '299 palisade "level view"']]
        },
      }),
    })
    const answer = await door.ask(pods)
    assert.equal(answer.headers.warning, '299 - "theirs", 299 palisade "level view"')
    assert.equal(answer.body, '{"kind":"Status","message":"the cluster’s own"}')
    assert.deepEqual(seen, [{ status: 403, fromCluster: true }])
  })

  test('our own answers are told apart', async () => {
    const seen: unknown[] = []
    const door = await openDoor({
      upstream: { port: 1 },
      call: () => ({
        decorateResponse: (answer) => {
          seen.push(answer)
          return []
        },
      }),
    })
    await door.ask(pods)
    assert.deepEqual(seen, [{ status: 502, fromCluster: false }])
  })
})

/** Enough for whatever is on its way inside this process to arrive. */
async function roundTrips(door: TestDoor): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const client = await door.raw()
    client.write('GET /a//b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await client.closed
  }
}

/** The value once it has stopped growing. */
async function untilStill(read: () => number): Promise<number> {
  let before = -1
  let same = 0
  return until(
    'the flow to stop',
    () => {
      const now = read()
      same = now === before && now > 0 ? same + 1 : 0
      before = now
      return same >= 5 ? now : undefined
    },
    { everyMs: 60 },
  )
}

async function textOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk.toString()
  return text
}

function statusOf(body: string): Status {
  return JSON.parse(body) as Status
}

function lower(raw: readonly string[]): string[] {
  return raw.map((part, i) => (i % 2 === 0 ? part.toLowerCase() : part))
}
