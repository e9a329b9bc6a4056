import type { RequestConditions } from '../contract/request-conditions.ts'

type TimeWindow = NonNullable<RequestConditions['timeWindow']>
type Day = TimeWindow['days'][number]
const week: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const time = /^(\d{2}:\d{2})-(\d{2}:\d{2})$/

/**
 * A time window as people type it: `mon-fri 08:00-18:00 Europe/Berlin`. Days are `daily`, or days and stretches of days by commas
 * (`sat-mon,wed`). Whether there are such a time and such a zone is not looked at.
 *
 * @returns undefined for another text
 */
export function parseTimeWindow(text: string): TimeWindow | undefined {
  const [days = '', times = '', timeZone = '', ...more] = text.trim().split(/\s+/)
  const on = parseDays(days.toLowerCase())
  const [, from, to] = time.exec(times) ?? []
  if (on === undefined || from === undefined || to === undefined || timeZone === '' || more.length > 0) return undefined
  return { timeZone, days: on, from, to }
}

/** In the order of the week, each once. */
function parseDays(text: string): readonly Day[] | undefined {
  const days: readonly string[] = week
  if (text === 'daily') return week
  const on = new Set<Day>()
  for (const part of text.split(',')) {
    const [first = '', last = first, ...more] = part.split('-')
    const begins = days.indexOf(first)
    const ends = days.indexOf(last)
    if (begins < 0 || ends < 0 || more.length > 0) return undefined
    // A stretch may go over the end of the week.
    const length = ((ends - begins + week.length) % week.length) + 1
    for (let i = 0; i < length; i++) on.add(week[(begins + i) % week.length] ?? 'mon')
  }
  return week.filter((day) => on.has(day))
}
