import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalPermission,
  isPermission,
  permissionComponents,
  permissions,
  systemPermissions,
} from './permissions.ts'

test('166 permissions over 31 resource keys are for tenants, 12 over three for system administrators', () => {
  const keys = (of: Iterable<string>) => new Set([...of].map((permission) => permission.split('.')[0]))
  assert.deepEqual([permissions.size, keys(permissions).size], [166, 31])
  assert.deepEqual([systemPermissions.size, keys(systemPermissions)], [12, new Set(['audit', 'systemAdmin', 'tenant'])])
})

// Figures: the T, P and R columns of the published component table united with what the predefined roles carry.
for (const { scope, components, count } of [
  { scope: 'system', components: 3, count: 12 },
  { scope: 'tenant', components: 31, count: 166 },
  { scope: 'project', components: 25, count: 136 },
  { scope: 'resource', components: 13, count: 52 },
] as const) {
  test(`${scope} scope takes ${count} permissions of ${components} components`, () => {
    const answer = permissionComponents(scope)
    assert.equal(answer.length, components)
    assert.equal(answer.flatMap((component) => component.permissions).length, count)
    assert.ok(answer.every((component) => component.scope === scope))
  })
}

test('a component answers under its published title with what the scope takes of it', () => {
  assert.deepEqual(
    permissionComponents('resource').find(({ name }) => name === 'Cluster Profile'),
    {
      name: 'Cluster Profile',
      scope: 'resource',
      permissions: ['delete', 'get', 'list', 'publish', 'update'].map((operation) => `clusterProfile.${operation}`),
    },
  )
  assert.deepEqual(
    permissionComponents('project').find(({ name }) => name === 'Tag'),
    { name: 'Tag', scope: 'project', permissions: ['tag.update'] },
  )
})

test('titles are unique and in order, because clients find a component by its exact title', () => {
  const titles = permissionComponents('tenant').map(({ name }) => name)
  const byTitle = (a: string, b: string) => a.localeCompare(b, 'en')
  assert.deepEqual(titles, [...new Set(titles)].toSorted(byTitle))
})

for (const { text, canonical, rule } of [
  { text: 'cluster.get', canonical: 'cluster.get', rule: 'the canonical spelling stays' },
  { text: 'virtualCloudConfig.get', canonical: 'virtualCloudconfig.get', rule: 'the one alias is understood' },
  { text: 'virtualCloudConfig.fly', canonical: undefined, rule: 'an alias does not make an operation' },
  { text: 'cluster.Get', canonical: undefined, rule: 'case matters' },
  { text: 'cluster.get ', canonical: undefined, rule: 'so do blanks' },
  { text: 'cluster.*', canonical: undefined, rule: 'there are no wildcards' },
  { text: 'tag.get', canonical: undefined, rule: 'reading tags is nobody’s to give' },
  { text: 'tenant.delete', canonical: undefined, rule: 'what is for system administrators is in no role of a tenant' },
  { text: 'constructor', canonical: undefined, rule: 'names of object members are no permissions' },
  { text: '', canonical: undefined, rule: 'neither is nothing' },
]) {
  test(`canonicalPermission: ${rule} (${JSON.stringify(text)})`, () => {
    assert.equal(canonicalPermission(text), canonical)
    assert.equal(isPermission(text), text === canonical)
  })
}
