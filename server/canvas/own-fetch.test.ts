import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { type Authority, createAuthority } from '../../tests/support/certificates.ts'
import { createOwnFetch, type OwnFetch } from './own-fetch.ts'

let authority: Authority
let server: ReturnType<typeof createServer>
let port: number
let certPem: string
/** Whose listener it stands for, and for whom it took each request. */
let current: OwnFetch | undefined
const endClients: (string | undefined)[] = []
before(async () => {
  authority = await createAuthority('ours')
  const issued = await authority.issue({ commonName: 'palisade', dnsNames: ['palisade.example'] })
  certPem = issued.certPem
  server = createServer({ cert: certPem, key: issued.keyPem }, (request, response) => {
    endClients.push(current?.endClientOf(request))
    response.end(`${request.headers.host} ${request.url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
after(() => server.close())

async function ask(url: string, { trusted = authority.certPem, publicUrl = 'https://palisade.example' } = {}) {
  const own = createOwnFetch({ publicUrl, host: '0.0.0.0', port, trusted: () => trusted })
  try {
    const response = await own.fetch(url, { method: 'GET', body: undefined, headers: {}, redirect: 'manual' })
    return await response.text()
  } finally {
    await own.close()
  }
}

test('what is asked of our own name comes to our own listener', async () =>
  assert.equal(await ask('https://palisade.example/oidc/x?y'), 'palisade.example /oidc/x?y'))

test('for whom it is asked is believed of our own connections alone, whatever others say', async () => {
  const publicUrl = 'https://palisade.example'
  const make = () => createOwnFetch({ publicUrl, host: '127.0.0.1', port, trusted: () => authority.certPem })
  const [own, stranger] = [make(), make()]
  current = own
  endClients.length = 0
  const get = (by: OwnFetch, headers = {}) =>
    by.fetch(`${publicUrl}/x`, { method: 'GET', body: undefined, headers, redirect: 'manual' })
  try {
    await own.onBehalfOf('192.0.2.1', () => get(own))
    await own.onBehalfOf('192.0.2.2', () => get(own, { 'x-palisade-end-client': '192.0.2.9' }))
    await get(own)
    await stranger.onBehalfOf('192.0.2.3', () => get(stranger))
    await get(stranger, { 'x-palisade-end-client': '192.0.2.4' })
    assert.deepEqual(endClients, ['192.0.2.1', '192.0.2.2', undefined, undefined, undefined])
  } finally {
    current = undefined
    await Promise.all([own.close(), stranger.close()])
  }
})

test('an own certificate that nobody we know has signed is enough', async () =>
  assert.equal(await ask('https://palisade.example/a', { trusted: certPem }), 'palisade.example /a'))

test('who answers has to prove the name', async () => {
  const other = await createAuthority('others')
  await assert.rejects(ask('https://palisade.example/', { trusted: other.certPem }))
  await assert.rejects(ask('https://other.example/', { publicUrl: 'https://other.example' }))
})

test('another name, or another port of ours, does not come here', async () => {
  await assert.rejects(ask(`https://elsewhere.invalid:${port}/`))
  await assert.rejects(ask('https://palisade.example:1/'))
})
