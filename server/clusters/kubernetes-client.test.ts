import assert from 'node:assert/strict'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { err, ok } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import { createAuthority } from '../../tests/support/certificates.ts'
import { adminToken, type FakeKubernetes, startFakeKubernetes, status } from '../../tests/support/fake-kubernetes.ts'
import { freePort } from '../../tests/support/ports.ts'
import { type ClientCredential, type ClusterEndpoint, parseServer } from './kubeconfig.ts'
import { type CheckDestination, createKubernetesClient, unexpected } from './kubernetes-client.ts'

const loopback: CheckDestination = async () => ok({ addresses: [{ address: '127.0.0.1', family: 4 }] })
const token: ClientCredential = { token: new Secret(adminToken) }

let cluster: FakeKubernetes
before(async () => {
  cluster = await startFakeKubernetes()
})
after(() => cluster.close())
beforeEach(() => {
  cluster.calls.length = 0
  cluster.intercept = undefined
})

function endpointOf(url: string, caPem = cluster.caPem, serverName?: string): ClusterEndpoint {
  const server = parseServer(url)
  assert.ok(server.ok)
  return { server: server.value, caPem, serverName }
}

async function ask(
  endpoint: ClusterEndpoint,
  options: { credential?: ClientCredential; checkDestination?: CheckDestination; signal?: AbortSignal } = {},
) {
  const { credential = token, checkDestination = loopback, signal = AbortSignal.timeout(5_000) } = options
  const client = createKubernetesClient(endpoint, credential, { checkDestination, signal })
  try {
    return await client.call('GET', '/version')
  } finally {
    await client.close()
  }
}

const kindOf = async (...asked: Parameters<typeof ask>) => {
  const reply = await ask(...asked)
  return reply.ok ? `answered ${reply.value.status}` : reply.error.kind
}

/** A server of one test's own, which ends with it. */
async function listening(server: Server, t: TestContext): Promise<number> {
  t.after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port // it listens on TCP
}

describe('a cluster that answers', () => {
  test('is asked with the token, below its path, over one address that was judged', async () => {
    const asked: [string, number][] = []
    const reply = await ask(endpointOf(`https://some.name.test:${cluster.port}/base`, cluster.caPem, 'localhost'), {
      checkDestination: async (host, port) => {
        asked.push([host, port])
        return loopback(host, port)
      },
    })
    assert.ok(reply.ok, JSON.stringify(reply))
    // The name does not exist: what was connected to is the judged address and nothing else (D17).
    assert.deepEqual(asked, [['some.name.test', cluster.port]])
    assert.deepEqual(
      cluster.calls.map(({ path, token }) => [path, token]),
      [['/base/version', adminToken]],
    )
  })

  test('an IP literal is verified by the addresses of the certificate', async () => {
    assert.equal(await kindOf(endpointOf(cluster.server)), 'answered 200')
  })

  test('A10: a redirect is an answer and not followed', async () => {
    cluster.intercept = () => ({ status: 302, headers: { location: `${cluster.server}/elsewhere` } })
    assert.equal(await kindOf(endpointOf(cluster.server)), 'answered 302')
    assert.equal(cluster.calls.length, 1)
  })
})

describe('what stands in the way is told apart', () => {
  test('an address that may not be a cluster', async () => {
    const checkDestination: CheckDestination = async () =>
      err({ code: 'forbidden_address', message: '169.254.169.254 is special' })
    const reply = await ask(endpointOf('https://metadata.test'), { checkDestination })
    assert.ok(!reply.ok)
    assert.equal(reply.error.kind, 'destination')
    assert.match(reply.error.message, /169\.254\.169\.254 is special/)
  })

  test('a name that does not resolve', async () => {
    const checkDestination: CheckDestination = async () => err({ code: 'unresolved', message: 'x cannot be resolved' })
    assert.equal(await kindOf(endpointOf('https://x.test'), { checkDestination }), 'unresolved')
  })

  test('nothing listens', async () => {
    assert.equal(await kindOf(endpointOf(`https://127.0.0.1:${await freePort()}`)), 'unreachable')
  })

  test('a server that takes the connection and says nothing', async (t) => {
    const silent = createTcpServer(() => undefined)
    const port = await listening(silent, t)
    assert.equal(await kindOf(endpointOf(`https://127.0.0.1:${port}`), { signal: AbortSignal.timeout(200) }), 'timeout')
  })

  test('an API server that never answers', async () => {
    cluster.intercept = () => 'silence'
    assert.equal(await kindOf(endpointOf(cluster.server), { signal: AbortSignal.timeout(300) }), 'timeout')
  })

  test('a name server that never answers', async () => {
    const checkDestination: CheckDestination = () => new Promise(() => undefined)
    assert.equal(
      await kindOf(endpointOf('https://x.test'), { checkDestination, signal: AbortSignal.timeout(100) }),
      'timeout',
    )
  })

  test('another cluster’s CA', async () => {
    const other = await createAuthority('other')
    const reply = await ask(endpointOf(cluster.server, other.certPem))
    assert.ok(!reply.ok)
    assert.equal(reply.error.kind, 'untrusted')
    assert.match(reply.error.message, /use the CA of this very cluster/)
    assert.equal(cluster.calls.length, 0)
  })

  test('an expired certificate', async (t) => {
    const late = await startFakeKubernetes({
      certificate: (authority) =>
        authority.issue({ commonName: 'x', addresses: ['127.0.0.1'], notAfter: new Date(Date.now() - 1_000) }),
    })
    t.after(() => late.close())
    assert.equal(await kindOf(endpointOf(late.server, late.caPem)), 'expired')
  })

  test('a certificate for another name, which is said', async () => {
    const reply = await ask(endpointOf(`https://api.example.com:${cluster.port}`))
    assert.ok(!reply.ok)
    assert.equal(reply.error.kind, 'wrong-name')
    assert.match(reply.error.message, /not for api\.example\.com but for DNS:localhost, IP Address:127\.0\.0\.1/)
    assert.equal(await kindOf(endpointOf(cluster.server, cluster.caPem, 'api.internal')), 'wrong-name')
  })

  test('a server without TLS', async (t) => {
    const plain = createHttpServer((_request, response) => response.end('hello'))
    const port = await listening(plain, t)
    assert.equal(await kindOf(endpointOf(`https://127.0.0.1:${port}`)), 'no-tls')
  })

  test('a server that speaks TLS and not HTTP', async (t) => {
    const { certPem, keyPem } = await cluster.authority.issue({ commonName: 'x', addresses: ['127.0.0.1'] })
    const mail = createTlsServer({ cert: certPem, key: keyPem }, (socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end('500 5.5.1 Command unrecognized\r\n'))
    })
    const port = await listening(mail, t)
    assert.equal(await kindOf(endpointOf(`https://127.0.0.1:${port}`)), 'not-kubernetes')
  })

  test('a server that says too much', async () => {
    cluster.intercept = () => ({ status: 200, body: 'x'.repeat(2 * 1024 * 1024) })
    assert.equal(await kindOf(endpointOf(cluster.server)), 'not-kubernetes')
  })
})

describe('what an unexpected answer means', () => {
  const meant = (reply: ReturnType<typeof status>) => {
    const { kind, message } = unexpected({ status: reply.status, body: reply.body }, 'its version')
    return `${kind}: ${message}`
  }
  test('401', () => assert.match(meant(status(401, 'Unauthorized')), /^unauthorized: .*expired, revoked/))
  test('403 with the cluster’s reason', () =>
    assert.match(meant(status(403, 'users "x" cannot y')), /^forbidden: .*its version.*users "x" cannot y/))
  test('500 with the cluster’s reason, cut and in one line', () => {
    const said = meant(status(500, `etcd\n\u001b[31m${'x'.repeat(2_000)}`))
    assert.match(said, /^failed: .*etcd \[31m/)
    assert.ok(said.length < 600 && !/\p{Cc}/u.test(said))
  })
  test('a page of some other server is not quoted', () => {
    const said = meant({ status: 500, body: '<html>internal wiki</html>' })
    assert.match(said, /^not-kubernetes: /)
    assert.doesNotMatch(said, /wiki/)
  })
})
