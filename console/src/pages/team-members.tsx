import { Button, Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { useMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { findPeople } from '../api/users.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { FormDialog } from '../parts/form.tsx'
import { people } from '../parts/pickers.ts'
import { ChooseMany } from '../parts/searched.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { WhyButton } from '../parts/why.tsx'
import { PersonState } from './person-state.tsx'

type Props = { readonly uid: string; readonly team: string }
type Member = { readonly uid: string; readonly name: string }

/** The members of a team: a page of them at a time, found by the server. Who joins or leaves is changed one by one. */
export function TeamMembers({ uid, team }: Props) {
  const { org = '' } = useParams({ strict: false })
  const { q, offset, sort, search, change } = useListState()
  const [leaving, setLeaving] = useState<Member>()
  const may = useMay()
  const list = useQuery({
    queryKey: ['teams', uid, 'members', q, offset, sort],
    enabled: may('user.list') === true,
    placeholderData: keepPreviousData,
    queryFn: () => findPeople({ q, team: uid, limit: pageSize, offset, sort }),
  })
  const add = (
    <Act needs="team.update" variant="default" onClick={() => change({ panel: 'add' })}>
      Add members
    </Act>
  )
  if (may('user.list') === false)
    return (
      <>
        <Text size="sm">Who is in it is for those to see who hold user.list.</Text>
        <div>
          <WhyButton permission="user.list" scope={{ kind: 'tenant', uid: currentSession().tenant.uid }} />
        </div>
      </>
    )
  return (
    <>
      <div className="head">
        <Title order={2} size="h5">
          Members
        </Title>
        {add}
      </div>
      <div className="filters">
        <Filter label="Filter members by name or e-mail" placeholder="Filter by name or e-mail" />
        <Count data={kept(list)} one="member" many="members" />
      </div>
      <DataTable
        label="Members"
        list={list}
        rowKey={(person) => person.uid}
        empty={<Text>Nobody yet. Who joins holds what the team holds.</Text>}
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: (person) => (
              <To to="/t/$org/users/$uid" params={{ org, uid: person.uid }}>
                {person.name}
              </To>
            ),
          },
          { title: 'E-mail', sort: 'email', wide: true, cell: ({ email }) => email },
          { title: 'State', wide: true, cell: (person) => <PersonState {...person} /> },
          {
            title: 'Change',
            end: true,
            cell: (person) =>
              may('team.update') && (
                <Button
                  size="compact-xs"
                  variant="light"
                  color="red"
                  aria-label={`Remove ${person.name} from ${team}`}
                  onClick={() => setLeaving(person)}
                >
                  Remove
                </Button>
              ),
          },
        ]}
      />
      {search.panel === 'add' && <Add uid={uid} team={team} close={() => change({ panel: undefined })} />}
      {leaving && (
        <FormDialog
          title={`Remove ${leaving.name} from ${team}`}
          act="Remove"
          danger
          close={() => setLeaving(undefined)}
          run={() => remove(uid, leaving.uid)}
        >
          <Text size="sm">They lose what the team gave them, within a second. The account stays.</Text>
        </FormDialog>
      )}
    </>
  )
}

function Add({ uid, team, close }: Props & { readonly close: () => void }) {
  const [users, setUsers] = useState<string[]>([])
  return (
    <FormDialog
      title={`Add members to ${team}`}
      act="Add"
      close={close}
      ready={users.length > 0}
      run={() => add(uid, users)}
    >
      <ChooseMany {...people} label="Members" value={users} onChange={setUsers} />
      <Text size="sm" role="status">
        {users.length === 0 ? 'The members stay.' : `${users.length} gain what the team holds.`}
      </Text>
    </FormDialog>
  )
}

const at = (uid: string) => ({ params: { path: { uid } } })

/** Adds those who are no members yet to the team as it is now, not as it was when the page was drawn. */
async function add(uid: string, users: readonly string[]): Promise<void> {
  const { spec } = await answer(api.GET('/v1/teams/{uid}', at(uid)))
  const body = users
    .filter((user) => !spec.users.includes(user))
    .map((value) => ({ op: 'add' as const, path: '/spec/users/-', value }))
  if (body.length > 0) await answer(api.PATCH('/v1/teams/{uid}', { ...at(uid), body }))
}

/** Removes one member; a team that changed meanwhile is refused and not guessed about. */
async function remove(uid: string, user: string): Promise<void> {
  const { spec } = await answer(api.GET('/v1/teams/{uid}', at(uid)))
  const path = `/spec/users/${spec.users.indexOf(user)}`
  if (!spec.users.includes(user)) return
  const body = [
    { op: 'test' as const, path, value: user },
    { op: 'remove' as const, path },
  ]
  await answer(api.PATCH('/v1/teams/{uid}', { ...at(uid), body }))
}
