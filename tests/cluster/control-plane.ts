import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Authority, createAuthority, createKeyPair } from '../support/certificates.ts'
import { freePort } from '../support/ports.ts'
import type { Daemon, ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { type AdminApi, createAdminApi } from './api.ts'
import { kubeconfig } from './kubeconfig.ts'
import { kwokConfiguration, nodeManifest, nodeName } from './kwok.ts'
import type { ClusterTools } from './tools.ts'

export interface ControlPlaneSettings {
  readonly name: string
  readonly tools: ClusterTools
  readonly family: ProcessFamily
  /** Whether there is a node whose pods run. */
  readonly kubelet: boolean
  /** Text of kube-apiserver's structured authentication configuration (`--authentication-config`). */
  readonly authenticationConfig?: string
  /** Whether kube-apiserver writes an audit log of every request. */
  readonly audit: boolean
  /** Port on 127.0.0.1 that the pods' ports are forwarded to. */
  readonly forwardPort: number
}

export interface ControlPlane {
  /** `https://127.0.0.1:<port>` */
  readonly server: string
  readonly authority: Authority
  readonly api: AdminApi
  readonly adminKubeconfigText: string
  /** The log that every container shows. */
  readonly containerLog: string
  readonly auditLog: string
  /** Path of the authentication configuration, which kube-apiserver reads anew when it changes. */
  readonly authenticationConfig: string
  readonly daemons: Readonly<Record<'etcd' | 'apiserver' | 'controllerManager', Daemon>>
}

// etcd makes a socket of this odd name in its working folder: its URLs of that kind take no path in older versions.
// A socket needs no free port and no TLS, and lets in nobody but its owner.
const etcdSocket = 'unix://localhost:2379'
const etcdPeerSocket = 'unix://localhost:2380'

/** Starts the programs in the family's folder and returns when they are ready for a test's first command. */
export async function startControlPlane(settings: ControlPlaneSettings): Promise<ControlPlane> {
  const { name, tools, family, audit } = settings
  const file = (name: string): string => join(family.folder, name)
  const [apiserverPort, kubeletPort] = [await freePort(), await freePort()]
  const server = `https://127.0.0.1:${apiserverPort}`
  const authority = await createAuthority(`${name} test CA`)
  const admin = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] })
  const loopback = { dnsNames: ['localhost'], addresses: ['127.0.0.1'] }
  const [serving, kubeletClient, kubeletServing, signer] = await Promise.all([
    authority.issue({ commonName: 'kube-apiserver', ...loopback }),
    authority.issue({ commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] }),
    authority.issue({ commonName: nodeName, ...loopback }),
    createKeyPair(),
  ])
  const adminKubeconfigText = kubeconfig({
    clusterName: name,
    server,
    caPem: authority.certPem,
    user: 'admin',
    credential: admin,
  })

  const writing: [name: string, text: string][] = [
    ['ca.crt', authority.certPem],
    ['apiserver.crt', serving.certPem],
    ['apiserver.key', serving.keyPem],
    ['kubelet-client.crt', kubeletClient.certPem],
    ['kubelet-client.key', kubeletClient.keyPem],
    ['kubelet.crt', kubeletServing.certPem],
    ['kubelet.key', kubeletServing.keyPem],
    ['service-accounts.key', signer.keyPem],
    ['service-accounts.pub', signer.publicPem],
    ['admin.kubeconfig', adminKubeconfigText],
    ['containers.log', ''],
  ]
  if (settings.authenticationConfig !== undefined) writing.push(['authentication.yaml', settings.authenticationConfig])
  if (audit) writing.push(['audit-policy.yaml', auditPolicy])
  await Promise.all(writing.map(([name, text]) => writeFile(file(name), text, { mode: 0o600 })))

  const etcd = await family.start('etcd', tools.etcd, [
    '--data-dir=etcd',
    `--listen-client-urls=${etcdSocket}`,
    `--advertise-client-urls=${etcdSocket}`,
    `--listen-peer-urls=${etcdPeerSocket}`,
    `--initial-advertise-peer-urls=${etcdPeerSocket}`,
    `--initial-cluster=default=${etcdPeerSocket}`,
    // A cluster of one elects itself: no reason to wait a second for it.
    '--heartbeat-interval=20',
    '--election-timeout=200',
  ])
  const apiserver = await family.start('kube-apiserver', tools.kubeApiserver, [
    `--etcd-servers=${etcdSocket}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${apiserverPort}`,
    '--cert-dir=apiserver',
    '--tls-cert-file=apiserver.crt',
    '--tls-private-key-file=apiserver.key',
    '--client-ca-file=ca.crt',
    '--kubelet-certificate-authority=ca.crt',
    '--kubelet-client-certificate=kubelet-client.crt',
    '--kubelet-client-key=kubelet-client.key',
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-issuer=${server}`,
    '--service-account-key-file=service-accounts.pub',
    '--service-account-signing-key-file=service-accounts.key',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=Node,RBAC',
    '--profiling=false',
    ...(settings.authenticationConfig === undefined ? [] : ['--authentication-config=authentication.yaml']),
    ...(audit
      ? ['--audit-policy-file=audit-policy.yaml', '--audit-log-path=audit.log', '--audit-log-format=json']
      : []),
  ])

  const api = createAdminApi({ port: apiserverPort, caPem: authority.certPem, ...admin })
  const waitFor = (what: string, probe: () => Promise<boolean>, daemons: readonly Daemon[]): Promise<true> =>
    until(
      what,
      async () => {
        for (const daemon of daemons) await daemon.assertRunning()
        return (await probe()) || undefined
      },
      { timeoutMs: 180_000, everyMs: 100 },
    )

  await waitFor('kube-apiserver', () => answers(api, '/readyz'), [etcd, apiserver])

  const controllerManager = await family.start('kube-controller-manager', tools.kubeControllerManager, [
    '--kubeconfig=admin.kubeconfig',
    '--root-ca-file=ca.crt',
    '--service-account-private-key-file=service-accounts.key',
    `--controllers=${controllers.join(',')}`,
    '--leader-elect=false',
    // Nobody asks it anything: no port.
    '--secure-port=0',
  ])

  let kwok: Daemon | undefined
  if (settings.kubelet) {
    await mkdir(file('pod'))
    const configuration = kwokConfiguration({
      port: kubeletPort,
      logFile: file('containers.log'),
      workFolder: file('pod'),
      forwardPort: settings.forwardPort,
      // What an exec runs is a process of this machine: it need not be root's.
      ...(process.getuid?.() === 0 ? { runAs: nobody } : {}),
    })
    await writeFile(file('kwok.yaml'), configuration, { mode: 0o600 })
    await api.call('POST', '/api/v1/nodes', nodeManifest())
    kwok = await family.start('kwok', tools.kwok, [
      '--kubeconfig=admin.kubeconfig',
      '--config=kwok.yaml',
      `--server-address=127.0.0.1:${kubeletPort}`,
      '--tls-cert-file=kubelet.crt',
      '--tls-private-key-file=kubelet.key',
    ])
  }

  const controllersRun = [etcd, apiserver, controllerManager]
  await waitFor('the aggregated role `view`', () => viewIsAggregated(api), controllersRun)
  await waitFor(
    'the default ServiceAccount',
    () => answers(api, '/api/v1/namespaces/default/serviceaccounts/default'),
    controllersRun,
  )
  if (kwok !== undefined) await waitFor('the node', () => nodeIsReady(api), [etcd, apiserver, kwok])

  return {
    server,
    authority,
    api,
    adminKubeconfigText,
    containerLog: file('containers.log'),
    auditLog: file('audit.log'),
    authenticationConfig: file('authentication.yaml'),
    daemons: { etcd, apiserver, controllerManager },
  }
}

/** The built-in roles' aggregation, ServiceAccounts and their tokens, namespaces and what people usually create. */
const controllers = [
  'clusterrole-aggregation-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'deployment-controller',
  'replicaset-controller',
]

const auditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
})

const nobody = { uid: 65534, gid: 65534 }

async function answers(api: AdminApi, path: string): Promise<boolean> {
  try {
    return (await api.call('GET', path)).status === 200
  } catch {
    // Nobody listens yet.
    return false
  }
}

async function viewIsAggregated(api: AdminApi): Promise<boolean> {
  const { status, body } = await api.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/view')
  // A 200 of this path is a ClusterRole; the API server leaves `rules` null until it is aggregated.
  return status === 200 && ((body as { rules: unknown[] | null }).rules ?? []).length > 0
}

async function nodeIsReady(api: AdminApi): Promise<boolean> {
  const { status, body } = await api.call('GET', `/api/v1/nodes/${nodeName}`)
  if (status !== 200) return false
  // A 200 of this path is a Node.
  const { status: state } = body as { status: { conditions?: { type: string; status: string }[] } }
  return state.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}
