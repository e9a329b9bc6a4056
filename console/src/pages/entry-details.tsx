import { Button, Text } from '@mantine/core'
import { useState } from 'react'
import { type Change, readDetails } from '../../ledger/changes.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { Facts } from '../parts/page.tsx'

/** What an entry keeps beside who and on what: what changed, old and new, then the rest; the log's own JSON is one click away. */
export function EntryDetails({ details }: { readonly details: Readonly<Record<string, unknown>> }) {
  const [isRaw, setRaw] = useState(false)
  // Why it was allowed is for *Why?*, which names the roles.
  const { decision, ...rest } = details
  const { changes, told } = readDetails(rest)
  if (Object.keys(details).length === 0) return null
  return (
    <section className="stack" aria-labelledby="details">
      <div className="head">
        <Text fw={600} size="sm" id="details">
          {changes.length > 0 ? 'What changed' : 'Details'}
        </Text>
        <Button size="compact-xs" variant="default" aria-expanded={isRaw} onClick={() => setRaw(!isRaw)}>
          {isRaw ? 'As people read it' : 'As JSON'}
        </Button>
      </div>
      {isRaw ? (
        <CodeBlock text={JSON.stringify(details, null, 2)} label="JSON" />
      ) : (
        <>
          {changes.length > 0 && (
            <ul className="changes" aria-label="What changed">
              {changes.map((change) => (
                <Changed key={`${change.what} ${change.before ?? ''} ${change.after ?? ''}`} change={change} />
              ))}
            </ul>
          )}
          {told.length > 0 && <Facts rows={told.map(([what, value]) => [what, inLines(value)])} />}
        </>
      )}
    </section>
  )
}

const inLines = (text: string) => (text.includes('\n') ? <span className="said">{text}</span> : text)

/** Old and new by sign and word, never by colour alone. */
function Changed({ change: { what, before, after } }: { readonly change: Change }) {
  return (
    <li>
      {what !== '' && <div className="quiet">{what}</div>}
      {before !== undefined && (
        <del>
          <span aria-hidden>− </span>
          <span className="visually-hidden">before: </span>
          {before}
        </del>
      )}
      {after !== undefined && (
        <ins>
          <span aria-hidden>+ </span>
          <span className="visually-hidden">after: </span>
          {after}
        </ins>
      )}
      {before === undefined && after === undefined && <span>none</span>}
    </li>
  )
}
