import { focusManager } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

/**
 * Whether somebody is at this page. What a page asks by itself counts as use of the session, so a page that nobody is at asks nothing:
 * the tenant's idle limit would do nothing otherwise. Well below the shortest limit, of 15 minutes.
 */
export const idleAfterMs = 2 * 60_000

/** What only people do. Not `scroll`: a page scrolls by itself too. */
const inputs = ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchmove'] as const

const hearers = new Set<() => void>()
let idle = false
let lastInputAt = 0

/** Begins to look. Once a page. */
export function watchForInput(): void {
  let pointer = ''
  for (const name of inputs)
    addEventListener(
      name,
      (event) => {
        if (event instanceof PointerEvent && event.type === 'pointermove') {
          // Where the page moves below a pointer that stands still, some browsers say that the pointer moved.
          const at = `${event.screenX} ${event.screenY}`
          if (at === pointer) return
          pointer = at
        }
        used()
      },
      { capture: true, passive: true },
    )
  // Who comes back to the tab is there.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') used()
  })
  lastInputAt = Date.now()
  lookIn(idleAfterMs)
}

function used(): void {
  lastInputAt = Date.now()
  if (!idle) return
  lookIn(idleAfterMs)
  set(false)
}

/** One timer, and none for each movement of the pointer. */
function lookIn(ms: number): void {
  setTimeout(() => {
    const left = lastInputAt + idleAfterMs - Date.now()
    if (left > 0) lookIn(left)
    else set(true)
  }, ms)
}

function set(next: boolean): void {
  idle = next
  // What is asked now and then waits; on the way back what is stale is asked at once. Not `true`: a hidden page asks nothing either way.
  focusManager.setFocused(idle ? false : undefined)
  for (const hear of hearers) hear()
}

export const isIdle = (): boolean => idle

/** @returns how to stop hearing */
export function onIdleChange(hear: () => void): () => void {
  hearers.add(hear)
  return () => hearers.delete(hear)
}

export const useIdle = (): boolean => useSyncExternalStore(onIdleChange, isIdle)
