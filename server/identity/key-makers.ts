import { type CompiledAccess, covers, holdingsOf, settledUntil } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { CredentialFacts } from './edges.ts'
import type { ApiKeyState, SessionState } from './validity.ts'

/** Whoever made an API key for somebody else knows its value, and so may do with it what its owner may. */
export type KeyMakers = {
  /**
   * Whether who made a key may still do all that its owner may, as when they made it: else they would get by it what they may not have
   * (threat D01). Asked at every use, and worked out once for access data that has not changed.
   *
   * @returns until when time alone changes nothing about that
   */
  mayKnow(
    credential: Pick<SessionState, 'kind'> | Pick<ApiKeyState, 'kind' | 'user' | 'createdBy'>,
    facts: Pick<CredentialFacts, 'users' | 'compiled'>,
    now: number,
  ): Result<{ readonly until: number }, 'right-withdrawn'>
}

type Known = { readonly isCovered: boolean; readonly until: number }

export function createKeyMakers(): KeyMakers {
  /** By maker and owner; forgotten with the access data that it is about. */
  const known = new WeakMap<CompiledAccess, Map<string, Known>>()

  function workOut(compiled: CompiledAccess, maker: string, owner: string, now: number): Known {
    const coverage = covers(compiled, { userUid: maker }, holdingsOf(compiled, { kind: 'user', uid: owner }, now), now)
    // Of roles under conditions the giver's do not count and the owner's do, whatever the request: only ends matter.
    const until = Math.min(...[maker, owner].map((userUid) => settledUntil(compiled, { userUid }, now, {})))
    return { isCovered: coverage.covered, until }
  }

  return {
    mayKnow(credential, { users, compiled }, now) {
      if (credential.kind !== 'apiKey' || credential.createdBy === credential.user)
        return ok({ until: Number.POSITIVE_INFINITY })
      const { createdBy: maker, user: owner } = credential
      // Who holds nothing is covered by anybody, by who was sent away too.
      if (users.get(maker)?.state !== 'active') return err('right-withdrawn')
      const all = known.get(compiled) ?? new Map<string, Known>()
      known.set(compiled, all)
      const name = `${maker} ${owner}`
      const before = all.get(name)
      const found = before && now < before.until ? before : workOut(compiled, maker, owner, now)
      all.set(name, found)
      return found.isCovered ? ok({ until: found.until }) : err('right-withdrawn')
    },
  }
}
