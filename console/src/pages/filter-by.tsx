import { IconFilter } from '@tabler/icons-react'
import { useParams } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { To } from '../parts/to.tsx'

/** What an entry has that the log can be narrowed to. */
export type Narrowed = {
  readonly user?: string
  readonly object?: string
  readonly kind?: string
  readonly session?: string
  /** Without it the one that is chosen stays. */
  readonly project?: string
}

type Props = {
  /** What the list in sight is narrowed to by where it stands, such as the page of one object. */
  readonly within: Narrowed
  readonly by: Narrowed
  /** What is read aloud; holds what is shown. */
  readonly label: string
  readonly children: ReactNode
}

/** Leads to the log, narrowed to what has the same: a filter in the address, beside those that are there. */
export function FilterBy({ within, by, label, children }: Props) {
  const { org } = useParams({ from: '/t/$org' })
  return (
    <To
      className="inline"
      to="/t/$org/audit"
      params={{ org }}
      search={(before) => ({ ...before, ...within, ...by, tab: undefined, panel: undefined, page: undefined })}
      aria-label={label}
    >
      {children}
      <IconFilter size={13} aria-hidden />
    </To>
  )
}
