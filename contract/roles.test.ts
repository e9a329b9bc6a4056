import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permissions, scopesOf, systemPermissions } from './permissions.ts'
import { predefinedRole, predefinedRoles, systemRoles } from './roles.ts'

/** How many permissions each predefined role has, from the published lists. */
const published = {
  tenant: {
    'Tenant Admin': 166,
    'Tenant Viewer': 60,
    'Tenant Cluster Group Admin': 8,
    'Tenant Cluster Group Editor': 6,
    'Tenant Cluster Group Viewer': 4,
    'Tenant Cluster Profile Admin': 14,
    'Tenant Project Admin': 148,
    'Tenant Role Admin': 5,
    'Tenant Team Admin': 11,
    'Tenant User Admin': 12,
  },
  project: {
    'App Deployment Admin': 43,
    'App Deployment Editor': 31,
    'App Deployment Viewer': 24,
    'App Profile Admin': 14,
    'App Profile Editor': 10,
    'App Profile Viewer': 8,
    'Cloud Account Admin': 7,
    'Cloud Account Editor': 5,
    'Cloud Account Viewer': 4,
    'Cluster Admin': 92,
    'Cluster Editor': 64,
    'Cluster Viewer': 40,
    'Cluster Profile Admin': 16,
    'Cluster Profile Editor': 12,
    'Cluster Profile Viewer': 8,
    'Project Admin': 131,
    'Project Editor': 86,
    'Project Viewer': 46,
    'Project Cluster Group Admin': 10,
    'Project Cluster Group Editor': 8,
    'Project Cluster Group Viewer': 6,
    'Virtual Cluster Admin': 22,
    'Virtual Cluster Editor': 16,
    'Virtual Cluster Viewer': 12,
    'Virtual Machine Admin': 18,
    'Virtual Machine Power User': 16,
    'Virtual Machine User': 14,
    'Virtual Machine Viewer': 3,
    'Workspace Admin': 12,
    'Workspace Operator': 8,
  },
  resource: {
    'Resource Cluster Admin': 51,
    'Resource Cluster Editor': 42,
    'Resource Cluster Viewer': 26,
    'Resource Cluster Profile Admin': 9,
    'Resource Cluster Profile Editor': 8,
    'Resource Cluster Profile Viewer': 6,
  },
}

for (const [scope, roles] of Object.entries(published)) {
  const written = predefinedRoles.filter((role) => role.scope === scope)

  test(`the ${scope} roles are the published ones, in their order, each with its number of permissions`, () => {
    assert.deepEqual(
      written.map(({ name, permissions }) => [name, permissions.length]),
      Object.entries(roles),
    )
  })

  test(`every permission of the ${scope} roles is one that ${scope} roles may carry`, () => {
    for (const role of written)
      assert.deepEqual(
        role.permissions.filter((it) => !scopesOf(it).some((allowed) => allowed === scope)),
        [],
        role.name,
      )
  })
}

test('46 roles of a tenant, three of the system, no UID and no name twice', () => {
  const all = [...predefinedRoles, ...systemRoles]
  assert.deepEqual([predefinedRoles.length, systemRoles.length], [46, 3])
  assert.equal(new Set(all.map(({ uid }) => uid)).size, 49)
  assert.equal(new Set(all.map(({ name }) => name.toLowerCase())).size, 49)
})

const catalogue = new Set([...permissions, ...systemPermissions])

test('no role lists a permission twice, and all list them in the order of the catalogue', () => {
  for (const role of [...predefinedRoles, ...systemRoles])
    assert.deepEqual(
      role.permissions,
      [...catalogue].filter((it) => role.permissions.includes(it)),
      role.name,
    )
})

test('a predefined role cannot be changed at run time', () => {
  const role = predefinedRole('Tenant Viewer')
  assert.throws(() => Object.assign(role, { scope: 'system' }), TypeError)
  assert.throws(() => Object.assign(role.permissions, { 0: 'tenant.delete' }), TypeError)
})

test('Tenant Admin holds every permission of a tenant', () => {
  assert.deepEqual(new Set(predefinedRole('Tenant Admin').permissions), permissions)
})

test('Virtual Machine User runs and snapshots, but does not create, delete, clone or migrate', () => {
  const held = predefinedRole('Virtual Machine User').permissions
  assert.ok(held.includes('virtualMachine.snapshotCreate') && held.includes('virtualMachine.start'))
  for (const barred of ['create', 'delete', 'clone', 'migrate'] as const)
    assert.ok(!held.includes(`virtualMachine.${barred}`))
})

test('operations and account administrators share nothing but the audit log, and Root has both', () => {
  const [root, operations, accounts] = (
    ['Root Administrator', 'Operations Administrator', 'Account Administrator'] as const
  ).map((name) => new Set(predefinedRole(name).permissions))
  assert.ok(root && operations && accounts)
  assert.deepEqual(
    [...operations].filter((it) => accounts.has(it)),
    ['audit.get', 'audit.list'],
  )
  assert.deepEqual(root, new Set([...operations, ...accounts]))
  assert.deepEqual(root, systemPermissions)
})
