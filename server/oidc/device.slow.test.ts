import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oidc from 'openid-client'
import { type Browser, createBrowser } from '../../tests/support/browser.ts'
import { discover } from '../../tests/support/oidc.ts'
import { createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'

let palisade: Palisade
let acme: Tenant
let config: oidc.Configuration

before(async () => {
  palisade = await startPalisade({ name: 'oidc-device' })
  acme = await createTenant(palisade, 'acme')
  config = await discover(palisade)
})
after(() => palisade?.stop())

const ask = () => oidc.initiateDeviceAuthorization(config, { scope: 'openid email' })

/** The library waits five seconds between questions; here one question is asked at once. */
const redeemNow = (deviceCode: string) =>
  oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', { device_code: deviceCode })

const at = async (from: string, work: (browser: Browser) => Promise<void>) => {
  const browser = createBrowser(palisade.url, palisade.caPem, from)
  await work(browser)
  await browser.close()
}

test('a device is let in by somebody who signs in and confirms its code', () =>
  at('127.0.0.2', async (browser) => {
    const device = await ask()
    await assert.rejects(redeemNow(device.device_code), { error: 'authorization_pending' })
    const form = await browser.open(device.verification_uri_complete ?? '')
    assert.match(form.text, new RegExp(`value="${device.user_code}"`), 'the code is in the form, and not yet sent')
    const confirm = await browser.submit(form, { user_code: device.user_code })
    assert.match(confirm.text, /Palisade command line/)
    assert.match(confirm.text, /Asked from<\/dt><dd>127\.0\.0\.1/)
    const signIn = await browser.submit(confirm, { confirm: 'yes' })
    const done = await browser.submit(signIn, { email: acme.adminEmail, password: goodPassword, action: 'sign-in' })
    assert.match(done.text, /Your device is in/)
    const tokens = await redeemNow(device.device_code)
    const me = await palisade.api.as({ token: tokens.access_token }).must('GET', '/v1/users/me')
    assert.equal(me.metadata.uid, acme.adminUid)
    assert.ok(tokens.refresh_token)
    await assert.rejects(redeemNow(device.device_code), { error: 'invalid_grant' }, 'a code is redeemed once')
  }))

test('a device that is refused is told so', () =>
  at('127.0.0.3', async (browser) => {
    const device = await ask()
    const form = await browser.open(device.verification_uri)
    const confirm = await browser.submit(form, { user_code: device.user_code })
    const refused = await browser.submit(confirm, { abort: 'yes' })
    assert.match(refused.text, /The device was not let in/)
    await assert.rejects(redeemNow(device.device_code), { error: 'access_denied' })
  }))
