import { Button, Text } from '@mantine/core'
import { useSearch } from '@tanstack/react-router'
import { useScopeName } from '../api/me.ts'
import { type Entry, type Recorded, readsLog, recordedIn, useOfRequest, useWhereLogIsRead } from '../api/recorded.ts'
import { currentSession } from '../api/session.ts'
import { headingOf, isMember, whoOf } from '../pages/audit-entry.tsx'
import { Failure } from '../parts/failure.tsx'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { Exact } from '../parts/when.tsx'
import { WhyButton } from '../parts/why.tsx'
import { WhyNow } from './why-now.tsx'

/** A request may decide many times; who wants to see more of them reads the log. */
const shownDecisions = 5

/** What the log has of a request or an entry: what was decided then, and how it would be decided today. */
export function WhyOfRecord({ id }: { readonly id: string }) {
  const { project } = useSearch({ from: '/t/$org' })
  const where = useWhereLogIsRead(project)
  const found = useOfRequest(id, where)
  const nameOf = useScopeName()
  if (where === null)
    return (
      <>
        <Text size="sm">What was decided stands in the audit log, which is for those to read who hold {readsLog}.</Text>
        <div>
          <WhyButton
            label="Why may I not read it?"
            permission={readsLog}
            scope={{ kind: 'tenant', uid: currentSession().tenant.uid }}
          />
        </div>
      </>
    )
  if (found.error) return <Failure error={found.error} retry={found.retry} />
  const { entries, looked, back, isLooking, lookOn } = found
  const decided = entries.flatMap((entry) => {
    const recorded = recordedIn(entry)
    return recorded ? [{ entry, recorded }] : []
  })
  const inPart =
    where?.project === undefined ? '' : `, as far as it is about ${nameOf({ kind: 'project', uid: where.project })}`
  return (
    <>
      {decided.slice(0, shownDecisions).map(({ entry, recorded }) => (
        <Decision key={entry.metadata.uid} entry={entry} recorded={recorded} />
      ))}
      {decided.length > shownDecisions && (
        <Text size="sm">{`${decided.length - shownDecisions} more decisions of this request are in the audit log.`}</Text>
      )}
      {decided.length === 0 && entries.map((entry) => <Undecided key={entry.metadata.uid} entry={entry} />)}
      {entries.length === 0 && (
        <Text size="sm" role="status">
          {isLooking
            ? 'Looking through the audit log'
            : lookOn
              ? 'Not found yet'
              : `The audit log has nothing under ${id}${inPart}. Plain reads are not in it, unless they were refused`}
          {looked > 0 && `: ${looked.toLocaleString('en')} entries`}
          {looked > 0 && back !== undefined && (
            <>
              , back to <Exact at={back} />
            </>
          )}
          .
        </Text>
      )}
      {entries.length === 0 && lookOn && (
        <div>
          <Button size="xs" variant="default" onClick={lookOn}>
            Look further back
          </Button>
        </div>
      )}
    </>
  )
}

function Decision({ entry, recorded }: { readonly entry: Entry; readonly recorded: Recorded }) {
  const { effect, permission, scope, cluster, exceeds, rule } = recorded
  const { user } = entry.spec.actor
  const isMine = user?.uid === currentSession().user.uid
  return (
    <>
      <What entry={entry} />
      {permission !== undefined && user && (isMine || isMember(user)) ? (
        <WhyNow
          question={{
            ...{ permission, scope, cluster, requestId: entry.metadata.annotations.request },
            subject: isMine ? undefined : user.uid,
          }}
          then={recorded}
        />
      ) : (
        <>
          {effect === 'deny' ? <State tone="bad">Refused then</State> : <State tone="good">Allowed then</State>}
          <Text size="sm">{withoutToday(permission, exceeds, rule)}</Text>
        </>
      )}
    </>
  )
}

/** Where there is nobody, or no right, that could be asked about again. */
function withoutToday(permission: string | undefined, exceeds: readonly string[], rule: string | undefined): string {
  if (permission !== undefined) return `It needed ${permission}, and whoever did it is no member here.`
  if (exceeds.length > 0) return `Nobody gives more than they hold. What was missing then: ${exceeds.join(', ')}.`
  return `No right was missing${rule === undefined ? '' : `; the reason was: ${rule}`}. The entry has the details.`
}

function Undecided({ entry }: { readonly entry: Entry }) {
  return (
    <>
      <What entry={entry} />
      <Text size="sm">It needed no right but to be signed in, or is the work of Palisade itself.</Text>
    </>
  )
}

function What({ entry: { metadata, spec } }: { readonly entry: Entry }) {
  const org = currentSession().tenant.name
  return (
    <Facts
      rows={[
        [
          'What',
          <To
            key="what"
            to="/t/$org/audit"
            params={{ org }}
            search={({ project }) => ({ project, panel: metadata.uid })}
            aria-label={`Audit entry: ${headingOf(spec)}`}
          >
            {headingOf(spec)}
          </To>,
        ],
        ['Who', whoOf(spec.actor)],
        ['When', <Exact key="when" at={metadata.creationTimestamp} />],
      ]}
    />
  )
}
