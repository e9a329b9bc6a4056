import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { LiveEvent } from '../../contract/live.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { EndReason, LiveCalls, Snapshot } from '../access/index.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import type { Signals } from './signals.ts'

export type LivePorts = {
  readonly calls: Pick<LiveCalls, 'register'>
  /** Whether the credential still counts, and until when. */
  readonly recheck: (
    principal: Principal,
    snapshot: Snapshot,
  ) => Promise<
    Result<{ readonly endsAt: number; readonly settledUntil?: number }, Refusal & { readonly reason: EndReason }>
  >
  readonly signals: Signals
}

/** Of one user, on one replica. A page has one. */
const mostOfUser = 32
/** So that nobody on the way takes a quiet connection for a dead one, and one that is dead is noticed here. */
const heartbeatMs = 5_000
/** Events that wait for a reader who does not read; then the stream ends, and a client that lives comes again. */
const mostWaiting = 100

/** What changes, as it does: server-sent events for pages that show what moves by itself. */
export function liveEndpoints({ calls, recheck, signals }: LivePorts): readonly Endpoint[] {
  const open = new Map<string, number>()

  /** One of a user's places, if there is one: it is theirs from now on, whatever is still to be done before the first event. */
  function take(who: string): Place | undefined {
    const taken = open.get(who) ?? 0
    if (taken >= mostOfUser) return undefined
    open.set(who, taken + 1)
    let free = false
    return {
      listens: false,
      giveBack() {
        if (free) return
        free = true
        const left = (open.get(who) ?? 1) - 1
        if (left > 0) open.set(who, left)
        else open.delete(who)
      },
    }
  }

  return [
    endpoint({
      route: 'GET /v1/palisade/live',
      summary:
        'Tells that something changed in the tenant, as server-sent events, until the caller’s session or key ends',
      permission: {
        signedIn: 'says that something changed and never what; who wants to know asks, and is decided about',
      },
      reply: { status: 200, contentType: 'text/event-stream', body: z.custom<AsyncIterable<string>>() },
      refusals: ['too_many_requests'],
      audit: 'refusals-only',
      async prepare({ principal }) {
        const place = take(`${principal.tenant}:${principal.user}`)
        if (!place)
          return err({ ...refuse('too_many_requests', 'Too many pages listen already'), retryAfterSeconds: 5 })
        const forget = () => {
          if (!place.listens) place.giveBack()
        }
        return ok({ value: place, forget })
      },
      async handle({ tx, principal, requestId, prepared: place }) {
        tx.afterCommit(() => {
          place.listens = true
        })
        return ok({ body: givingBack(place, events(principal, requestId)) })
      },
    }),
  ]

  /** Nothing is opened before the first event is asked for, and all of it is closed when nobody asks any more. */
  async function* events(principal: Principal, requestId: string): AsyncGenerator<string> {
    const waiting: string[] = []
    let wake = () => {}
    let over = false
    let epoch: bigint | undefined
    const say = (text: string) => {
      if (waiting.push(text) > mostWaiting) over = true
      wake()
    }
    const registration = calls.register({
      uid: requestId,
      ...{ tenant: principal.tenant, user: principal.user, cluster: undefined },
      async recheck(snapshot) {
        const valid = await recheck(principal, snapshot)
        if (!valid.ok) return { end: valid.error.reason }
        // Asked because time passed, or for the first time: then nothing changed.
        if (epoch !== undefined && snapshot.epoch > epoch) say(textOf({ name: 'access', data: {} }))
        epoch = snapshot.epoch
        return { recheckAt: valid.value.settledUntil ?? valid.value.endsAt }
      },
      end() {
        over = true
        wake()
      },
    })
    // It was decided before it was registered: asked again at once, no end falls between the two.
    registration.recheckAt(0)
    const stop = signals.listen(principal.tenant, (event) => say(textOf(event)))
    const heartbeat = setInterval(() => say(': still here\n\n'), heartbeatMs).unref()
    try {
      yield 'retry: 2000\n\n'
      while (!over) {
        const next = waiting.splice(0).join('')
        if (next !== '') yield next
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      clearInterval(heartbeat)
      stop()
      registration.done()
    }
  }
}

type Place = {
  /** An answer that holds it is on its way. */
  listens: boolean
  giveBack(): void
}

/** Gives the place back with the end of the events, also of those that nobody has asked for: a generator that was never begun runs no `finally`. */
function givingBack(place: Place, events: AsyncGenerator<string>): AsyncIterable<string> {
  const over = <T>(piece: T): T => {
    place.giveBack()
    return piece
  }
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          const piece = await events.next()
          return piece.done ? over(piece) : piece
        } catch (cause) {
          throw over(cause)
        }
      },
      return: () => over(events.return(undefined)),
    }),
  }
}

const textOf = ({ name, data }: LiveEvent) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
