import { err, ok, type Result } from '../result.ts'

/** Where a request for access stands. Only an open one can become anything else. */
export type AccessRequestState = 'open' | 'approved' | 'denied' | 'withdrawn' | 'expired'

export type AccessRequestAct = 'approve' | 'deny' | 'withdraw' | 'expire'

/** What is looked at when somebody acts on a request, in the very transaction of the act (threat D19). */
export type AccessRequestFacts = {
  readonly state: AccessRequestState
  /** Its time to be answered in is over. */
  readonly isOver: boolean
  /** The account that asked. */
  readonly isRequester: boolean
  /** The account that asked, or another one of the same person. */
  readonly isSamePerson: boolean
  /** Could give the role there, for that long, now: holds it all, and may say who holds roles there. */
  readonly mayGive: boolean
}

export type AccessRequestRefusal =
  /** It is decided, withdrawn or expired already. */
  | 'closed'
  /** It is not over yet: `expire` alone. */
  | 'not-over'
  /** Nobody decides about what they asked for themselves, with whatever account. */
  | 'own'
  /** Who did not ask takes nothing back. */
  | 'not-own'
  | 'may-not-give'

/** What becomes of a request. Time goes before people: one that is over can only expire. */
export function afterAct(
  act: AccessRequestAct,
  { state, isOver, isRequester, isSamePerson, mayGive }: AccessRequestFacts,
): Result<AccessRequestState, AccessRequestRefusal> {
  if (state !== 'open') return err('closed')
  if (act === 'expire') return isOver ? ok('expired') : err('not-over')
  if (isOver) return err('closed')
  if (act === 'withdraw') return isRequester ? ok('withdrawn') : err('not-own')
  if (isRequester || isSamePerson) return err('own')
  if (!mayGive) return err('may-not-give')
  return ok(act === 'approve' ? 'approved' : 'denied')
}
