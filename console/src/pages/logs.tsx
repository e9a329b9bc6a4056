import { Alert, Button, Select, TextInput } from '@mantine/core'
import { IconArrowDown, IconDownload, IconPlayerPause, IconPlayerPlay, IconSearch } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { kubeFetch } from '../api/kube.ts'
import { Copyable } from '../parts/copy.tsx'
import { useDownload } from '../parts/download.tsx'
import { Failure } from '../parts/failure.tsx'
import { type LogEnd, type LogLine, type LogSource, logUrl, mostLines, useLog } from './log-stream.ts'

const spans = [
  { value: 'tail', label: 'Last 500 lines' },
  { value: '5m', label: 'Last 5 minutes' },
  { value: '1h', label: 'Last hour' },
  { value: '24h', label: 'Last day' },
  { value: 'all', label: 'All of it' },
]

/** A container's log as it is written: paused, searched, taken along. */
export function Logs({ changeSince, ...source }: LogSource & { readonly changeSince: (since: string) => void }) {
  const [paused, setPaused] = useState(false)
  const [sought, setSought] = useState('')
  const { lines, waiting, end, again } = useLog(source, paused)
  const whole = { ...source, since: 'all' }
  const { link, failure } = useDownload({
    href: logUrl(whole),
    file: `${source.pod}-${source.container}.log`,
    ask: async () => (await kubeFetch(logUrl(whole, [['limitBytes', '1']]), { accept: '*/*' })).text(),
  })
  const found = sought === '' ? lines : lines.filter(({ text }) => text.toLowerCase().includes(sought.toLowerCase()))
  return (
    <section className="stack" aria-label={`Log of ${source.container}`}>
      <div className="filters">
        <TextInput
          className="grow"
          size="xs"
          type="search"
          aria-label="Search in the log"
          placeholder="Show lines with…"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={sought}
          onChange={({ currentTarget }) => setSought(currentTarget.value)}
        />
        <Select
          size="xs"
          aria-label="Since"
          data={spans}
          value={source.since}
          allowDeselect={false}
          onChange={(since) => changeSince(since ?? 'tail')}
        />
        <Button
          size="xs"
          variant="default"
          disabled={end !== undefined}
          leftSection={paused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
          onClick={() => setPaused(!paused)}
        >
          {paused ? 'Go on' : 'Pause'}
        </Button>
        <Button {...link} size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden />}>
          Download
        </Button>
      </div>
      {failure}
      <p className="quiet small" role="status">
        {counted(found.length, sought === '' ? 'line' : 'matching line')}
        {lines.length >= mostLines ? ', the last that fit here' : ''}
        {paused && waiting > 0 ? ` · ${waiting} new` : ''}
      </p>
      <View lines={found} sought={sought} following={!paused && end === undefined} />
      {end && <Ended end={end} again={again} />}
    </section>
  )
}

const counted = (count: number, what: string) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`

/** Lines with the newest at the bottom, which stays in sight until the reader scrolls away from it. */
function View({
  lines,
  sought,
  following,
}: {
  readonly lines: readonly LogLine[]
  readonly sought: string
  readonly following: boolean
}) {
  const box = useRef<HTMLElement>(null)
  const [atEnd, setAtEnd] = useState(true)
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight })
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves it
  useEffect(() => {
    if (atEnd) toEnd()
  }, [lines, atEnd])
  return (
    <div className="logbox">
      {/* A screen reader that read each line aloud would never end: the count above is said instead. */}
      <section
        ref={box}
        className="log"
        aria-label="Lines"
        aria-busy={following}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < 24)
        }
      >
        {lines.map(({ id, at, text }) => (
          <div key={id} className="line">
            <time dateTime={at}>{clock(at)}</time> <Marked text={text} sought={sought} />
          </div>
        ))}
      </section>
      {!atEnd && (
        <Button
          className="toend"
          size="compact-xs"
          variant="filled"
          leftSection={<IconArrowDown size={12} aria-hidden />}
          onClick={toEnd}
        >
          To the newest
        </Button>
      )}
    </div>
  )
}

const times = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const clock = (at: string) => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '' : times.format(date)
}

function Marked({ text, sought }: { readonly text: string; readonly sought: string }) {
  const at = sought === '' ? -1 : text.toLowerCase().indexOf(sought.toLowerCase())
  if (at < 0) return text
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + sought.length)}</mark>
      {text.slice(at + sought.length)}
    </>
  )
}

function Ended({ end, again }: { readonly end: LogEnd; readonly again: () => void }) {
  if (end.kind === 'refused')
    return (
      <>
        <p role="status">The log ends here: you may not see more of it.</p>
        <Failure error={end.error} retry={again} />
      </>
    )
  return (
    <Alert color="gray" title={end.kind === 'whole' ? 'The log has ended' : 'The connection ended'} role="status">
      {end.kind === 'whole' ? (
        'The container writes no more. '
      ) : (
        <>
          Somebody may have ended it, or the way to the cluster broke. Request{' '}
          <Copyable text={end.requestId} label="Copy request id" />{' '}
        </>
      )}
      <Button size="compact-xs" variant="default" onClick={again}>
        Follow again
      </Button>
    </Alert>
  )
}
