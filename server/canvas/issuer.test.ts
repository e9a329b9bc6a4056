import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../core/seal/index.ts'
import { createIssuer } from './issuer.ts'

// What a real issuer answers is tried in tests/attacks.

const settings = {
  ...{ issuer: 'https://issuer.example', clientId: 'console', clientSecret: new Secret('s'), scope: 'openid' },
  fetch: async () => new Response('not here', { status: 404 }),
}
const clock = { monotonicMs: () => 0 }

test('an issuer that is not there is away, and is asked again', async () => {
  let asked = 0
  const counted = {
    ...settings,
    fetch: () => {
      asked++
      return settings.fetch()
    },
  }
  const issuer = createIssuer(counted, clock)
  for (let i = 1; i <= 2; i++) {
    const begun = await issuer.begin('https://palisade.example/canvas/callback')
    assert.equal(begun.ok ? 'begun' : begun.error.kind, 'away')
    assert.equal(asked, i)
  }
})

test('an issuer that names itself otherwise is none', async () => {
  const fetch = async () =>
    Response.json({ issuer: 'https://evil.example', authorization_endpoint: 'https://evil.example' })
  const begun = await createIssuer({ ...settings, fetch }, clock).begin('https://palisade.example/canvas/callback')
  assert.equal(begun.ok, false)
})

test('nobody is sent to sign out at an issuer that forgets by itself', async () => {
  const metadata = { issuer: settings.issuer, end_session_endpoint: 'https://issuer.example/end' }
  const fetch = async () => Response.json(metadata)
  assert.equal(
    await createIssuer({ ...settings, fetch }, clock).signOutUrl(),
    'https://issuer.example/end?client_id=console',
  )
  assert.equal(await createIssuer({ ...settings, fetch, endsWithSession: true }, clock).signOutUrl(), undefined)
})
