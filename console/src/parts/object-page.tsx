import { Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import { type Asked, answered } from './answered.tsx'
import { Page } from './page.tsx'

type Props<Data> = {
  /** What it is called until its name is known, such as Project. */
  readonly kind: string
  readonly above: ReactNode
  readonly query: Asked<Data>
  /** The page, once the object is there. */
  readonly children: (data: Data) => ReactNode
}

/** What stands in the place of an object's page until the object is there, and where it is refused. */
export function ObjectPage<Data>({ kind, above, query, children }: Props<Data>) {
  const { data, failure } = answered(query)
  if (data === undefined)
    return (
      <Page title={kind} above={above}>
        {failure ?? <Skeleton height={160} />}
      </Page>
    )
  return (
    <>
      {failure && <div className="page">{failure}</div>}
      {children(data)}
    </>
  )
}
