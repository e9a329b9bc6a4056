import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useLive } from '../api/live.ts'

type Page = {
  readonly items: readonly { readonly metadata: { readonly annotations: Record<string, string> } }[]
  readonly count: number
}

/** Not more often than this, however fast the log grows. */
const everyMs = 1_500

/**
 * What came into the log since a list was read: counted, and shown when the reader asks for it. The server says that the log grew; what
 * of it fits the list is asked like the list itself.
 */
export function useNewEntries({
  queryKey,
  ask,
  isFirstPage,
}: {
  readonly queryKey: readonly unknown[]
  readonly ask: () => Promise<Page>
  readonly isFirstPage: boolean
}) {
  const queries = useQueryClient()
  const [fresh, setFresh] = useState<{ readonly key: string; readonly page: Page }>()
  const key = JSON.stringify(queryKey)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const seen = useRef(0)

  const look = useEffectEvent(() => {
    if (!isFirstPage) return
    // Refused, or away: the list says so when it is asked itself.
    ask().then(
      (page) => setFresh({ key, page }),
      () => undefined,
    )
  })
  useLive('log', ({ size }) => {
    const grew = size > seen.current && seen.current > 0
    seen.current = size
    if (!grew || timer.current !== undefined) return
    timer.current = setTimeout(() => {
      timer.current = undefined
      look()
    }, everyMs)
  })
  useEffect(() => () => clearTimeout(timer.current), [])

  const shown = queries.getQueryData<Page>(queryKey)
  const top = Math.max(-1, ...(shown?.items ?? []).map(indexOf))
  const isOfThisList = fresh !== undefined && fresh.key === key && shown !== undefined
  return {
    count: isOfThisList ? fresh.page.items.filter((item) => indexOf(item) > top).length : 0,
    show() {
      if (isOfThisList) queries.setQueryData(queryKey, fresh.page)
      setFresh(undefined)
    },
  }
}

const indexOf = ({ metadata }: Page['items'][number]) => Number(metadata.annotations.index ?? -1)
