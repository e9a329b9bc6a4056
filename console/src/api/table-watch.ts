import { useEffect, useRef, useState } from 'react'
import { Refused } from './client.ts'
import { kubeFetch, kubeUrl, linesOf } from './kube.ts'
import { useAway } from './presence.ts'

/** A row of a list as the cluster itself prints it for kubectl. */
export type KubeRow = {
  readonly cells: readonly unknown[]
  readonly object: {
    readonly metadata: {
      readonly uid: string
      readonly name: string
      readonly namespace?: string
      readonly creationTimestamp: string
    }
  }
}
type Table = {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly columnDefinitions?: readonly { readonly name: string }[]
  readonly rows?: readonly KubeRow[]
}

export type WatchedTable = {
  /** Undefined until the first list is there. */
  readonly columns: readonly string[] | undefined
  readonly rows: readonly KubeRow[]
  /** The cluster has more than are listed at once. */
  readonly more: boolean
  readonly error: unknown
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const mostRows = 1_000
const pauseMs = 2_000
const nothing: WatchedTable = { columns: undefined, rows: [], more: false, error: undefined }

/**
 * A list of a cluster that follows it: one list, then one watch, so that a page that stays open is one call and not hundreds. While nobody
 * is there it stands still, but for the first list.
 */
export function useTable(cluster: string, path: string): WatchedTable & { readonly again: () => void } {
  const [attempt, setAttempt] = useState(0)
  const [table, setTable] = useState(nothing)
  const away = useAway()
  const shown = useRef('')
  useEffect(() => {
    const which = JSON.stringify([cluster, path, attempt])
    // What is not shown yet is listed, once, whoever is there.
    if (shown.current === which && away) return
    if (shown.current !== which) {
      shown.current = ''
      setTable(nothing)
    }
    const gone = new AbortController()
    const show = (listed: WatchedTable) => {
      shown.current = which
      setTable(listed)
    }
    follow(cluster, path, gone.signal, show, away).catch((error: unknown) => {
      if (!gone.signal.aborted) setTable((before) => ({ ...before, error }))
    })
    return () => gone.abort()
  }, [cluster, path, attempt, away])
  return { ...table, again: () => setAttempt((before) => before + 1) }
}

/**
 * Lists and watches until it is refused or nobody looks any more.
 *
 * @param once lists alone
 */
async function follow(
  cluster: string,
  path: string,
  signal: AbortSignal,
  show: (table: WatchedTable) => void,
  once: boolean,
): Promise<void> {
  while (!signal.aborted) {
    const listed = await kubeFetch(kubeUrl(cluster, path, [['limit', String(mostRows)]]), { accept: asTable, signal })
    const list = (await listed.json()) as Table // What was asked for; Kubernetes' own shape.
    const columns = (list.columnDefinitions ?? []).map(({ name }) => name)
    const rows = new Map((list.rows ?? []).map((row) => [row.object.metadata.uid, row]))
    const more = (list.metadata.continue ?? '') !== ''
    const draw = () => show({ columns, rows: [...rows.values()], more, error: undefined })
    draw()
    if (once) return
    try {
      const watch = [
        ['watch', '1'],
        ['resourceVersion', list.metadata.resourceVersion],
      ] as const
      const changes = await kubeFetch(kubeUrl(cluster, path, watch), { accept: asTable, signal })
      for await (const line of linesOf(changes)) {
        const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Table }
        if (type === 'ERROR') break
        for (const row of object.rows ?? [])
          if (type === 'DELETED') rows.delete(row.object.metadata.uid)
          else rows.set(row.object.metadata.uid, row)
        draw()
      }
    } catch (error) {
      // A watch that broke is followed by a list, which says why where there is a reason.
      if (error instanceof Refused || signal.aborted) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
