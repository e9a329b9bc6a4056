import { Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { assignmentsQuery } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { nowOpen, useOpen } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { answered } from '../parts/answered.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { Exact, When } from '../parts/when.tsx'
import { AuditOf } from './audit-list.tsx'
import { HeldRoles } from './held-roles.tsx'
import { type Account, PersonState } from './person-state.tsx'
import { WhatCan } from './what-can.tsx'
import { WhoCan } from './who-can.tsx'

/** One member: who, whether active, which roles and from where. */
export function UserPage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'active' | 'reset' | 'delete'>()
  const close = () => setOpen(undefined)
  const path = { params: { path: { uid } } }
  const user = useQuery({
    queryKey: ['users', uid],
    queryFn: async () => {
      const [account, person] = await Promise.all([
        answer(api.GET('/v1/users/{uid}', path)),
        answer(api.GET('/v1/palisade/people/{uid}', path)),
      ])
      return { ...account, person }
    },
  })
  const assignments = useQuery(assignmentsQuery({ user: uid }))
  const above = (
    <To to="/t/$org/users" params={{ org }} size="sm">
      Members
    </To>
  )
  // Read here, not in the tab: a query tells whoever read it while the page was drawn.
  const held = answered(assignments)
  return (
    <ObjectPage kind="Member" above={above} query={user}>
      {({ metadata, spec, status, person }) => (
        <Page
          title={metadata.name}
          above={above}
          acts={
            <>
              {person.state !== 'inactive' && (
                <Act needs="user.update" variant="default" onClick={() => setOpen('reset')}>
                  {person.state === 'pending' ? 'New invitation' : 'New password link'}
                </Act>
              )}
              {person.state !== 'pending' && (
                <Act needs="user.update" variant="default" onClick={() => setOpen('active')}>
                  {status.isActive ? 'Switch off' : 'Switch on'}
                </Act>
              )}
              <Act needs="user.delete" variant="light" color="red" onClick={() => setOpen('delete')}>
                Remove
              </Act>
            </>
          }
        >
          <ObjectTabs
            label="Member"
            tabs={[
              {
                name: 'overview',
                title: 'Overview',
                content: () => (
                  <section className="sheet pad" aria-label="Overview">
                    <Facts
                      rows={[
                        ['E-mail', spec.emailId],
                        ['State', <PersonState key="state" {...person} />],
                        ['Last sign-in', <When key="last" at={status.lastSignIn} />],
                        ['Created', <When key="created" at={metadata.creationTimestamp} />],
                        ['Uid', <Copyable key="uid" text={uid} />],
                      ]}
                    />
                    <WaitingLink account={person} url={status.activationLink} />
                  </section>
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
                        whose={{ kind: 'user', uid }}
                        needs="user.update"
                        assignments={held.data}
                      />
                    )}
                    <WhatCan of={{ user: uid }} />
                  </>
                ),
              },
              { name: 'who-can', title: 'Who can', content: () => <WhoCan kind="user" /> },
              { name: 'audit', title: 'What they did', content: () => <AuditOf user={uid} /> },
            ]}
          />
          {open === 'active' && <SwitchUser uid={uid} name={metadata.name} isOn={status.isActive} close={close} />}
          {open === 'reset' && (
            <NewLink uid={uid} name={metadata.name} isInvitation={person.state === 'pending'} close={close} />
          )}
          {open === 'delete' && (
            <RemoveUser
              uid={uid}
              name={metadata.name}
              close={close}
              done={() => navigate({ to: '/t/$org/users', params: { org } })}
            />
          )}
        </Page>
      )}
    </ObjectPage>
  )
}

/** What a link that waits to be used is for, how long it works, and what to do about it. */
function WaitingLink({ account: { state, link }, url }: { readonly account: Account; readonly url: string }) {
  const isInvitation = state === 'pending'
  if (!isInvitation && !link) return null
  // Without a time: it is void, for somebody who was shown it may not do all that this member may.
  if (!link)
    return (
      <Text size="sm">
        The invitation works no longer: they cannot sign in. Make a new one with New invitation and pass it on.
      </Text>
    )
  if (link.hasExpired)
    return (
      <Text size="sm">
        {isInvitation ? 'The invitation expired' : 'The link for a new password expired'} <When at={link.expiresAt} />
        {isInvitation
          ? ': they cannot sign in. Make a new invitation and pass it on.'
          : '; their password still works. Make a new link if they need one.'}
      </Text>
    )
  return (
    <Stack gap={4}>
      <Text size="sm">
        {isInvitation ? 'Invited until ' : 'A link for a new password works until '}
        <Exact at={link.expiresAt} />
        {isInvitation ? '.' : '; until they use it their password still works.'}{' '}
        {url === ''
          ? 'You do not see the link: it is for who may change members and holds every right that this member holds.'
          : 'Pass this link on over a channel that you trust; whoever opens it sets the password.'}
      </Text>
      {url !== '' && <CodeBlock text={url} label="Link" />}
    </Stack>
  )
}

type SwitchProps = {
  readonly uid: string
  readonly name: string
  readonly isOn: boolean
  readonly close: () => void
}

type RemoveProps = {
  readonly uid: string
  readonly name: string
  readonly close: () => void
  readonly done: () => Promise<void>
}

/** What they know of others works only while they are here. */
const andForOthers = 'So do API keys that they made for others, and links for others that they were shown.'

function RemoveUser({ uid, name, close, done }: RemoveProps) {
  const open = useOpen({ kind: 'user', uid })
  return (
    <ConfirmByName
      what="member"
      act="Remove"
      name={name}
      follows={`Their sessions, API keys, links, team memberships and roles go, and their streams end${nowOpen(open)}. ${andForOthers} The audit log keeps what they did.`}
      close={close}
      run={() => answer(api.DELETE('/v1/users/{uid}', { params: { path: { uid } } }))}
      done={done}
    />
  )
}

/** Switching off cuts a person off in the middle of what they do, so it asks for the name; switching on does not. */
function SwitchUser({ uid, name, isOn, close }: SwitchProps) {
  const open = useOpen({ kind: 'user', uid })
  const run = () =>
    answer(
      api.PATCH('/v1/users/{uid}', {
        params: { path: { uid } },
        body: [{ op: 'replace', path: '/status/isActive', value: !isOn }],
      }),
    )
  if (isOn)
    return (
      <ConfirmByName
        what="member"
        act="Switch off"
        name={name}
        follows={`Their sessions, API keys and streams end within a second${nowOpen(open)}. ${andForOthers} Roles stay, for when they are switched on again.`}
        close={close}
        run={run}
      />
    )
  return (
    <FormDialog title={`Switch on ${name}`} act="Switch on" close={close} run={run}>
      <Text size="sm">They can sign in again, with the roles that they hold.</Text>
    </FormDialog>
  )
}

type NewLinkProps = {
  readonly uid: string
  readonly name: string
  readonly isInvitation: boolean
  readonly close: () => void
}

function NewLink({ uid, name, isInvitation, close }: NewLinkProps) {
  return (
    <FormDialog
      title={isInvitation ? `New invitation for ${name}` : `New password link for ${name}`}
      act={isInvitation ? 'Invite again' : 'Make a link'}
      close={close}
      run={() => answer(api.PATCH('/v1/users/{uid}/password/reset', { params: { path: { uid } } }))}
    >
      <Text size="sm">
        A link with which they set {isInvitation ? 'their first' : 'a new'} password, for a day. It shows on this page
        to whoever may pass it on; links made before stop working.
      </Text>
    </FormDialog>
  )
}
