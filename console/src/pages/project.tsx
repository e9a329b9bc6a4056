import { Skeleton, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { nameOf, namesQuery } from '../api/names.ts'
import { Act } from '../parts/act.tsx'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { To, ToButton } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'

/** One project: what it is, who holds which role in it. */
export function ProjectPage() {
  const { org, uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'rename' | 'delete'>()
  const path = { params: { path: { uid } } }
  const project = useQuery({
    queryKey: ['projects', uid],
    queryFn: () => answer(api.GET('/v1/projects/{uid}', path)),
  })
  const names = useQuery(namesQuery)
  const back = (
    <To to="/t/$org/projects" params={{ org: org ?? '' }} size="sm">
      Projects
    </To>
  )
  if (project.error)
    return (
      <Page title="Project" above={back}>
        <Failure error={project.error} retry={() => void project.refetch()} />
      </Page>
    )
  if (!project.data)
    return (
      <Page title="Project" above={back}>
        <Skeleton height={160} />
      </Page>
    )
  const { metadata, spec } = project.data
  const holders = [
    ...spec.users.map(({ userId, roles }) => ({ uid: userId, roles, kind: 'users' as const })),
    ...spec.teams.map(({ teamId, roles }) => ({ uid: teamId, roles, kind: 'teams' as const })),
  ]
  return (
    <Page
      title={metadata.name}
      above={back}
      acts={
        <>
          <ToButton to="/t/$org/clusters" params={{ org: org ?? '' }} search={{ project: uid }} variant="default">
            Clusters
          </ToButton>
          <Act needs="project.update" project={uid} variant="default" onClick={() => setOpen('rename')}>
            Rename
          </Act>
          <Act needs="project.delete" project={uid} variant="light" color="red" onClick={() => setOpen('delete')}>
            Delete
          </Act>
        </>
      }
    >
      <section className="sheet pad" aria-label="Overview">
        <Facts
          rows={[
            ['Uid', <Copyable key="uid" text={metadata.uid} />],
            ['Lives in', <InScope key="scope" kind="tenant" />],
            ['Description', metadata.annotations.description || <span className="quiet">none</span>],
            ['Created', <When key="created" at={metadata.creationTimestamp} />],
            ['Changed', <When key="changed" at={metadata.lastModifiedTimestamp} />],
          ]}
        />
      </section>
      <section className="sheet pad" aria-labelledby="holders">
        <Title order={2} size="h5" id="holders">
          Who holds a role in this project
        </Title>
        <Text size="sm" className="quiet">
          Besides them: whoever holds a role in the whole tenant that reaches into projects.
        </Text>
        {holders.length === 0 ? (
          <Text size="sm">Nobody yet. Give a user or a team a role in it on their page.</Text>
        ) : (
          <Facts
            rows={holders.map(({ uid, roles, kind }) => [
              kind === 'users' ? 'User' : 'Team',
              <span key={uid}>
                <To
                  to={kind === 'users' ? '/t/$org/users/$uid' : '/t/$org/teams/$uid'}
                  params={{ org: org ?? '', uid }}
                >
                  {nameOf(names.data, uid)}
                </To>{' '}
                <span className="quiet">{roles.map((role) => nameOf(names.data, role)).join(', ')}</span>
              </span>,
            ])}
          />
        )}
      </section>
      {open === 'rename' && <Rename uid={uid} name={metadata.name} close={() => setOpen(undefined)} />}
      {open === 'delete' && (
        <ConfirmByName
          what="project"
          name={metadata.name}
          follows="The roles that people and teams hold in it go with it. A project that still has clusters is not deleted."
          close={() => setOpen(undefined)}
          run={() => answer(api.DELETE('/v1/projects/{uid}', path))}
          done={() => void navigate({ to: '/t/$org/projects', params: { org: org ?? '' } })}
        />
      )}
    </Page>
  )
}

function Rename({ uid, name, close }: { readonly uid: string; readonly name: string; readonly close: () => void }) {
  const [typed, setTyped] = useState(name)
  return (
    <FormDialog
      title={`Rename ${name}`}
      act="Rename"
      close={close}
      ready={typed.trim() !== '' && typed !== name}
      run={() => answer(api.PUT('/v1/projects/{uid}/meta', { params: { path: { uid } }, body: { name: typed } }))}
    >
      <TextInput
        data-autofocus
        label="Name"
        maxLength={128}
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </FormDialog>
  )
}
