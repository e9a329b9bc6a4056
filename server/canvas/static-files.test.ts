import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { request } from 'undici'
import { createStaticFiles } from './static-files.ts'

let folder: string
let servers: Server[] = []
let built: string
let empty: string

async function serve(from: string, caPem?: string): Promise<string> {
  const files = await createStaticFiles(from, caPem)
  const server = createServer((asked, answer) => {
    if (files.owns(asked)) files.request(asked, answer)
    else answer.writeHead(418).end('the API')
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const script = `export const a = ${JSON.stringify('x'.repeat(5000))}`

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'palisade-static-'))
  const dist = join(folder, 'dist')
  await mkdir(join(dist, 'assets'), { recursive: true })
  await writeFile(join(folder, 'secret.js'), 'secret')
  await writeFile(join(dist, 'index.html'), '<!doctype html><script type="module" src="/assets/a-1.js"></script>')
  await writeFile(join(dist, 'assets', 'a-1.js'), script)
  await writeFile(join(dist, 'assets', 'a-1.js.map'), '{}')
  await writeFile(join(dist, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  await symlink(join(folder, 'secret.js'), join(dist, 'assets', 'link.js'))
  built = await serve(dist)
  empty = await serve(join(folder, 'nothing'))
})
after(async () => {
  for (const server of servers) server.close()
  servers = []
  await rm(folder, { recursive: true, force: true })
})

async function get(path: string, headers: Record<string, string> = {}, from = built, method = 'GET') {
  const {
    statusCode: status,
    headers: answered,
    body,
  } = await request(from + path, { headers, method: method as 'GET' })
  const bytes = Buffer.from(await body.arrayBuffer())
  return { status, headers: answered, bytes, text: bytes.toString() }
}
const html = { accept: 'text/html,application/xhtml+xml' }

test('the CA is at its path where clients need it, and nowhere else', async () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  const { status, headers, text } = await get('/ca.crt', {}, await serve(join(folder, 'dist'), pem))
  assert.deepEqual([status, text, headers['cache-control']], [200, pem, 'no-cache'])
  assert.equal(headers['content-type'], 'application/x-pem-file')
  assert.equal((await get('/ca.crt')).status, 418)
})

test('the page is at every page’s path, asked for each time', async () => {
  for (const path of ['/', '/clusters', '/clusters/abc?tab=1', '/versions'])
    for (const headers of path === '/' ? [{}, html] : [html]) {
      const page = await get(path, headers)
      assert.equal(page.status, 200, path)
      assert.match(page.text, /a-1\.js/)
      assert.equal(page.headers['cache-control'], 'no-cache')
      assert.match(String(page.headers['content-security-policy']), /script-src 'self';/)
    }
})

test('what the API answers stays the API’s', async () => {
  for (const path of [
    '/v1',
    '/v1/users',
    '/k8s/clusters/x',
    '/canvas',
    '/canvas/x',
    '/oidc/auth',
    '/sign-in/x',
    '/readyz',
  ])
    assert.equal((await get(path, html)).status, 418, path)
  for (const path of ['/openapi.json', '/livez', '/metrics', '/hooks/admission'])
    assert.equal((await get(path, html)).status, 418, path)
  assert.equal((await get('/clusters')).status, 418, 'no browser asks for this as a page')
  assert.equal((await get('/wp-login.php', html)).status, 418)
  assert.equal((await get('/', {}, built, 'POST')).status, 418)
})

test('files that are named after their content are kept, and come packed', async () => {
  const plain = await get('/assets/a-1.js')
  assert.equal(plain.text, script)
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8')
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(plain.headers.vary, 'accept-encoding')
  const packed = await get('/assets/a-1.js', { 'accept-encoding': 'br, gzip' })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.ok(packed.bytes.length < 200)
  assert.equal((await get('/assets/a-1.js', { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'], undefined)
  const again = await get('/assets/a-1.js', { 'if-none-match': String(plain.headers.etag) })
  assert.equal(again.status, 304)
  assert.equal(again.text, '')
  const head = await get('/assets/a-1.js', {}, built, 'HEAD')
  assert.equal(head.headers['content-length'], String(script.length))
  assert.equal(head.text, '')
})

test('nothing but the folder’s own files is served', async () => {
  for (const path of ['/assets/', '/assets/none.js', '/assets/link.js', '/assets/a-1.js.map', '/assets/__proto__'])
    assert.equal((await get(path, html)).status, 404, path)
  for (const path of ['/assets/..%2f..%2fsecret.js', '/assets/%2e%2e/%2e%2e/secret.js', '/assets/..\\..\\secret.js'])
    assert.notEqual((await get(path, html)).text, 'secret', path)
})

test('without a built console a page says so', async () => {
  const page = await get('/', html, empty)
  assert.equal(page.status, 200)
  assert.match(page.text, /not built/)
  assert.doesNotMatch(page.text, /<script|<style|style=/)
  assert.equal((await get('/assets/a-1.js', {}, empty)).status, 404)
})
