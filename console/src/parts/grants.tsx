import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import type { Grant } from '../api/access.ts'
import { When } from './when.tsx'

/** Why a grant that carries a right does not count for what is asked. */
type NearMiss = Grant & { readonly why: 'elsewhere' | 'ended' | 'not-selected' | 'condition' }

const misses: Readonly<Record<NearMiss['why'], string>> = {
  elsewhere: 'holds elsewhere only',
  ended: 'has ended',
  'not-selected': 'its filters do not select this',
  condition: 'the request does not meet its conditions',
}

type Props = {
  readonly grants: readonly (Grant | NearMiss)[]
  /** How many there are, where the server may have named the first of them only. */
  readonly count?: number
}

/** Ways in which somebody holds a right: the role, where, on what, until when, and whether it is their own or a team's. */
export function Grants({ grants, count = grants.length }: Props) {
  return (
    <ul className="steps">
      {grants.map((grant) => (
        <li key={`${grant.assignment} ${grant.role.uid} ${scopeOf(grant)}`}>
          <div>
            {grant.role.name} in {scopeOf(grant)}
            {grant.filters.length > 0 && `, ${onWhat(grant.filters)}`}
            {grant.endsAt !== null && (
              <>
                , ends <When at={grant.endsAt} />
              </>
            )}
            {grant.conditions !== null && `, only ${conditionsInWords(grant.conditions)}`}{' '}
            <span className="quiet">← {grant.via.kind === 'team' ? `through team ${grant.via.team.name}` : 'own'}</span>
            {'why' in grant && <div className="quiet">{misses[grant.why]}</div>}
          </div>
        </li>
      ))}
      {count > grants.length && <li className="quiet">and {count - grants.length} more</li>}
    </ul>
  )
}

const scopeOf = ({ scope }: Grant) => {
  if (scope.workspace) return `workspace ${scope.workspace.name}`
  return scope.project ? `project ${scope.project.name}` : `the ${scope.kind}`
}

/** What filters, any of them, let a role act on. */
export const onWhat = (filters: readonly { readonly name: string }[]): string =>
  filters.length === 1
    ? `on what filter ${namesOf(filters, 'or')} selects`
    : `on what filters ${namesOf(filters, 'or')} select`

/** `a, b or c`. */
export const namesOf = (named: readonly { readonly name: string }[], last: 'and' | 'or'): string =>
  new Intl.ListFormat('en-GB', { type: last === 'or' ? 'disjunction' : 'conjunction' }).format(
    named.map(({ name }) => name),
  )
