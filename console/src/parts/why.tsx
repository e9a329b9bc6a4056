import { Button } from '@mantine/core'
import { IconHelpCircle } from '@tabler/icons-react'
import { createContext, use } from 'react'
import type { Scope } from '../api/client.ts'

/** What a refusal was about. `requestId` where the server has refused already. */
export type Question = {
  readonly permission: string
  readonly scope: Scope
  readonly requestId?: string | undefined
  /** Who was refused, where that is read by somebody else. */
  readonly subject?: { readonly uid: string; readonly name: string } | undefined
}

/** Opens the panel that says why; the frame provides it. */
export const AskWhy = createContext<((question: Question) => void) | undefined>(undefined)

export function WhyButton(question: Question) {
  const ask = use(AskWhy)
  if (!ask) return null
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconHelpCircle size={16} aria-hidden />}
      onClick={() => ask(question)}
    >
      Why?
    </Button>
  )
}
