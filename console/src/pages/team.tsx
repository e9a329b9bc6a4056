import { TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { assignmentsQuery } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { counted, useOpen } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { answered } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { AuditOf } from './audit-list.tsx'
import { HeldRoles } from './held-roles.tsx'
import { TeamMembers } from './team-members.tsx'
import { WhatCan } from './what-can.tsx'
import { WhoCan } from './who-can.tsx'

/** One team: its members and what they hold through it. */
export function TeamPage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'rename' | 'delete'>()
  const close = () => setOpen(undefined)
  const path = { params: { path: { uid } } }
  const assignments = useQuery(assignmentsQuery({ team: uid }))
  // Read here, not in the tab: a query tells whoever read it while the page was drawn.
  const held = answered(assignments)
  const team = useQuery({
    queryKey: ['teams', uid],
    queryFn: async () => {
      const [own, filtered] = await Promise.all([
        answer(api.GET('/v1/teams/{uid}', path)),
        answer(api.GET('/v1/teams/{uid}/resourceRoles', path)),
      ])
      return { ...own, onFilters: filtered.resourceRoles }
    },
  })
  const above = (
    <To to="/t/$org/teams" params={{ org }} size="sm">
      Teams
    </To>
  )
  return (
    <ObjectPage kind="Team" above={above} query={team}>
      {({ metadata, spec, onFilters }) => (
        <Page
          title={metadata.name}
          above={above}
          acts={
            <>
              <Act needs="team.update" variant="default" onClick={() => setOpen('rename')}>
                Rename
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
                          ['Members', spec.users.length.toLocaleString('en')],
                          ['Created', <When key="created" at={metadata.creationTimestamp} />],
                          ['Uid', <Copyable key="uid" text={uid} />],
                        ]}
                      />
                    </section>
                    <TeamMembers uid={uid} team={metadata.name} />
                  </>
                ),
              },
              {
                name: 'access',
                title: 'Access',
                content: () => (
                  <>
                    {held.failure}
                    {held.data && (
                      <HeldRoles
                        who={metadata.name}
                        whose={{ kind: 'team', uid }}
                        needs="team.update"
                        onFilters={onFilters}
                        assignments={held.data}
                        members={spec.users.length}
                      />
                    )}
                    <WhatCan of={{ team: uid }} />
                  </>
                ),
              },
              { name: 'who-can', title: 'Who can', content: () => <WhoCan kind="team" /> },
              { name: 'audit', title: 'Audit', content: () => <AuditOf object={uid} /> },
            ]}
          />
          {open === 'rename' && <Rename uid={uid} name={metadata.name} close={close} />}
          {open === 'delete' && (
            <DeleteTeam
              uid={uid}
              name={metadata.name}
              members={spec.users.length}
              roles={held.data && held.data.length + onFilters.reduce((sum, { roles }) => sum + roles.length, 0)}
              close={close}
              done={() => navigate({ to: '/t/$org/teams', params: { org } })}
            />
          )}
        </Page>
      )}
    </ObjectPage>
  )
}

type DeleteProps = {
  readonly uid: string
  readonly name: string
  readonly members: number
  /** How often the team holds a role: in the tenant, in projects, on what filters select; undefined while that is not known. */
  readonly roles: number | undefined
  readonly close: () => void
  readonly done: () => Promise<void>
}

function DeleteTeam({ uid, name, members, roles, close, done }: DeleteProps) {
  const open = useOpen({ kind: 'team', uid })
  const follows =
    members === 0
      ? `Nobody is in it. ${roles === undefined ? 'What' : `${counted(roles, 'role')} that`} it holds ${roles === undefined || roles === 1 ? 'goes' : 'go'} with it.`
      : `${counted(members, 'member')} ${members === 1 ? 'loses' : 'lose'} what the team gave${roles === undefined ? '' : `, ${counted(roles, 'role')}`}, and streams that rest on it end within a second${open ? `, of ${counted(open.streams, 'stream')} that ${open.streams === 1 ? 'is' : 'are'} open now` : ''}. The accounts stay.`
  return (
    <ConfirmByName
      what="team"
      name={name}
      follows={follows}
      close={close}
      run={() => answer(api.DELETE('/v1/teams/{uid}', { params: { path: { uid } } }))}
      done={done}
    />
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
      run={() =>
        answer(
          api.PATCH('/v1/teams/{uid}', {
            params: { path: { uid } },
            body: [{ op: 'replace', path: '/metadata/name', value: typed }],
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
    </FormDialog>
  )
}
