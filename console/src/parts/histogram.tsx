import { Tooltip } from '@mantine/core'
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react'

export type Histogram = {
  readonly from: string
  readonly to: string
  readonly buckets: readonly { readonly entries: number; readonly refused: number }[]
}
type Props = {
  readonly label: string
  readonly data: Histogram
  /** Narrows the range to the bars that were chosen. */
  readonly choose: (from: Date, to: Date) => void
}

const height = 48

/**
 * How many over time, refusals on top of the rest. A bar is chosen by click, or by arrow keys and Enter; several by brushing over them, or
 * with Shift.
 */
export function HistogramBars({ label, data: latest, choose }: Props) {
  const [current, setCurrent] = useState(0)
  /** Where several begin; none: the one alone. What stood there then stays until they are chosen or let go. */
  const [several, setSeveral] = useState<{ readonly from: number; readonly of: Histogram }>()
  const data = several?.of ?? latest
  const anchor = several?.from
  const setAnchor = (from?: number) => setSeveral(from === undefined ? undefined : { from, of: data })
  const brushing = useRef(false)
  const count = data.buckets.length
  const begins = Date.parse(data.from)
  const widthMs = (Date.parse(data.to) - begins) / count
  const most = Math.max(1, ...data.buckets.map(({ entries }) => entries))
  const edge = (i: number) => new Date(begins + i * widthMs)
  const timeOf = widthMs < 60_000 ? withSeconds : widthMs < 86_400_000 ? shortTime : shortDay
  const heightOf = (entries: number) => (entries === 0 ? 0 : Math.max(2, Math.round((entries / most) * height)))
  const within = (i: number) => Math.min(count - 1, Math.max(0, i))
  const said = (first: number, last: number) => {
    const sum = (of: 'entries' | 'refused') =>
      data.buckets.slice(first, last + 1).reduce((all, one) => all + one[of], 0)
    const [entries, refused] = [sum('entries'), sum('refused')]
    const range = `${timeOf.format(edge(first))} – ${timeOf.format(edge(last + 1))}`
    return `${entries} ${entries === 1 ? 'entry' : 'entries'}${refused > 0 ? `, ${refused} refused` : ''}, ${range}`
  }
  const at = within(current)
  const from = within(Math.min(anchor ?? at, at))
  const to = within(Math.max(anchor ?? at, at))

  function narrow(first: number, last: number) {
    setAnchor(undefined)
    choose(edge(first), edge(last + 1))
  }
  function walk(event: KeyboardEvent<HTMLFieldSetElement>) {
    if (event.key === 'Escape' && anchor !== undefined) {
      event.preventDefault()
      setAnchor(undefined)
    }
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = within(at + step)
    setAnchor(event.shiftKey ? (anchor ?? at) : undefined)
    setCurrent(next)
    event.currentTarget.querySelectorAll('button')[next]?.focus()
  }
  const under = ({ currentTarget, clientX }: PointerEvent<HTMLFieldSetElement>) => {
    const { left, width } = currentTarget.getBoundingClientRect()
    return within(Math.floor(((clientX - left) / width) * count))
  }
  function begin(event: PointerEvent<HTMLFieldSetElement>) {
    if (event.button !== 0) return
    // What follows is told here, wherever the pointer goes meanwhile.
    event.currentTarget.setPointerCapture(event.pointerId)
    brushing.current = true
    setAnchor(under(event))
    setCurrent(under(event))
  }
  function end(event: PointerEvent<HTMLFieldSetElement>) {
    if (!brushing.current) return
    brushing.current = false
    const [one, other] = [anchor ?? at, under(event)]
    narrow(Math.min(one, other), Math.max(one, other))
  }
  return (
    <figure className="sheet histogram">
      <fieldset
        aria-label={label}
        onKeyDown={walk}
        onPointerDown={begin}
        onPointerMove={(event) => brushing.current && setCurrent(under(event))}
        onPointerUp={end}
        onPointerCancel={() => {
          brushing.current = false
          setAnchor(undefined)
        }}
      >
        {data.buckets.map(({ entries, refused }, i) => (
          // By place: a bar that has the focus keeps it when the times move on.
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place
          <Tooltip key={i} label={said(i, i)} events={{ hover: true, focus: true, touch: true }}>
            <button
              type="button"
              aria-label={said(i, i)}
              data-chosen={anchor !== undefined && i >= from && i <= to}
              tabIndex={i === at ? 0 : -1}
              onFocus={() => setCurrent(i)}
              // By keys or by what reads the page; the pointer's way is above.
              onClick={({ detail }) => detail === 0 && narrow(from, to)}
            >
              <svg viewBox={`0 0 10 ${height}`} preserveAspectRatio="none" aria-hidden="true">
                <rect className="done" width="10" y={height - heightOf(entries)} height={heightOf(entries)} />
                <rect className="refused" width="10" y={height - heightOf(refused)} height={heightOf(refused)} />
              </svg>
            </button>
          </Tooltip>
        ))}
      </fieldset>
      <figcaption className="quiet">
        <span>{timeOf.format(edge(0))}</span>
        <span role="status">{from < to && `${said(from, to)}: Enter narrows to it`}</span>
        <span>{timeOf.format(edge(count))}</span>
      </figcaption>
    </figure>
  )
}

const shortTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const withSeconds = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const shortDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
