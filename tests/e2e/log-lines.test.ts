import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { type DoorWorld, pods, startDoorWorld } from '../attacks/door-world.ts'
import { connectRaw, endOf } from '../attacks/support.ts'
import { createBrowser } from '../support/browser.ts'
import { beginFlow, discover, redeem, signInOn } from '../support/oidc.ts'
import { until } from '../support/until.ts'

// What an operator searches for: every line of the log that is about a request names it, and whose it is once that is known.
// Faults are made by taking rights from the application's login, which nothing in the program can expect.

let world: DoorWorld

before(async () => {
  world = await startDoorWorld()
})
after(() => world?.stop())

type Line = Readonly<Record<string, unknown>>

const lines = async (): Promise<Line[]> =>
  (await world.palisade.log())
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/** Takes a right from the application for as long as `work` takes. */
async function without<T>(right: string, work: () => Promise<T>): Promise<T> {
  await world.palisade.sql(`revoke ${right} from palisade_app`)
  try {
    return await work()
  } finally {
    await world.palisade.sql(`grant ${right} to palisade_app`)
  }
}

const requestId = (head: string) => /^x-request-id: ([0-9a-f]{24})\r?$/im.exec(head)?.[1] ?? 'none'
const sessionOf = (token: string) => String(decodeJwt(token).sid)

async function exec() {
  const connection = await connectRaw(world.palisade)
  connection.write(world.websocketText(world.editor, `${pods}/a/exec?command=sh&stdin=true`))
  return connection
}

/** There is a line of this message about the request, and all lines about it say whose it is. */
async function assertNamed(request: string, msg: string, who: { readonly session: string; readonly user?: string }) {
  const about = await until(`the line "${msg}" of ${request}`, async () => {
    const found = (await lines()).filter((line) => line.request === request)
    return found.some((line) => line.msg === msg) ? found : undefined
  })
  for (const line of about)
    assert.partialDeepStrictEqual(line, { request, tenant: world.acme.uid, ...who }, JSON.stringify(line))
}

test('lines of the API', async () => {
  const { editor, palisade } = world
  const api = palisade.api.as({ token: editor.token })
  const failed = await without('select on projects', () => api.call('GET', '/v1/dashboard/projects/metadata'))
  assert.equal(failed.status, 500, failed.text)
  const who = { session: sessionOf(editor.token), user: editor.uid }
  for (const msg of ['request failed', 'request']) await assertNamed(String(failed.headers['x-request-id']), msg, who)
})

test('lines of the Kubernetes door', async () => {
  const { editor, cluster } = world
  const who = { session: sessionOf(editor.token), user: editor.uid }

  world.reset()
  cluster.onRequest = (request) => {
    request.socket.destroy()
    return true
  }
  await assertNamed(requestId((await world.get(editor, pods)).head), 'a cluster call failed', who)

  cluster.onUpgrade = (_request, socket) => {
    socket.destroy()
    return true
  }
  const refused = await (await exec()).closed
  await assertNamed(requestId(refused), 'an upgrade to a cluster failed', who)

  world.reset()
  const insert = 'insert on audit_pending'
  const unrecorded = await without(insert, () => world.get(editor, pods))
  assert.equal(unrecorded.status, 503, unrecorded.body)
  await assertNamed(requestId(unrecorded.head), 'a cluster call could not be recorded', who)
  const secrets = await without(insert, () => world.get(editor, '/api/v1/namespaces/default/secrets'))
  assert.equal(secrets.status, 500, secrets.body)
  await assertNamed(requestId(secrets.head), 'a call to a cluster could not be admitted', who)
})

test('lines of the sign-in pages and the issuer', async () => {
  const { viewer, palisade } = world
  const config = await discover(palisade)
  const flow = await beginFlow(config, { scope: 'openid offline_access' })
  const browser = createBrowser(palisade.url, palisade.caPem)
  try {
    const tokens = await redeem(config, flow, (await signInOn(browser, flow, viewer)).url)
    const who = { tenant: world.acme.uid, user: viewer.uid, session: sessionOf(tokens.access_token) }
    for (const [route, method] of [
      ['/sign-in', 'POST'],
      ['/oidc/token', 'POST'],
    ])
      await until(`a line of ${route} that names the person`, async () => {
        const found = (await lines()).find(
          (line) =>
            line.msg === 'request' && line.route === route && line.method === method && line.session === who.session,
        )
        if (found) assert.partialDeepStrictEqual(found, who)
        return found
      })
    await without('insert on oidc_state', () =>
      assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')),
    )
    const failed = await until('the line of what failed', async () =>
      (await lines()).find((line) => line.msg === 'the issuer failed' && line.session === who.session),
    )
    assert.partialDeepStrictEqual(failed, who)
    assert.match(String(failed.request), /^[0-9a-f]{24}$/)
  } finally {
    await browser.close()
  }
})

test('lines of the console', async () => {
  const { viewer, palisade } = world
  const browser = createBrowser(palisade.url, palisade.caPem)
  try {
    await signInOn(browser, { url: new URL('/canvas/login', palisade.url) }, viewer)
    const { csrf } = JSON.parse((await browser.open('/canvas/session')).text)
    const answer = await without('delete on canvas_sessions', () =>
      browser.post('/canvas/logout', {}, { 'x-palisade-csrf': csrf, 'sec-fetch-site': 'same-origin' }),
    )
    assert.equal(answer.status, 500, answer.text)
    const id = String(answer.headers['x-request-id'])
    const rows = await palisade.sql<{ session_id: string }>('select session_id from canvas_sessions')
    const [row] = rows
    assert.equal(rows.length, 1)
    await assertNamed(id, 'a request of the console failed', { session: row?.session_id ?? '' })
  } finally {
    await browser.close()
  }
})

test('the line of a call whose end could not be recorded before the server stopped', async () => {
  const { editor, palisade } = world
  world.reset()
  const shell = await exec()
  const [head] = await shell.waitFor(/HTTP\/1\.1 101 [\s\S]*?\r\n\r\n/)
  await without('insert on audit_pending', async () => {
    const ended = endOf(palisade)
    palisade.daemon.kill('SIGTERM')
    await ended
  })
  const who = { session: sessionOf(editor.token), user: editor.uid }
  await assertNamed(requestId(head), 'the end of a call is not recorded', who)
})
