import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { createAuthority } from '../tests/support/certificates.ts'
import { type CommandLine, commandLine } from '../tests/support/command-line.ts'

// Renewals of the program as a process, against an issuer that may answer late, oddly or not at all.

describe('the renewal of a session', () => {
  let issuer: TlsServer
  let url: string
  let folder: string
  let caFile: string
  let homes = 0
  /** What the token endpoint does. */
  let answer: (refresh: string, response: ServerResponse) => void
  let discovery: Record<string, unknown>
  let asked: string[]

  before(async () => {
    const authority = await createAuthority('test')
    const { certPem, keyPem } = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'] })
    issuer = createServer({ cert: certPem, key: keyPem }, (request, response) => void serve(request, response))
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
    url = `https://localhost:${(issuer.address() as AddressInfo).port}`
    folder = await mkdtemp(join(tmpdir(), 'palisade-session-'))
    caFile = join(folder, 'ca.crt')
    await writeFile(caFile, authority.certPem)
  })
  after(async () => {
    issuer.close()
    issuer.closeAllConnections()
    await rm(folder, { recursive: true })
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/oidc/.well-known/openid-configuration') return json(response, discovery)
    assert.equal(request.url, '/oidc/token')
    const refresh = new URLSearchParams(await text(request)).get('refresh_token') ?? ''
    asked.push(refresh)
    answer(refresh, response)
  }

  const json = (response: ServerResponse, body: unknown, status = 200) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const tokens = (n: number) => ({
    ...{ access_token: `access.${n}.x`, refresh_token: `refresh-${n}`, token_type: 'Bearer', expires_in: 900 },
  })

  /** Somebody whose access token has ended. */
  async function person(): Promise<{ readonly cli: CommandLine; readonly stored: () => Promise<string> }> {
    asked = []
    discovery = { issuer: `${url}/oidc`, token_endpoint: `${url}/oidc/token`, jwks_uri: `${url}/oidc/jwks` }
    answer = (_, response) => json(response, tokens(2))
    const home = join(folder, `home-${++homes}`)
    const config = join(home, '.config', 'palisade')
    await mkdir(config, { recursive: true, mode: 0o700 })
    const session = { access: 'access.1.x', refresh: 'refresh-1', accessEndsAt: new Date(0) }
    const settings = { current: url, servers: { [url]: { caFile, credential: 'file' } } }
    const file = join(config, 'credentials.json')
    await writeFile(file, JSON.stringify({ [url]: JSON.stringify(session) }), { mode: 0o600 })
    await writeFile(join(config, 'config.json'), JSON.stringify(settings), { mode: 0o600 })
    const stored = async () => JSON.parse(JSON.parse(await readFile(file, 'utf8'))[url]).refresh
    return { cli: commandLine(home), stored }
  }

  test('happens once, and what it gave is kept', async () => {
    const { cli, stored } = await person()
    assert.equal(await cli.must('token'), 'access.2.x\n')
    assert.equal(await cli.must('token'), 'access.2.x\n')
    assert.deepEqual([asked, await stored()], [['refresh-1'], 'refresh-2'])
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    test(`is finished and kept before ${signal} ends the process`, async () => {
      const { cli, stored } = await person()
      const held = Promise.withResolvers<ServerResponse>()
      answer = (_, response) => held.resolve(response)
      const running = cli.start(['token'])
      const response = await held.promise
      running.child.kill(signal)
      // Whoever waits for the same renewal goes on with it.
      const other = cli(['token'])
      json(response, tokens(2))
      const ended = await running.ended
      assert.deepEqual([ended.signal, ended.out], [signal, ''])
      assert.deepEqual(await other, { code: 0, out: 'access.2.x\n', err: '' })
      assert.deepEqual([asked, await stored()], [['refresh-1'], 'refresh-2'])
    })

  test('is given up at the second Ctrl-C', async () => {
    const { cli, stored } = await person()
    const held = Promise.withResolvers<ServerResponse>()
    answer = (_, response) => held.resolve(response)
    const running = cli.start(['token'])
    const response = await held.promise
    running.child.kill('SIGINT')
    // Two of one kind may come as one: it is sent until it is obeyed.
    const again = setInterval(() => running.child.kill('SIGINT'), 20)
    const { signal } = await running.ended
    clearInterval(again)
    assert.equal(signal, 'SIGINT')
    assert.equal(await stored(), 'refresh-1')
    response.destroy()
  })

  test('that is killed bars nobody: the next process does it', async () => {
    const { cli, stored } = await person()
    const held = Promise.withResolvers<ServerResponse>()
    answer = (_, response) => held.resolve(response)
    const running = cli.start(['token'])
    const response = await held.promise
    const waiting = cli(['token'])
    answer = (_, next) => json(next, tokens(2))
    running.child.kill('SIGKILL')
    await running.ended
    assert.deepEqual(await waiting, { code: 0, out: 'access.2.x\n', err: '' })
    assert.deepEqual([asked, await stored()], [['refresh-1', 'refresh-1'], 'refresh-2'])
    response.destroy()
  })

  const failures: readonly {
    readonly what: string
    readonly set: () => void
    readonly says: RegExp
  }[] = [
    {
      what: 'a session that has ended',
      set: () => (answer = (_, response) => json(response, { error: 'invalid_grant' }, 400)),
      says: /the session at \S+ has ended\n[\s\S]*palisade login --url/,
    },
    {
      what: 'a server that is busy',
      set: () => (answer = (_, response) => json(response, { error: 'temporarily_unavailable' }, 429)),
      says: /too many sign-ins come from this network\n +Try again/,
    },
    {
      what: 'a server without its database',
      set: () => (answer = (_, response) => void response.writeHead(503, { 'content-type': 'text/html' }).end('<p>')),
      says: /cannot answer now \(503\)\n +Try again/,
    },
    {
      what: 'a client that the issuer does not know',
      set: () => (answer = (_, response) => json(response, { error: 'invalid_client' }, 401)),
      says: /refuses the sign-in \(invalid_client\)/,
    },
    {
      what: 'an answer that breaks off',
      set: () => (answer = (_, response) => void response.destroy()),
      says: /does not answer \(ECONNRESET\)/,
    },
    {
      what: 'an answer without a refresh token',
      set: () => (answer = (_, response) => json(response, { access_token: 'a.b.c', token_type: 'Bearer' })),
      says: /answers, and not as Palisade does/,
    },
    {
      what: 'something else at the address',
      set: () => (answer = (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')),
      says: /answers, and not as Palisade does/,
    },
    {
      what: 'an issuer of another name',
      set: () => (discovery = { ...discovery, issuer: 'https://palisade.example/oidc' }),
      says: /calls itself https:\/\/palisade\.example\n[\s\S]*PALISADE_PUBLIC_URL/,
    },
    {
      what: 'an issuer that sends tokens elsewhere',
      set: () => (discovery = { ...discovery, token_endpoint: 'https://elsewhere.example/token' }),
      says: /names an address elsewhere: https:\/\/elsewhere\.example/,
    },
    {
      what: 'no issuer at all',
      set: () => (discovery = {}),
      says: /answers, and not as Palisade does/,
    },
  ]
  for (const { what, set, says } of failures)
    test(`says what is wrong, and keeps what it has: ${what}`, async () => {
      const { cli, stored } = await person()
      set()
      const { code, out, err } = await cli(['token'])
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, says)
      assert.doesNotMatch(err, /access\.|refresh-|\bat .*\.ts:/)
      assert.equal(await stored(), 'refresh-1')
    })
})
