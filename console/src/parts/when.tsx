import { Tooltip } from '@mantine/core'
import { createContext, use, useSyncExternalStore } from 'react'

const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' })

/** Whether this is in a row of a list, whose link is what keys lead to: the row shows the exact times while it has the focus. */
export const InRow = createContext(false)

/** A time relative to now, with the exact one in the reader's zone on hover and focus. Go's zero time is none. */
export function When({ at, never = 'never' }: { readonly at: string; readonly never?: string }) {
  const isInRow = use(InRow)
  useMinutes()
  if (at === '' || at.startsWith('0001-')) return <span className="quiet">{never}</span>
  const date = new Date(at)
  const whole = exact.format(date)
  return (
    <Tooltip label={whole}>
      <time dateTime={at} {...(isInRow ? { 'data-exact': whole } : { tabIndex: 0 })}>
        {agoOf(date)}
      </time>
    </Tooltip>
  )
}

const tickMs = 20_000
const ticking = new Set<() => void>()
let ticks = 0
let timer: ReturnType<typeof setInterval> | undefined

/** What is said of a time grows old while it is shown; all of a page grow old together. */
function useMinutes(): void {
  useSyncExternalStore(subscribe, () => ticks)
}

function subscribe(redraw: () => void): () => void {
  ticking.add(redraw)
  timer ??= setInterval(() => {
    ticks++
    for (const one of ticking) one()
  }, tickMs)
  return () => {
    ticking.delete(redraw)
    if (ticking.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function agoOf(date: Date): string {
  const seconds = (date.getTime() - Date.now()) / 1000
  for (const [unit, size] of units)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  return 'just now'
}

/** The same as text. */
export const exactly = (at: string): string => exact.format(new Date(at))

/** For rows that are read against each other, such as those of the log. */
export function Exact({ at }: { readonly at: string }) {
  return <time dateTime={at}>{exactly(at)}</time>
}
