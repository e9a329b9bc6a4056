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
import { PeoplePicker } from '../parts/people-picker.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { AuditOf } from './audit-list.tsx'
import { HeldRoles } from './held-roles.tsx'

/** One team: its members and what they hold through it. */
export function TeamPage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'members' | 'delete'>()
  const close = () => setOpen(undefined)
  const path = { params: { path: { uid } } }
  const { data: names } = useQuery(namesQuery)
  const team = useQuery({
    queryKey: ['teams', uid],
    queryFn: async () => {
      const [own, roles, projects] = await Promise.all([
        answer(api.GET('/v1/teams/{uid}', path)),
        answer(api.GET('/v1/teams/{uid}/roles', path)),
        answer(api.GET('/v1/teams/{uid}/projects', path)),
      ])
      return { own, roles, projects: projects.projects }
    },
  })
  const above = (
    <To to="/t/$org/teams" params={{ org }} size="sm">
      Teams
    </To>
  )
  if (team.error)
    return (
      <Page title="Team" above={above}>
        <Failure error={team.error} retry={() => void team.refetch()} />
      </Page>
    )
  if (!team.data)
    return (
      <Page title="Team" above={above}>
        <Skeleton height={160} />
      </Page>
    )
  const { metadata, spec } = team.data.own
  return (
    <Page
      title={metadata.name}
      above={above}
      acts={
        <>
          <Act needs="team.update" variant="default" onClick={() => setOpen('members')}>
            Name and members
          </Act>
          <Act needs="team.delete" variant="light" color="red" onClick={() => setOpen('delete')}>
            Delete
          </Act>
        </>
      }
    >
      <ObjectTabs
        label="Team"
        tabs={[
          {
            name: 'overview',
            title: 'Overview',
            content: () => (
              <>
                <section className="sheet pad" aria-label="Overview">
                  <Facts
                    rows={[
                      ['Created', <When key="created" at={metadata.creationTimestamp} />],
                      ['Uid', <Copyable key="uid" text={uid} />],
                    ]}
                  />
                </section>
                <section className="sheet pad" aria-labelledby="members">
                  <Title order={2} size="h5" id="members">
                    Members
                  </Title>
                  {spec.users.length === 0 && <Text size="sm">Nobody yet.</Text>}
                  <ul className="steps">
                    {spec.users.map((user) => (
                      <li key={user}>
                        <div>
                          <To to="/t/$org/users/$uid" params={{ org, uid: user }}>
                            {nameOf(names, user)}
                          </To>
                        </div>
                      </li>
                    ))}
                  </ul>
                </section>
              </>
            ),
          },
          {
            name: 'access',
            title: 'Access',
            content: () => (
              <HeldRoles
                who={metadata.name}
                needs="team.update"
                tenant={team.data.roles}
                projects={team.data.projects}
                putTenant={(roles) => answer(api.PUT('/v1/teams/{uid}/roles', { ...path, body: { roles } }))}
                putProjects={(projects) => answer(api.PUT('/v1/teams/{uid}/projects', { ...path, body: { projects } }))}
              />
            ),
          },
          { name: 'audit', title: 'Audit', content: () => <AuditOf object={uid} /> },
        ]}
      />
      {open === 'members' && <Edit uid={uid} name={metadata.name} members={spec.users} close={close} />}
      {open === 'delete' && (
        <ConfirmByName
          what="team"
          name={metadata.name}
          follows={`${spec.users.length} members lose what the team gave them, within a second. The accounts stay.`}
          close={close}
          run={() => answer(api.DELETE('/v1/teams/{uid}', path))}
          done={() => void navigate({ to: '/t/$org/teams', params: { org } })}
        />
      )}
    </Page>
  )
}

type EditProps = {
  readonly uid: string
  readonly name: string
  readonly members: readonly string[]
  readonly close: () => void
}

function Edit({ uid, name, members, close }: EditProps) {
  const [typed, setTyped] = useState(name)
  const [users, setUsers] = useState([...members])
  const gained = users.filter((user) => !members.includes(user)).length
  const lost = members.filter((user) => !users.includes(user)).length
  return (
    <FormDialog
      title={`Change ${name}`}
      act="Save"
      close={close}
      ready={typed.trim() !== '' && (typed !== name || gained + lost > 0)}
      run={() =>
        answer(
          api.PUT('/v1/teams/{uid}', {
            params: { path: { uid } },
            body: { metadata: { name: typed }, spec: { users } },
          }),
        )
      }
    >
      <TextInput
        data-autofocus
        label="Name"
        maxLength={128}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <PeoplePicker label="Members" value={users} onChange={setUsers} />
      <Text size="sm" role="status">
        {gained + lost === 0 ? 'The members stay.' : `${gained} gain what the team holds, ${lost} lose it.`}
      </Text>
    </FormDialog>
  )
}
