import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'

/** A uid or id: short, whole when copied. */
export function Copyable({ text, label = 'Copy uid' }: { readonly text: string; readonly label?: string }) {
  return (
    <span className="inline">
      <span className="mono" title={text}>
        {text.length > 12 ? `${text.slice(0, 8)}…` : text}
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
