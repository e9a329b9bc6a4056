import { useEffect, useState } from 'react'

/** What opened the outermost dialog, for one that follows another, such as the link after an invitation. */
let outermost: Element | null = null

/**
 * For what is shown over the page for as long as it is there: when it goes, the focus is back where it was before. The library does so
 * only for what stays and is told that it is closed.
 */
export function useFocusBack(): void {
  const [before] = useState(() => {
    const { activeElement } = document
    if (!activeElement?.closest('[role=dialog]')) outermost = activeElement
    return activeElement
  })
  useEffect(
    () => () => {
      // Whatever took its place has the focus already, or will take it.
      if (document.activeElement !== document.body) return
      const to = before?.isConnected ? before : outermost
      if (to instanceof HTMLElement && to.isConnected) to.focus({ preventScroll: true })
    },
    [before],
  )
}
