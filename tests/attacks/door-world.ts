import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { predefinedRole } from '../../contract/roles.ts'
import type { Api } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { type HostileCluster, type SeenRequest, startHostileCluster, valuesOf } from './hostile-cluster.ts'
import { type OpenedPalisade, type RawAnswer, requestText, sendRaw, startOpened } from './support.ts'

/** Somebody with a level on the cluster, signed in. */
export type Caller = { readonly uid: string; readonly email: string; readonly api: Api; readonly token: string }
type Level = 'Cluster Viewer' | 'Cluster Editor' | 'Cluster Admin'

/** The real program with a tenant, an imported cluster that does as the test tells it, and a caller of each level. */
export type DoorWorld = {
  readonly palisade: OpenedPalisade
  readonly acme: Tenant
  /** What the cluster really is, for the import and for its tokens. */
  readonly backend: FakeKubernetes
  readonly cluster: HostileCluster
  /** `/k8s/clusters/<uid>` */
  readonly door: string
  readonly viewer: Caller
  readonly editor: Caller
  readonly admin: Caller
  caller(name: string, level: Level): Promise<Caller>
  signIn(email: string): Promise<string>
  /** `GET` below the door, with further lines, over HTTP/1.1. */
  get(who: Caller, path: string, lines?: readonly string[]): Promise<RawAnswer>
  /** The head of an upgrade to `path`. */
  websocketText(who: Caller, path: string, lines?: readonly string[]): string
  spdyText(who: Caller, path: string): string
  /** What reached the cluster says of its caller what Palisade knows, and nothing that the caller wrote. */
  assertOurs(request: SeenRequest | undefined, who: Caller): void
  /** Nothing has reached the cluster. */
  assertNotAsked(what?: string): void
  /** The cluster forgets what it saw, and answers everything: `echo` and `agree`. */
  reset(): void
  stop(): Promise<void>
}

export async function startDoorWorld(): Promise<DoorWorld> {
  const [palisade, backend] = await Promise.all([startOpened({ name: 'door' }), startFakeKubernetes()])
  const cluster = await startHostileCluster(backend)
  const stop = async () => {
    await palisade.stop()
    await cluster.close()
    await backend.close()
  }
  try {
    const acme = await createTenant(palisade, 'acme')
    const kubeconfig = backend.kubeconfig(undefined, { server: cluster.server, caPem: cluster.caPem })
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'hostile' }, spec: { kubeconfig } },
    })
    assert.equal(imported.state, 'ready')
    const door = `/k8s/clusters/${imported.uid}`

    const signIn = async (emailId: string): Promise<string> => {
      const body = { emailId, password: goodPassword, org: 'acme' }
      return (await palisade.api.must('POST', '/v1/auth/authenticate', { body })).Authorization
    }
    const caller = async (name: string, level: Level): Promise<Caller> => {
      const user = await createUser(palisade, acme, name)
      await acme.admin.must('PUT', `/v1/users/${user.uid}/projects`, {
        body: { projects: [{ projectUid: acme.defaultProject, roles: [predefinedRole(level).uid] }] },
      })
      return { ...user, token: await signIn(user.email) }
    }
    const upgradeText = (start: string, lines: readonly string[]) =>
      requestText(start, lines).replace('Connection: close', 'Connection: Upgrade')

    return {
      ...{ palisade, acme, backend, cluster, door, signIn, caller, stop },
      viewer: await caller('viewer', 'Cluster Viewer'),
      editor: await caller('editor', 'Cluster Editor'),
      admin: await caller('admin-of-clusters', 'Cluster Admin'),
      get: (who, path, lines = []) => sendRaw(palisade, requestText(`GET ${door}${path}`, [bearer(who), ...lines])),
      websocketText: (who, path, lines = []) =>
        upgradeText(`GET ${door}${path}`, [
          ...[bearer(who), 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${websocketKey}`],
          ...['Sec-WebSocket-Protocol: v5.channel.k8s.io', ...lines],
        ]),
      spdyText: (who, path) =>
        upgradeText(`POST ${door}${path}`, [
          ...[bearer(who), 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io', 'Content-Length: 0'],
        ]),
      assertOurs(request, who) {
        assert.ok(request, 'the cluster was asked')
        assert.deepEqual(valuesOf(request, 'impersonate-user'), [`palisade:${acme.uid}:${who.uid}`])
        assert.deepEqual(valuesOf(request, 'impersonate-uid'), [who.uid])
        const groups = valuesOf(request, 'impersonate-group')
        assert.ok(groups.length > 0)
        for (const group of groups) assert.match(group, ownGroup)
        const credentials = valuesOf(request, 'authorization')
        assert.equal(credentials.length, 1)
        assert.ok(backend.tokens.has(credentials[0]?.replace('Bearer ', '') ?? ''), 'the account’s own token')
        for (const [name, value] of request.lines) {
          assert.ok(sentNames.has(name.toLowerCase()), `a line ${name} goes out`)
          assert.ok(!value.includes(marker) && !value.includes(who.token), `${name}: ${value}`)
        }
      },
      assertNotAsked(what = 'nothing reached the cluster') {
        const targets = cluster.seen.map(({ method, target }) => `${method} ${target}`)
        assert.deepEqual(targets, [], what)
      },
      reset() {
        cluster.forget()
        cluster.onRequest = echo
        cluster.onUpgrade = agree
      },
    }
  } catch (cause) {
    await stop()
    throw cause
  }
}

/** In values that must not get to a cluster. */
export const marker = 'evil-identity'
export const pods = '/api/v1/namespaces/default/pods'
export const bearer = ({ token }: Pick<Caller, 'token'>): string => `Authorization: Bearer ${token}`

/** The key of RFC 6455 §1.3 and, in `agreed`, the answer to it. */
export const websocketKey = 'dGhlIHNhbXBsZSBub25jZQ=='
export const agreed =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n'

/** Agrees to every upgrade, and sends back what comes. */
export function agree(_request: IncomingMessage, socket: Duplex): boolean {
  socket.write(agreed)
  socket.pipe(socket)
  return true
}

/** The cluster's answer to everything: whom it took the caller for, and how long the body was. */
export function echo(request: IncomingMessage, response: ServerResponse): boolean {
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
  })
  request.on('end', () => {
    const body = JSON.stringify({ kind: 'Echo', user: request.headers['impersonate-user'], path: request.url, size })
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
  return true
}

const ownGroup = /^palisade:(level:(view|edit|admin)|team:[0-9a-f]{24}:[0-9a-f]{24})$/

/** Header names that a cluster is ever sent. */
const sentNames = new Set([
  ...['host', 'connection', 'authorization', 'user-agent', 'accept', 'accept-encoding', 'content-type'],
  ...['content-length', 'transfer-encoding', 'impersonate-user', 'impersonate-uid', 'impersonate-group'],
  ...['impersonate-extra-palisade.dev%2femail', 'impersonate-extra-palisade.dev%2fteam'],
  ...['impersonate-extra-palisade.dev%2fsession', 'impersonate-extra-palisade.dev%2frequest'],
  ...['upgrade', 'sec-websocket-version', 'sec-websocket-key', 'sec-websocket-protocol', 'x-stream-protocol-version'],
  ...['if-none-match', 'range'],
])
