import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CanvasWorld, createBrowser, startCanvasWorld } from './canvas-world.ts'

let world: CanvasWorld
before(async () => {
  world = await startCanvasWorld()
})
after(() => world?.stop())

test('a sign-in leads through the issuer to where it began, and the session says who it is', async () => {
  world.issuer.account = world.ada.account
  const browser = createBrowser(world, world.issuer)
  const page = await browser.open('/canvas/login?return_to=%2Fclusters%3Ftab%3D1')
  assert.equal(page.url, `${world.url}/clusters?tab=1`)
  const { status, body } = await browser.fetch('/canvas/session')
  assert.equal(status, 200)
  assert.equal(body.user.uid, world.ada.uid)
  assert.deepEqual(body.tenant, { uid: world.ada.tenant, name: 'ada' })
  assert.ok(Date.parse(body.endsAt) > Date.now())
  const projects = await browser.fetch('/canvas/api/v1/dashboard/projects/metadata')
  assert.equal(projects.body.items[0].metadata.uid, world.ada.project)
})
