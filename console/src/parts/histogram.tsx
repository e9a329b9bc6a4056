import { Tooltip } from '@mantine/core'
import { type KeyboardEvent, useState } from 'react'

export type Histogram = {
  readonly from: string
  readonly to: string
  readonly buckets: readonly { readonly entries: number; readonly refused: number }[]
}
type Props = {
  readonly label: string
  readonly data: Histogram
  /** Narrows the range to one bar. */
  readonly choose: (from: Date, to: Date) => void
}

const height = 48

/** How many over time, refusals on top of the rest. A bar is chosen by click, or by arrow keys and Enter. */
export function HistogramBars({ label, data, choose }: Props) {
  const [current, setCurrent] = useState(0)
  const begins = Date.parse(data.from)
  const widthMs = (Date.parse(data.to) - begins) / data.buckets.length
  const most = Math.max(1, ...data.buckets.map(({ entries }) => entries))
  const edge = (i: number) => new Date(begins + i * widthMs)
  const timeOf = widthMs < 60_000 ? withSeconds : widthMs < 86_400_000 ? shortTime : shortDay
  const heightOf = (count: number) => (count === 0 ? 0 : Math.max(2, Math.round((count / most) * height)))
  function walk(event: KeyboardEvent<HTMLFieldSetElement>) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = Math.min(data.buckets.length - 1, Math.max(0, current + step))
    setCurrent(next)
    event.currentTarget.querySelectorAll('button')[next]?.focus()
  }
  return (
    <figure className="sheet histogram">
      <fieldset aria-label={label} onKeyDown={walk}>
        {data.buckets.map(({ entries, refused }, i) => {
          const range = `${timeOf.format(edge(i))} – ${timeOf.format(edge(i + 1))}`
          const said = `${entries} ${entries === 1 ? 'entry' : 'entries'}${refused > 0 ? `, ${refused} refused` : ''}, ${range}`
          return (
            <Tooltip key={edge(i).getTime()} label={said} events={{ hover: true, focus: true, touch: true }}>
              <button
                type="button"
                aria-label={said}
                tabIndex={i === current ? 0 : -1}
                onFocus={() => setCurrent(i)}
                onClick={() => choose(edge(i), edge(i + 1))}
              >
                <svg viewBox={`0 0 10 ${height}`} preserveAspectRatio="none" aria-hidden="true">
                  <rect className="done" width="10" y={height - heightOf(entries)} height={heightOf(entries)} />
                  <rect className="refused" width="10" y={height - heightOf(refused)} height={heightOf(refused)} />
                </svg>
              </button>
            </Tooltip>
          )
        })}
      </fieldset>
      <figcaption className="quiet">
        <span>{timeOf.format(edge(0))}</span>
        <span>{timeOf.format(edge(data.buckets.length))}</span>
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
