import { Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import { Failure } from './failure.tsx'
import { Page } from './page.tsx'

type Props<Data> = {
  /** What it is called until its name is known, such as Project. */
  readonly kind: string
  readonly above: ReactNode
  readonly query: { readonly data: Data | undefined; readonly error: unknown; readonly refetch: () => unknown }
  /** The page, once the object is there. */
  readonly children: (data: Data) => ReactNode
}

/** What stands in the place of an object's page until the object is there, and where it is refused. */
export function ObjectPage<Data>({ kind, above, query, children }: Props<Data>) {
  const { data, error, refetch } = query
  if (data !== undefined && !error) return children(data)
  return (
    <Page title={kind} above={above}>
      {error ? <Failure error={error} retry={() => void refetch()} /> : <Skeleton height={160} />}
    </Page>
  )
}
