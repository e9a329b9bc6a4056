import { focusManager } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

/** After this long without a key, a touch or the pointer nobody is taken to be there. Less than the least idle time of a session. */
const awayAfterMs = 5 * 60_000
/** The last three are all that a page sees of who uses it by a screen reader or by voice. */
const signs = ['keydown', 'pointerdown', 'wheel', 'touchstart', 'click', 'input', 'focusin'] as const

let away = false
let timer: ReturnType<typeof setTimeout> | undefined
const told = new Set<() => void>()
/** What waits for somebody to be there. */
const waiting = new Set<() => void>()
/** Where the pointer was last. */
let at = ''

/**
 * Stops what a page asks by itself while nobody is there, or a page that is left open would hold its session open for ever: a tenant
 * lets a session end that nobody uses. Whoever comes back sees all asked again at once.
 */
export function watchPresence(): void {
  for (const sign of signs)
    addEventListener(
      sign,
      ({ isTrusted, type }) => {
        // What a script makes is no sign of anybody.
        if (isTrusted) seen(type)
      },
      { capture: true, passive: true },
    )
  // What moves below a pointer that lies still is no sign of anybody.
  addEventListener(
    'pointermove',
    ({ screenX, screenY }) => {
      const now = `${screenX} ${screenY}`
      if (now === at) return
      at = now
      seen('pointermove')
    },
    { capture: true, passive: true },
  )
  // Who comes back to the tab, or to the machine.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') seen('visibilitychange')
  })
  seen('load')
}

/** Whether nobody has been there for a while. */
export const isAway = (): boolean => away
export const useAway = (): boolean => useSyncExternalStore(onPresence, isAway)

/** @returns stops telling */
export function onPresence(tell: () => void): () => void {
  told.add(tell)
  return () => void told.delete(tell)
}

/** Whether somebody is there who has this page before them. */
export const isLookedAt = (): boolean => !away && document.visibilityState === 'visible'

/** Runs it once, at the next sign of somebody. */
export const atNextSign = (run: () => void): void => void waiting.add(run)

function seen(sign: string): void {
  clearTimeout(timer)
  timer = setTimeout(() => set(true), awayAfterMs)
  if (away) set(false)
  // A page that is taken away may move the focus by itself.
  if (sign === 'focusin') return
  const all = [...waiting]
  waiting.clear()
  for (const run of all) run()
}

function set(next: boolean): void {
  away = next
  // No poll is made without focus; undefined leaves it to whether the page is in sight.
  focusManager.setFocused(away ? false : undefined)
  for (const one of told) one()
}
