import type { RequestConditions } from './request-conditions.ts'

type Day = NonNullable<RequestConditions['timeWindow']>['days'][number]
const week: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** `Mon to Fri from 08:00 to 18:00 (Europe/Berlin), from 10.0.0.0/8, within 15 minutes of signing in`. */
export function conditionsInWords({ timeWindow, networks, signInWithinSeconds }: RequestConditions): string {
  return [
    ...(timeWindow === undefined
      ? []
      : [`${daysInWords(timeWindow.days)} from ${timeWindow.from} to ${timeWindow.to} (${timeWindow.timeZone})`]),
    ...(networks === undefined ? [] : [`from ${networks.join(' or ')}`]),
    ...(signInWithinSeconds === undefined ? [] : [`within ${lengthInWords(signInWithinSeconds)} of signing in`]),
  ].join(', ')
}

/** Neighbours as a stretch: `Mon to Fri`, `Sat and Sun`, `every day`. */
function daysInWords(on: readonly Day[]): string {
  if (on.length === week.length) return 'every day'
  const stretches: Day[][] = []
  for (const [at, one] of week.entries()) {
    if (!on.includes(one)) continue
    const before = week[at - 1]
    const last = stretches.at(-1)
    if (last && before && last.includes(before)) last.push(one)
    else stretches.push([one])
  }
  const words = stretches.flatMap((stretch) =>
    stretch.length > 2 ? [`${capital(stretch[0])} to ${capital(stretch.at(-1))}`] : stretch.map(capital),
  )
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

const capital = (text = '') => text.charAt(0).toUpperCase() + text.slice(1)

function lengthInWords(length: number): string {
  const [size, unit] = length % 3600 === 0 ? [3600, 'hour'] : length % 60 === 0 ? [60, 'minute'] : [1, 'second']
  const count = length / size
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
