import { Tooltip } from '@mantine/core'

const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' })

/** A time relative to now, with the exact one in the reader's zone on hover and focus. Go's zero time is none. */
export function When({ at, never = 'never' }: { readonly at: string; readonly never?: string }) {
  if (at === '' || at.startsWith('0001-')) return <span className="quiet">{never}</span>
  const date = new Date(at)
  return (
    <Tooltip label={exact.format(date)}>
      <time dateTime={at}>{agoOf(date)}</time>
    </Tooltip>
  )
}

function agoOf(date: Date): string {
  const seconds = (date.getTime() - Date.now()) / 1000
  for (const [unit, size] of units)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  return 'just now'
}

/** For rows that are read against each other, such as those of the log. */
export function Exact({ at }: { readonly at: string }) {
  return <time dateTime={at}>{exact.format(new Date(at))}</time>
}
