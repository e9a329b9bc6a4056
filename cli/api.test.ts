import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Secret } from '../core/seal/index.ts'
import { createAuthority } from '../tests/support/certificates.ts'
import { type Api, createApi, Refused } from './api.ts'
import { Failure } from './failure.ts'
import { run } from './main.ts'
import { testEdges } from './testing.ts'

// What a server may answer, also one that is none of ours.

describe('the client', () => {
  let server: TlsServer
  let api: Api
  let folder: string
  let caFile: string
  let answer: (request: IncomingMessage, response: ServerResponse) => void

  before(async () => {
    const authority = await createAuthority('test')
    const { certPem, keyPem } = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'] })
    server = createServer({ cert: certPem, key: keyPem }, (request, response) => answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    folder = await mkdtemp(join(tmpdir(), 'palisade-api-'))
    caFile = join(folder, 'ca.crt')
    await writeFile(caFile, authority.certPem)
    api = createApi(
      { url, caFile, caPem: authority.certPem, isOfEnvironment: true },
      { kind: 'apiKey', secret: new Secret('pak_x'), from: 'PALISADE_TOKEN' },
    )
  })
  after(async () => {
    api.close()
    server.close()
    await rm(folder, { recursive: true })
  })

  const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  const failing = async (run: Promise<unknown>) => {
    const cause = await run.then(
      () => assert.fail('nothing was refused'),
      (cause: unknown) => cause,
    )
    assert.ok(cause instanceof Failure, String(cause))
    return cause
  }

  test('a list is asked for page by page until there is none', async () => {
    const asked: (string | null)[] = []
    answer = ({ url = '' }, response) => {
      const page = new URL(url, 'https://x').searchParams.get('continue')
      asked.push(page)
      const next = { null: 'two', two: 'three', three: '' }[String(page)]
      json(response, { items: [page], listmeta: { continue: next } })
    }
    assert.deepEqual(await api.list('/v1/things'), [null, 'two', 'three'])
    assert.deepEqual(asked, [null, 'two', 'three'])
  })

  test('a list that leads on and holds nothing ends all the same', async () => {
    answer = (_, response) => json(response, { items: [], listmeta: { continue: 'again' } })
    assert.deepEqual(await api.list('/v1/things'), [])
  })

  test('a read that is to come again soon does; a change never does', async () => {
    let asked = 0
    answer = (_, response) => {
      asked++
      if (asked === 2) json(response, { a: 1 })
      else json(response, { code: 'TooManyRequests', message: 'Too many requests' }, 429, { 'retry-after': '0' })
    }
    assert.deepEqual(await api.call('GET', '/v1/thing'), { a: 1 })
    asked = 2
    const refused = await failing(api.call('POST', '/v1/thing', { body: {} }))
    assert.deepEqual([asked, refused.hints], [3, ['Try again in 0 s.']])
  })

  const dialects = [
    {
      of: '/v1',
      body: { code: 'ResourceNotFound', message: 'No such role', details: {}, ref: 'r1' },
      says: 'No such role (request r1)',
    },
    {
      of: '/v1/palisade',
      body: { type: 'urn:x', title: 'T', status: 404, detail: 'Not that one', code: 'ResourceNotFound', request: 'r2' },
      says: 'Not that one (request r2)',
    },
  ]
  for (const { of, body, says } of dialects)
    test(`a refusal of ${of} is one sentence with the request`, async () => {
      answer = (_, response) => json(response, body, 404)
      const refused = await failing(api.call('GET', '/v1/x'))
      assert.ok(refused instanceof Refused)
      assert.deepEqual([refused.message, refused.status, refused.code], [says, 404, body.code])
    })

  const strangers = [
    { what: 'a page', body: '<html>', status: 200 },
    { what: 'a page that refuses', body: '<html>', status: 404 },
    { what: 'a redirect', body: '', status: 302 },
    { what: 'JSON that is no refusal', body: '{"error":"x"}', status: 500 },
    { what: 'a list that is none', body: '{"items":{}}', status: 200 },
  ]
  for (const { what, body, status } of strangers)
    test(`what answers ${what} is not Palisade, and is not followed`, async () => {
      let asked = 0
      answer = (_, response) => {
        asked++
        response.writeHead(status, { location: '/elsewhere' }).end(body)
      }
      assert.match((await failing(api.list('/v1/x'))).message, /answers, and not as Palisade does/)
      assert.equal(asked, 1)
    })

  test('an answer of another release is told as that, without a stack', async () => {
    answer = (_, response) => json(response, { metadata: {} })
    let err = ''
    const env = { PALISADE_URL: api.server.url, PALISADE_CA_FILE: caFile, PALISADE_TOKEN: 'pak_x' }
    assert.equal(await run(['whoami'], testEdges({ env, err: (text) => (err += text) })), 1)
    assert.match(err, /^palisade: https:\/\/localhost:\d+ answers in a shape that this release does not know\n/)
  })

  test('an export that is interrupted leaves no file, whole or half', async () => {
    const stop = new AbortController()
    answer = (_, response) => {
      response.writeHead(200).write('{"palisade":"audit-export/1"}\n')
      setImmediate(() => stop.abort())
    }
    let err = ''
    const edges = testEdges({
      env: { PALISADE_URL: api.server.url, PALISADE_CA_FILE: caFile, PALISADE_TOKEN: 'pak_x' },
      cwd: folder,
      interrupted: () => stop.signal,
      err: (text) => (err += text),
    })
    assert.equal(await run(['audit', 'export', 'audit.jsonl'], edges), 1)
    assert.equal(err, 'palisade: interrupted\n')
    assert.deepEqual(await readdir(folder), ['ca.crt'])
  })

  test('a deletion waits for the name', async () => {
    const team = { name: 'devs', uid: '0123456789abcdef01234567', labels: {}, annotations: {} }
    const at = '2030-01-01T00:00:00.000Z'
    const times = { creationTimestamp: at, lastModifiedTimestamp: at, deletionTimestamp: at }
    const deleted: string[] = []
    answer = ({ method, url = '' }, response) => {
      if (method === 'DELETE') {
        deleted.push(url)
        response.writeHead(204).end()
      } else
        json(response, {
          metadata: { ...team, ...times },
          spec: { users: [], roles: [], sources: [] },
          status: {},
        })
    }
    const remove = (typed: string) =>
      run(
        ['team', 'delete', team.uid],
        testEdges({
          env: { PALISADE_URL: api.server.url, PALISADE_CA_FILE: caFile, PALISADE_TOKEN: 'pak_x' },
          isTerminal: { in: true, out: true, err: true },
          ask: async (question) => {
            assert.match(question, /deletes the team "devs"/)
            return typed
          },
        }),
      )
    assert.equal(await remove('dev'), 1)
    assert.deepEqual(deleted, [])
    assert.equal(await remove('devs'), 0)
    assert.deepEqual(deleted, [`/v1/teams/${team.uid}`])
  })

  test('an answer that breaks off is a failure, not half a result', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"items": [')
      setImmediate(() => response.destroy())
    }
    assert.match((await failing(api.call('GET', '/v1/x'))).message, /does not answer \(ECONNRESET\)/)
    const stream = await api.stream('/v1/x', new AbortController().signal)
    await failing(
      (async () => {
        for await (const _ of stream);
      })(),
    )
  })
})
