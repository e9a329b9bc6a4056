import { useEffect, useEffectEvent } from 'react'
import { isAway, onPresence } from './presence.ts'
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
let stopWaiting: (() => void) | undefined
/** What was told while nobody was there, the last of each. */
const held = new Map<Name, never>()
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
      if ([...hearers.values()].some((set) => set.size > 0)) return
      clearTimeout(again)
      stopWaiting?.()
      stopWaiting = undefined
      held.clear()
      source?.close()
      source = undefined
    }
  }, [name])
}

function connect(): void {
  stopWaiting ??= onPresence(back)
  if (source) return
  clearTimeout(again)
  const mine = new EventSource('/canvas/api/v1/palisade/live')
  source = mine
  for (const name of ['log', 'streams', 'access', 'requests'] as const)
    mine.addEventListener(name, ({ data }) => {
      const parsed = JSON.parse(String(data)) as never // The server's own; each hearer knows its shape by the name.
      // Whoever hears asks, and what is asked is use of the session; the connection itself is none.
      if (isAway()) held.set(name, parsed)
      else tell(name, parsed)
    })
  mine.addEventListener('error', () => {
    if (source !== mine) return
    // A connection that broke is made again by the browser, which uses the session: not while nobody is there. One that was refused is not.
    if (isAway()) mine.close()
    if (mine.readyState !== EventSource.CLOSED) return
    source = undefined
    again = setTimeout(() => void afterRefusal(), againMs)
  })
}

function tell(name: Name, data: never): void {
  for (const hear of hearers.get(name) ?? []) hear(data)
}

/** Somebody is there again. */
function back(): void {
  if (isAway()) return
  const missed = [...held]
  held.clear()
  for (const [name, data] of missed) tell(name, data)
  connect()
}

async function afterRefusal(): Promise<void> {
  const session = await loadSession().catch(() => 'unknown' as const)
  if (session === undefined) signInAgain()
  // Once while nobody is there, to learn that the session has ended; not again and again.
  else if (!isAway() && [...hearers.values()].some((set) => set.size > 0)) connect()
}
