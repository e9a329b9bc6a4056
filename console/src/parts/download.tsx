import { useMutation } from '@tanstack/react-query'
import type { MouseEvent } from 'react'
import { Failure } from './failure.tsx'

type Wanted = {
  readonly href: string
  readonly file: string
  /** Rejects with what the download would be refused with. */
  readonly ask: () => Promise<unknown>
}

/**
 * A file that the browser fetches by itself, so that the page holds nothing of it. A browser does not say why such a download is
 * refused: so it is asked first.
 *
 * @returns link: for a button that is a link; failure: why there is no file
 */
export function useDownload({ href, file, ask }: Wanted) {
  const asking = useMutation({ mutationFn: ask, onSuccess: () => save(href, file) })
  return {
    link: {
      component: 'a' as const,
      href,
      download: file,
      'aria-busy': asking.isPending,
      onClick(event: MouseEvent) {
        event.preventDefault()
        if (!asking.isPending) asking.mutate()
      },
    },
    failure: asking.error ? <Failure error={asking.error} retry={() => asking.mutate()} /> : null,
  }
}

/** Saves what is at an address of ours. */
export function save(href: string, file: string): void {
  const link = document.createElement('a')
  link.href = href
  link.download = file
  link.click()
}
