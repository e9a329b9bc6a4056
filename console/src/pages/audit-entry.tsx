import { Drawer, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { answer, api } from '../api/client.ts'
import type { paths } from '../api/schema.gen.ts'
import { currentSession } from '../api/session.ts'
import { answered } from '../parts/answered.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { useLayer } from '../parts/layer.ts'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { Exact } from '../parts/when.tsx'
import { WhyButton } from '../parts/why.tsx'
import { EntryDetails } from './entry-details.tsx'
import { FilterBy, type Narrowed } from './filter-by.tsx'

// What verifies is loaded by who verifies.
const Proof = lazy(async () => ({ default: (await import('./proof.tsx')).Proof }))

export type Entry = paths['/v1/audits']['get']['responses'][200]['content']['application/json']['items'][number]

/** The outcome has a column of its own. */
const titleOf = (message: string) => message.replace(/ \((?:refused|intended|ended|unknown)\)$/, '')

/** What happened, and of a refusal the right that was missing. */
export const headingOf = ({ actionMsg, contentMsg }: Pick<Entry['spec'], 'actionMsg' | 'contentMsg'>): string =>
  [titleOf(actionMsg), missingIn(contentMsg)].filter((part) => part !== undefined).join(': ')

export function outcomeOf(outcome: string) {
  if (outcome === 'refused') return <State tone="bad">Refused</State>
  if (outcome === 'unknown') return <State tone="warn">Unknown end</State>
  if (outcome === 'intended') return <State tone="quiet">Begun</State>
  return <State tone="good">{outcome === 'ended' ? 'Ended' : 'Done'}</State>
}

/** Who did it. What nobody signed in for has a word in place of a uid; what Palisade does by itself names the part of it. */
export function whoOf({ user, serviceName }: Entry['spec']['actor']): string {
  if (user) return unknownPerson(user.uid) ?? (user.emailId || shortUid(user.uid))
  return serviceName === undefined || serviceName === 'palisade' ? 'Palisade' : `Palisade (${serviceName})`
}

/** In place of a person: an attempt to sign in, say, of somebody whom nobody knows. */
export const unknownPerson = (uid: string): string | undefined => (uid === 'unknown' ? 'somebody unknown' : undefined)

export const shortUid = (uid: string): string => (uid.length > 12 ? `${uid.slice(0, 8)}…` : uid)

/** Whether somebody has a page among this tenant's members. System administrators, who make the tenant, are none of them. */
const isMember = ({ uid, emailId, org }: NonNullable<Entry['spec']['actor']['user']>) =>
  !currentSession().isSystem && unknownPerson(uid) === undefined && emailId !== '' && org !== 'system'

/** Kinds of objects as people call them, where the API has words of its own. */
export const kindOf = (kind: string) => kinds[kind] ?? kind
const kinds: Readonly<Record<string, string>> = { spectrocluster: 'cluster', apiKey: 'API key', access: 'right' }

/** The right that a refused caller lacked. */
function missingIn(details: string): string | undefined {
  const permission = parsed(details)?.permission ?? parsed(details)?.missing
  return typeof permission === 'string' ? permission : undefined
}

/** The right by which an allowed caller was allowed. */
function decidedIn(details: string): string | undefined {
  const decision = parsed(details)?.decision
  if (typeof decision !== 'object' || decision === null || !('permission' in decision)) return undefined
  return typeof decision.permission === 'string' ? decision.permission : undefined
}

type Panel = {
  readonly uid: string
  /** What the list that it was opened from is narrowed to by where it stands. */
  readonly within: Narrowed
  readonly close: () => void
}

/** One entry whole: who, on what, with which credential, and what the log keeps of it. */
export function EntryPanel({ uid, within, close }: Panel) {
  const { org } = useParams({ from: '/t/$org' })
  const query = useQuery({
    queryKey: ['audit', uid],
    queryFn: () => answer(api.GET('/v1/audits/{uid}', { params: { path: { uid } } })),
  })
  const entry = answered(query)
  useLayer(close)
  return (
    <Drawer opened onClose={close} size="lg" title="Audit entry" closeButtonProps={{ 'aria-label': 'Close' }}>
      {entry.failure}
      {entry.data && (
        <Stack gap="md">
          <Group gap="xs">
            <Text fw={600}>{headingOf(entry.data.spec)}</Text>
            {!isPlainRefusal(entry.data) && outcomeOf(entry.data.metadata.annotations.outcome ?? '')}
          </Group>
          <Facts rows={factsOf(entry.data, org, within)} />
          <Decided entry={entry.data} />
          <Details text={entry.data.spec.contentMsg} />
          {entry.data.spec.userMsg !== '' && <Text size="sm">Note: {entry.data.spec.userMsg}</Text>}
          <Suspense fallback={null}>
            <Proof entry={entry.data} />
          </Suspense>
        </Stack>
      )}
    </Drawer>
  )
}

/** Who, on what, of which kind and in which session narrow the log to their like. */
function factsOf({ metadata, spec: { actor, resource } }: Entry, org: string, within: Narrowed) {
  const { annotations } = metadata
  const { user } = actor
  const who = whoOf(actor)
  const kind = kindOf(resource.kind)
  const on = resource.name || shortUid(resource.uid)
  const session = annotations.session
  const optional = (name: string, value: string | undefined) =>
    value ? [[name, <Copyable key={name} text={value} label={`Copy ${name.toLowerCase()}`} />] as const] : []
  return [
    ['When', <Exact key="when" at={metadata.creationTimestamp} />],
    [
      'Who',
      user ? (
        <Group key="who" gap="sm">
          <FilterBy within={within} by={{ user: user.uid }} label={`Only entries by ${who}`}>
            {who}
          </FilterBy>
          {isMember(user) && (
            <To to="/t/$org/users/$uid" params={{ org, uid: user.uid }} size="xs" aria-label={`Page of ${who}`}>
              Page
            </To>
          )}
        </Group>
      ) : (
        who
      ),
    ],
    [
      'On',
      <Group key="on" gap="sm">
        <FilterBy within={within} by={{ kind: resource.kind }} label={`Only entries of kind ${kind}`}>
          {kind}
        </FilterBy>
        {resource.uid === 'none' ? (
          resource.name
        ) : (
          <FilterBy within={within} by={{ object: resource.uid }} label={`Only entries on ${on}`}>
            {on}
          </FilterBy>
        )}
      </Group>,
    ],
    [
      'Event',
      <span key="event" className="mono">
        {metadata.name}
      </span>,
    ],
    ...(annotations.address ? [['From', annotations.address] as const] : []),
    ...optional('Credential', annotations.credential),
    ...(session
      ? [
          [
            'Session',
            <Copyable key="session" text={session} label="Copy session">
              <FilterBy within={within} by={{ session }} label={`Only entries of session ${shortUid(session)}`}>
                {shortUid(session)}
              </FilterBy>
            </Copyable>,
          ] as const,
        ]
      : []),
    ...optional('Request', annotations.request),
    ['Index', annotations.index ?? ''],
    ...optional('Uid', metadata.uid),
  ] as const
}

/** Of a decision whose right the log has: the way to *Why?*, which says how it is now. */
function Decided({ entry }: { readonly entry: Entry }) {
  const permission = missingIn(entry.spec.contentMsg) ?? decidedIn(entry.spec.contentMsg)
  if (permission === undefined) return null
  const { actor, resource } = entry.spec
  const { project, user } = actor
  const isMine = user?.uid === currentSession().user.uid
  const isRefused = entry.metadata.annotations.outcome === 'refused'
  return (
    <div>
      <WhyButton
        permission={permission}
        scope={
          project?.uid ? { kind: 'project', uid: project.uid } : { kind: 'tenant', uid: currentSession().tenant.uid }
        }
        cluster={
          resource.kind === 'spectrocluster' && resource.uid !== 'none'
            ? { uid: resource.uid, name: resource.name }
            : undefined
        }
        requestId={isRefused ? entry.metadata.annotations.request : undefined}
        subject={user && !isMine ? { uid: user.uid, name: user.emailId || user.uid } : undefined}
      />
    </div>
  )
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown> // The log's own details are an object.
  } catch {
    return undefined
  }
}

/** An entry of nothing but a refusal says so in its title. */
const isPlainRefusal = ({ metadata, spec }: Entry) =>
  metadata.annotations.outcome === 'refused' && titleOf(spec.actionMsg) === 'Refused'

/** What the log was written with is an object; what it cut to fit is none any more. */
function Details({ text }: { readonly text: string }) {
  const details = parsed(text)
  if (details) return <EntryDetails details={details} />
  return text === '' ? null : <CodeBlock text={text} label="Details" />
}
