import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions } from './profile-versions.ts'

test('versions are ordered as semantic versioning says, §11', () => {
  const ordered = [
    ...['0.9.9', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11'],
    ...['1.0.0-rc.1', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '2.0.0', '10.0.0'],
  ]
  for (const [i, one] of ordered.entries())
    for (const [j, other] of ordered.entries())
      assert.equal(Math.sign(compareVersions(one, other)), Math.sign(i - j), `${one} beside ${other}`)
  assert.equal(compareVersions('1.0.0+build.1', '1.0.0+build.2'), 0)
  assert.equal(compareVersions('1.2', '1.2.0'), 0)
  assert.ok(compareVersions('1.2.0-1-2', '1.2.0') < 0)
})
