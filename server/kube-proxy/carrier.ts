import { failure, type Header, isLongRunning, type Status } from '../../core/kube/index.ts'
import type { Result } from '../../core/result.ts'
import type { EndReason, LiveCall, Registration } from '../access/index.ts'
import type { Admission, Admitted, Asked } from './admission.ts'
import { explainLevel, stillCovers } from './decision.ts'
import { callEntry, endEntry, recordingOf } from './entries.ts'
import type { DoorCluster, DoorPorts } from './ports.ts'
import type { Call, CallEnd, EndSignal } from './transport/index.ts'

/** How a refused call is answered, and how an allowed one is carried. */
export type Way = {
  readonly refuse: (status: Status, headers: readonly Header[]) => void
  readonly carry: (call: Call) => void
}

/** A call between its registration for revocation and its end. */
export type Live = {
  readonly registration: Registration
  readonly signal: EndSwitch
  /** Set once the call is decided; until then a change of access is met by the decision itself. */
  admitted: Admitted | undefined
  /** The newest epoch that it was asked again on. What is decided later must be no older. */
  heard: bigint
  /** The entry of what was recorded as an intent, as soon as it is; undefined for a plain read, or where recording failed. */
  intent: Promise<string | undefined> | undefined
  ended: EndReason | undefined
}

/** A stream counts as activity of its session this often. */
const touchMs = 60_000

/** Takes a call from its registration to its end: decide, record, hand to the transport, tell the ledger how it ended. */
export type Carrier = {
  /** Registers the call before anything about it is decided: no change of access falls into a gap. */
  register(asked: Asked): Live
  /** Refuses the call or carries it; throws what keeps it from being decided or recorded. Returns before it ends. */
  run(live: Live, asked: Asked, way: Way, startedAt: number): Promise<void>
}

/** @param track is given what must be over before the ledger stops */
export function createCarrier(
  ports: DoorPorts,
  admission: Admission,
  track: (work: Promise<unknown>) => void,
): Carrier {
  const { access, ledger } = ports

  function register({ principal, clusterUid, requestId }: Asked): Live {
    const signal = new EndSwitch()
    const call: LiveCall = {
      uid: requestId,
      tenant: principal.tenant,
      user: principal.user,
      cluster: clusterUid,
      // Asked again by the next sweep: what is answered before must not stand in for the times that the decision finds.
      recheck: async (snapshot) => {
        if (live.heard < snapshot.epoch) live.heard = snapshot.epoch
        // What is older than the decision says nothing about it.
        if (!live.admitted || snapshot.epoch < live.admitted.snapshot.epoch) return { recheckAt: 0 }
        const outcome = await admission.goesOn(live.admitted, snapshot)
        // Its end can be asked for from the moment that the entry is committed, before its answer is here: so it is waited for.
        const intent = 'end' in outcome ? undefined : await live.intent
        const isAsked = intent !== undefined && (await ports.askedToEnd(principal.tenant, snapshot.epoch, intent))
        return isAsked ? { end: 'ended-by-person' as const } : outcome
      },
      end(reason) {
        live.ended = reason
        ports.streamEnded(reason)
        signal.abort(reason)
      },
    }
    const live: Live = {
      registration: access.calls.register(call),
      signal,
      admitted: undefined,
      heard: 0n,
      intent: undefined,
      ended: undefined,
    }
    return live
  }

  /**
   * Notes what was decided, from now on the measure of each change. A change that was heard while it was being decided has
   * been held against the decision before: then it is decided once more.
   */
  async function noted(live: Live, asked: Asked, decided: Result<Admitted, Status>): Promise<Result<Admitted, Status>> {
    let outcome = decided
    while (outcome.ok && outcome.value.snapshot.epoch < live.heard)
      outcome = await admission.again(outcome.value, asked, live.heard)
    if (outcome.ok && live.admitted !== outcome.value) {
      live.admitted = outcome.value
      live.registration.recheckAt(outcome.value.endsAt)
    }
    return outcome
  }

  async function run(live: Live, asked: Asked, way: Way, startedAt: number): Promise<void> {
    try {
      const admitted = await noted(live, asked, await admission.admit(asked))
      if (admitted.ok) return await carry(live, asked, admitted.value, way, startedAt)
      live.registration.done()
      way.refuse(admitted.error, [])
    } catch (cause) {
      live.registration.done()
      throw cause
    }
  }

  /**
   * Records the call and hands it to the transport. The insert of the record answers the tenant's epoch: where it is newer
   * than the decision's, the call is decided again before a connection is made, or before the first byte of the answer.
   */
  async function carry(live: Live, asked: Asked, first: Admitted, way: Way, startedAt: number): Promise<void> {
    const { described } = first
    const { principal, requestId, info, target } = described
    const long = described.upgrade !== undefined || isLongRunning(info, target)
    const recording = recordingOf(described, long)
    const outcome = recording === 'read' ? ('done' as const) : ('intended' as const)
    const record = ledger.record(principal.tenant, callEntry(described, outcome, first))
    if (recording !== 'read')
      live.intent = record.then(
        ({ uid }) => uid,
        () => undefined,
      )

    /** What was recorded as an intent gets its end, after a record that is still on its way. Never rejects. */
    const conclude = async (end: CallEnd): Promise<void> => {
      if (recording === 'read' && isAsRecorded(end)) return
      const recorded = await record.catch(() => undefined)
      // Never recorded: nothing was done, or the transport has withheld the answer.
      if (!recorded) return
      const { uid } = recorded
      void ledger.conclude(principal.tenant, endEntry(described, uid, end, performance.now() - startedAt))
    }

    let admitted = first
    if (recording === 'before') {
      const { epoch } = await record
      let again: Result<Admitted, Status>
      try {
        again = await noted(live, asked, await admission.again(first, asked, epoch))
      } catch (cause) {
        await conclude(notMade('not-decided', 0))
        throw cause
      }
      if (!again.ok) {
        live.registration.done()
        await conclude(notMade('right-withdrawn', again.error.code))
        return way.refuse(again.error, [])
      }
      admitted = again.value
    }

    const recorded =
      recording === 'before'
        ? undefined
        : record.then(async ({ epoch }) => {
            const again = await noted(live, asked, await admission.again(first, asked, epoch))
            // The cluster was told what no longer holds: its answer is thrown away.
            const holds = again.ok && stillCovers(again.value.standing, first.standing)
            if (!holds && live.ended === undefined) {
              live.ended = 'right-withdrawn'
              live.signal.abort('right-withdrawn')
            }
          })
    // A transport that refuses the call by a limit of its own never looks at it; unheard, a failure would end the process.
    recorded?.catch(() => undefined)
    const activity = long ? setInterval(() => ports.touch(principal), touchMs).unref() : undefined

    const over = Promise.withResolvers<void>()
    track(over.promise)
    let isOver = false
    const onEnd = (end: CallEnd) => {
      if (isOver) return
      isOver = true
      clearInterval(activity)
      live.registration.done()
      ports.observe(info.verb, end.status, (performance.now() - startedAt) / 1000)
      void conclude(end).finally(over.resolve)
    }
    const call: Call = {
      upstream: admitted.described.cluster.upstream as NonNullable<DoorCluster['upstream']>, // `admitOn` refuses without.
      subject: `${principal.tenant}:${principal.user}`,
      requestId,
      log: asked.log,
      head: asked.head,
      target,
      info,
      authorization: admitted.proof.authorization,
      identity: admitted.proof.lines,
      recorded,
      signal: live.signal,
      endedWith: () =>
        live.ended === undefined
          ? undefined
          : failure(
              live.ended === 'access-data-stale' ? 503 : 403,
              `access has ended: ${live.ended} (request ${requestId})`,
            ),
      decorateResponse: ({ status, fromCluster }) =>
        status === 403 && fromCluster
          ? [warning(explainLevel(admitted.standing, admitted.snapshot, admitted.described.cluster), requestId)]
          : [],
      onEnd,
    }
    try {
      way.carry(call)
    } catch (cause) {
      onEnd(notMade('not-carried', 0))
      throw cause
    }
  }

  return { register, run }
}

/** Ends one call; has one listener at most, the transport. */
class EndSwitch implements EndSignal {
  #listener: (() => void) | undefined
  reason: unknown
  aborted = false

  abort(reason: EndReason): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#listener?.()
  }
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener
  }
  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined
  }
}

/** Whether the one entry of a plain read, `done`, says all: a reader of the log takes it for an answer that was given whole. */
const isAsRecorded = ({ reason, status }: CallEnd): boolean => reason === 'complete' && status < 400

/** The end of a call that was recorded and then not made. */
const notMade = (detail: string, status: number): CallEnd => ({
  reason: 'refused',
  detail,
  status,
  bytesIn: 0,
  bytesOut: 0,
})

/** RFC 9111 §5.5 warn-code 299, in the form that client-go prints (RFC 7234 quoted text; quotes and backslashes escaped). */
function warning(text: string, requestId: string): Header {
  const ascii = `Palisade: ${text} (request ${requestId})`.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&')
  return ['warning', `299 - "${ascii}"`]
}
