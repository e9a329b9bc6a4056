import { Button, Stack, Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { Act } from '../parts/act.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog, TellDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { InScope, State } from '../parts/state.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { When } from '../parts/when.tsx'

type Tenant = { readonly uid: string; readonly name: string }

/** For system administrators: the tenants, and the first person of each. Nobody here sees into a tenant. */
export function Tenants() {
  const { offset, sort, search, change } = useListState()
  const [deleting, setDeleting] = useState<Tenant>()
  const [switching, setSwitching] = useState<Tenant & { readonly isActive: boolean }>()
  const [first, setFirst] = useState<Tenant>()
  const list = useQuery({
    queryKey: ['tenants', offset, sort],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const path = sort.field === 'created' ? 'metadata.creationTimestamp' : 'metadata.name'
      const query = { limit: pageSize, offset, orderBy: `${path}=${sort.descending ? -1 : 1}` }
      const { items, listmeta } = await answer(api.GET('/v1/tenants', { params: { query } }))
      return { items, count: listmeta.count }
    },
  })
  const create = (
    <Act needs="tenant.create" onClick={() => change({ panel: 'new' })}>
      New tenant
    </Act>
  )
  return (
    <Page title="Tenants" acts={create}>
      <Count data={list.data} one="tenant" many="tenants" />
      <DataTable
        label="Tenants"
        list={list}
        rowKey={({ metadata }) => metadata.uid}
        empty={
          <>
            <Text fw={600}>No tenant yet</Text>
            <Text className="quiet">A tenant has its own people, projects, clusters, key and audit log.</Text>
            {create}
          </>
        }
        columns={[
          {
            title: 'Name',
            sort: 'name',
            cell: ({ metadata: { uid, name } }) => (
              <Button size="compact-sm" variant="transparent" px={0} onClick={() => setFirst({ uid, name })}>
                {name}
              </Button>
            ),
          },
          {
            title: 'State',
            cell: ({ status }) =>
              status.toBeDeleted ? (
                <State tone="bad">Being deleted</State>
              ) : status.isActive ? (
                <State tone="good">Active</State>
              ) : (
                <State tone="warn">Not active</State>
              ),
          },
          { title: 'Scope', wide: true, cell: () => <InScope kind="system" /> },
          { title: 'Created', sort: 'created', cell: ({ metadata }) => <When at={metadata.creationTimestamp} /> },
          { title: 'Uid', wide: true, cell: ({ metadata }) => <Copyable text={metadata.uid} /> },
          {
            title: 'Change',
            end: true,
            cell: ({ metadata: { uid, name }, status: { isActive, toBeDeleted } }) =>
              !toBeDeleted && (
                <>
                  <Button
                    size="compact-xs"
                    variant="default"
                    mr={6}
                    aria-label={`${isActive ? 'Switch off' : 'Switch on'} ${name}`}
                    onClick={() => setSwitching({ uid, name, isActive })}
                  >
                    {isActive ? 'Switch off' : 'Switch on'}
                  </Button>
                  <Button
                    size="compact-xs"
                    variant="light"
                    color="red"
                    aria-label={`Delete ${name}`}
                    onClick={() => setDeleting({ uid, name })}
                  >
                    Delete
                  </Button>
                </>
              ),
          },
        ]}
      />
      {search.panel === 'new' && (
        <NewTenant
          close={() => change({ panel: undefined })}
          done={(tenant) => {
            change({ panel: undefined })
            setFirst(tenant)
          }}
        />
      )}
      {first && <FirstUser tenant={first} close={() => setFirst(undefined)} />}
      {switching && (
        <ConfirmByName
          what="tenant"
          act={switching.isActive ? 'Switch off' : 'Switch on'}
          name={switching.name}
          follows={
            switching.isActive
              ? 'All its sessions, keys and streams end at once; nobody of it can sign in until it is switched on.'
              : 'Its people can sign in again, with the roles that they hold.'
          }
          close={() => setSwitching(undefined)}
          run={() =>
            answer(
              api.PATCH('/v1/tenants/{tenantUid}/activate', {
                params: { path: { tenantUid: switching.uid } },
                body: { isActive: !switching.isActive },
              }),
            )
          }
        />
      )}
      {deleting && (
        <ConfirmByName
          what="tenant"
          name={deleting.name}
          follows="Everything of it is refused at once and marked for deletion: people, projects, clusters, keys."
          close={() => setDeleting(undefined)}
          run={() => answer(api.DELETE('/v1/tenants/{tenantUid}', { params: { path: { tenantUid: deleting.uid } } }))}
        />
      )}
    </Page>
  )
}

type NewProps = { readonly close: () => void; readonly done: (tenant: Tenant) => void }

function NewTenant({ close, done }: NewProps) {
  const [typed, setTyped] = useState({ orgName: '', firstName: '', lastName: '', emailId: '' })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    autoComplete: 'off',
    onChange: (event: { readonly currentTarget: { readonly value: string } }) => {
      const { value } = event.currentTarget
      setTyped((before) => ({ ...before, [name]: value }))
    },
  })
  return (
    <FormDialog
      title="New tenant"
      act="Create"
      close={close}
      ready={typed.orgName.trim() !== '' && typed.firstName.trim() !== '' && typed.emailId.includes('@')}
      run={() => answer(api.POST('/v1/tenants', { body: { spec: typed } }))}
      done={({ uid }) => done({ uid, name: typed.orgName })}
    >
      <TextInput data-autofocus label="Name" required maxLength={100} {...field('orgName')} />
      <Text size="sm" className="quiet">
        Its first user, who becomes its administrator:
      </Text>
      <TextInput label="First name" required {...field('firstName')} />
      <TextInput label="Last name" {...field('lastName')} />
      <TextInput label="E-mail" type="email" required {...field('emailId')} />
    </FormDialog>
  )
}

function FirstUser({ tenant, close }: { readonly tenant: Tenant; readonly close: () => void }) {
  const user = useQuery({
    queryKey: ['tenants', tenant.uid, 'user'],
    queryFn: () => answer(api.GET('/v1/tenants/{tenantUid}/user', { params: { path: { tenantUid: tenant.uid } } })),
  })
  return (
    <TellDialog title={`First user of ${tenant.name}`} close={close}>
      {user.error && <Text size="sm">{user.error.message}</Text>}
      {user.data && (
        <Stack gap="xs">
          <Text size="sm">
            {user.data.metadata.name}, {user.data.spec.emailId}
          </Text>
          {user.data.status.activationLink === '' ? (
            <Text size="sm">Has signed in: there is no link to pass on.</Text>
          ) : (
            <>
              <Text size="sm">
                Give them this link over a channel that you trust; whoever opens it gets the tenant.
              </Text>
              <CodeBlock text={user.data.status.activationLink} label="Link" />
            </>
          )}
        </Stack>
      )}
    </TellDialog>
  )
}
