import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { declaredEndpoints } from '../docs/declared.ts'
import { createApi } from '../support/api.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'

import { connectRaw, type RawConnection, requestText, sendRaw } from './support.ts'

// Threats D11, G01, G02, G03, G05, G06 and G09: what a request may be made of, on the real program. Every route is sent odd
// values in tests/isolation/odd-input.test.ts; here are the attacks that need a shape of their own.

let palisade: Palisade
let acme: Tenant
let token: string
before(async () => {
  palisade = await startPalisade({ name: 'requests' })
  acme = await createTenant(palisade, 'acme')
  const body = { emailId: acme.adminEmail, password: goodPassword, org: acme.org }
  token = (await palisade.api.must('POST', '/v1/auth/authenticate', { body })).Authorization
})
after(() => palisade?.stop())

let made = 0
const fresh = (what: string) => `${what}-${++made}`
const asAdmin = (lines: readonly string[] = []) => [`Authorization: ${token}`, ...lines]
const namesOfProjects = async (): Promise<string[]> =>
  (await acme.admin.must('GET', '/v1/dashboard/projects/metadata')).items.map(
    ({ metadata }: { metadata: { name: string } }) => metadata.name,
  )

/** After what an attack ends with: the server answers, and has logged no fault of its own. */
async function assertWell(): Promise<void> {
  assert.equal((await palisade.api.call('GET', '/readyz')).status, 200)
  const faults = (await palisade.log()).split('\n').filter((line) => /"level":(50|60|"error"|"fatal")/.test(line))
  assert.deepEqual(faults.slice(0, 3), [])
}

describe('G01: content types', () => {
  const post = (type: string | undefined, name: string) =>
    sendRaw(
      palisade,
      requestText(
        'POST /v1/projects',
        asAdmin(type === undefined ? [] : [`Content-Type:${type}`]),
        JSON.stringify({ metadata: { name } }),
      ),
    )

  test('G01 what is not plainly JSON is not read, however it is spelled', async () => {
    const before = await namesOfProjects()
    const odd = [
      ...[' text/plain', ' application/json\ta', ' application/json, text/plain', ' text/plain; application/json'],
      ...[
        ' application/jsonx',
        ' application/x-json',
        ' application/json-patch',
        ' "application/json"',
        ' json',
        ' */*',
        ' ;',
      ],
      ...[
        ' application/json/x',
        ' application / json',
        ' multipart/form-data; boundary=application/json',
        ' text/json',
      ],
      ' application/x-www-form-urlencoded',
    ]
    for (const type of odd) {
      const { status, body } = await post(type, fresh('odd'))
      assert.ok(status === 415 || status === 400, `${JSON.stringify(type)}: ${status} ${body}`)
    }
    assert.deepEqual(await namesOfProjects(), before)
    await assertWell()
  })

  test('G01 whatever is taken for JSON meets the schema', async () => {
    const before = await namesOfProjects()
    const types = [
      ' application/json',
      '\tapplication/json',
      ' application/json ',
      ' APPLICATION/JSON',
      'application/json',
    ]
    for (const type of [
      ...types,
      ' application/json;charset=utf-8',
      ' application/json; charset=utf-8; charset=utf-16',
      undefined,
    ]) {
      const lines = asAdmin(type === undefined ? [] : [`Content-Type:${type}`])
      const { status, body } = await sendRaw(
        palisade,
        requestText('POST /v1/projects', lines, '{"metadata":{"name":["an array"]}}'),
      )
      assert.ok(status === 400 || status === 415, `${JSON.stringify(type)}: ${status} ${body}`)
    }
    assert.deepEqual(await namesOfProjects(), before)
    const { status } = await post(' application/json', fresh('plain'))
    assert.equal(status, 201)
  })
})

test('G02 a value counts as what it is: nothing is turned into the type that was wanted', async () => {
  const bodies: readonly object[] = [
    { metadata: { name: 12 } },
    { metadata: { name: ['x'] } },
    { metadata: { name: { toString: 'x' } } },
    { metadata: { name: true } },
    { metadata: [{ name: 'x' }] },
    { metadata: { name: 'x', labels: ['a'] } },
    { metadata: { name: 'x', labels: { a: 1 } } },
    { metadata: { name: 'x', labels: { a: ['b'] } } },
  ]
  const before = await namesOfProjects()
  for (const body of bodies) {
    const { status, text } = await acme.admin.call('POST', '/v1/projects', { body })
    assert.equal(status, 400, `${JSON.stringify(body)}: ${text}`)
  }
  assert.deepEqual(await namesOfProjects(), before)
  // A switch is a switch: text that says the same switches nothing.
  const key = await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: fresh('key') } } })
  for (const isActive of ['true', 'false', 1, 0, [true], {}]) {
    const { status, text } = await acme.admin.call('PUT', `/v1/apiKeys/${key.uid}/state`, { body: { isActive } })
    assert.equal(status, 400, `${JSON.stringify(isActive)}: ${text}`)
  }
})

describe('G03: size', () => {
  const mebibyte = 1024 * 1024

  /**
   * The status that what is sent ends with. A connection that is closed for what still comes may be reset, and the answer
   * lost on its way (RFC 9112 section 9.6), so a few are tried.
   */
  async function answered(send: (connection: RawConnection) => void | Promise<void>): Promise<string | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      const connection = await connectRaw(palisade)
      await send(connection)
      const status = await connection.waitFor(/^HTTP\/1\.1 (\d{3}) /).then(
        ([, found]) => found,
        () => undefined,
      )
      connection.destroy()
      if (status) return status
    }
    return undefined
  }
  test('G03 a length that lies, in either direction, makes no request of what follows', async () => {
    const name = fresh('smuggled')
    const inner = requestText(
      'POST /v1/projects',
      asAdmin(['Content-Type: application/json']),
      `{"metadata":{"name":"${name}"}}`,
    )
    const cases: readonly string[] = [
      // Less than comes: the rest is no second request of the same person.
      `POST /v1/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}${inner}`,
      `POST /v1/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{}${inner}`,
      `POST /v1/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n${inner}`,
      `POST /v1/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nContent-Type: application/json\r\nContent-Length: -1\r\nConnection: close\r\n\r\n${inner}`,
    ]
    for (const text of cases) {
      const { status } = await sendRaw(palisade, text)
      assert.ok(status === 400 || status === 413, `${status} for ${text.slice(100, 260)}`)
    }
    assert.ok(!(await namesOfProjects()).includes(name))
    await assertWell()
  })

  test('G03 too much is refused while it comes: by length, in pieces without one, or packed', async () => {
    const head = ['Content-Type: application/json']
    const announced = await sendRaw(
      palisade,
      `${requestText('POST /v1/projects', [...asAdmin(head), `Content-Length: ${100 * mebibyte}`])}`,
    )
    assert.equal(announced.status, 413, announced.head)

    const chunked = requestText(
      'POST /v1/projects',
      asAdmin(['Content-Type: application/json', 'Transfer-Encoding: chunked']),
    )
    const piece = 'x'.repeat(64 * 1024)
    const endless = await answered(async (connection) => {
      connection.write(`${chunked}2\r\n["\r\n`)
      let sent = 0
      while (sent < 100 * mebibyte && !connection.socket.destroyed && connection.text() === '') {
        await new Promise<void>((resolve) =>
          connection.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`, () => resolve()),
        )
        sent += piece.length
      }
      assert.ok(sent < 20 * mebibyte, `${sent} bytes were taken`)
    })
    assert.equal(endless, '413')

    const bomb = gzipSync(Buffer.alloc(64 * mebibyte, '['))
    for (const encoding of ['gzip', 'deflate', 'br', 'identity, gzip', 'x-gzip']) {
      const lines = asAdmin([
        'Content-Type: application/json',
        `Content-Encoding: ${encoding}`,
        `Content-Length: ${bomb.length}`,
      ])
      const status = await answered((connection) => {
        connection.write(requestText('POST /v1/projects', lines))
        connection.write(bomb)
      })
      assert.ok(status === '400' || status === '415', `${encoding}: ${status}`)
    }
    await assertWell()
  })

  test('G03 what is small and deep, or has very many members, is refused or read in no time', async () => {
    const depth = 10_000
    const bodies = [
      '['.repeat(depth) + ']'.repeat(depth),
      `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
      `{"metadata":{"name":"x","labels":{${Array.from({ length: 60_000 }, (_, n) => `"k${n}":"v"`).join(',')}}}}`,
      `{${Array.from({ length: 90_000 }, (_, n) => `"k${n}":0`).join(',')}}`,
    ]
    for (const body of bodies) {
      const { status, text } = await acme.admin.call('POST', '/v1/projects', {
        body,
        headers: { 'content-type': 'application/json' },
      })
      // Members are as many as a body has room for, which is bounded before it is read.
      const isTaken = body.startsWith('{"metadata"')
      assert.ok(status === 400 || status === 413 || isTaken, `${body.slice(0, 20)}: ${status} ${text.slice(0, 200)}`)
    }
    await assertWell()
  })
})

test('G05 doors without a credential take empty lists, missing members and references to themselves without a fault', async () => {
  const open = declaredEndpoints().filter((one) => 'public' in one || one.route.includes('/v1/auth/'))
  assert.ok(open.length >= 5, `${open.length} open routes`)
  const bodies = [
    ...['{}', '[]', 'null', '""', '0', '{"emailId":null,"password":null}', '{"emailId":[],"password":{}}'],
    ...[
      '{"emailId":{"$ref":"#"},"password":"x"}',
      '{"username":{},"password":[[]]}',
      '{"org":[],"emailId":"a@b.c","password":"x"}',
    ],
    ...[
      '{"__proto__":{"emailId":"a"}}',
      '{"password":"\\u0000"}',
      '{"emailId":"a@b.c","password":""}',
      '{"password":"\\ud800"}',
    ],
  ]
  let network = 0
  for (const { route } of open) {
    const [method = '', path = ''] = route.split(' ')
    const from = `127.5.${Math.floor(network / 250)}.${(network++ % 250) + 1}`
    const stranger = createApi(palisade.url.replace('localhost', '127.0.0.1'), palisade.caPem, from)
    for (const body of bodies) {
      const { status, text } = await stranger.call(method, path.replaceAll(/\{\w+\}/g, 'x'), {
        ...(method === 'GET' ? {} : { body, headers: { 'content-type': 'application/json' } }),
      })
      assert.ok(status < 500, `${route} ${body}: ${status} ${text}`)
    }
    await stranger.close()
  }
  await assertWell()
})

describe('G06: spelling', () => {
  const spellings = (path: string) => [
    ...[`/${path}`, `${path}/`, path.toUpperCase(), path.replace('/v1/', '/V1/'), path.replace('/v1/', '//v1/')],
    ...[path.replace('/v1/', '/v1//'), path.replace('/v1/', '/./v1/'), path.replace('/v1/', '/x/../v1/')],
    ...[path.replace('/v1/', '/v1%2f'), `${path}%20`, `${path};a=b`, `${path}\\`, `${path}%00`],
  ]

  test('G06 another spelling of a route is no route, guarded or not', async () => {
    for (const path of spellings('/v1/users')) {
      const signedIn = await sendRaw(palisade, requestText(`GET ${path}`, asAdmin()))
      assert.ok([400, 404].includes(signedIn.status), `${path}: ${signedIn.status}`)
      const stranger = await sendRaw(palisade, requestText(`GET ${path}`))
      assert.ok([400, 401, 404].includes(stranger.status), `${path}, a stranger: ${stranger.status}`)
    }
  })

  test('G06 a letter that is written as its number is that letter: the same route, behind the same guard', async () => {
    assert.equal((await sendRaw(palisade, requestText('GET /%761/users', asAdmin()))).status, 200)
    assert.equal((await sendRaw(palisade, requestText('GET /%761/users'))).status, 401)
  })

  test('G06 other spellings of the sign-in check no password, so that they dodge no limit', async () => {
    const body = JSON.stringify({ emailId: acme.adminEmail, password: goodPassword, org: acme.org })
    for (const path of spellings('/v1/auth/authenticate')) {
      const { status, body: text } = await sendRaw(
        palisade,
        requestText(`POST ${path}`, ['Content-Type: application/json'], body),
      )
      assert.ok([400, 401, 404].includes(status), `${path}: ${status}`)
      assert.doesNotMatch(text, /"Authorization"/)
    }
  })
})

describe('G09: names and numbers that parsers differ about', () => {
  const send = (body: string) =>
    acme.admin.call('POST', '/v1/projects', { body, headers: { 'content-type': 'application/json' } })

  test('G09 of a member that is there twice one value is stored, answered and recorded, or none', async () => {
    const [first, second] = [fresh('first'), fresh('second')]
    const answer = await send(`{"metadata":{"name":"${first}","name":"${second}"}}`)
    if (answer.status === 400) return
    assert.equal(answer.status, 201, answer.text)
    const { metadata } = await acme.admin.must('GET', `/v1/projects/${answer.body.uid}`)
    const names = await namesOfProjects()
    const entry = await acme.admin.call('GET', `/v1/audits/${answer.headers.audituid}`)
    const other = metadata.name === first ? second : first
    assert.ok(names.includes(metadata.name) && !names.includes(other), `${names}`)
    assert.ok(entry.text.includes(metadata.name) && !entry.text.includes(other), entry.text)
  })

  test('G09 members of objects’ prototypes are members like others, and change no object', async () => {
    const bodies = [
      `{"metadata":{"name":"${fresh('p')}","labels":{"__proto__":"x"}}}`,
      `{"metadata":{"name":"${fresh('p')}","labels":{"constructor":"x","toString":"y","hasOwnProperty":"z"}}}`,
      `{"__proto__":{"isAdmin":true},"metadata":{"name":"${fresh('p')}"}}`,
      `{"metadata":{"__proto__":{"name":"${fresh('inherited')}"}}}`,
      `{"constructor":{"prototype":{"polluted":true}},"metadata":{"name":"${fresh('p')}"}}`,
    ]
    for (const body of bodies) {
      const answer = await send(body)
      assert.ok(answer.status === 201 || answer.status === 400, `${body}: ${answer.status} ${answer.text}`)
      if (answer.status !== 201) continue
      const { metadata } = await acme.admin.must('GET', `/v1/projects/${answer.body.uid}`)
      assert.equal(typeof metadata.name, 'string')
      assert.equal(metadata.isAdmin, undefined)
    }
    assert.ok(!(await namesOfProjects()).some((name) => name.startsWith('inherited')))
    // Who was nobody's administrator is none now.
    const { api } = await createUser(palisade, acme, fresh('plain'))
    assert.equal((await api.call('GET', '/v1/users')).status, 403)
    await assertWell()
  })

  test('G09 what is no Unicode text, and marks of byte order, are refused or stored as one thing', async () => {
    const odd = ['\\ud800', 'a\\udc00b', '\\u0000', 'a\\u0000b', '\\ufeffa', 'a\\ufeff']
    for (const text of odd) {
      const answer = await send(`{"metadata":{"name":"${text}"}}`)
      // Taken already: it is one name with what was sent before.
      assert.ok([201, 400, 409].includes(answer.status), `${text}: ${answer.status} ${answer.text}`)
      if (answer.status !== 201) continue
      // Stored: then it reads as it was sent, and the same text again is the same name.
      const { metadata } = await acme.admin.must('GET', `/v1/projects/${answer.body.uid}`)
      assert.equal((await send(JSON.stringify({ metadata: { name: metadata.name } }))).status, 409, text)
    }
    assert.equal((await send(`\ufeff{"metadata":{"name":"${fresh('marked')}"}}`)).status, 400)
    assert.ok(!(await namesOfProjects()).some((name) => name.startsWith('marked')))
  })

  test('G09 numbers beyond what is exact are refused where a number counts', async () => {
    const { uid } = acme
    for (const minutes of ['-0', '1e400', '9007199254740993', '1.5', '-1', '1e-7', '0.1e1000']) {
      const answer = await acme.admin.call('PUT', `/v1/tenants/${uid}/authTokenSettings`, {
        body: `{"expiryTimeMinutes":${minutes}}`,
        headers: { 'content-type': 'application/json' },
      })
      assert.equal(answer.status, 400, `${minutes}: ${answer.status} ${answer.text}`)
    }
    const { expiryTimeMinutes } = await acme.admin.must('GET', `/v1/tenants/${uid}/authTokenSettings`)
    assert.ok(Number.isSafeInteger(expiryTimeMinutes) && expiryTimeMinutes > 0)
  })
})

test('D11 every route declares what it needs; what has a sibling asks at least what the main one asks', async () => {
  const endpoints = declaredEndpoints()
  assert.ok(endpoints.length > 150, `${endpoints.length}`)
  const open = endpoints.filter((one) => !('permission' in one) || one.permission === undefined)
  for (const { route } of open)
    assert.match(
      route,
      / \/v1\/(auth|palisade\/(version|login|branding))(\/|$)/,
      `${route} is open without being named so`,
    )
  // Whoever may do nothing is refused at every sibling of what they are refused.
  const { api, uid } = await createUser(palisade, acme, fresh('nobody'))
  const siblings: readonly (readonly [string, string])[] = [
    ...['/v1/users', '/v1/users/meta', '/v1/palisade/people', `/v1/users/${acme.adminUid}`, '/v1/teams'].map(read),
    ...[`/v1/users/${acme.adminUid}/roles`, `/v1/users/${acme.adminUid}/projects`].map(read),
    ...[`/v1/users/${acme.adminUid}/resourceRoles`, '/v1/roles', '/v1/filters', '/v1/audits'].map(read),
    ...[`/v1/projects/${acme.defaultProject}`, '/v1/palisade/audit/export', '/v1/palisade/audit/histogram'].map(read),
    ...['/v1/palisade/access/who-can?permission=cluster.get', '/v1/cloudaccounts/aws', '/v1/cloudaccounts/summary'].map(
      read,
    ),
    ...[
      `/v1/tenants/${acme.uid}/macros`,
      '/v1/edgehosts/tokens',
      `/v1/palisade/access/what-can?user=${acme.adminUid}`,
    ].map(read),
  ]
  for (const [method, path] of siblings) {
    const { status, text, body } = await api.call(method, path)
    // What lists over all projects shows what the caller sees in any of them: nothing.
    const isNothing = status === 200 && (body.items ?? body.macros)?.length === 0
    assert.ok(status === 403 || isNothing, `${path} for ${uid}: ${status} ${text.slice(0, 200)}`)
    assert.doesNotMatch(text, new RegExp(acme.adminEmail))
  }
})

const read = (path: string) => ['GET', path] as const
