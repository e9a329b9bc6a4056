import { Button, Text, Title } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { useLive } from '../api/live.ts'
import type { paths } from '../api/schema.gen.ts'
import { Act } from '../parts/act.tsx'
import { kept } from '../parts/answered.tsx'
import { FormDialog } from '../parts/form.tsx'
import { State } from '../parts/state.tsx'
import { Count, DataTable } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'

type List = paths['/v1/palisade/clusters/{uid}/streams']['get']['responses'][200]['content']['application/json']
type Stream = List['items'][number]
type Ending =
  | { readonly kind: 'stream'; readonly stream: Stream }
  | { readonly kind: 'session'; readonly stream: Stream }

/** What runs through Palisade on a cluster now, as it begins and ends, and a way to end each. */
export function Streams({ cluster, project }: { readonly cluster: string; readonly project: string | undefined }) {
  const { org = '' } = useParams({ strict: false })
  const [ending, setEnding] = useState<Ending>()
  const queries = useQueryClient()
  const streams = useQuery({
    queryKey: ['streams', cluster],
    refetchInterval: 30_000,
    queryFn: () => answer(api.GET('/v1/palisade/clusters/{uid}/streams', { params: { path: { uid: cluster } } })),
  })
  const again = () => void queries.invalidateQueries({ queryKey: ['streams', cluster] })
  useLive('streams', again)
  useLive('access', again)
  const data = kept(streams)
  return (
    <section className="stack" aria-labelledby="streams">
      <div className="head">
        <Title order={2} size="h5" id="streams">
          Streams
        </Title>
        <Count data={data} one="stream" many="streams" />
      </div>
      {data?.others === 'hidden' && (
        <Text size="sm" className="quiet">
          Your own. Those of others are for who holds cluster.update here.
        </Text>
      )}
      <DataTable
        label="Streams"
        list={streams}
        rowKey={({ uid }) => uid}
        empty={<Text>Nothing runs through Palisade on this cluster now.</Text>}
        columns={[
          {
            title: 'What',
            cell: (stream) => (
              <To to="/t/$org/audit" params={{ org }} search={{ panel: stream.uid }} title={stream.command.join(' ')}>
                {whatOf(stream)}
              </To>
            ),
          },
          { title: 'Who', cell: ({ user, own }) => `${user.email || user.uid.slice(0, 8)}${own ? ' (you)' : ''}` },
          {
            title: 'Session',
            wide: true,
            cell: ({ session }) => <span className="mono">{session?.slice(0, 8) ?? 'API key'}</span>,
          },
          { title: 'From', wide: true, cell: ({ address }) => address },
          { title: 'Since', cell: ({ since }) => <When at={since} /> },
          {
            title: 'End',
            end: true,
            cell: (stream) =>
              stream.ending ? (
                <State tone="quiet">Ending</State>
              ) : (
                <span className="inline">
                  <Ender
                    stream={stream}
                    needs="cluster.update"
                    project={project}
                    end={() => setEnding({ kind: 'stream', stream })}
                  >
                    End
                  </Ender>
                  {stream.session && (
                    <Ender stream={stream} needs="user.update" end={() => setEnding({ kind: 'session', stream })}>
                      End session
                    </Ender>
                  )}
                </span>
              ),
          },
        ]}
      />
      {ending && <EndDialog ending={ending} all={data?.items ?? []} close={() => setEnding(undefined)} />}
    </section>
  )
}

/** Everybody ends what is theirs; for what is another's a right is needed. */
function Ender({
  stream,
  needs,
  project,
  end,
  children,
}: {
  readonly stream: Stream
  readonly needs: string
  readonly project?: string | undefined
  readonly end: () => void
  readonly children: string
}) {
  const look = {
    size: 'compact-xs',
    variant: 'light',
    color: 'red',
    'aria-label': `${children}: ${whatOf(stream)}, ${stream.user.email}`,
  } as const
  if (!stream.own)
    return (
      <Act needs={needs} project={project} onClick={end} {...look}>
        {children}
      </Act>
    )
  return (
    <Button {...look} onClick={end}>
      {children}
    </Button>
  )
}

function EndDialog({
  ending: { kind, stream },
  all,
  close,
}: {
  readonly ending: Ending
  readonly all: readonly Stream[]
  readonly close: () => void
}) {
  const { uid, session = '', user } = stream
  const who = stream.own ? 'you' : user.email || user.uid
  const more = all.filter((one) => one.session === session).length
  if (kind === 'session')
    return (
      <FormDialog
        title="End this session"
        act="End session"
        danger
        close={close}
        run={() => answer(api.DELETE('/v1/palisade/sessions/{uid}', { params: { path: { uid: session } } }))}
      >
        <Text size="sm">
          {`Whoever uses it is signed out, and its streams end within a second: ${more} on this cluster. It is of ${who}.`}
        </Text>
      </FormDialog>
    )
  return (
    <FormDialog
      title="End this stream"
      act="End"
      danger
      close={close}
      run={() => answer(api.DELETE('/v1/palisade/streams/{uid}', { params: { path: { uid } } }))}
    >
      <Text size="sm">
        {`${whatOf(stream)}, by ${who}, ends within a second. The session goes on: with the right still held, it can be opened again.`}
      </Text>
    </FormDialog>
  )
}

const acts: Readonly<Record<string, string>> = {
  exec: 'Exec into',
  attach: 'Attach to',
  portforward: 'Port-forward to',
  log: 'Log of',
}

/** A stream in words: `Exec into payments/web (main)`, `Watch pods in payments`. */
function whatOf({ verb, resource, subresource, namespace, name, container }: Stream): string {
  const act = acts[subresource] ?? `${verb.slice(0, 1).toUpperCase()}${verb.slice(1)} ${resource}`
  if (name === '') return namespace === '' ? act : `${act} in ${namespace}`
  const object = namespace === '' ? name : `${namespace}/${name}`
  return `${act} ${object}${container === '' ? '' : ` (${container})`}`
}
