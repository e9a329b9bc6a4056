import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import type { ReactNode } from 'react'

type Props = {
  readonly text: string
  readonly label?: string
  /** In place of the text, such as a link that shows it. */
  readonly children?: ReactNode
}

/** A uid or id: short, whole when copied. */
export function Copyable({ text, label = 'Copy uid', children }: Props) {
  return (
    <span className="inline">
      <span className="mono" title={text}>
        {children ?? (text.length > 12 ? `${text.slice(0, 8)}…` : text)}
      </span>
      <Copy text={text} label={label} />
    </span>
  )
}

function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : label}>
          <ActionIcon size="sm" variant="subtle" color="gray" aria-label={copied ? 'Copied' : label} onClick={copy}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  )
}

/** Text to paste elsewhere: a command, a link, a file. */
export function CodeBlock({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className="copyable">
      {/* A region that scrolls is reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section className="code" data-one-line={!text.includes('\n')} tabIndex={0} aria-label={label}>
        {text}
      </section>
      <Copy text={text} label={`Copy ${label.toLowerCase()}`} />
    </div>
  )
}
