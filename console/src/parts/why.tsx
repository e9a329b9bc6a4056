import { Button } from '@mantine/core'
import { IconHelpCircle } from '@tabler/icons-react'
import { createContext, use } from 'react'
import type { Scope } from '../api/client.ts'

/** A cluster that a question is about: what may be done on it may depend on its tags. */
export type ClusterRef = { readonly uid: string }

/** What a decision was about. `requestId` where the server has made it already. */
export type Question = {
  readonly permission: string
  readonly scope: Scope
  readonly cluster?: ClusterRef | undefined
  readonly requestId?: string | undefined
  /** The uid of whom it is about, where that is not the reader. */
  readonly subject?: string | undefined
}

/** A decision that the log has: the uid of its entry, or the id of its request. */
export type OfRecord = { readonly recorded: string }

/** Opens the panel that says why; the frame provides it. */
export const AskWhy = createContext<((asked: Question | OfRecord) => void) | undefined>(undefined)

/** The cluster whose page this is, with what the server says the reader may do on it, filters included. */
export const OnCluster = createContext<(ClusterRef & { readonly permissions: readonly string[] }) | undefined>(
  undefined,
)

/** What is decided on clusters in a project, on a cluster's page, is decided on that cluster. */
export const isOnCluster = ({ permission, scope }: Pick<Question, 'permission' | 'scope'>): boolean =>
  scope.kind === 'project' && permission.startsWith('cluster.')

/** @param label what it says, where *Why?* alone could be about anything */
export function WhyButton({ label = 'Why?', ...asked }: (Question | OfRecord) & { readonly label?: string }) {
  const ask = use(AskWhy)
  const on = use(OnCluster)
  if (!ask) return null
  const about = () => {
    if ('recorded' in asked) return asked
    return { ...asked, cluster: asked.cluster ?? (isOnCluster(asked) ? on : undefined) }
  }
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconHelpCircle size={16} aria-hidden />}
      onClick={() => ask(about())}
    >
      {label}
    </Button>
  )
}
