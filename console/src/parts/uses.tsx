import { useQuery } from '@tanstack/react-query'
import { answer, api, type Refused, type Use } from '../api/client.ts'
import { useScopeName } from '../api/me.ts'
import { SubjectLink } from './subject.tsx'

/** Who holds what could not be deleted, each with the way there. */
export function Uses({ of: { uses, useCount } }: { readonly of: Refused }) {
  return (
    <ul aria-label="Held by">
      {uses.map((use) => (
        <li key={JSON.stringify(use)}>
          <Holder {...use} />
        </li>
      ))}
      {useCount > uses.length && <li>and {(useCount - uses.length).toLocaleString('en')} more</li>}
    </ul>
  )
}

function Holder({ kind, uid, project, workspace }: Use) {
  const nameOf = useScopeName()
  // A refusal names nobody: who may not read people sees their uid alone.
  const { data: name } = useQuery({
    queryKey: ['uses', kind, uid],
    retry: false,
    queryFn: async () => {
      const path = { params: { path: { uid } } }
      const found =
        kind === 'user'
          ? await answer(api.GET('/v1/users/{uid}', path))
          : await answer(api.GET('/v1/teams/{uid}', path))
      return found.metadata.name
    },
  })
  return (
    <>
      <SubjectLink kind={kind} uid={uid} name={name ?? ''} />
      {workspace !== undefined
        ? ', on a workspace'
        : project !== undefined && `, in ${nameOf({ kind: 'project', uid: project })}`}
    </>
  )
}
