import type { Grant } from '../api/access.ts'
import { When } from './when.tsx'

/** Why a grant that carries a right does not count for what is asked. */
type NearMiss = Grant & { readonly why: 'elsewhere' | 'ended' | 'not-selected' }

const misses: Readonly<Record<NearMiss['why'], string>> = {
  elsewhere: 'holds elsewhere only',
  ended: 'has ended',
  'not-selected': 'its filters do not select this',
}

/** Ways in which somebody holds a right: the role, where, on what, until when, and whether it is their own or a team's. */
export function Grants({ grants }: { readonly grants: readonly (Grant | NearMiss)[] }) {
  return (
    <ul className="steps">
      {grants.map((grant) => (
        <li key={`${grant.assignment} ${grant.role.uid} ${scopeOf(grant)}`}>
          <div>
            {grant.role.name} in {scopeOf(grant)}
            {grant.filters.length > 0 && `, on what ${namesOf(grant.filters, 'or')} selects`}
            {grant.endsAt !== null && (
              <>
                , until <When at={grant.endsAt} />
              </>
            )}{' '}
            <span className="quiet">← {grant.via.kind === 'team' ? `through team ${grant.via.team.name}` : 'own'}</span>
            {'why' in grant && <div className="quiet">{misses[grant.why]}</div>}
          </div>
        </li>
      ))}
    </ul>
  )
}

const scopeOf = ({ scope }: Grant) => (scope.project ? `project ${scope.project.name}` : `the ${scope.kind}`)

/** `a, b or c`. */
export const namesOf = (named: readonly { readonly name: string }[], last: 'and' | 'or'): string =>
  new Intl.ListFormat('en-GB', { type: last === 'or' ? 'disjunction' : 'conjunction' }).format(
    named.map(({ name }) => name),
  )
