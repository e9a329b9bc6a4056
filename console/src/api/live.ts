import { useEffect, useEffectEvent } from 'react'
import { isIdle, onIdleChange } from './idle.ts'
import { loadSession, signInAgain } from './session.ts'

/** What `GET /v1/palisade/live` tells: that something changed, and of the log how long it is. */
export type Live = {
  readonly log: { readonly size: number }
  readonly streams: object
  readonly access: object
  readonly requests: object
}
type Name = keyof Live

const hearers = new Map<Name, Set<(data: never) => void>>()
let source: EventSource | undefined
let again: ReturnType<typeof setTimeout> | undefined
const againMs = 5_000

/** Hears of changes while the component is shown. All of a page's components share one connection. */
export function useLive<N extends Name>(name: N, hear: (data: Live[N]) => void): void {
  const heard = useEffectEvent(hear)
  useEffect(() => {
    const mine = (data: never) => heard(data)
    const others = hearers.get(name) ?? new Set()
    hearers.set(name, others.add(mine))
    connect()
    return () => {
      others.delete(mine)
      if (!isHeard()) disconnect()
    }
  }, [name])
}

const isHeard = () => [...hearers.values()].some((set) => set.size > 0)

// Who hears of a change asks what it is, and that is use of the session: nobody hears where nobody is at the page.
onIdleChange(() => {
  if (isIdle()) disconnect()
  else if (isHeard()) connect()
})

function disconnect(): void {
  clearTimeout(again)
  source?.close()
  source = undefined
}

function connect(): void {
  if (source || isIdle()) return
  clearTimeout(again)
  const mine = new EventSource('/canvas/api/v1/palisade/live')
  source = mine
  for (const name of ['log', 'streams', 'access', 'requests'] as const)
    mine.addEventListener(name, ({ data }) => {
      const parsed = JSON.parse(String(data)) as never // The server's own; each hearer knows its shape by the name.
      for (const hear of hearers.get(name) ?? []) hear(parsed)
    })
  mine.addEventListener('error', () => {
    // A connection that broke is made again by the browser; one that was refused is not.
    if (mine.readyState !== EventSource.CLOSED || source !== mine) return
    source = undefined
    again = setTimeout(() => void afterRefusal(), againMs)
  })
}

async function afterRefusal(): Promise<void> {
  const session = await loadSession().catch(() => 'unknown' as const)
  if (session === undefined) signInAgain()
  else if (isHeard()) connect()
}
