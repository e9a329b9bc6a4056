import { Refused } from '../api/client.ts'
import { endedBy } from '../api/ends.ts'
import { kubeFetch, kubeUrl, podPath } from '../api/kube.ts'

/**
 * The channels of Kubernetes' remote commands over WebSocket: the first byte of each message says which.
 * https://github.com/kubernetes/apimachinery/blob/master/pkg/util/remotecommand/constants.go
 */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
/** The newest first; the cluster chooses. Version 5 can close the input alone. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']

export type ExecTarget = {
  readonly cluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  /** Words; none: the container's shell. */
  readonly command: readonly string[]
}

/** How a terminal came to its end. */
export type ExecEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'ended'; readonly why: string; readonly requestId: string | undefined }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'broken'; readonly why: string }

export type Exec = {
  send(text: string): void
  resize(columns: number, rows: number): void
  /** Ends it as who uses it does. */
  close(): void
}

/** The best shell that is there. `TERM` is the container's to know; most set none. */
const shell = ['/bin/sh', '-c', 'TERM=xterm-256color; export TERM; [ -x /bin/bash ] && exec /bin/bash; exec /bin/sh']

/** Runs a command in a container with a terminal of its own. `ended` is told once, and nothing is begun again. */
export function startExec(
  target: ExecTarget,
  hear: {
    readonly opened: () => void
    readonly output: (bytes: Uint8Array) => void
    readonly ended: (end: ExecEnd) => void
  },
): Exec {
  const { cluster, namespace, pod, container } = target
  const command = target.command.length > 0 ? target.command : shell
  const url = kubeUrl(cluster, podPath(namespace, pod, '/exec'), [
    ['container', container],
    ...['stdin', 'stdout', 'tty'].map((name) => [name, 'true'] as const),
    ...command.map((word) => ['command', word] as const),
  ])
  const socket = new WebSocket(url, protocols)
  socket.binaryType = 'arraybuffer'
  const text = new TextEncoder()
  let hasOpened = false
  let status: ExecEnd | undefined
  let isOver = false

  const post = (channel: number, bytes: Uint8Array) => {
    if (socket.readyState !== WebSocket.OPEN) return
    const message = new Uint8Array(1 + bytes.length)
    message[0] = channel
    message.set(bytes, 1)
    socket.send(message)
  }
  const finish = (end: ExecEnd) => {
    if (isOver) return
    isOver = true
    hear.ended(end)
  }

  socket.addEventListener('open', () => {
    hasOpened = true
    hear.opened()
  })
  socket.addEventListener('message', ({ data }) => {
    const message = new Uint8Array(data as ArrayBuffer) // binaryType says so.
    const bytes = message.subarray(1)
    if (message[0] === channels.stdout || message[0] === channels.stderr) hear.output(bytes)
    if (message[0] === channels.error) status = endOf(new TextDecoder().decode(bytes))
  })
  socket.addEventListener('close', ({ code, reason }) => {
    const ended = endedBy(reason)
    if (ended) finish({ kind: 'ended', why: ended.why, requestId: ended.requestId })
    else if (status) finish(status)
    else if (hasOpened) finish({ kind: 'broken', why: reason === '' ? `The connection broke (${code}).` : reason })
    else void whyNot(url).then(finish)
  })

  return {
    send: (typed) => post(channels.stdin, text.encode(typed)),
    resize: (columns, rows) => post(channels.resize, text.encode(JSON.stringify({ Width: columns, Height: rows }))),
    close: () => socket.close(1000),
  }
}

/** A browser is not told how an upgrade was answered: the same is asked once more as an ordinary request, which is. */
async function whyNot(url: string): Promise<ExecEnd> {
  try {
    await kubeFetch(url)
  } catch (error) {
    // This is what the cluster says where nothing stands in the way of an upgrade.
    const isOnlyThis = error instanceof Refused && error.status === 400
    if (!isOnlyThis) return { kind: 'refused', error }
  }
  return { kind: 'broken', why: 'The cluster did not open a terminal. The container may have no such command.' }
}

/** The last word of a command: a Kubernetes Status. */
function endOf(text: string): ExecEnd {
  type Status = {
    readonly status?: string
    readonly message?: string
    readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
  }
  let status: Status
  try {
    status = JSON.parse(text) as Status // Kubernetes' own shape; what it lacks is not shown.
  } catch {
    return { kind: 'broken', why: text }
  }
  if (status.status === 'Success') return { kind: 'exited', code: 0 }
  const code = Number(status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message)
  return Number.isInteger(code)
    ? { kind: 'exited', code }
    : { kind: 'broken', why: status.message ?? 'The command failed.' }
}
