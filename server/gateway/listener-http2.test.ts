import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { after, before, test } from 'node:test'
import { createAuthority } from '../../tests/support/certificates.ts'
import { until } from '../../tests/support/until.ts'
import { createLogger } from '../platform/log/index.ts'
import { limits } from './limits.ts'
import { createListener, type DoorRequest, type DoorResponse, type Listener } from './listener.ts'

// Streams of HTTP/2 that stall, for which Node itself has no time limits.

const requestTimeoutMs = 300
/** An answer larger than any window of HTTP/2 that a client opens by itself. */
const large = Buffer.alloc(1024 * 1024)

let listener: Listener
let session: ClientHttp2Session
const answers: Readonly<Record<string, (request: DoorRequest, response: DoorResponse) => void>> = {
  /** Reads the body, then answers. */
  '/body': (request, response) => {
    request.resume()
    request.once('end', () => response.end('read'))
  },
  '/large': (_request, response) => response.end(large),
  /** A watch: begins at once, goes on for long, and says little. */
  '/watch': (_request, response) => {
    // The answers of both protocols can be written to alike; only the union of their overloads cannot be called.
    ;(response as ServerResponse).write('first')
    setTimeout(() => response.end('last'), 4 * requestTimeoutMs)
  },
}

before(async () => {
  const authority = await createAuthority('listener')
  const { certPem, keyPem } = await authority.issue({ commonName: 'gateway', addresses: ['127.0.0.1'] })
  const api = (request: DoorRequest, response: DoorResponse) => answers[request.url ?? '']?.(request, response)
  const silent = createLogger('silent', () => undefined)
  const doors = { api, kube: api, kubeUpgrade: () => assert.fail('nobody upgrades'), refuseUpgrade: assert.fail }
  listener = createListener({ cert: certPem, key: keyPem }, doors, silent, { ...limits, requestTimeoutMs })
  await listener.listen('127.0.0.1', 0)
  session = connect(`https://127.0.0.1:${listener.address().port}`, { ca: authority.certPem })
  await once(session, 'connect')
})
after(async () => {
  session?.destroy()
  await listener?.close(0)
})

test('one whose body does not come is ended', async () => {
  const stream = session.request({ ':path': '/body', ':method': 'POST' }, { endStream: false })
  stream.on('error', () => undefined)
  stream.write('only the beginning')
  await once(stream, 'close', { signal: AbortSignal.timeout(5_000) })
  assert.notEqual(stream.rstCode, 0)
})

test('one whose answer is not read is ended', async () => {
  const stream = session.request({ ':path': '/large' })
  stream.on('error', () => undefined)
  await once(stream, 'response')
  // Nothing reads it, so its window stays shut.
  await until('the reset', () => stream.closed || undefined)
  assert.notEqual(stream.rstCode, 0)
})

test('one that is answered for long goes on, and one whose body has come', async () => {
  const watch = session.request({ ':path': '/watch' })
  let text = ''
  watch.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const upload = session.request({ ':path': '/body', ':method': 'POST' })
  upload.end('all of it')
  upload.resume()
  await Promise.all([once(watch, 'end'), once(upload, 'end')])
  assert.equal(text, 'firstlast')
  assert.equal(upload.rstCode, 0)
})
