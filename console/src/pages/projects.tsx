import { Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'

const fields = ['name', 'creationTimestamp', 'lastModifiedTimestamp'] as const

export function Projects() {
  const { org } = useParams({ from: '/t/$org' })
  const { q, offset, sort, search, change } = useListState()
  const list = useQuery({
    queryKey: ['projects', 'list', q, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const field = fields.find((one) => one === sort.field) ?? 'name'
      const { items, listmeta } = await answer(
        api.POST('/v1/dashboard/projects', {
          params: { query: { limit: pageSize, offset } },
          body: {
            ...(q === '' ? {} : { filter: { name: { contains: q } } }),
            sort: [{ field, order: sort.descending ? 'desc' : 'asc' }],
          },
        }),
      )
      return { items, count: listmeta.count }
    },
  })
  const create = (
    <Act needs="project.create" onClick={() => change({ panel: 'new' })}>
      New project
    </Act>
  )
  return (
    <Page title="Projects" acts={create}>
      <div className="filters">
        <Filter label="Filter projects by name" placeholder="Filter by name" />
        <Count data={kept(list)} one="project" many="projects" />
      </div>
      <DataTable
        label="Projects"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
        empty={
          <>
            <Text fw={600}>No project that you may see</Text>
            <Text className="quiet">A project holds clusters, and the people who work on them.</Text>
            {create}
          </>
        }
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ metadata: { uid, name } }) => (
              <To to="/t/$org/projects/$uid" params={{ org, uid }}>
                {name}
              </To>
            ),
          },
          { title: 'Scope', icon: true, cell: () => <InScope kind="tenant" /> },
          { title: 'Users', end: true, wide: true, cell: ({ specSummary }) => specSummary.users.length },
          { title: 'Teams', end: true, wide: true, cell: ({ specSummary }) => specSummary.teams.length },
          {
            title: 'Created',
            sort: 'creationTimestamp',
            cell: ({ metadata }) => <When at={metadata.creationTimestamp} />,
          },
          { title: 'Uid', wide: true, cell: ({ metadata }) => <Copyable text={metadata.uid} /> },
        ]}
      />
      {search.panel === 'new' && <NewProject close={() => change({ panel: undefined })} />}
    </Page>
  )
}

function NewProject({ close }: { readonly close: () => void }) {
  const { org } = useParams({ from: '/t/$org' })
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  return (
    <FormDialog
      title="New project"
      act="Create"
      close={close}
      ready={name.trim() !== ''}
      run={() =>
        answer(
          api.POST('/v1/projects', {
            body: { metadata: { name, annotations: description === '' ? {} : { description } } },
          }),
        )
      }
      done={({ uid }) => void navigate({ to: '/t/$org/projects/$uid', params: { org, uid } })}
    >
      <TextInput
        data-autofocus
        label="Name"
        required
        maxLength={128}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <TextInput
        label="Description"
        maxLength={512}
        value={description}
        onChange={({ currentTarget }) => setDescription(currentTarget.value)}
      />
    </FormDialog>
  )
}
