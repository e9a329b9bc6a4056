import { Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { Act } from '../parts/act.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { AuditOf } from './audit-list.tsx'
import { HeldRoles } from './held-roles.tsx'
import { userState } from './users.tsx'

/** One member: who, whether active, which roles and from where. */
export function UserPage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'active' | 'reset' | 'delete'>()
  const close = () => setOpen(undefined)
  const path = { params: { path: { uid } } }
  const user = useQuery({ queryKey: ['users', uid], queryFn: () => answer(api.GET('/v1/users/{uid}', path)) })
  const roles = useQuery({
    queryKey: ['users', uid, 'roles'],
    queryFn: () => answer(api.GET('/v1/users/{uid}/roles', path)),
  })
  const projects = useQuery({
    queryKey: ['users', uid, 'projects'],
    queryFn: () => answer(api.GET('/v1/users/{uid}/projects', path)),
  })
  const above = (
    <To to="/t/$org/users" params={{ org }} size="sm">
      Members
    </To>
  )
  if (user.error)
    return (
      <Page title="Member" above={above}>
        <Failure error={user.error} retry={() => void user.refetch()} />
      </Page>
    )
  if (!user.data)
    return (
      <Page title="Member" above={above}>
        <Skeleton height={160} />
      </Page>
    )
  const { metadata, spec, status } = user.data
  const problem = roles.error ?? projects.error
  // Read here, not in the tab: a query tells whoever read it while the page was drawn.
  const [held, inProjects] = [roles.data, projects.data]
  return (
    <Page
      title={metadata.name}
      above={above}
      acts={
        <>
          <Act needs="user.update" variant="default" onClick={() => setOpen('reset')}>
            New password link
          </Act>
          <Act needs="user.update" variant="default" onClick={() => setOpen('active')}>
            {status.isActive ? 'Switch off' : 'Switch on'}
          </Act>
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
                    ['State', userState(status)],
                    ['Last sign-in', <When key="last" at={status.lastSignIn} />],
                    ['Created', <When key="created" at={metadata.creationTimestamp} />],
                    ['Uid', <Copyable key="uid" text={uid} />],
                  ]}
                />
                {status.activationLink !== '' && (
                  <Stack gap={4}>
                    <Text size="sm">Waits for a password. Pass this link on over a channel that you trust:</Text>
                    <CodeBlock text={status.activationLink} label="Link" />
                  </Stack>
                )}
              </section>
            ),
          },
          {
            name: 'access',
            title: 'Access',
            content: () =>
              problem ? (
                <Failure
                  error={problem}
                  retry={() => {
                    void roles.refetch()
                    void projects.refetch()
                  }}
                />
              ) : (
                held &&
                inProjects && (
                  <HeldRoles
                    who={metadata.name}
                    needs="user.update"
                    tenant={held}
                    projects={inProjects.projects}
                    putTenant={(chosen) =>
                      answer(api.PUT('/v1/users/{uid}/roles', { ...path, body: { roles: chosen } }))
                    }
                    putProjects={(chosen) =>
                      answer(api.PUT('/v1/users/{uid}/projects', { ...path, body: { projects: chosen } }))
                    }
                  />
                )
              ),
          },
          { name: 'audit', title: 'What they did', content: () => <AuditOf user={uid} /> },
        ]}
      />
      {open === 'active' && (
        <FormDialog
          title={`${status.isActive ? 'Switch off' : 'Switch on'} ${metadata.name}`}
          act={status.isActive ? 'Switch off' : 'Switch on'}
          danger={status.isActive}
          close={close}
          run={() =>
            answer(
              api.PATCH('/v1/users/{uid}', {
                ...path,
                body: [{ op: 'replace', path: '/status/isActive', value: !status.isActive }],
              }),
            )
          }
        >
          <Text size="sm">
            {status.isActive
              ? 'Their sessions, API keys and streams end within a second. Roles stay, for when they are switched on again.'
              : 'They can sign in again, with the roles that they hold.'}
          </Text>
        </FormDialog>
      )}
      {open === 'reset' && <NewLink uid={uid} name={metadata.name} close={close} />}
      {open === 'delete' && (
        <ConfirmByName
          what="member"
          act="Remove"
          name={metadata.name}
          follows="Their sessions, API keys, links, team memberships and roles go, and their streams end. The audit log keeps what they did."
          close={close}
          run={() => answer(api.DELETE('/v1/users/{uid}', path))}
          done={() => void navigate({ to: '/t/$org/users', params: { org } })}
        />
      )}
    </Page>
  )
}

function NewLink({ uid, name, close }: { readonly uid: string; readonly name: string; readonly close: () => void }) {
  return (
    <FormDialog
      title={`New password link for ${name}`}
      act="Make a link"
      close={close}
      run={() => answer(api.PATCH('/v1/users/{uid}/password/reset', { params: { path: { uid } } }))}
    >
      <Text size="sm">
        A link with which they set a new password. It shows on this page to whoever may pass it on; links made before
        stop working.
      </Text>
    </FormDialog>
  )
}
