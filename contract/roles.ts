import { RoleUid } from './ids.ts'
import { type AnyPermission, permissions, type RoleScope, systemPermissions } from './permissions.ts'

/**
 * The roles that every installation has and nobody can change: 46 for tenants (10 tenant, 30 project, 6 resource) and
 * three for system administrators. Clients find them by name; their UIDs are the same in every tenant of every installation.
 *
 * A line of `gives` is operations, then the keys they are for. The operations are letters (**c**reate, **d**elete,
 * **g**et, **l**ist, **u**pdate, **i**mport, **p**ublish) or the name of one of these sets.
 */
const operationSets = new Map<string, readonly string[]>(
  Object.entries({
    ssh: ['sshUpdate', 'sshUserUpdate'],
    vmRun: [
      ...['get', 'list', 'pause', 'restart', 'resume', 'start', 'stop', 'update'],
      ...['snapshotCreate', 'snapshotDelete', 'snapshotGet', 'snapshotList', 'snapshotUpdate'],
    ],
    vmMove: ['clone', 'migrate'],
    backup: ['backup', 'restore'],
  }),
)
const letters = new Map(
  Object.entries({ c: 'create', d: 'delete', g: 'get', l: 'list', u: 'update', i: 'import', p: 'publish' }),
)

type Written = { readonly uid: string; readonly description: string; readonly gives: readonly string[] }

/** A predefined role, `permissions` in the order of the catalogue. It is also the role as `core/access` takes it. */
export type PredefinedRole = {
  readonly uid: RoleUid
  readonly name: string
  readonly description: string
  /** `spec.scope` on the wire: where the role is given. (`spec.type` is `system` for all of them: predefined.) */
  readonly scope: RoleScope
  readonly permissions: readonly AnyPermission[]
}

const tenantRoles = roles('tenant', {
  'Tenant Admin': {
    uid: 'bb6766b73d58b5623e15ed7c',
    description: 'Everything in the tenant and in each of its projects.',
    gives: [
      'cdgilu cluster',
      'cdglpu clusterProfile',
      'cdglu apiKey appDeployment appProfile cloudaccount cloudconfig clusterGroup clusterPair clusterTemplate',
      'cdglu dnsMapping edgehost edgeToken filter location machine macro packRegistry privateGateway project',
      'cdglu role spcPolicy sshKey team user virtualCloudconfig virtualCluster',
      'gl audit',
      'u tag',
      'ssh edgehost',
      'cd virtualMachine',
      'vmMove virtualMachine',
      'vmRun virtualMachine',
      'cdglu workspace',
      'backup workspace',
    ],
  },
  'Tenant Viewer': {
    uid: 'b967074ecd0702fa672f62c4',
    description: 'Reads everything in the tenant and in each of its projects.',
    gives: [
      'gl apiKey appDeployment appProfile audit cloudaccount cloudconfig cluster clusterGroup clusterPair',
      'gl clusterProfile clusterTemplate dnsMapping edgehost edgeToken filter location machine macro',
      'gl packRegistry privateGateway project role spcPolicy sshKey team user virtualCloudconfig virtualCluster',
      'gl virtualMachine workspace',
    ],
  },
  'Tenant Cluster Group Admin': {
    uid: '8fe8daad5a8fbeea13f5f8e7',
    description: 'Creates, changes and deletes cluster groups of the tenant.',
    gives: ['cdglu clusterGroup', 'gl cluster', 'u tag'],
  },
  'Tenant Cluster Group Editor': {
    uid: 'c6bafa144755816a778dbb82',
    description: 'Changes cluster groups of the tenant; creates and deletes none.',
    gives: ['glu clusterGroup', 'gl cluster', 'u tag'],
  },
  'Tenant Cluster Group Viewer': {
    uid: '6050050756e1315adbcfe0d3',
    description: 'Reads cluster groups of the tenant.',
    gives: ['gl cluster clusterGroup'],
  },
  'Tenant Cluster Profile Admin': {
    uid: '6b40d0ffca4eca828fa9ae9e',
    description: 'Creates, changes, publishes and deletes cluster profiles of the tenant.',
    gives: ['cdglpu clusterProfile', 'cdglu macro', 'gl packRegistry', 'u tag'],
  },
  'Tenant Project Admin': {
    uid: '76aa68850f3880079fa50157',
    description: 'Administers every project of the tenant, but no users, teams or roles.',
    gives: [
      'cdgilu cluster',
      'cdglpu clusterProfile',
      'cdglu appDeployment appProfile cloudaccount cloudconfig clusterGroup clusterPair clusterTemplate',
      'cdglu dnsMapping edgehost edgeToken filter location machine macro packRegistry privateGateway project',
      'cdglu spcPolicy sshKey virtualCloudconfig virtualCluster',
      'gl apiKey audit',
      'u tag',
      'ssh edgehost',
      'cd virtualMachine',
      'vmMove virtualMachine',
      'vmRun virtualMachine',
      'cdglu workspace',
      'backup workspace',
    ],
  },
  'Tenant Role Admin': {
    uid: 'cec12ea88bb9f22f9d31bc58',
    description: 'Creates, changes and deletes custom roles.',
    gives: ['cdglu role'],
  },
  'Tenant Team Admin': {
    uid: 'ec230b6f3ec705e6fff6ee2e',
    description: 'Creates, changes and deletes teams.',
    gives: ['cdglu team', 'gl apiKey audit user'],
  },
  'Tenant User Admin': {
    uid: '93cc043eddf71d7c1598b056',
    description: 'Creates, changes and deletes users and their API keys.',
    gives: ['cdglu apiKey user', 'gl audit'],
  },
})

const projectRoles = roles('project', {
  'App Deployment Admin': {
    uid: '2d3db481b26e61c05bb7df9d',
    description: 'Creates, changes and deletes app deployments and the virtual clusters that carry them.',
    gives: [
      'cdglu appDeployment location macro sshKey virtualCloudconfig virtualCluster',
      'gl appProfile cloudaccount clusterGroup machine packRegistry project',
      'u tag',
    ],
  },
  'App Deployment Editor': {
    uid: 'b24cda4b0f5863e3da7f2c42',
    description: 'Changes app deployments and the virtual clusters that carry them.',
    gives: [
      'glu appDeployment location macro sshKey virtualCloudconfig virtualCluster',
      'gl appProfile cloudaccount clusterGroup machine packRegistry project',
      'u tag',
    ],
  },
  'App Deployment Viewer': {
    uid: 'b18b64a89ad6fe753be5bbba',
    description: 'Reads app deployments and what they are made of.',
    gives: [
      'gl appDeployment appProfile cloudaccount clusterGroup location machine macro packRegistry project sshKey',
      'gl virtualCloudconfig virtualCluster',
    ],
  },
  'App Profile Admin': {
    uid: 'b678ce33381013588f5f8711',
    description: 'Creates, changes and deletes app profiles.',
    gives: ['cdglu appProfile macro', 'gl packRegistry project'],
  },
  'App Profile Editor': {
    uid: 'a914f470dff941e2cb1ae0a5',
    description: 'Changes app profiles.',
    gives: ['glu appProfile macro', 'gl packRegistry project'],
  },
  'App Profile Viewer': {
    uid: '4488e15b2e1a4159f748224a',
    description: 'Reads app profiles.',
    gives: ['gl appProfile macro packRegistry project'],
  },
  'Cloud Account Admin': {
    uid: '186c44a3bf08acb0a5d632b0',
    description: 'Creates, changes and deletes cloud accounts of the project.',
    gives: ['cdglu cloudaccount', 'gl project'],
  },
  'Cloud Account Editor': {
    uid: 'cf0e3ebc53e361f4a33430cc',
    description: 'Changes cloud accounts of the project.',
    gives: ['glu cloudaccount', 'gl project'],
  },
  'Cloud Account Viewer': {
    uid: '00313926f00f0bcd4c54a783',
    description: 'Reads cloud accounts of the project.',
    gives: ['gl cloudaccount project'],
  },
  'Cluster Admin': {
    uid: 'a5b22ab52090e9157b772665',
    description: 'Everything about clusters, their configuration and their virtual machines.',
    gives: [
      'cdgilu cluster',
      'cdglu cloudconfig clusterPair dnsMapping edgehost location machine macro sshKey virtualCloudconfig',
      'cdglu virtualCluster',
      'gl cloudaccount clusterGroup clusterProfile clusterTemplate packRegistry privateGateway project',
      'gl spcPolicy',
      'u tag',
      'ssh edgehost',
      'cd virtualMachine',
      'vmMove virtualMachine',
      'vmRun virtualMachine',
    ],
  },
  'Cluster Editor': {
    uid: '6c0d78b10ba923ca021b544c',
    description: 'Changes clusters; creates, imports and deletes none.',
    gives: [
      'dglu machine',
      'glu cloudconfig cluster clusterPair dnsMapping edgehost location macro sshKey virtualCloudconfig',
      'glu virtualCluster',
      'gl cloudaccount clusterGroup clusterProfile clusterTemplate packRegistry privateGateway project',
      'gl spcPolicy',
      'u tag',
      'vmRun virtualMachine',
    ],
  },
  'Cluster Viewer': {
    uid: '2bf845c9eb73e8932434c1fc',
    description: 'Reads clusters and their configuration.',
    gives: [
      'gl cloudaccount cloudconfig cluster clusterGroup clusterPair clusterProfile clusterTemplate dnsMapping',
      'gl edgehost location machine macro packRegistry privateGateway project spcPolicy sshKey',
      'gl virtualCloudconfig virtualCluster virtualMachine',
    ],
  },
  'Cluster Profile Admin': {
    uid: '5daee9eea461b6f255c0a85e',
    description: 'Creates, changes, publishes and deletes cluster profiles of the project.',
    gives: ['cdglpu clusterProfile', 'cdglu macro', 'gl packRegistry project', 'u tag'],
  },
  'Cluster Profile Editor': {
    uid: '1416398c5555d2f66d562657',
    description: 'Changes and publishes cluster profiles of the project.',
    gives: ['glpu clusterProfile', 'glu macro', 'gl packRegistry project', 'u tag'],
  },
  'Cluster Profile Viewer': {
    uid: '2ec5af7129885f9e2c223a2c',
    description: 'Reads cluster profiles of the project.',
    gives: ['gl clusterProfile macro packRegistry project'],
  },
  'Project Admin': {
    uid: 'bbf3e4ab8fba0a4fedd35184',
    description: 'Everything inside the project; changes the project itself, but does not create or delete projects.',
    gives: [
      'cdgilu cluster',
      'cdglpu clusterProfile',
      'cdglu appDeployment appProfile cloudaccount cloudconfig clusterGroup clusterPair clusterTemplate',
      'cdglu dnsMapping edgehost location machine macro privateGateway spcPolicy sshKey virtualCloudconfig',
      'cdglu virtualCluster',
      'glu project',
      'gl audit packRegistry',
      'u tag',
      'ssh edgehost',
      'cd virtualMachine',
      'vmMove virtualMachine',
      'vmRun virtualMachine',
      'cdglu workspace',
      'backup workspace',
    ],
  },
  'Project Editor': {
    uid: '8b9a46258786b3562f2e652e',
    description: 'Changes what is in the project; creates and deletes almost nothing.',
    gives: [
      'cglu cloudconfig',
      'dglu machine',
      'glpu clusterProfile',
      'glu appDeployment appProfile cloudaccount cluster clusterGroup clusterPair clusterTemplate dnsMapping',
      'glu edgehost location macro privateGateway project spcPolicy sshKey virtualCloudconfig virtualCluster',
      'gl audit packRegistry',
      'u tag',
      'vmRun virtualMachine',
      'glu workspace',
      'backup workspace',
    ],
  },
  'Project Viewer': {
    uid: 'fd6f3aeb463bf3a5f25d72ce',
    description: 'Reads what is in the project, virtual machines excepted.',
    gives: [
      'gl appDeployment appProfile audit cloudaccount cloudconfig cluster clusterGroup clusterPair',
      'gl clusterProfile clusterTemplate dnsMapping edgehost location machine macro packRegistry privateGateway',
      'gl project spcPolicy sshKey virtualCloudconfig virtualCluster workspace',
    ],
  },
  'Project Cluster Group Admin': {
    uid: 'b0e2c791b1926584d693c6c5',
    description: 'Creates, changes and deletes cluster groups of the project.',
    gives: ['cdglu clusterGroup', 'gl cluster project', 'u tag'],
  },
  'Project Cluster Group Editor': {
    uid: '9c605e748d2ca00ad3549993',
    description: 'Changes cluster groups of the project.',
    gives: ['glu clusterGroup', 'gl cluster project', 'u tag'],
  },
  'Project Cluster Group Viewer': {
    uid: 'db568aad6c0edee5cc257f24',
    description: 'Reads cluster groups of the project.',
    gives: ['gl cluster clusterGroup project'],
  },
  'Virtual Cluster Admin': {
    uid: '0d207e50cdd0c05326715470',
    description: 'Creates, changes and deletes virtual clusters.',
    gives: ['cdglu macro virtualCloudconfig virtualCluster', 'gl clusterGroup location project', 'u tag'],
  },
  'Virtual Cluster Editor': {
    uid: '090f7ddd9cc256f73be87217',
    description: 'Changes virtual clusters.',
    gives: ['glu macro virtualCloudconfig virtualCluster', 'gl clusterGroup location project', 'u tag'],
  },
  'Virtual Cluster Viewer': {
    uid: '2a5430a6f9765c44feeb0c00',
    description: 'Reads virtual clusters.',
    gives: ['gl clusterGroup location macro project virtualCloudconfig virtualCluster'],
  },
  'Virtual Machine Admin': {
    uid: 'bbeb0dfb0c112418eb19e1ae',
    description: 'Everything that can be done with virtual machines.',
    gives: ['g project', 'cd virtualMachine', 'vmMove virtualMachine', 'vmRun virtualMachine'],
  },
  'Virtual Machine Power User': {
    uid: '2d904ff8d53463767993c17d',
    description: 'Everything that can be done with virtual machines but creating and deleting them.',
    gives: ['g project', 'vmMove virtualMachine', 'vmRun virtualMachine'],
  },
  'Virtual Machine User': {
    uid: '36fa6f720794c6e701a0e0a8',
    description: 'Starts, stops, pauses, changes and snapshots virtual machines that exist.',
    gives: ['g project', 'vmRun virtualMachine'],
  },
  'Virtual Machine Viewer': {
    uid: '1d2b86e1579a5b636849c5a1',
    description: 'Reads virtual machines.',
    gives: ['gl virtualMachine', 'g project'],
  },
  'Workspace Admin': {
    uid: '88d0f60631a616190165d98b',
    description: 'Everything that can be done with workspaces.',
    gives: ['gl project', 'l cluster location', 'u tag', 'cdglu workspace', 'backup workspace'],
  },
  'Workspace Operator': {
    uid: 'a4e3a09ee946a16a90b08449',
    description: 'Reads workspaces, backs them up and restores them.',
    gives: ['gl project', 'l cluster location', 'gl workspace', 'backup workspace'],
  },
})

const resourceRoles = roles('resource', {
  'Resource Cluster Admin': {
    uid: '0ce343ef9eb82253396fb528',
    description: 'Changes and deletes the clusters that a filter selects.',
    gives: [
      'dglu cloudconfig cluster clusterProfile virtualCloudconfig virtualCluster',
      'gl cloudaccount dnsMapping location machine macro packRegistry sshKey',
      'cd virtualMachine',
      'vmMove virtualMachine',
      'vmRun virtualMachine',
    ],
  },
  'Resource Cluster Editor': {
    uid: 'cf445b093163c1e20f1f25e5',
    description: 'Changes the clusters that a filter selects.',
    gives: [
      'glu cloudconfig cluster clusterProfile virtualCloudconfig virtualCluster',
      'gl cloudaccount dnsMapping location machine macro packRegistry sshKey',
      'vmRun virtualMachine',
    ],
  },
  'Resource Cluster Viewer': {
    uid: '41bcb15731896af1cecb3738',
    description: 'Reads the clusters that a filter selects.',
    gives: [
      'gl cloudaccount cloudconfig cluster clusterProfile dnsMapping location machine macro packRegistry sshKey',
      'gl virtualCloudconfig virtualCluster virtualMachine',
    ],
  },
  'Resource Cluster Profile Admin': {
    uid: '7f83b7a7b26c45e527809253',
    description: 'Changes, publishes and deletes the cluster profiles that a filter selects.',
    gives: ['dglpu clusterProfile', 'gl macro packRegistry'],
  },
  'Resource Cluster Profile Editor': {
    uid: '4b858bd2d13255999f4f0dba',
    description: 'Changes and publishes the cluster profiles that a filter selects.',
    gives: ['glpu clusterProfile', 'gl macro packRegistry'],
  },
  'Resource Cluster Profile Viewer': {
    uid: 'e9ea080c03f84a0cd76df7e9',
    description: 'Reads the cluster profiles that a filter selects.',
    gives: ['gl clusterProfile macro packRegistry'],
  },
})

/** Roles of system administrators, given in system scope: Palette's account kinds (none, `OperationAdmin`, `AccountAdmin`). */
const systemAdministratorRoles = roles('system', {
  'Root Administrator': {
    uid: '596f0e32fa53690703640dc5',
    description: 'Everything in the system console: tenants, administrators and their audit log.',
    gives: ['cdglu systemAdmin tenant', 'gl audit'],
  },
  'Operations Administrator': {
    uid: 'cd5931d18233a3d92178443b',
    description: 'Manages tenants; no administrator accounts.',
    gives: ['cdglu tenant', 'gl audit'],
  },
  'Account Administrator': {
    uid: 'ec90cd3e03748e9df752cfc6',
    description: 'Manages administrator accounts; no tenants.',
    gives: ['cdglu systemAdmin', 'gl audit'],
  },
})

const all = { ...tenantRoles, ...projectRoles, ...resourceRoles, ...systemAdministratorRoles }
export type PredefinedRoleName = keyof typeof all

/** The 46 roles of every tenant: tenant, project, resource, each in the order of the published lists. */
export const predefinedRoles: readonly PredefinedRole[] = [
  ...Object.values(tenantRoles),
  ...Object.values(projectRoles),
  ...Object.values(resourceRoles),
]

/** The roles of the tenant `system`. */
export const systemRoles: readonly PredefinedRole[] = Object.values(systemAdministratorRoles)

/** One predefined role by its published name, for code that gives it (the first user of a tenant is its Tenant Admin). */
export function predefinedRole(name: PredefinedRoleName): PredefinedRole {
  return all[name]
}

function roles<Name extends string>(scope: RoleScope, written: Readonly<Record<Name, Written>>) {
  const entries = Object.entries<Written>(written).map(([name, { uid, description, gives }]) => [
    name,
    Object.freeze({ uid: RoleUid.parse(uid), name, description, scope, permissions: Object.freeze(expand(gives)) }),
  ])
  return Object.fromEntries(entries) as Readonly<Record<Name, PredefinedRole>> // Cast: fromEntries forgets the names.
}

function expand(gives: readonly string[]): readonly AnyPermission[] {
  const given = new Set(gives.flatMap(expandLine))
  const expanded = [...new Set<AnyPermission>([...permissions, ...systemPermissions])].filter((permission) =>
    given.has(permission),
  )
  if (expanded.length < given.size)
    throw new Error(`A predefined role names what is no permission: ${gives.join('; ')}`)
  return expanded
}

function expandLine(line: string): readonly string[] {
  const [operations = '', ...keys] = line.split(' ')
  const words = operationSets.get(operations) ?? [...operations].map((letter) => letters.get(letter))
  return keys.flatMap((key) => words.map((word) => `${key}.${word}`))
}
