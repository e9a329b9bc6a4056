import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTenant, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { until } from '../support/until.ts'

// The published request rates: off until a system administrator switches them on, and then counted by network and kind of object.

let palisade: Palisade
let acme: Tenant
before(async () => {
  palisade = await startPalisade({ name: 'rates' })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

/** Many times the burst at once: to let all of it through takes the refill of half a minute. */
const many = async (path: string, count = 350) => {
  const answers = await Promise.all(Array.from({ length: count }, () => acme.admin.call('GET', path)))
  return answers.filter(({ status }) => status === 429)
}

test('the published rates hold once they are switched on, each kind of object for itself, and no longer when off', async () => {
  const { system } = palisade
  const path = '/v1/system/ratelimit'
  assert.deepEqual(await system.must('GET', path), { isActive: false })
  assert.equal((await many('/v1/users/info')).length, 0)
  assert.equal((await acme.admin.call('PATCH', path)).status, 403)

  assert.deepEqual(await system.must('PATCH', path), { isActive: true })
  assert.deepEqual(await system.must('GET', path), { isActive: true })
  const refused = await many('/v1/users/info')
  assert.ok(refused.length > 0)
  for (const { body, headers } of refused) {
    assert.equal(body.code, 'TooManyRequests')
    assert.match(String(headers['retry-after']), /^\d+$/)
  }
  assert.equal(
    (await acme.admin.call('GET', '/v1/teams')).status,
    200,
    'another kind of object has a budget of its own',
  )
  assert.equal((await many('/v1/spectroclusters', 200)).length, 0, 'clusters have a greater one')

  assert.deepEqual(await system.must('PATCH', path), { isActive: false })
  assert.equal((await many('/v1/users/info')).length, 0)
})

test('what the installation says of itself', async () => {
  const { version } = await palisade.api.must('GET', '/v1/palisade/version')
  assert.deepEqual(await acme.admin.must('GET', '/v1/system/version/installed'), { version })
  assert.deepEqual(await acme.admin.must('GET', '/v1/health/ping'), { msg: 'pong' })
  const ready = await until('it to be ready', async () => {
    const { status, body } = await acme.admin.call('GET', '/v1/health/ready')
    return status === 200 ? body : undefined
  })
  assert.deepEqual(ready, { msg: 'ready' })
  for (const path of ['/v1/health/ping', '/v1/health/ready', '/v1/system/version/installed'])
    assert.equal((await palisade.api.call('GET', path)).status, 401, path)
})
