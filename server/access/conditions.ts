import { type Refusal, refuse } from '../../contract/errors.ts'
import { RequestConditions } from '../../contract/request-conditions.ts'
import { problemOfConditions } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** Conditions as they may be given; `null` and nothing are none. Refuses what could never mean what its author thinks. */
export function soundConditions(
  given: RequestConditions | null | undefined,
): Result<RequestConditions | undefined, Refusal> {
  const problem = given ? problemOfConditions(given) : undefined
  return problem === undefined ? ok(given ?? undefined) : err(refuse('invalid', `conditions.${problem}`))
}

/** Conditions out of the database. What cannot be read, as of a newer release, names nothing, and so is met by no request. */
export function conditionsIn(stored: unknown): RequestConditions {
  const read = RequestConditions.safeParse(stored)
  return read.success ? read.data : {}
}
