import { Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { findTeams } from '../api/lists.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { people, roles as roleSource } from '../parts/pickers.ts'
import { ChooseMany } from '../parts/searched.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'

export function Teams() {
  const { org } = useParams({ from: '/t/$org' })
  const { q, offset, sort, search, change } = useListState()
  const list = useQuery({
    queryKey: ['teams', 'list', q, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: () => findTeams({ q, limit: pageSize, offset, sort }),
  })
  const create = (
    <Act needs="team.create" onClick={() => change({ panel: 'new' })}>
      New team
    </Act>
  )
  return (
    <Page title="Teams" acts={create}>
      <div className="filters">
        <Filter label="Filter teams by name" placeholder="Filter by name" />
        <Count data={kept(list)} one="team" many="teams" />
      </div>
      <DataTable
        label="Teams"
        list={list}
        rowKey={({ uid }) => uid}
        empty={
          <>
            <Text fw={600}>No team yet</Text>
            <Text className="quiet">What a team holds, all its members hold.</Text>
            {create}
          </>
        }
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ uid, name }) => (
              <To to="/t/$org/teams/$uid" params={{ org, uid }}>
                {name}
              </To>
            ),
          },
          { title: 'Scope', icon: true, cell: () => <InScope kind="tenant" /> },
          { title: 'Members', end: true, cell: ({ members }) => members.toLocaleString('en') },
          {
            title: 'Tenant roles',
            wide: true,
            cell: ({ roles }) => roles.map(({ name }) => name).join(', ') || '–',
          },
          {
            title: 'Projects',
            wide: true,
            cell: ({ projects }) => projects.map(({ name }) => name).join(', ') || '–',
          },
          {
            title: 'Created',
            sort: 'createdAt',
            cell: ({ createdAt }) => <When at={createdAt} />,
          },
        ]}
      />
      {search.panel === 'new' && <NewTeam close={() => change({ panel: undefined })} />}
    </Page>
  )
}

function NewTeam({ close }: { readonly close: () => void }) {
  const { org } = useParams({ from: '/t/$org' })
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [users, setUsers] = useState<string[]>([])
  const [roles, setRoles] = useState<string[]>([])
  return (
    <FormDialog
      title="New team"
      act="Create"
      close={close}
      ready={name.trim() !== ''}
      run={() => answer(api.POST('/v1/teams', { body: { metadata: { name }, spec: { users, roles } } }))}
      done={({ uid }) => void navigate({ to: '/t/$org/teams/$uid', params: { org, uid } })}
    >
      <TextInput
        data-autofocus
        label="Name"
        required
        maxLength={128}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <ChooseMany {...people} label="Members" value={users} onChange={setUsers} />
      <ChooseMany {...roleSource('tenant')} label="Tenant roles" value={roles} onChange={setRoles} />
    </FormDialog>
  )
}
