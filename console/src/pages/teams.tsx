import { MultiSelect, Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { useRoles } from '../api/lists.ts'
import { Act } from '../parts/act.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { PeoplePicker } from '../parts/people-picker.tsx'
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
    queryFn: async () => {
      const { items } = await answer(
        api.POST('/v1/teams/summary', {
          body: {
            ...(q === '' ? {} : { filter: { name: { contains: q } } }),
            sort: [
              {
                field: sort.field === 'creationTimestamp' ? 'creationTimestamp' : 'name',
                order: sort.descending ? 'desc' : 'asc',
              },
            ],
          },
        }),
      )
      return { items: items.slice(offset, offset + pageSize), count: items.length }
    },
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
        <Count data={list.data} one="team" many="teams" />
      </div>
      <DataTable
        label="Teams"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
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
            cell: ({ metadata: { uid, name } }) => (
              <To to="/t/$org/teams/$uid" params={{ org, uid }}>
                {name}
              </To>
            ),
          },
          { title: 'Scope', wide: true, cell: () => <InScope kind="tenant" /> },
          { title: 'Members', end: true, cell: ({ spec }) => spec.users.length },
          {
            title: 'Tenant roles',
            wide: true,
            cell: ({ spec }) => spec.roles.map(({ name }) => name).join(', ') || '–',
          },
          {
            title: 'Projects',
            wide: true,
            cell: ({ spec }) => spec.projects.map(({ name }) => name).join(', ') || '–',
          },
          {
            title: 'Created',
            sort: 'creationTimestamp',
            cell: ({ metadata }) => <When at={metadata.creationTimestamp} />,
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
  const { data: roleList = [] } = useRoles()
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
      <PeoplePicker label="Members" value={users} onChange={setUsers} />
      <MultiSelect
        label="Tenant roles"
        searchable
        data={roleList.filter(({ scope }) => scope === 'tenant').map(({ uid, name }) => ({ value: uid, label: name }))}
        value={roles}
        onChange={setRoles}
      />
    </FormDialog>
  )
}
