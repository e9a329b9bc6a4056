import { useEffect, useRef, useState } from 'react'
import { Refused } from '../api/client.ts'
import { kubeFetch, kubeUrl, linesOf, podPath } from '../api/kube.ts'

export type LogLine = { readonly id: number; readonly at: string; readonly text: string }

/** How a log came to its end: the container's own, a refusal with its reason, or a connection that broke. */
export type LogEnd =
  | { readonly kind: 'whole' }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'broken'; readonly requestId: string }

export type LogSource = {
  readonly cluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly since: string
}

/** Lines kept, here and behind a pause. */
export const mostLines = 5_000
const drawMs = 150

/** How far back, in words of the address. */
const sinceSeconds: Readonly<Record<string, string>> = { '5m': '300', '1h': '3600', '24h': '86400' }

export function logUrl(
  { cluster, namespace, pod, container, since }: LogSource,
  more: readonly [string, string][] = [],
) {
  const seconds = sinceSeconds[since]
  const from: [string, string][] =
    seconds !== undefined ? [['sinceSeconds', seconds]] : since === 'all' ? [] : [['tailLines', '500']]
  return kubeUrl(cluster, podPath(namespace, pod, '/log'), [
    ['container', container],
    ['timestamps', 'true'],
    ...from,
    ...more,
  ])
}

/**
 * Follows a log. While it is paused, lines go on to be read and wait: what is shown stays where it is. It ends with the container, with
 * the right to see it, or with the connection, and is not begun again by itself.
 */
export function useLog(source: LogSource, paused: boolean) {
  const [attempt, setAttempt] = useState(0)
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const [waiting, setWaiting] = useState(0)
  const [end, setEnd] = useState<LogEnd>()
  const kept = useRef<LogLine[]>([])
  const isPaused = useRef(paused)
  const key = JSON.stringify([source, attempt])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says which log, and which attempt
  useEffect(() => {
    const gone = new AbortController()
    kept.current = []
    setLines([])
    setWaiting(0)
    setEnd(undefined)
    let drawn = 0
    let total = 0
    const draw = () => {
      if (total === drawn) return
      if (isPaused.current) return setWaiting(total - drawn)
      drawn = total
      setLines(kept.current.slice())
      setWaiting(0)
    }
    const timer = setInterval(draw, drawMs)
    const take = (line: string) => {
      const space = line.indexOf(' ')
      kept.current.push({ id: total++, at: line.slice(0, space), text: line.slice(space + 1) })
      if (kept.current.length > mostLines) kept.current.splice(0, kept.current.length - mostLines)
    }
    void read(source, gone.signal, take).then((how) => {
      if (gone.signal.aborted) return
      draw()
      setEnd(how)
    })
    return () => {
      gone.abort()
      clearInterval(timer)
    }
  }, [key])

  useEffect(() => {
    isPaused.current = paused
  }, [paused])

  return { lines, waiting, end, again: () => setAttempt((before) => before + 1) }
}

async function read(source: LogSource, signal: AbortSignal, take: (line: string) => void): Promise<LogEnd> {
  let requestId = ''
  try {
    const response = await kubeFetch(logUrl(source, [['follow', 'true']]), { accept: '*/*', signal })
    requestId = response.headers.get('x-request-id') ?? ''
    for await (const line of linesOf(response)) take(line)
    return { kind: 'whole' }
  } catch (error) {
    if (error instanceof Refused || signal.aborted) return { kind: 'refused', error }
    return whyBroken(source, signal, requestId)
  }
}

/** In the middle of an answer nobody can be told why: so it is asked again for one line, and what is refused says so. */
async function whyBroken(source: LogSource, signal: AbortSignal, requestId: string): Promise<LogEnd> {
  try {
    await (
      await kubeFetch(logUrl({ ...source, since: 'all' }, [['limitBytes', '1']]), { accept: '*/*', signal })
    ).text()
    return { kind: 'broken', requestId }
  } catch (error) {
    return error instanceof Refused ? { kind: 'refused', error } : { kind: 'broken', requestId }
  }
}
