import { Button, Stack, Text, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { answer, api } from '../api/client.ts'
import { findApiKeys } from '../api/lists.ts'
import { nowOpen, useOpen } from '../api/open.ts'
import { currentSession } from '../api/session.ts'
import { kept } from '../parts/answered.tsx'
import { CodeBlock } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog, TellDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { InScope, State } from '../parts/state.tsx'
import { Count, DataTable, Filter, pageSize, useListState } from '../parts/table.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { WhoCan } from './who-can.tsx'

type Key = {
  readonly uid: string
  readonly name: string
  readonly isActive: boolean
  readonly user: { readonly uid: string }
}

/** API keys: one's own, and those of everybody for who may list them. */
export function ApiKeys() {
  const { search, change } = useListState()
  const create = (
    <Button size="xs" onClick={() => change({ panel: 'new' })}>
      New API key
    </Button>
  )
  return (
    <Page title="API keys" acts={create}>
      <ObjectTabs
        label="API keys"
        tabs={[
          { name: 'keys', title: 'Keys', content: () => <KeyList create={create} /> },
          { name: 'who-can', title: 'Who can', content: () => <WhoCan kind="apiKey" /> },
        ]}
      />
      {search.panel === 'new' && <NewKey close={() => change({ panel: undefined })} />}
    </Page>
  )
}

function KeyList({ create }: { readonly create: ReactNode }) {
  const { q, offset, sort } = useListState()
  const { user, tenant, isSystem } = currentSession()
  const [deleting, setDeleting] = useState<Key>()
  const [switching, setSwitching] = useState<Key>()
  const list = useQuery({
    queryKey: ['keys', 'list', q, offset, sort],
    placeholderData: keepPreviousData,
    queryFn: () => findApiKeys({ q, limit: pageSize, offset, sort }),
  })
  return (
    <>
      <div className="filters">
        <Filter label="Filter API keys by name" placeholder="Filter by name" />
        <Count data={kept(list)} one="key" many="keys" />
      </div>
      <DataTable
        label="API keys"
        list={list}
        rowKey={({ uid }) => uid}
        empty={
          <>
            <Text fw={600}>No API key yet</Text>
            <Text className="quiet">A key lets a program act as you, with what you may do at that moment.</Text>
            {create}
          </>
        }
        columns={[
          { title: 'Name', sort: 'name', cell: ({ name }) => name },
          { title: 'Scope', icon: true, cell: () => <InScope kind={isSystem ? 'system' : 'tenant'} /> },
          { title: 'State', cell: keyState },
          {
            title: 'Acts as',
            wide: true,
            cell: ({ user: owner }) =>
              owner.uid === user.uid ? (
                'You'
              ) : (
                <To to="/t/$org/users/$uid" params={{ org: tenant.name, uid: owner.uid }}>
                  {owner.name}
                </To>
              ),
          },
          { title: 'Ends', sort: 'expiresAt', wide: true, cell: ({ expiresAt }) => <When at={expiresAt ?? ''} /> },
          { title: 'Created', sort: 'createdAt', wide: true, cell: ({ createdAt }) => <When at={createdAt} /> },
          {
            title: 'Change',
            end: true,
            cell: (key) => (
              <>
                <Button
                  size="compact-xs"
                  variant="default"
                  mr={6}
                  aria-label={`${key.isActive ? 'Switch off' : 'Switch on'} ${key.name}`}
                  onClick={() => setSwitching(key)}
                >
                  {key.isActive ? 'Switch off' : 'Switch on'}
                </Button>
                <Button
                  size="compact-xs"
                  variant="light"
                  color="red"
                  aria-label={`Delete ${key.name}`}
                  onClick={() => setDeleting(key)}
                >
                  Delete
                </Button>
              </>
            ),
          },
        ]}
      />
      {switching && <SwitchKey of={switching} close={() => setSwitching(undefined)} />}
      {deleting && (
        <StopKey
          of={deleting}
          close={() => setDeleting(undefined)}
          run={() => answer(api.DELETE('/v1/apiKeys/{uid}', { params: { path: { uid: deleting.uid } } }))}
        />
      )}
    </>
  )
}

type KeyDialog = { readonly of: Key; readonly close: () => void }

/** Switching off cuts off whatever uses the key, so it asks for the name; switching on does not. */
function SwitchKey({ of: key, close }: KeyDialog) {
  const run = () =>
    answer(
      api.PUT('/v1/apiKeys/{uid}/state', {
        params: { path: { uid: key.uid } },
        body: { isActive: !key.isActive },
      }),
    )
  if (key.isActive) return <StopKey of={key} act="Switch off" close={close} run={run} />
  return (
    <FormDialog title={`Switch on ${key.name}`} act="Switch on" close={close} run={run}>
      <Text size="sm">It works again, until it ends.</Text>
    </FormDialog>
  )
}

function StopKey({
  of: { uid, name, user },
  act = 'Delete',
  close,
  run,
}: KeyDialog & { readonly act?: string; readonly run: () => Promise<unknown> }) {
  const open = useOpen({ kind: 'apiKey', uid, isOwn: user.uid === currentSession().user.uid })
  return (
    <ConfirmByName
      what="API key"
      act={act}
      name={name}
      follows={`What uses it is refused at once, and its open streams end${nowOpen(open)}.`}
      close={close}
      run={run}
    />
  )
}

type Stated = Key & {
  readonly hasExpired: boolean
  readonly createdByName: string | null
  readonly makerHoldsTooLittle: boolean
}

function keyState({ isActive, hasExpired, createdByName, makerHoldsTooLittle }: Stated) {
  if (hasExpired) return <State tone="warn">Expired</State>
  if (!isActive) return <State tone="quiet">Switched off</State>
  if (!makerHoldsTooLittle) return <State tone="good">Active</State>
  return (
    <State tone="bad">
      {createdByName === null
        ? 'Refused: who made it was removed'
        : `Refused: ${createdByName}, who made it, holds too little`}
    </State>
  )
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

function NewKey({ close }: { readonly close: () => void }) {
  const [name, setName] = useState('')
  const [until, setUntil] = useState(inDays(90))
  const [value, setValue] = useState<string>()
  if (value !== undefined)
    return (
      <TellDialog title={`API key ${name}`} close={close}>
        <Stack gap="xs">
          <Text size="sm">This is the only time that its value is shown. Send it as the header ApiKey.</Text>
          <CodeBlock text={value} label="API key" />
        </Stack>
      </TellDialog>
    )
  return (
    <FormDialog
      title="New API key"
      act="Create"
      close={close}
      ready={name.trim() !== '' && until !== ''}
      run={() =>
        answer(
          api.POST('/v1/apiKeys', {
            body: { metadata: { name }, spec: { expiry: new Date(`${until}T23:59:59`).toISOString() } },
          }),
        )
      }
      done={({ apiKey }) => setValue(apiKey)}
    >
      <TextInput
        data-autofocus
        label="Name"
        description="What it is for, such as the program that uses it"
        required
        maxLength={128}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <TextInput
        label="Works until"
        type="date"
        required
        min={inDays(0)}
        value={until}
        onChange={({ currentTarget }) => setUntil(currentTarget.value)}
      />
    </FormDialog>
  )
}
