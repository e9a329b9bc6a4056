import type { ReactNode } from 'react'
import type { PeopleState } from '../api/users.ts'
import { State } from '../parts/state.tsx'
import { When } from '../parts/when.tsx'

/** Somebody's account, as `/v1/palisade/people` tells it. */
export type Account = {
  readonly state: 'pending' | 'active' | 'inactive'
  readonly link: { readonly expiresAt: string; readonly hasExpired: boolean } | null
}

/** What lists of people can be narrowed to. */
export const peopleFilters: { readonly value: PeopleState; readonly label: string }[] = [
  { value: 'active', label: 'Active' },
  { value: 'resetting', label: 'New password awaited' },
  { value: 'invited', label: 'Invited' },
  { value: 'expired', label: 'Invitation expired' },
  { value: 'inactive', label: 'Switched off' },
]

/** What is true of an account now, by icon and word. */
export function PersonState({ state, link }: Account) {
  if (state === 'inactive') return <State tone="warn">Switched off</State>
  const ends = link && !link.hasExpired ? <When at={link.expiresAt} /> : undefined
  if (state === 'active')
    return <State tone="good">{ends ? <Said what="Active, password link ends">{ends}</Said> : 'Active'}</State>
  if (!ends) return <State tone="warn">{link ? 'Invitation expired' : 'Invitation works no longer'}</State>
  return (
    <State tone="quiet">
      <Said what="Invited, link ends">{ends}</Said>
    </State>
  )
}

/** Words and time in one piece: the parts of a state stand apart. */
const Said = ({ what, children }: { readonly what: string; readonly children: ReactNode }) => (
  <span>
    {what} {children}
  </span>
)
