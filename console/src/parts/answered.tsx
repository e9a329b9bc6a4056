import type { ReactNode } from 'react'
import { Refused } from '../api/client.ts'
import { Failure } from './failure.tsx'

/** Something that the server was asked, perhaps again and again. */
export type Asked<Data> = {
  readonly data: Data | undefined
  readonly error: unknown
  readonly refetch: () => unknown
}

/** What somebody may no longer see, or what is not there any more, also where it was seen before. */
const takesAway = (error: unknown) => error instanceof Refused && [401, 403, 404].includes(error.status)

/** What may be shown of an answer: what was there before a failure stays, what was refused since goes. */
export const kept = <Data,>({ data, error }: Pick<Asked<Data>, 'data' | 'error'>): Data | undefined =>
  takesAway(error) ? undefined : data

/**
 * What to show of an answer. One poll that fails takes nothing away that somebody reads, or types into: the failure stands above it, in
 * a place of its own, so that what is below is not made anew.
 *
 * @returns failure: of the last time that it was asked; where there are no data it stands in their place
 */
export function answered<Data>({ data, error, refetch }: Asked<Data>): {
  readonly data: Data | undefined
  readonly failure: ReactNode
} {
  const shown = kept({ data, error })
  return {
    data: shown,
    failure: error ? <Failure error={error} retry={() => void refetch()} isOld={shown !== undefined} /> : null,
  }
}
