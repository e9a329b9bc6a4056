import { Skeleton, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, api } from '../api/client.ts'
import { nameOf, namesQuery } from '../api/names.ts'
import { Failure } from '../parts/failure.tsx'
import { Facts } from '../parts/page.tsx'
import { To } from '../parts/to.tsx'

/** Who holds which role in a project, which is who reaches what lives in it. */
export function ProjectAccess({ uid, title }: { readonly uid: string; readonly title: string }) {
  const { org = '' } = useParams({ strict: false })
  const names = useQuery(namesQuery)
  const project = useQuery({
    queryKey: ['projects', uid],
    queryFn: () => answer(api.GET('/v1/projects/{uid}', { params: { path: { uid } } })),
  })
  if (project.error) return <Failure error={project.error} retry={() => void project.refetch()} />
  if (!project.data) return <Skeleton height={120} />
  const { users, teams } = project.data.spec
  const holders = [
    ...users.map((one) => ({ ...one, uid: one.userId, kind: 'users' as const })),
    ...teams.map((one) => ({ ...one, uid: one.teamId, kind: 'teams' as const })),
  ]
  return (
    <section className="sheet pad" aria-labelledby="holders">
      <Title order={2} size="h5" id="holders">
        {title}
      </Title>
      {holders.length === 0 ? (
        <Text size="sm">Nobody yet. Give a user or a team a role in it on their page.</Text>
      ) : (
        <Facts
          rows={holders.map(({ uid: holder, roles, kind }) => [
            kind === 'users' ? 'User' : 'Team',
            <span key={holder}>
              <To to={kind === 'users' ? '/t/$org/users/$uid' : '/t/$org/teams/$uid'} params={{ org, uid: holder }}>
                {nameOf(names.data, holder)}
              </To>{' '}
              <span className="quiet">{roles.map((role) => nameOf(names.data, role)).join(', ')}</span>
            </span>,
          ])}
        />
      )}
      <Text size="sm" className="quiet">
        Besides them: whoever holds a role in the whole tenant that reaches into projects.
      </Text>
    </section>
  )
}
