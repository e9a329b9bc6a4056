import { Button, Text, Textarea } from '@mantine/core'
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { useLive } from '../api/live.ts'
import { type AccessRequest, requestsQuery, type View } from '../api/requests.ts'
import { kept } from '../parts/answered.tsx'
import { AskFor } from '../parts/ask-for.tsx'
import { FormDialog } from '../parts/form.tsx'
import { lengthOf } from '../parts/lengths.ts'
import { Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { When } from '../parts/when.tsx'

type Act = 'approve' | 'deny' | 'withdraw'
type Acting = { readonly act: Act; readonly request: AccessRequest }

/** Roles that people ask for: what waits for one's answer, and what one asked for oneself. */
export function Requests() {
  const { search, change } = useListState()
  const [acting, setActing] = useState<Acting>()
  const queries = useQueryClient()
  const again = () => void queries.invalidateQueries({ queryKey: ['requests'] })
  useLive('requests', again)
  // Whoever gained or lost a right decides about others now.
  useLive('access', again)
  const ask = (
    <Button size="xs" onClick={() => change({ panel: 'new' })}>
      Ask for a role
    </Button>
  )
  return (
    <Page title="Requests" acts={ask}>
      <ObjectTabs
        label="Requests"
        tabs={[
          {
            name: 'waiting',
            title: 'Waiting for me',
            content: () => (
              <List
                view="waiting"
                empty="Nobody waits for you: no open request is for what you could give."
                act={setActing}
              />
            ),
          },
          {
            name: 'mine',
            title: 'Mine',
            content: () => <List view="mine" empty="You have asked for nothing." act={setActing} />,
          },
        ]}
      />
      {search.panel === 'new' && <AskFor close={() => change({ panel: undefined })} />}
      {acting && <Decide {...acting} close={() => setActing(undefined)} />}
    </Page>
  )
}

type ListProps = { readonly view: View; readonly empty: string; readonly act: (acting: Acting) => void }

function List({ view, empty, act }: ListProps) {
  const { offset } = useListState()
  const list = useQuery({ ...requestsQuery(view, pageSize, offset), placeholderData: keepPreviousData })
  return (
    <>
      <Count data={kept(list)} one="request" many="requests" />
      <DataTable
        label={view === 'mine' ? 'My requests' : 'Requests that wait for me'}
        list={list}
        rowKey={({ uid }) => uid}
        empty={<Text>{empty}</Text>}
        columns={[
          ...(view === 'waiting' ? [{ title: 'Who', cell: ({ user }: AccessRequest) => user.name }] : []),
          {
            title: 'Role',
            cell: ({ role, project, seconds }) => (
              <>
                {role.name}
                <div className="quiet">
                  {project === null ? 'in the whole tenant' : `in project ${project.name}`}, for {lengthOf(seconds)}
                </div>
              </>
            ),
          },
          { title: 'Reason', cell: ({ reason }) => <span className="said">{reason}</span> },
          { title: 'State', cell: (request) => <StateOf {...request} /> },
          { title: 'Asked', wide: true, cell: ({ createdAt }) => <When at={createdAt} /> },
          {
            title: 'Change',
            end: true,
            cell: (request) =>
              request.state === 'open' && (
                <>
                  {request.mayDecide &&
                    (['approve', 'deny'] as const).map((one) => (
                      <Button
                        key={one}
                        size="compact-xs"
                        mr={6}
                        variant={one === 'approve' ? 'filled' : 'default'}
                        aria-label={`${titles[one]} ${request.role.name} for ${request.user.name}`}
                        onClick={() => act({ act: one, request })}
                      >
                        {titles[one]}
                      </Button>
                    ))}
                  {request.isMine && (
                    <Button
                      size="compact-xs"
                      variant="default"
                      aria-label={`Withdraw ${request.role.name}`}
                      onClick={() => act({ act: 'withdraw', request })}
                    >
                      Withdraw
                    </Button>
                  )}
                </>
              ),
          },
        ]}
      />
    </>
  )
}

const titles: Readonly<Record<Act, string>> = { approve: 'Approve', deny: 'Deny', withdraw: 'Withdraw' }

function StateOf({ state, expiresAt, endsAt, decidedBy, note }: AccessRequest) {
  const by = decidedBy ? ` by ${decidedBy.name}` : ''
  const said = note && <div className="quiet">“{note}”</div>
  switch (state) {
    case 'open':
      return (
        <>
          <State tone="quiet">Open</State>
          <div className="quiet">
            expires <When at={expiresAt} />
          </div>
        </>
      )
    case 'approved':
      return (
        <>
          <State tone="good">Approved{by}</State>
          {endsAt && (
            <div className="quiet">
              {new Date(endsAt) > new Date() ? 'ends' : 'ended'} <When at={endsAt} />
            </div>
          )}
          {said}
        </>
      )
    case 'denied':
      return (
        <>
          <State tone="bad">Denied{by}</State>
          {said}
        </>
      )
    case 'withdrawn':
      return <State tone="quiet">Withdrawn</State>
    case 'expired':
      return <State tone="warn">Expired: nobody answered</State>
  }
}

function Decide({ act, request, close }: Acting & { readonly close: () => void }) {
  const [note, setNote] = useState('')
  const { uid, role, user, project, seconds, reason } = request
  const path = { params: { path: { uid } } }
  const body = note.trim() === '' ? {} : { note: note.trim() }
  const where = project === null ? 'the whole tenant' : `project ${project.name}`
  const run = () =>
    act === 'withdraw'
      ? answer(api.POST('/v1/palisade/access/requests/{uid}/withdraw', path))
      : act === 'approve'
        ? answer(api.POST('/v1/palisade/access/requests/{uid}/approve', { ...path, body }))
        : answer(api.POST('/v1/palisade/access/requests/{uid}/deny', { ...path, body }))
  return (
    <FormDialog
      title={`${titles[act]} ${role.name}`}
      act={titles[act]}
      close={close}
      run={() => run() as Promise<unknown>}
    >
      <Text size="sm">
        {act === 'withdraw'
          ? 'Nobody decides about it any more. You may ask again.'
          : act === 'approve'
            ? `${user.name} gains ${role.name} in ${where} at once, for ${lengthOf(seconds)}.`
            : `${user.name} is told; nothing is given.`}
      </Text>
      {act !== 'withdraw' && (
        <>
          <Text size="sm" className="said">
            “{reason}”
          </Text>
          <Textarea
            data-autofocus
            label="Note"
            description={`What you say to ${user.name}, if anything`}
            maxLength={1000}
            autosize
            value={note}
            onChange={({ currentTarget }) => setNote(currentTarget.value)}
          />
        </>
      )}
    </FormDialog>
  )
}
