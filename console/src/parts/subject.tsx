import { useParams } from '@tanstack/react-router'
import { To } from './to.tsx'

type Props = { readonly kind: 'user' | 'team'; readonly uid: string; readonly name: string }

/** A member or a team, with the way to what it holds. */
export function SubjectLink({ kind, uid, name }: Props) {
  const { org = '' } = useParams({ strict: false })
  const search = { tab: 'access' }
  return kind === 'user' ? (
    <To to="/t/$org/users/$uid" params={{ org, uid }} search={search}>
      {name || uid}
    </To>
  ) : (
    <To to="/t/$org/teams/$uid" params={{ org, uid }} search={search}>
      team {name || uid}
    </To>
  )
}
