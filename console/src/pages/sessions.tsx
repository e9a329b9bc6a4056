import { Button, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { useLive } from '../api/live.ts'
import { nowOpen, useOpen } from '../api/open.ts'
import { currentSession, signInAgain } from '../api/session.ts'
import { kept } from '../parts/answered.tsx'
import { FormDialog } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { InScope, State } from '../parts/state.tsx'
import { Count, DataTable } from '../parts/table.tsx'
import { Exact, exactly, When } from '../parts/when.tsx'

type Session = { readonly uid: string; readonly address: string; readonly current: boolean }

/** Where one is signed in, and the way to end each. */
export function Sessions() {
  const { isSystem } = currentSession()
  const [ending, setEnding] = useState<Session>()
  const all = useQuery({
    queryKey: ['sessions'],
    // When each was last used, and ends by time alone.
    refetchInterval: 30_000,
    queryFn: async () => (await answer(api.GET('/v1/palisade/sessions'))).items,
  })
  const queries = useQueryClient()
  const again = () => void queries.invalidateQueries({ queryKey: ['sessions'] })
  // Whoever ends one raises the tenant's epoch; whoever signs in is an entry of its log.
  useLive('access', again)
  useLive('log', again)
  const list = { ...all, data: all.data && { items: all.data, count: all.data.length } }
  return (
    <Page title="My sessions">
      <Count data={kept(list)} one="session" many="sessions" />
      <DataTable
        label="My sessions"
        list={list}
        rowKey={({ uid }) => uid}
        empty={<Text>No session.</Text>}
        columns={[
          {
            title: 'Program',
            // Two of one program look alike but for where and since when.
            cell: ({ userAgent, current, address, createdAt }) => (
              <span title={userAgent}>
                {programOf(userAgent)} {current && <State tone="good">this one</State>}
                <div className="quiet small">
                  from {address}, since <Exact at={createdAt} />
                </div>
              </span>
            ),
          },
          { title: 'Scope', icon: true, cell: () => <InScope kind={isSystem ? 'system' : 'tenant'} /> },
          { title: 'Signed in', cell: ({ createdAt }) => <When at={createdAt} /> },
          { title: 'Last used', wide: true, cell: ({ lastSeenAt }) => <When at={lastSeenAt} /> },
          { title: 'Ends', wide: true, cell: ({ endsAt }) => <When at={endsAt} /> },
          {
            title: 'Change',
            end: true,
            cell: ({ uid, address, userAgent, current, createdAt }) => (
              <Button
                size="compact-xs"
                variant="light"
                color="red"
                aria-label={`End ${programOf(userAgent)} from ${address}, since ${exactly(createdAt)}${current ? ', this session' : ''}`}
                onClick={() => setEnding({ uid, address, current })}
              >
                End
              </Button>
            ),
          },
        ]}
      />
      {ending && <EndSession session={ending} close={() => setEnding(undefined)} />}
    </Page>
  )
}

function EndSession({ session, close }: { readonly session: Session; readonly close: () => void }) {
  const { uid, address, current } = session
  const open = useOpen({ kind: 'session', uid, isOwn: true })
  return (
    <FormDialog
      title="End this session"
      act="End"
      danger
      close={close}
      run={() => answer(api.DELETE('/v1/palisade/sessions/{uid}', { params: { path: { uid } } }))}
      done={() => (current ? signInAgain() : close())}
    >
      <Text size="sm">
        {current
          ? `You are signed out here, ${currentSession().user.firstName}, and the streams of this session end`
          : `Whoever uses it from ${address} is signed out, and its streams end within a second`}
        {nowOpen(open)}.
      </Text>
    </FormDialog>
  )
}

/** The part of a user agent that says something to a person. */
function programOf(userAgent: string): string {
  const known = programs.find(([pattern]) => pattern.test(userAgent))
  if (!known) return userAgent === '' ? 'Unnamed program' : userAgent.slice(0, 40)
  const [pattern, name] = known
  const system = systems.find(([word]) => word.test(userAgent))?.[1]
  const version = pattern.exec(userAgent)?.[1]
  return `${name}${version === undefined ? '' : ` ${version}`}${system === undefined ? '' : ` on ${system}`}`
}

// The more particular first: Edge says that it is Chrome too, Chrome that it is Safari, and Android that it is Linux.
const programs: readonly (readonly [RegExp, string])[] = [
  [/Edg\/(\d+)/, 'Edge'],
  [/Firefox\/(\d+)/, 'Firefox'],
  [/Chrome\/(\d+)/, 'Chrome'],
  [/Version\/(\d+).* Safari\//, 'Safari'],
  [/^palisade-cli/, 'palisade'],
  [/kubectl\/v?(\d+\.\d+)/, 'kubectl'],
  [/curl\/(\d+)/, 'curl'],
  [/terraform\/(\d+\.\d+)/i, 'Terraform'],
]
const systems: readonly (readonly [RegExp, string])[] = [
  [/Windows/, 'Windows'],
  [/iPhone|iPad/, 'iOS'],
  [/Macintosh|darwin/, 'macOS'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/linux/i, 'Linux'],
]
