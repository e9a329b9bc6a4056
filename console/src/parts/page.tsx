import { Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { currentSession } from '../api/session.ts'

type Props = {
  readonly title: string
  readonly acts?: ReactNode
  /** What stands before the title, such as the way back. */
  readonly above?: ReactNode
  readonly children: ReactNode
}

/** One page: its title also names the tab. */
export function Page({ title, acts, above, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${currentSession().tenant.name} · Palisade`
  }, [title])
  return (
    <div className="page">
      {above}
      <div className="head">
        <Title order={1} size="h3">
          {title}
        </Title>
        <div className="acts">{acts}</div>
      </div>
      {children}
    </div>
  )
}

export function Facts({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
