import { Select, Stack, Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { findPeople } from '../api/users.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { CodeBlock } from '../parts/copy.tsx'
import { FormDialog, TellDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { roles as roleSource, teams as teamSource } from '../parts/pickers.ts'
import { ChooseMany } from '../parts/searched.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { PersonState, peopleFilters } from './person-state.tsx'

export function Users() {
  const { org } = useParams({ from: '/t/$org' })
  const { q, offset, sort, search, change } = useListState()
  const list = useQuery({
    queryKey: ['users', 'list', q, search.state, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: () => findPeople({ q, state: search.state, limit: pageSize, offset, sort }),
  })
  const invite = (
    <Act needs="user.create" onClick={() => change({ panel: 'new' })}>
      Invite
    </Act>
  )
  return (
    <Page title="Members" acts={invite}>
      <div className="filters">
        <Filter label="Filter members by name or e-mail" placeholder="Filter by name or e-mail" />
        <Select
          size="xs"
          aria-label="State"
          placeholder="Any state"
          clearable
          clearButtonProps={{ 'aria-label': 'Any state' }}
          data={peopleFilters}
          value={search.state ?? null}
          onChange={(value) => change({ state: value ?? undefined })}
        />
        <Count data={kept(list)} one="member" many="members" />
      </div>
      <DataTable
        label="Members"
        list={list}
        rowKey={({ uid }) => uid}
        empty={<Text>Nobody here yet.</Text>}
        filtered={search.state !== undefined}
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ uid, name }) => (
              <To to="/t/$org/users/$uid" params={{ org, uid }}>
                {name}
              </To>
            ),
          },
          { title: 'Scope', icon: true, cell: () => <InScope kind="tenant" /> },
          { title: 'E-mail', sort: 'email', wide: true, cell: ({ email }) => email },
          { title: 'State', cell: (person) => <PersonState {...person} /> },
          { title: 'Last sign-in', wide: true, cell: ({ lastSignInAt }) => <When at={lastSignInAt ?? ''} /> },
          {
            title: 'Created',
            sort: 'createdAt',
            wide: true,
            cell: ({ createdAt }) => <When at={createdAt} />,
          },
        ]}
      />
      {search.panel === 'new' && <Invite close={() => change({ panel: undefined })} />}
    </Page>
  )
}

/** A new member, and the link with which they set their password. No mail is sent: the link is passed on by hand. */
function Invite({ close }: { readonly close: () => void }) {
  const [person, setPerson] = useState({ emailId: '', firstName: '', lastName: '' })
  const [roles, setRoles] = useState<string[]>([])
  const [teams, setTeams] = useState<string[]>([])
  const [link, setLink] = useState<string>()
  if (link !== undefined)
    return (
      <TellDialog title="Invited" close={close}>
        <Stack gap="xs">
          <Text size="sm">
            {link === ''
              ? 'The account is there. You may not see its link; somebody with more rights passes it on.'
              : `Give this link to ${person.firstName}, over a channel that you trust. Whoever opens it sets the password. It works once, for a day.`}
          </Text>
          {link !== '' && <CodeBlock text={link} label="Link" />}
        </Stack>
      </TellDialog>
    )
  const field = (name: keyof typeof person) => ({
    value: person[name],
    onChange: (event: { readonly currentTarget: { readonly value: string } }) => {
      const { value } = event.currentTarget
      setPerson((before) => ({ ...before, [name]: value }))
    },
  })
  return (
    <FormDialog
      title="Invite a member"
      act="Invite"
      close={close}
      ready={person.emailId.includes('@') && person.firstName.trim() !== ''}
      run={async () => {
        const { uid } = await answer(api.POST('/v1/users', { body: { spec: { ...person, roles, teams } } }))
        return answer(api.GET('/v1/users/{uid}', { params: { path: { uid } } }))
      }}
      done={({ status }) => setLink(status.activationLink)}
    >
      <TextInput data-autofocus label="E-mail" type="email" required autoComplete="off" {...field('emailId')} />
      <TextInput label="First name" required autoComplete="off" {...field('firstName')} />
      <TextInput label="Last name" autoComplete="off" {...field('lastName')} />
      <ChooseMany
        {...roleSource('tenant')}
        label="Tenant roles"
        description="Hold in the whole tenant. Roles in projects are given on the member's page."
        value={roles}
        onChange={setRoles}
      />
      <ChooseMany {...teamSource} label="Teams" value={teams} onChange={setTeams} />
    </FormDialog>
  )
}
