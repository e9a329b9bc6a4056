import { Button } from '@mantine/core'
import { IconHelpCircle } from '@tabler/icons-react'
import { createContext, use } from 'react'
import type { Scope } from '../api/client.ts'

/** A cluster that a question is about: what may be done on it may depend on its tags. */
export type ClusterRef = { readonly uid: string; readonly name?: string | undefined }

/** What a decision was about. `requestId` where the server has made it already. */
export type Question = {
  readonly permission: string
  readonly scope: Scope
  readonly cluster?: ClusterRef | undefined
  readonly requestId?: string | undefined
  /** About whom, where that is read by somebody else. */
  readonly subject?: { readonly uid: string; readonly name: string } | undefined
}

/** Opens the panel that says why; the frame provides it. */
export const AskWhy = createContext<((question: Question) => void) | undefined>(undefined)

/** The cluster whose page this is, with what the server says the reader may do on it, filters included. */
export const OnCluster = createContext<(ClusterRef & { readonly permissions: readonly string[] }) | undefined>(
  undefined,
)

/** What is decided on clusters in a project, on a cluster's page, is decided on that cluster. */
export const isOnCluster = ({ permission, scope }: Pick<Question, 'permission' | 'scope'>): boolean =>
  scope.kind === 'project' && permission.startsWith('cluster.')

/** @param label what it says, where *Why?* alone could be about anything */
export function WhyButton({ label = 'Why?', ...question }: Question & { readonly label?: string }) {
  const ask = use(AskWhy)
  const on = use(OnCluster)
  if (!ask) return null
  const cluster = question.cluster ?? (isOnCluster(question) ? on : undefined)
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconHelpCircle size={16} aria-hidden />}
      onClick={() => ask({ ...question, cluster })}
    >
      {label}
    </Button>
  )
}
