import { stringify } from 'yaml'

/** The one node of a test cluster. There is no scheduler: a pod names it in `spec.nodeName`. */
export const nodeName = 'node-1'

const managedAnnotation = 'kwok.x-k8s.io/node'

/** What KWOK, standing in for the kubelet, is to do. All paths absolute. */
export interface KubeletSettings {
  /** Port of its HTTPS server on 127.0.0.1, which kube-apiserver dials for exec, logs, attach and port-forward. */
  readonly port: number
  /** The log that every container shows, in the form of the container runtime interface. */
  readonly logFile: string
  /** Working folder of processes started by exec. */
  readonly workFolder: string
  /** Who these processes run as; absent: whoever runs KWOK. */
  readonly runAs?: { readonly uid: number; readonly gid: number }
  /** Port on 127.0.0.1 that every port of every pod is forwarded to. */
  readonly forwardPort: number
}

/** KWOK's configuration file: options, the life of nodes and pods, and what exec, logs, attach and port-forward do. */
export function kwokConfiguration(settings: KubeletSettings): string {
  const documents = [
    {
      apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
      kind: 'KwokConfiguration',
      options: {
        manageAllNodes: false,
        manageNodesWithAnnotationSelector: `${managedAnnotation}=fake`,
        nodeIP: '127.0.0.1',
        nodePort: settings.port,
        cidr: '10.0.0.1/24',
        enableDebuggingHandlers: true,
        podPlayStageParallelism: 4,
        nodePlayStageParallelism: 4,
        nodeLeaseParallelism: 4,
      },
    },
    ...stages,
    everywhere('ClusterExec', {
      execs: [
        {
          local: {
            workDir: settings.workFolder,
            ...(settings.runAs === undefined
              ? {}
              : { securityContext: { runAsUser: settings.runAs.uid, runAsGroup: settings.runAs.gid } }),
          },
        },
      ],
    }),
    everywhere('ClusterLogs', { logs: [{ logsFile: settings.logFile, follow: true }] }),
    everywhere('ClusterAttach', { attaches: [{ logsFile: settings.logFile }] }),
    everywhere('ClusterPortForward', {
      forwards: [{ target: { address: '127.0.0.1', port: settings.forwardPort } }],
    }),
  ]
  return documents.map((document) => stringify(document)).join('---\n')
}

/** The Node object that KWOK takes care of. */
export function nodeManifest(): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: nodeName,
      annotations: { [managedAnnotation]: 'fake' },
      labels: { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux' },
    },
  }
}

/** One line of a container log: RFC 3339 time with nanoseconds, stream, full line. */
export function containerLogLine(text: string, at: Date): string {
  return `${at.toISOString().replace('Z', '000000Z')} stdout F ${text}\n`
}

function everywhere(kind: string, spec: object): object {
  return { apiVersion: 'kwok.x-k8s.io/v1alpha1', kind, metadata: { name: kind.toLowerCase() }, spec }
}

function stage(
  name: string,
  kind: 'Node' | 'Pod',
  matchExpressions: readonly { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[],
  next: object,
): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, next },
  }
}

const readyCondition = '.status.conditions.[] | select( .type == "Ready" ) | .status'

/**
 * The whole life of what this cluster holds: a node becomes ready, a pod runs at once, and is gone at once when it is
 * deleted. A node's conditions are never renewed: the controller that would miss its heartbeats does not run.
 */
const stages: readonly object[] = [
  stage('node-ready', 'Node', [{ key: readyCondition, operator: 'NotIn', values: ['True'] }], {
    statusTemplate: `
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- type: InternalIP
  address: {{ NodeIP | Quote }}
- type: Hostname
  address: {{ NodeName | Quote }}
daemonEndpoints:
  kubeletEndpoint:
    Port: {{ NodePort }}
capacity: {cpu: "32", memory: 256Gi, pods: "1000"}
allocatable: {cpu: "32", memory: 256Gi, pods: "1000"}
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: kwok
  kernelVersion: kwok
  kubeProxyVersion: kwok
  kubeletVersion: kwok
  machineID: ""
  operatingSystem: linux
  osImage: ""
  systemUUID: ""
`,
  }),
  stage(
    'pod-running',
    'Pod',
    [
      { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' },
      { key: '.status.phase', operator: 'In', values: ['Pending'] },
    ],
    {
      statusTemplate: `
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
hostIP: 127.0.0.1
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
conditions:
{{ range $type := list "Initialized" "Ready" "ContainersReady" }}
- type: {{ $type | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
`,
    },
  ),
  stage('pod-deleted', 'Pod', [{ key: '.metadata.deletionTimestamp', operator: 'Exists' }], { delete: true }),
]
