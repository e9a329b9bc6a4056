import { Drawer, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { counted, type Open, openText, useOpen } from '../api/open.ts'
import type { paths } from '../api/schema.gen.ts'
import type { TenantState } from '../api/tenants.ts'
import { Act } from '../parts/act.tsx'
import { answered } from '../parts/answered.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { useLayer } from '../parts/layer.ts'
import { Facts } from '../parts/page.tsx'
import { Exact, When } from '../parts/when.tsx'
import { PersonState } from './person-state.tsx'
import { tenantStateOf } from './tenant-state.tsx'

type Tenant = paths['/v1/palisade/tenants/{tenantUid}']['get']['responses'][200]['content']['application/json']

/** One tenant: its first user with the link to pass on, and what a system administrator may do to it. */
export function TenantPanel({ uid, close }: { readonly uid: string; readonly close: () => void }) {
  useLayer(close)
  const [open, setOpen] = useState<'invite' | 'switch' | 'delete'>()
  const path = { params: { path: { tenantUid: uid } } }
  const query = useQuery({
    queryKey: ['tenants', uid],
    queryFn: () => answer(api.GET('/v1/palisade/tenants/{tenantUid}', path)),
  })
  const { data, failure } = answered(query)
  const isOn = data?.state !== 'inactive'
  return (
    <Drawer
      opened
      size="lg"
      onClose={close}
      title={data ? `Tenant ${data.name}` : 'Tenant'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {failure}
      {!data && !failure && <Loader size="sm" aria-label="Loading" />}
      {data && (
        <Stack gap="md">
          <Facts
            rows={[
              ['State', tenantStateOf(data.state)],
              ['Created', <When key="created" at={data.createdAt} />],
              ['Uid', <Copyable key="uid" text={data.uid} />],
            ]}
          />
          <FirstUser tenant={data} />
          {data.state !== 'deleting' && (
            <Group gap="xs">
              {data.firstUser?.state === 'pending' && isOn && (
                <Act needs="tenant.update" variant="default" onClick={() => setOpen('invite')}>
                  New invitation
                </Act>
              )}
              <Act needs="tenant.update" variant="default" onClick={() => setOpen('switch')}>
                {isOn ? 'Switch off' : 'Switch on'}
              </Act>
              <Act needs="tenant.delete" variant="light" color="red" onClick={() => setOpen('delete')}>
                Delete
              </Act>
            </Group>
          )}
          {open === 'invite' && (
            <FormDialog
              title={`New invitation to ${data.name}`}
              act="Invite again"
              close={() => setOpen(undefined)}
              run={() => answer(api.POST('/v1/palisade/tenants/{tenantUid}/invitation', path))}
            >
              <Text size="sm">
                A link with which {data.firstUser?.name} sets a password, for a day. The link made before stops working.
              </Text>
            </FormDialog>
          )}
          {open === 'switch' && (
            <SwitchTenant uid={uid} name={data.name} isOn={isOn} close={() => setOpen(undefined)} />
          )}
          {open === 'delete' && (
            <DeleteTenant uid={uid} name={data.name} isOn={isOn} close={() => setOpen(undefined)} done={close} />
          )}
        </Stack>
      )}
    </Drawer>
  )
}

type Dialog = { readonly uid: string; readonly name: string; readonly isOn: boolean; readonly close: () => void }

function SwitchTenant({ uid, name, isOn, close }: Dialog) {
  const open = useOpen({ kind: 'tenant', uid })
  return (
    <ConfirmByName
      what="tenant"
      act={isOn ? 'Switch off' : 'Switch on'}
      name={name}
      follows={
        isOn
          ? `All its sessions, keys and streams end at once${open ? `: ${openText(open)} now, and ${counted(open.apiKeys ?? 0, 'API key')}` : ''}. ${whoWaits(open)} until it is switched on.`
          : 'Its people can sign in again, with the roles that they hold.'
      }
      close={close}
      run={() =>
        answer(
          api.PATCH('/v1/tenants/{tenantUid}/activate', {
            params: { path: { tenantUid: uid } },
            body: { isActive: !isOn },
          }),
        )
      }
    />
  )
}

function DeleteTenant({ uid, name, isOn, close, done }: Dialog & { readonly done: () => void }) {
  const open = useOpen({ kind: 'tenant', uid })
  const what = open
    ? `${counted(open.people ?? 0, 'person', 'people')}, ${counted(open.clusters ?? 0, 'cluster')} with their projects, ${counted(open.apiKeys ?? 0, 'API key')}`
    : 'people, projects, clusters, keys'
  return (
    <ConfirmByName
      what="tenant"
      name={name}
      follows={`Everything of it is refused at once and marked for deletion: ${what}.${open && isOn ? ` ${sentence(openText(open))} end now.` : ''}`}
      close={close}
      run={() => answer(api.DELETE('/v1/tenants/{tenantUid}', { params: { path: { tenantUid: uid } } }))}
      done={done}
    />
  )
}

const whoWaits = (open: Open | undefined) =>
  open?.people ? `${counted(open.people, 'person', 'people')} cannot sign in` : 'Nobody of it can sign in'

const sentence = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

function FirstUser({ tenant: { state, firstUser } }: { readonly tenant: Tenant }) {
  return (
    <section aria-labelledby="first-user">
      <Title order={2} size="h5" id="first-user" mb={8}>
        First user
      </Title>
      {!firstUser ? (
        <Text size="sm">The account of the first user was removed.</Text>
      ) : (
        <Stack gap="xs">
          <Text size="sm">
            {firstUser.name}, {firstUser.email}
          </Text>
          <PersonState {...firstUser} />
          {firstUser.state === 'pending' && state !== 'deleting' && <Invitation state={state} link={firstUser.link} />}
        </Stack>
      )}
    </section>
  )
}

type Link = NonNullable<Tenant['firstUser']>['link']

function Invitation({ state, link }: { readonly state: TenantState; readonly link: Link }) {
  if (state === 'inactive') return <Text size="sm">The invitation works once the tenant is switched on.</Text>
  if (!link || link.hasExpired)
    return <Text size="sm">Nobody can get into this tenant: make a new invitation and pass its link on.</Text>
  return (
    <>
      <Text size="sm">
        {link.url === ''
          ? 'The link is for who may create tenants. It works until '
          : 'Give them this link over a channel that you trust; whoever opens it gets the tenant. It works until '}
        <Exact at={link.expiresAt} />.
      </Text>
      {link.url !== '' && <CodeBlock text={link.url} label="Link" />}
    </>
  )
}
