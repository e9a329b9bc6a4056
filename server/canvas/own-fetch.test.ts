import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { type Authority, createAuthority } from '../../tests/support/certificates.ts'
import { createOwnFetch } from './own-fetch.ts'

let authority: Authority
let server: ReturnType<typeof createServer>
let port: number
let certPem: string
before(async () => {
  authority = await createAuthority('ours')
  const issued = await authority.issue({ commonName: 'palisade', dnsNames: ['palisade.example'] })
  certPem = issued.certPem
  server = createServer({ cert: certPem, key: issued.keyPem }, (request, response) =>
    response.end(`${request.headers.host} ${request.url}`),
  )
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
