import { Button, Select, TextInput } from '@mantine/core'
import { IconFileCheck, IconX } from '@tabler/icons-react'
import { lazy, Suspense } from 'react'
import { kept } from '../parts/answered.tsx'
import { type Histogram, HistogramBars } from '../parts/histogram.tsx'
import { localOf } from '../parts/moments.ts'
import { Page } from '../parts/page.tsx'
import { Count, useListState } from '../parts/table.tsx'
import { kindOf, shortUid } from './audit-entry.tsx'
import { AuditTable, actions, useAudit, useAuditOverTime } from './audit-list.tsx'
import { useExport } from './export-log.tsx'
import { useFilterNames } from './filter-names.ts'

// What verifies is loaded by who verifies.
const VerifyExport = lazy(async () => ({ default: (await import('./proof.tsx')).VerifyExport }))

/** What happened, newest first. Filters, page and the open entry are in the address. */
export function Audit() {
  const { search, change } = useListState()
  const { project, user, kind, object, session, action, state, from, to } = search
  const filter = { project, user, kind, object, session, action, outcome: state, from, to }
  const list = useAudit(filter)
  const overTime = barsOf(kept(useAuditOverTime(filter)))
  const ranged = to !== undefined || (from !== undefined && !from.startsWith('-'))
  const called = useFilterNames(filter, list)
  const exporting = useExport()
  const chips = [
    { name: 'user', text: user && `By ${called.user}`, title: user },
    { name: 'object', text: object && `On ${called.object}`, title: object },
    { name: 'kind', text: kind && `Kind ${kindOf(kind)}`, title: kind },
    { name: 'session', text: session && `Session ${shortUid(session)}`, title: session },
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
          {exporting.act}
        </>
      }
    >
      {exporting.state}
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
        <Select
          size="xs"
          aria-label="Outcome"
          placeholder="Any outcome"
          clearable
          clearButtonProps={{ 'aria-label': 'Any outcome' }}
          data={[
            { value: 'done', label: 'Done' },
            { value: 'refused', label: 'Refused' },
            { value: 'intended', label: 'Begun' },
            { value: 'ended', label: 'Ended' },
            { value: 'unknown', label: 'Unknown end' },
          ]}
          value={state ?? null}
          onChange={(value) => change({ state: value ?? undefined })}
        />
        <Select
          size="xs"
          aria-label="Time"
          allowDeselect={false}
          data={[
            { value: 'any', label: 'Any time' },
            { value: '-1h', label: 'Last hour' },
            { value: '-24h', label: 'Last 24 hours' },
            { value: '-7d', label: 'Last 7 days' },
            { value: '-30d', label: 'Last 30 days' },
            { value: 'range', label: 'From … to …' },
          ]}
          value={ranged ? 'range' : (from ?? 'any')}
          onChange={(value) => change(rangeOf(value, overTime))}
        />
        {ranged && (
          <>
            <TextInput
              size="xs"
              type="datetime-local"
              step={1}
              aria-label="From"
              value={from ?? ''}
              onChange={({ currentTarget }) => change({ from: currentTarget.value || undefined })}
            />
            <TextInput
              size="xs"
              type="datetime-local"
              step={1}
              aria-label="To"
              value={to ?? ''}
              onChange={({ currentTarget }) => change({ to: currentTarget.value || undefined })}
            />
          </>
        )}
        {chips.map(({ name, text, title }) => (
          <Button
            key={name}
            size="xs"
            variant="light"
            rightSection={<IconX size={12} aria-hidden />}
            aria-label={`Remove filter: ${text}`}
            title={title}
            onClick={() => change({ [name]: undefined })}
          >
            {text}
          </Button>
        ))}
        <span className="grow" />
        <Count data={list.data} one="entry" many="entries" />
      </div>
      {overTime?.buckets.some(({ entries }) => entries > 0) && (
        <HistogramBars
          label="Entries over time"
          data={overTime}
          choose={(begin, end) => change({ from: localOf(begin), to: localOf(new Date(end.getTime() + 999)) })}
        />
      )}
      <AuditTable list={list} />
      {search.panel === 'verify' && (
        <Suspense fallback={null}>
          <VerifyExport close={() => change({ panel: undefined, page: search.page })} />
        </Suspense>
      )}
    </Page>
  )
}

/** What there is to draw; nothing where no entry fits. */
function barsOf(counted: ReturnType<typeof useAuditOverTime>['data']): Histogram | undefined {
  if (!counted || counted.from === null || counted.to === null) return undefined
  return { from: counted.from, to: counted.to, buckets: counted.buckets }
}

/** A range to begin with is the one in sight. */
function rangeOf(chosen: string | null, seen: Histogram | undefined) {
  if (chosen !== 'range') return { from: chosen === 'any' ? undefined : (chosen ?? undefined), to: undefined }
  const [begin, end] = seen ? [new Date(seen.from), new Date(seen.to)] : [new Date(), new Date()]
  return { from: localOf(begin), to: localOf(new Date(end.getTime() + 999)) }
}
