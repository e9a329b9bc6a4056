import type { Day, RequestConditions, RequestOrigin, Terms, TimeWindow, UnmetCondition } from './types.ts'

/** What conditions are asked about: when a request is made, and where from. */
type Asked = { readonly now: number; readonly origin?: RequestOrigin | undefined }

/** In the order of the week, as `Intl` shortens them in English and lower case. */
const days: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const minutesOfDay = 24 * 60
const minuteMs = 60_000

/**
 * Whether a request meets what a grant asks of it: all that is named. Without an origin none is met, a time window neither:
 * whoever asks for nobody's request is told what is held without conditions. A document that names nothing is met by nothing.
 */
export function meets({ conditions }: Pick<Terms, 'conditions'>, { now, origin }: Asked): boolean {
  if (conditions === undefined) return true
  if (origin === undefined) return false
  const { timeWindow, networks, signInWithinSeconds } = conditions
  return (
    (timeWindow !== undefined || networks !== undefined || signInWithinSeconds !== undefined) &&
    (signInWithinSeconds === undefined || isFresh(signInWithinSeconds, now, origin)) &&
    (networks === undefined || isInside(networks, origin)) &&
    (timeWindow === undefined || isOpen(timeWindow, now))
  )
}

/** Which of the conditions a request does not meet: for people who ask why. */
export function unmetOf(
  { timeWindow, networks, signInWithinSeconds }: RequestConditions,
  { now, origin = {} }: Asked,
): readonly UnmetCondition[] {
  return [
    ...(timeWindow === undefined || isOpen(timeWindow, now) ? [] : (['time-window'] as const)),
    ...(networks === undefined || isInside(networks, origin) ? [] : (['network'] as const)),
    ...(signInWithinSeconds === undefined || isFresh(signInWithinSeconds, now, origin)
      ? []
      : (['sign-in-age'] as const)),
  ]
}

/** Until when a grant counts that counts now for a request, were the same request made later: milliseconds; infinity for ever. */
export function countsUntil({ endsAt, conditions = {} }: Terms, { now, origin }: Asked): number {
  const { timeWindow, signInWithinSeconds } = conditions
  return Math.min(
    endsAt ?? Number.POSITIVE_INFINITY,
    timeWindow === undefined ? Number.POSITIVE_INFINITY : closesAt(timeWindow, now),
    signInWithinSeconds === undefined ? Number.POSITIVE_INFINITY : staleAt(signInWithinSeconds, origin),
  )
}

/**
 * Before when time alone changes nothing about whether a grant counts for a request, be it that it begins to or ends to. Windows
 * open and close on full minutes alone: no zone is off by seconds.
 */
export function sameUntil({ endsAt, conditions = {} }: Terms, { now, origin }: Asked): number {
  const { timeWindow, signInWithinSeconds } = conditions
  const changes = [
    endsAt ?? Number.POSITIVE_INFINITY,
    timeWindow === undefined ? Number.POSITIVE_INFINITY : (Math.floor(now / minuteMs) + 1) * minuteMs,
    signInWithinSeconds === undefined ? Number.POSITIVE_INFINITY : staleAt(signInWithinSeconds, origin),
  ]
  return Math.min(...changes.filter((at) => at > now))
}

/**
 * Why a document could never mean what its author thinks, in words; nothing for a sound one. What its shape says is not looked
 * at again.
 */
export function problemOfConditions({
  timeWindow,
  networks,
  signInWithinSeconds,
}: RequestConditions): string | undefined {
  if (timeWindow === undefined && networks === undefined && signInWithinSeconds === undefined)
    return 'name timeWindow, networks or signInWithinSeconds, at least one of them'
  if (timeWindow !== undefined) {
    const { timeZone, from, to } = timeWindow
    // Offsets (+01:00) and abbreviations are none: they know no summer time, or mean several places.
    const isName = timeZone === 'UTC' || /^[A-Za-z][\w+-]*(?:\/[A-Za-z][\w+-]*)+$/.test(timeZone)
    if (!isName || clockOf(timeZone) === undefined)
      return `timeWindow.timeZone: ${timeZone} is no time zone; write its IANA name, as Europe/Berlin or UTC`
    if (minutesOf(from) === minutesOf(to))
      return 'timeWindow: from and to are the same, so it would never be open; a whole day is 00:00 to 24:00'
    if (from === '24:00') return 'timeWindow.from: the day that begins then is the next one; write 00:00'
  }
  for (const network of networks ?? []) {
    const problem = problemOfNetwork(network)
    if (problem !== undefined) return `networks: ${network} ${problem}`
  }
  return undefined
}

const isFresh = (seconds: number, now: number, origin: RequestOrigin): boolean => now < staleAt(seconds, origin)

/** Who never proved who they are was never fresh. */
const staleAt = (seconds: number, origin: RequestOrigin = {}): number =>
  (origin.provedAt ?? Number.NEGATIVE_INFINITY) + seconds * 1_000

function isOpen({ timeZone, days: on, from, to }: TimeWindow, now: number): boolean {
  const local = localTime(timeZone, now)
  if (local === undefined) return false
  const [begins, ends] = [minutesOf(from), minutesOf(to)]
  const { day, minute } = local
  if (begins < ends) return on.includes(day) && begins <= minute && minute < ends
  // Over midnight: it is the window of the day on which it began.
  const dayBefore = days[(days.indexOf(day) + 6) % 7]
  return (
    begins > ends && ((on.includes(day) && begins <= minute) || (on.some((one) => one === dayBefore) && minute < ends))
  )
}

/** When an open window closes; now, where it is not open. */
function closesAt(window: TimeWindow, now: number): number {
  const local = localTime(window.timeZone, now)
  if (local === undefined || !isOpen(window, now)) return now
  const ends = minutesOf(window.to)
  const thisMinute = Math.floor(now / minuteMs) * minuteMs
  const left = (ends - local.minute + minutesOfDay) % minutesOfDay || minutesOfDay
  const closes = thisMinute + left * minuteMs
  if (localTime(window.timeZone, closes)?.minute === ends % minutesOfDay) return closes
  // The clocks are put forward or back before: on such a day it is looked for minute by minute.
  let at = thisMinute + minuteMs
  while (isOpen(window, at) && at < thisMinute + 2 * minutesOfDay * minuteMs) at += minuteMs
  return at
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))

/** What a clock on the wall says; nothing where there is no such zone, or no such time. */
function localTime(timeZone: string, now: number): { readonly day: Day; readonly minute: number } | undefined {
  // Beyond it there are no dates; a time that is no number is neither before nor after anything.
  if (!(Math.abs(now) <= 8.64e15)) return undefined
  const text = clockOf(timeZone)?.format(now)
  const read = /^(\w{3})\w* (\d{2}):(\d{2})$/.exec(text?.replace(',', '') ?? '')
  const day = days.find((one) => one === read?.[1]?.toLowerCase())
  return read === null || day === undefined ? undefined : { day, minute: Number(read[2]) * 60 + Number(read[3]) }
}

const clockOf = remembering((timeZone: string): Intl.DateTimeFormat | undefined => {
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    })
  } catch {
    return undefined
  }
})

/** To make a clock takes ten times as long as to read it. */
function remembering(make: (zone: string) => Intl.DateTimeFormat | undefined) {
  const known = new Map<string, Intl.DateTimeFormat | undefined>()
  return (zone: string): Intl.DateTimeFormat | undefined => {
    if (known.has(zone)) return known.get(zone)
    if (known.size === 1_000) known.clear()
    const made = make(zone)
    known.set(zone, made)
    return made
  }
}

function isInside(networks: readonly string[], { address }: RequestOrigin): boolean {
  const bits = address === undefined ? undefined : bitsOf(address)
  return bits !== undefined && networks.some((network) => reachesInto(network, bits))
}

function reachesInto(network: string, bits: string): boolean {
  const { base, length } = networkOf(network) ?? {}
  return (
    base !== undefined && length !== undefined && base.length === bits.length && bits.startsWith(base.slice(0, length))
  )
}

function networkOf(text: string): { readonly base: string; readonly length: number } | undefined {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const base = bitsOf(address)
  const length = Number(prefix)
  return base === undefined || prefix === '' || length > base.length ? undefined : { base, length }
}

function problemOfNetwork(text: string): string | undefined {
  const network = networkOf(text)
  if (network === undefined) {
    const isAddress = bitsOf(text) !== undefined
    return isAddress
      ? `is a single address; write ${text}/${bitsOf(text)?.length}`
      : 'is no network; write an address and a prefix, as 10.0.0.0/8 or 2001:db8::/32'
  }
  const { base, length } = network
  if (base.length === 32 && text.includes(':')) return 'is IPv4 written as IPv6; write it as IPv4'
  return base.slice(length).includes('1') ? `has bits behind the first ${length}, which would not count` : undefined
}

/** An address as zeros and ones: 32 of IPv4, also where it is written as IPv6 (RFC 4291 §2.5.5.2), and 128 of IPv6. */
function bitsOf(address: string): string | undefined {
  if (!address.includes(':')) return bitsOfIPv4(address)
  const [head = '', tail, ...more] = address.split('::')
  if (more.length > 0) return undefined
  const before = groupsOf(head, tail === undefined)
  const after = tail === undefined ? '' : groupsOf(tail, true)
  if (before === undefined || after === undefined) return undefined
  const missing = 128 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 16) return undefined
  const bits = before + '0'.repeat(missing) + after
  return bits.startsWith(ipv4InIPv6) ? bits.slice(ipv4InIPv6.length) : bits
}

const ipv4InIPv6 = '0'.repeat(80) + '1'.repeat(16)

/** Groups of an IPv6 address, the last of all perhaps an IPv4 address, which stands for two. */
function groupsOf(text: string, isEnd: boolean): string | undefined {
  if (text === '') return ''
  const groups = text.split(':')
  const bits = groups.map((group, at) => {
    if (/^[0-9a-f]{1,4}$/i.test(group)) return Number.parseInt(group, 16).toString(2).padStart(16, '0')
    return isEnd && at === groups.length - 1 ? bitsOfIPv4(group) : undefined
  })
  return bits.every((one) => one !== undefined) ? bits.join('') : undefined
}

function bitsOfIPv4(text: string): string | undefined {
  // No leading zeros: some read them as octal.
  const octets = text.split('.').map((one) => (/^(?:0|[1-9]\d{0,2})$/.test(one) ? Number(one) : Number.NaN))
  if (octets.length !== 4 || !octets.every((one) => one <= 255)) return undefined
  return octets.map((one) => one.toString(2).padStart(8, '0')).join('')
}
