import { Badge, Button, Drawer, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconArrowUp, IconDownload, IconFileCheck, IconX } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { answer, api, inProject } from '../api/client.ts'
import type { paths } from '../api/schema.gen.ts'
import { currentSession } from '../api/session.ts'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { Exact, When } from '../parts/when.tsx'
import { WhyButton } from '../parts/why.tsx'
import { useNewEntries } from './new-entries.ts'

// What verifies is loaded by who verifies.
const Proof = lazy(async () => ({ default: (await import('./proof.tsx')).Proof }))
const VerifyExport = lazy(async () => ({ default: (await import('./proof.tsx')).VerifyExport }))

type Entry = paths['/v1/audits']['get']['responses'][200]['content']['application/json']['items'][number]
const actions = ['create', 'update', 'delete', 'publish', 'deploy', 'activity', 'action'] as const

/** What happened, newest first. Filters, page and the open entry are in the address. */
export function Audit() {
  const { offset, search, change } = useListState()
  const { project, user, kind, object, action, from, to, panel } = search
  const queryKey = ['audit', 'list', project, user, kind, object, action, from, to, offset]
  const ask = async () => {
    const actionType = actions.find((one) => one === action)
    const query = {
      limit: pageSize,
      offset,
      ...(user ? { userUid: user } : {}),
      ...(kind ? { resourceKind: kind } : {}),
      ...(object ? { resourceUid: object } : {}),
      ...(actionType ? { actionType } : {}),
      ...(from ? { startTime: new Date(`${from}T00:00:00`).toISOString() } : {}),
      ...(to ? { endTime: new Date(`${to}T23:59:59.999`).toISOString() } : {}),
    }
    const { items, listmeta } = await answer(api.GET('/v1/audits', { params: { query, ...inProject(project) } }))
    return { items, count: listmeta.count }
  }
  // Nothing moves under the reader: what is new waits above the first page.
  const list = useQuery({ queryKey, placeholderData: keepPreviousData, refetchOnWindowFocus: false, queryFn: ask })
  const news = useNewEntries({ queryKey, ask, isFirstPage: offset === 0 })
  const close = () => change({ panel: undefined, page: search.page })
  const chips = [
    { name: 'user', text: user && `By ${user}` },
    { name: 'object', text: object && `On ${object}` },
    { name: 'kind', text: kind && `Kind ${kind}` },
  ].filter(({ text }) => text)
  return (
    <Page
      title="Audit"
      acts={
        <>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconFileCheck size={14} aria-hidden />}
            onClick={() => change({ panel: 'verify', page: search.page })}
          >
            Verify an export
          </Button>
          <Button
            component="a"
            href="/canvas/api/v1/palisade/audit/export"
            download="audit.jsonl"
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
          >
            Export the whole log
          </Button>
        </>
      }
    >
      <div className="filters">
        <Select
          size="xs"
          aria-label="Action"
          placeholder="Any action"
          clearable
          clearButtonProps={{ 'aria-label': 'Any action' }}
          data={[...actions]}
          value={action ?? null}
          onChange={(value) => change({ action: value ?? undefined })}
        />
        <TextInput
          size="xs"
          type="date"
          aria-label="From"
          value={from ?? ''}
          onChange={({ currentTarget }) => change({ from: currentTarget.value || undefined })}
        />
        <TextInput
          size="xs"
          type="date"
          aria-label="To"
          value={to ?? ''}
          onChange={({ currentTarget }) => change({ to: currentTarget.value || undefined })}
        />
        {chips.map(({ name, text }) => (
          <Button
            key={name}
            size="xs"
            variant="light"
            rightSection={<IconX size={12} aria-hidden />}
            aria-label={`Remove filter: ${text}`}
            onClick={() => change({ [name]: undefined })}
          >
            {text}
          </Button>
        ))}
        <span className="grow" />
        <Count data={list.data} one="entry" many="entries" />
      </div>
      <div role="status">
        {news.count > 0 && (
          <Button
            fullWidth
            size="compact-sm"
            variant="light"
            leftSection={<IconArrowUp size={14} aria-hidden />}
            onClick={news.show}
          >
            {news.count >= pageSize ? `${pageSize} or more new` : `${news.count} new`}
          </Button>
        )}
      </div>
      <DataTable
        label="Audit"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
        empty={<Text>No entry fits.</Text>}
        columns={[
          {
            title: 'What',
            cell: ({ metadata, spec }) => (
              <To to="." search={(before) => ({ ...before, panel: metadata.uid })}>
                {titleOf(spec.actionMsg)}
              </To>
            ),
          },
          { title: 'Outcome', cell: ({ metadata }) => outcomeOf(metadata.annotations.outcome ?? '') },
          { title: 'Who', cell: ({ spec }) => whoOf(spec.actor) },
          {
            title: 'On',
            wide: true,
            cell: ({ spec: { resource } }) => (
              <>
                <span className="quiet">{resource.kind}</span> {resource.name || resource.uid.slice(0, 8)}
              </>
            ),
          },
          { title: 'When', cell: ({ metadata }) => <When at={metadata.creationTimestamp} /> },
          { title: 'Index', end: true, wide: true, cell: ({ metadata }) => metadata.annotations.index },
        ]}
      />
      {panel === 'verify' && (
        <Suspense fallback={null}>
          <VerifyExport close={close} />
        </Suspense>
      )}
      {panel && panel !== 'verify' && <EntryPanel uid={panel} close={close} />}
    </Page>
  )
}

/** The outcome has a column of its own. */
const titleOf = (message: string) => message.replace(/ \((?:refused|intended|ended|unknown)\)$/, '')

function outcomeOf(outcome: string) {
  if (outcome === 'refused') return <State tone="bad">Refused</State>
  if (outcome === 'unknown') return <State tone="warn">Unknown end</State>
  if (outcome === 'intended') return <State tone="quiet">Begun</State>
  return <State tone="good">{outcome === 'ended' ? 'Ended' : 'Done'}</State>
}

const whoOf = ({ user, serviceName }: Entry['spec']['actor']) =>
  user ? user.emailId || user.uid.slice(0, 8) : (serviceName ?? 'system')

/** One entry whole: who, on what, with which credential, and what the log keeps of it. */
function EntryPanel({ uid, close }: { readonly uid: string; readonly close: () => void }) {
  const { org } = useParams({ from: '/t/$org' })
  const entry = useQuery({
    queryKey: ['audit', uid],
    queryFn: () => answer(api.GET('/v1/audits/{uid}', { params: { path: { uid } } })),
  })
  return (
    <Drawer opened onClose={close} size="lg" title="Audit entry" closeButtonProps={{ 'aria-label': 'Close' }}>
      {entry.error && <Failure error={entry.error} retry={() => void entry.refetch()} />}
      {entry.data && (
        <Stack gap="md">
          <Group gap="xs">
            <Text fw={600}>{titleOf(entry.data.spec.actionMsg)}</Text>
            {outcomeOf(entry.data.metadata.annotations.outcome ?? '')}
          </Group>
          <Facts rows={factsOf(entry.data, org)} />
          <Refusal entry={entry.data} />
          {entry.data.spec.contentMsg !== '' && (
            <CodeBlock text={readable(entry.data.spec.contentMsg)} label="Details" />
          )}
          {entry.data.spec.userMsg !== '' && <Text size="sm">Note: {entry.data.spec.userMsg}</Text>}
          <Suspense fallback={null}>
            <Proof entry={entry.data} />
          </Suspense>
        </Stack>
      )}
    </Drawer>
  )
}

function factsOf({ metadata, spec }: Entry, org: string) {
  const { annotations } = metadata
  const { user } = spec.actor
  const optional = (name: string, value: string | undefined) =>
    value ? [[name, <Copyable key={name} text={value} label={`Copy ${name.toLowerCase()}`} />] as const] : []
  return [
    ['When', <Exact key="when" at={metadata.creationTimestamp} />],
    [
      'Who',
      user ? (
        <To key="who" to="/t/$org/users/$uid" params={{ org, uid: user.uid }}>
          {user.emailId || user.uid}
        </To>
      ) : (
        whoOf(spec.actor)
      ),
    ],
    [
      'On',
      <span key="on">
        <Badge variant="light" color="gray" tt="none">
          {spec.resource.kind}
        </Badge>{' '}
        {spec.resource.name || spec.resource.uid}
      </span>,
    ],
    [
      'Event',
      <span key="event" className="mono">
        {metadata.name}
      </span>,
    ],
    ...(annotations.address ? [['From', annotations.address] as const] : []),
    ...optional('Credential', annotations.credential),
    ...optional('Session', annotations.session),
    ...optional('Request', annotations.request),
    ['Index', annotations.index ?? ''],
    ...optional('Uid', metadata.uid),
  ] as const
}

/** Of a denial that stands in the details: the way to *Why?*. */
function Refusal({ entry }: { readonly entry: Entry }) {
  const details = parsed(entry.spec.contentMsg)
  const permission = details?.permission ?? details?.missing
  if (entry.metadata.annotations.outcome !== 'refused' || typeof permission !== 'string') return null
  const { project, user } = entry.spec.actor
  const isMine = user?.uid === currentSession().user.uid
  return (
    <div>
      <WhyButton
        permission={permission}
        scope={
          project?.uid ? { kind: 'project', uid: project.uid } : { kind: 'tenant', uid: currentSession().tenant.uid }
        }
        requestId={entry.metadata.annotations.request}
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

const readable = (text: string) => {
  const details = parsed(text)
  return details ? JSON.stringify(details, null, 2) : text
}
