import {
  IconAlertTriangle,
  IconBuilding,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconFolder,
  IconServerCog,
} from '@tabler/icons-react'
import type { ReactNode } from 'react'

const tones = { good: IconCircleCheck, warn: IconAlertTriangle, bad: IconCircleX, quiet: IconCircleDashed }

/** A state by icon and word, never by colour alone. */
export function State({ tone, children }: { readonly tone: keyof typeof tones; readonly children: ReactNode }) {
  const Icon = tones[tone]
  return (
    <span className="state" data-tone={tone}>
      <Icon size={16} aria-hidden />
      {children}
    </span>
  )
}

const scopes = { tenant: IconBuilding, project: IconFolder, resource: IconCircleDashed, system: IconServerCog }

/** In which scope an object lives, by icon and word. */
export function InScope({ kind, children }: { readonly kind: string; readonly children?: string | undefined }) {
  const Icon = kind in scopes ? scopes[kind as keyof typeof scopes] : IconCircleDashed // `in` has just shown it.
  return (
    <span className="state" data-tone="quiet">
      <Icon size={16} aria-hidden />
      <span>{children ?? kind}</span>
    </span>
  )
}
