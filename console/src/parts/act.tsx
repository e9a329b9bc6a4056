import { Button, type ButtonProps } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { type ReactNode, use } from 'react'
import { useMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { AskWhy, isOnCluster, OnCluster } from './why.tsx'

type Props = Omit<ButtonProps, 'children'> & {
  readonly needs: string
  /** The project it happens in; none: the tenant. */
  readonly project?: string | undefined
  /** What it is called where its text alone could be about anything on the page. */
  readonly name?: string
  readonly onClick: () => void
  readonly children: ReactNode
}

/** A button for what needs a right. Without it the button stays where it is, looks locked and opens *Why?*. */
export function Act({ needs, project, name, onClick, children, ...look }: Props) {
  const mayThere = useMay()(needs, project)
  const ask = use(AskWhy)
  const on = use(OnCluster)
  const { tenant, isSystem } = currentSession()
  const scope = project
    ? { kind: 'project', uid: project }
    : isSystem
      ? { kind: 'system', uid: 'system' }
      : { kind: 'tenant', uid: tenant.uid }
  const cluster = isOnCluster({ permission: needs, scope }) ? on : undefined
  if (mayThere !== false || cluster?.permissions.includes(needs))
    return (
      <Button size="xs" {...look} {...(name === undefined ? {} : { 'aria-label': name })} onClick={onClick}>
        {children}
      </Button>
    )
  return (
    <Button
      size="xs"
      variant="default"
      {...(name === undefined ? {} : { 'aria-label': `${name} · why?` })}
      leftSection={<IconLock size={14} aria-hidden />}
      onClick={() => ask?.({ permission: needs, scope, cluster })}
    >
      {children}
      <span className="quiet">&nbsp;· why?</span>
    </Button>
  )
}
