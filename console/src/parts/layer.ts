import { useEffect, useEffectEvent, useState } from 'react'

type Layer = { readonly close: () => void }
/** What lies over the page now, the topmost last. */
const layers: Layer[] = []

/**
 * Escape closes what is on top, and that alone: the library's dialogs, panels and search would each close by themselves, all at once.
 *
 * @param isOpen for what stays when it is closed
 */
export function useEscape(close: () => void, isOpen = true): void {
  const closing = useEffectEvent(close)
  useEffect(() => {
    if (!isOpen) return
    const layer = { close: () => closing() }
    if (layers.push(layer) === 1) window.addEventListener('keydown', closeTopmost, { capture: true })
    return () => {
      layers.splice(layers.indexOf(layer), 1)
      if (layers.length === 0) window.removeEventListener('keydown', closeTopmost, { capture: true })
    }
  }, [isOpen])
}

function closeTopmost(event: KeyboardEvent): void {
  if (event.key !== 'Escape' || event.isComposing) return
  // A list of choices that is open below its field closes first; the library marks the field meanwhile.
  if (event.target instanceof Element && event.target.getAttribute('data-mantine-stop-propagation') === 'true') return
  layers.at(-1)?.close()
}

/** What opened the outermost dialog, for one that follows another, such as the link after an invitation. */
let outermost: Element | null = null

/**
 * For what is shown over the page for as long as it is there: Escape closes it, and when it goes, the focus is back where it was before.
 * The library gives the focus back only for what stays and is told that it is closed.
 */
export function useLayer(close: () => void): void {
  useEscape(close)
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
