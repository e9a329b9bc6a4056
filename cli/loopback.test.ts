import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Failure } from './failure.ts'
import { receiveCallback } from './loopback.ts'

const never = new AbortController().signal

/** One wait, and what a browser does meanwhile. */
function wait(options: { signal?: AbortSignal; patienceMs?: number; finish?: (at: URL) => Promise<string> } = {}) {
  const begun = Promise.withResolvers<URL>()
  const result = receiveCallback({
    port: 0,
    signal: options.signal ?? never,
    patienceMs: options.patienceMs ?? 60_000,
    async begin(redirectUri) {
      begun.resolve(new URL(redirectUri))
      return { state: 'right', finish: options.finish ?? (async (at) => at.searchParams.get('code') ?? '') }
    },
  })
  result.catch(() => undefined) // Whoever needs it waits for it.
  return { result, at: begun.promise }
}

async function send(at: URL, head: string): Promise<string> {
  const socket = connect(Number(at.port), at.hostname)
  socket.end(`${head}\r\nConnection: close\r\n\r\n`)
  return text(socket)
}

test('what is no callback of this sign-in is turned away and changes nothing', async () => {
  const { result, at: begun } = wait()
  const at = await begun
  assert.equal(at.hostname, '127.0.0.1')
  const host = `Host: ${at.host}`
  const wrong: readonly (readonly [what: string, head: string, status: number])[] = [
    ['another path', `GET / HTTP/1.1\r\n${host}`, 404],
    ['another state', `GET /callback?code=1&state=wrong HTTP/1.1\r\n${host}`, 400],
    ['no state', `GET /callback?code=1 HTTP/1.1\r\n${host}`, 400],
    ['the state in the second place', `GET /callback?code=1&state=wrong&state=right HTTP/1.1\r\n${host}`, 400],
    ['a name that was made to lead here', 'GET /callback?code=1&state=right HTTP/1.1\r\nHost: evil.example', 404],
    ['a target of another host', `GET http://evil.example/callback?code=1&state=right HTTP/1.1\r\n${host}`, 404],
    ['a target that is no URL', `GET //[ HTTP/1.1\r\n${host}`, 404],
    ['another method', `POST /callback?code=1&state=right HTTP/1.1\r\n${host}\r\nContent-Length: 0`, 405],
  ]
  for (const [what, head, status] of wrong) assert.match(await send(at, head), new RegExp(`^HTTP/1.1 ${status} `), what)
  const page = await send(at, `GET /callback?code=2&state=right HTTP/1.1\r\n${host}`)
  assert.match(page, /^HTTP\/1\.1 200 [\s\S]*You are signed in/)
  assert.match(page, /default-src 'none'/)
  assert.equal(await result, '2')
})

test('a code comes once: a second callback while the first is being used is turned away', async () => {
  const [begun, used] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const { result, at } = wait({
    finish() {
      begun.resolve()
      return used.promise
    },
  })
  const url = new URL('?code=1&state=right', await at)
  const first = fetch(url)
  await begun.promise
  assert.equal((await fetch(url)).status, 400)
  used.resolve('signed in')
  assert.equal((await first).status, 200)
  assert.equal(await result, 'signed in')
})

test('what fails after the callback is told here and there', async () => {
  const { result, at } = wait({ finish: () => Promise.reject(new Failure('no')) })
  const page = await fetch(new URL('?code=1&state=right', await at))
  assert.equal(page.status, 400)
  assert.match(await page.text(), /You are not signed in/)
  await assert.rejects(result, /^Failure: no$/)
})

test('a browser that goes away before the page holds nobody up', async () => {
  const used = Promise.withResolvers<string>()
  const begun = Promise.withResolvers<void>()
  const { result, at: address } = wait({
    finish() {
      begun.resolve()
      return used.promise
    },
  })
  const at = await address
  const socket = connect(Number(at.port), at.hostname)
  socket.write(`GET /callback?code=1&state=right HTTP/1.1\r\nHost: ${at.host}\r\n\r\n`)
  await begun.promise
  socket.resetAndDestroy()
  used.resolve('signed in')
  assert.equal(await result, 'signed in')
})

test('nobody comes: the wait has an end, and the port is free again', async () => {
  const { result, at } = wait({ patienceMs: 1 })
  await assert.rejects(result, /nobody signed in in the browser in time/)
  await assert.rejects(fetch(await at))
})

test('an interruption ends the wait at once, before and after it has begun', async () => {
  const stop = new AbortController()
  const { result, at } = wait({ signal: stop.signal })
  await at
  stop.abort()
  await assert.rejects(result, /interrupted/)
  await assert.rejects(wait({ signal: AbortSignal.abort() }).result, /interrupted/)
})
