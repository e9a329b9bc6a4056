import { randomBytes } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { createProcessFamily, type Daemon, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import type { AdminApi, ApiReply } from './api.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { kubeconfig } from './kubeconfig.ts'
import {
  createKubectl,
  type KubectlOptions,
  type KubectlResult,
  type OpenKubectl,
  type OpenKubectlOptions,
} from './kubectl.ts'
import { containerLogLine, nodeName } from './kwok.ts'
import { type ClusterTools, explainMissing, findClusterTools } from './tools.ts'

export interface ClusterOptions {
  /** Name in kubeconfigs and folder names. */
  readonly name: string
  /** Whether there is a node whose pods run and answer. Default true. */
  readonly kubelet?: boolean
  /** Text of kube-apiserver's structured authentication configuration, for a cluster that trusts an OIDC issuer. */
  readonly authenticationConfig?: string
  /** Whether kube-apiserver records every request for `auditEvents`. Default false. */
  readonly audit?: boolean
}

/**
 * A real cluster on loopback: etcd, kube-apiserver, kube-controller-manager, and KWOK in place of a kubelet.
 *
 * Its pods run at once and answer exec, logs, attach and port-forward, with these limits of KWOK 0.8.0: an exec runs a
 * process of this machine (as `nobody` when root runs the tests) that never sees the end of its input, whose exit code
 * arrives as 1, and which lives on when its client goes away, until `stop`. `kubectl cp` therefore hangs. There is no
 * scheduler: a pod names `nodeName`.
 */
export interface Cluster {
  readonly name: string
  /** `https://127.0.0.1:<port>` */
  readonly server: string
  readonly caPem: string
  /** Path of the kubeconfig of a `system:masters` client certificate, and its text. */
  readonly adminKubeconfig: string
  readonly adminKubeconfigText: string
  readonly nodeName: string
  /** TCP port on 127.0.0.1 of an echo server, where every port of every pod is forwarded to. */
  readonly echoPort: number
  readonly tools: ClusterTools
  readonly daemons: ControlPlane['daemons']
  /** The processes that belong to the cluster now. */
  readonly pids: readonly number[]

  /** Runs kubectl to its end, as the administrator unless a kubeconfig is named. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>
  /** Starts a kubectl that runs on; `stop` ends it too. */
  openKubectl(args: readonly string[], options?: OpenKubectlOptions): Promise<OpenKubectl>
  /** One request to the API server as the administrator. */
  api: AdminApi['call']

  createNamespace(namespace: string): Promise<void>
  /** Makes a pod with one container named `main`, in a namespace that is made when missing; waits until it runs. */
  createPod(namespace: string, pod: string): Promise<void>
  /** Adds one line to the log that every container shows. */
  appendLog(line: string): Promise<void>

  /**
   * Puts another text into kube-apiserver's authentication configuration, which it takes by itself, soon; only with the option
   * `authenticationConfig`.
   */
  configureAuthentication(text: string): Promise<void>

  /** Writes a kubeconfig where only this user can read it, and returns its path. */
  writeKubeconfig(text: string): Promise<string>
  /** A kubeconfig with the token of a new ServiceAccount that may do what `rules` or the named ClusterRole say. */
  clientKubeconfig(credential: LimitedCredential): Promise<{ kubeconfig: string; token: string; username: string }>
  /** A kubeconfig with a client certificate for a user and groups, which have no rights of their own. */
  certificateKubeconfig(subject: { readonly user: string; readonly groups?: readonly string[] }): Promise<string>

  /** What kube-apiserver recorded so far, oldest first; only with the option `audit`. */
  auditEvents(): Promise<AuditEvent[]>

  /** Ends every process of the cluster, and no other, and removes its folder. Repeating it changes nothing. */
  stop(): Promise<void>
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#role-and-clusterrole */
export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

export interface LimitedCredential {
  /** Name of the ServiceAccount. */
  readonly name: string
  /** Default `default`. */
  readonly namespace?: string
  /** Rights in the whole cluster. Default: none. */
  readonly rules?: readonly PolicyRule[]
  /** An existing ClusterRole to bind besides. */
  readonly clusterRole?: string
  /** Default one hour; kube-apiserver grants ten minutes at least. */
  readonly tokenSeconds?: number
}

/** The fields of kube-apiserver's audit events that tests look at. */
export interface AuditEvent {
  readonly auditID: string
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly verb: string
  readonly requestURI: string
  readonly user: AuditUser
  readonly impersonatedUser?: AuditUser
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly namespace?: string
    readonly name?: string
    readonly subresource?: string
  }
  readonly responseStatus?: { readonly code?: number }
}

export interface AuditUser {
  readonly username: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Why there can be no cluster here, for the `skip` option of a test; `false` where there can. */
export async function clusterSkipReason(): Promise<string | false> {
  const found = await findClusterTools()
  return found.ok ? false : explainMissing(found.missing)
}

/** Starts a cluster; ready means that `view` holds its rules, ServiceAccounts come with namespaces, and pods run. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const found = await findClusterTools()
  if (!found.ok) throw new Error(explainMissing(found.missing))
  const echo = await startEcho()
  for (let attempt = 1; ; attempt++) {
    const family = await createProcessFamily(options.name)
    try {
      const plane = await startControlPlane({
        name: options.name,
        tools: found.tools,
        family,
        kubelet: options.kubelet ?? true,
        audit: options.audit ?? false,
        forwardPort: echo.port,
        ...(options.authenticationConfig === undefined ? {} : { authenticationConfig: options.authenticationConfig }),
      })
      return createCluster(options.name, found.tools, family, plane, echo)
    } catch (error) {
      await family.stop()
      // Somebody took a port between our look and the program's start.
      const portTaken = (error as Error).message.includes('address already in use')
      if (portTaken && attempt < 3) continue
      echo.close()
      throw error
    }
  }
}

function createCluster(
  name: string,
  tools: ClusterTools,
  family: ProcessFamily,
  plane: ControlPlane,
  echo: EchoServer,
): Cluster {
  const { server, authority, api, adminKubeconfigText } = plane
  const adminKubeconfig = join(family.folder, 'admin.kubeconfig')
  const kubectl = createKubectl({
    program: tools.kubectl,
    folder: family.folder,
    defaultKubeconfig: adminKubeconfig,
    onStart: family.adopt,
  })
  const kubeconfigFor = (user: string, credential: Parameters<typeof kubeconfig>[0]['credential']): string =>
    kubeconfig({ clusterName: name, server, caPem: authority.certPem, user, credential })

  const createNamespace = async (namespace: string): Promise<void> => {
    const reply = await api.call('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
    expectStatus(reply, [201, 409], `namespace ${namespace}`)
    // A pod is refused until its namespace has this account.
    await until(`the default ServiceAccount of ${namespace}`, async () => {
      const { status } = await api.call('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)
      return status === 200 || undefined
    })
  }

  return {
    name,
    server,
    caPem: authority.certPem,
    adminKubeconfig,
    adminKubeconfigText,
    nodeName,
    echoPort: echo.port,
    tools,
    daemons: plane.daemons,
    get pids() {
      return family.pids()
    },
    kubectl: kubectl.run,
    openKubectl: kubectl.open,
    api: api.call,
    createNamespace,

    async createPod(namespace, pod) {
      await createNamespace(namespace)
      const path = `/api/v1/namespaces/${namespace}/pods`
      const reply = await api.call('POST', path, {
        metadata: { name: pod, labels: { app: pod } },
        spec: { nodeName, containers: [{ name: 'main', image: 'test' }] },
      })
      expectStatus(reply, [201], `pod ${namespace}/${pod}`)
      await until(`pod ${namespace}/${pod} to run`, async () => {
        const { body } = await api.call('GET', `${path}/${pod}`)
        // It has been created, so this is a Pod.
        return (body as { status: { phase: string } }).status.phase === 'Running' || undefined
      })
    },

    appendLog: (line) => appendFile(plane.containerLog, containerLogLine(line, new Date())),

    configureAuthentication: (text) => writeFile(plane.authenticationConfig, text, { mode: 0o600 }),

    async writeKubeconfig(text) {
      const path = join(family.folder, `${randomBytes(8).toString('hex')}.kubeconfig`)
      await writeFile(path, text, { mode: 0o600 })
      return path
    },

    async clientKubeconfig({ name: account, namespace = 'default', rules = [], clusterRole, tokenSeconds = 3600 }) {
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`
      const rbac = '/apis/rbac.authorization.k8s.io/v1'
      expectStatus(await api.call('POST', accounts, { metadata: { name: account } }), [201], `account ${account}`)
      const bind = async (role: string, binding: string): Promise<void> => {
        const reply = await api.call('POST', `${rbac}/clusterrolebindings`, {
          metadata: { name: binding },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
        })
        expectStatus(reply, [201], `binding ${binding}`)
      }
      if (rules.length > 0) {
        const role = `${namespace}-${account}`
        const reply = await api.call('POST', `${rbac}/clusterroles`, { metadata: { name: role }, rules })
        expectStatus(reply, [201], `role ${role}`)
        await bind(role, role)
      }
      if (clusterRole !== undefined) await bind(clusterRole, `${namespace}-${account}-${clusterRole}`)
      const reply = await api.call('POST', `${accounts}/${account}/token`, {
        spec: { expirationSeconds: tokenSeconds },
      })
      expectStatus(reply, [201], `token of ${account}`)
      // A 201 of this path is a TokenRequest.
      const { token } = (reply.body as { status: { token: string } }).status
      const username = `system:serviceaccount:${namespace}:${account}`
      return { kubeconfig: kubeconfigFor(account, { token }), token, username }
    },

    async certificateKubeconfig({ user, groups = [] }) {
      return kubeconfigFor(user, await authority.issue({ commonName: user, organizations: groups }))
    },

    async auditEvents() {
      const text = await readFile(plane.auditLog, 'utf8')
      // The last line may still be in the writing.
      const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditEvent) // kube-apiserver's own
    },

    async stop() {
      api.close()
      echo.close()
      await family.stop()
    },
  }
}

interface EchoServer {
  readonly port: number
  close(): void
}

/** Sends back what it gets. It does not keep the test process alive. */
async function startEcho(): Promise<EchoServer> {
  const server = createServer((socket) => {
    socket.unref()
    // A client that breaks off is no event here.
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // A server that listens on TCP has an address of this form.
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() }
}

function expectStatus(reply: ApiReply, expected: readonly number[], what: string): void {
  if (!expected.includes(reply.status)) {
    throw new Error(`${what}: the API server answered ${reply.status} ${JSON.stringify(reply.body)}`)
  }
}

export type { ApiReply, Daemon, KubectlOptions, KubectlResult, OpenKubectl, OpenKubectlOptions }
