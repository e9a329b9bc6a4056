import { Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { answer, api } from '../api/client.ts'
import { projectNamesQuery } from '../api/me.ts'
import { useOpen } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { Labels } from '../parts/labels.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { InScope, State } from '../parts/state.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To, ToButton } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { OnCluster } from '../parts/why.tsx'
import { AuditOf } from './audit-list.tsx'
import { CheckAgain } from './check-again.tsx'
import { directOf, healthOf, reachedBy, stateOf } from './cluster-state.tsx'
import { ClusterTags } from './cluster-tags.tsx'
import { Commands } from './commands.tsx'
import { Streams } from './streams.tsx'
import { WhoCan } from './who-can.tsx'

/** One cluster: how Palisade reaches it, what is missing on it, how to use it. */
export function ClusterPage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const cluster = useQuery({
    queryKey: ['clusters', uid],
    refetchInterval: 15_000,
    queryFn: () => find(uid),
  })
  const above = (
    <To to="/t/$org/clusters" params={{ org }} size="sm">
      Clusters
    </To>
  )
  return (
    <OnCluster value={{ uid, permissions: [] }}>
      <ObjectPage kind="Cluster" above={above} query={cluster}>
        {(found) => <Cluster uid={uid} org={org} above={above} {...found} />}
      </ObjectPage>
    </OnCluster>
  )
}

async function find(uid: string) {
  const path = { params: { path: { uid } } }
  const [overview, access] = await Promise.all([
    answer(api.GET('/v1/dashboard/spectroclusters/{uid}/overview', path)),
    answer(api.GET('/v1/palisade/clusters/{uid}', path)),
  ])
  return { overview, access }
}

type Shown = Awaited<ReturnType<typeof find>> & {
  readonly uid: string
  readonly org: string
  readonly above: ReactNode
}

function Cluster({ uid, org, above, overview, access }: Shown) {
  const navigate = useNavigate()
  const [open, setOpen] = useState<'rename' | 'tags' | 'check' | 'delete'>()
  const close = () => setOpen(undefined)
  const { data: projects } = useQuery(projectNamesQuery)
  const { metadata, status } = overview
  const project = metadata.annotations.projectUid
  const permissions = metadata.annotations.permissions?.split(',') ?? []
  return (
    <OnCluster value={{ uid, permissions }}>
      <Page
        title={metadata.name}
        above={above}
        acts={
          <>
            {access.state === 'ready' && (
              <ToButton to="/t/$org/clusters/$uid/pods" params={{ org, uid }}>
                Pods
              </ToButton>
            )}
            <Act needs="cluster.import" project={project} variant="default" onClick={() => setOpen('check')}>
              Check again
            </Act>
            <Act needs="cluster.update" project={project} variant="default" onClick={() => setOpen('rename')}>
              Rename
            </Act>
            <Act needs="cluster.update" project={project} variant="default" onClick={() => setOpen('tags')}>
              Change tags
            </Act>
            <Act needs="cluster.delete" project={project} variant="light" color="red" onClick={() => setOpen('delete')}>
              Remove
            </Act>
          </>
        }
      >
        <ObjectTabs
          label="Cluster"
          tabs={[
            {
              name: 'overview',
              title: 'Overview',
              content: () => (
                <>
                  <section className="sheet pad" aria-label="Overview">
                    <Facts
                      rows={[
                        ['State', stateOf(status.state)],
                        ['API server', healthOf(status.health.state)],
                        ...(access.importMode === 'read-only'
                          ? ([['Imported', 'Read-only: it may be looked at, and nothing else']] as const)
                          : []),
                        [
                          'Address',
                          <span key="address" className="mono">
                            {access.server ?? 'not known yet'}
                          </span>,
                        ],
                        ['Kubernetes', access.kubernetesVersion ?? 'not known yet'],
                        ['Reached by', reachedBy(access)],
                        ['Direct kubeconfigs', directOf(access)],
                        [
                          'Last contact',
                          access.contactedAt ? <When key="contact" at={access.contactedAt} /> : 'none yet',
                        ],
                        [
                          'Lives in',
                          <InScope key="scope" kind="project">
                            {projects?.find((one) => one.uid === project)?.name ?? project}
                          </InScope>,
                        ],
                        ['Tags', <Labels key="tags" labels={metadata.labels} />],
                        ...(access.credential
                          ? ([
                              [
                                'Account on it',
                                <span key="account" className="mono">
                                  {access.credential.account}
                                </span>,
                              ],
                              [
                                'Its token',
                                <span key="token">
                                  to be renewed <When at={access.credential.renewAt} />, ends{' '}
                                  <When at={access.credential.expiresAt} />
                                </span>,
                              ],
                            ] as const)
                          : []),
                        ['Uid', <Copyable key="uid" text={uid} />],
                      ]}
                    />
                    {access.credential?.problem && (
                      <State tone="bad">{`Renewal failed: ${access.credential.problem}`}</State>
                    )}
                  </section>
                  {(access.missing.length > 0 || access.state === 'pending') && (
                    <section className="sheet pad" aria-labelledby="missing">
                      <Title order={2} size="h5" id="missing">
                        Missing on the cluster
                      </Title>
                      <ul className="steps">
                        {access.missing.map(({ verb, apiGroup, resource, namespace, why }) => (
                          <li key={verb + apiGroup + resource + (namespace ?? '') + why}>
                            <State tone="warn">{`${verb} ${resource}${apiGroup ? `.${apiGroup}` : ''}`}</State>
                            <span className="quiet">{why}</span>
                          </li>
                        ))}
                      </ul>
                      {access.yaml === undefined ? (
                        <Text size="sm">Whoever may remove the cluster finds here what is to be applied.</Text>
                      ) : (
                        <>
                          <Text size="sm">Somebody with the rights applies this, then checks again.</Text>
                          <CodeBlock text={access.yaml} label="YAML" />
                        </>
                      )}
                    </section>
                  )}
                  {access.state === 'ready' && <Commands uid={uid} name={metadata.name} />}
                </>
              ),
            },
            {
              name: 'access',
              title: 'Access',
              content: () => project !== undefined && <WhoCan kind="cluster" project={project} cluster={uid} />,
            },
            {
              name: 'streams',
              title: 'Streams',
              content: () => access.state === 'ready' && <Streams cluster={uid} project={project} />,
            },
            { name: 'audit', title: 'Audit', content: () => <AuditOf object={uid} project={project} /> },
          ]}
        />
        {open === 'rename' && <RenameCluster uid={uid} name={metadata.name} close={close} />}
        {open === 'tags' && <ClusterTags uid={uid} name={metadata.name} tags={metadata.labels} close={close} />}
        {open === 'check' && (
          <CheckAgain uid={uid} name={metadata.name} mode={access.credentialMode} state={access.state} close={close} />
        )}
        {open === 'delete' && (
          <RemoveCluster
            uid={uid}
            name={metadata.name}
            close={close}
            done={() => navigate({ to: '/t/$org/clusters', params: { org } })}
          />
        )}
      </Page>
    </OnCluster>
  )
}

type Dialog = { readonly uid: string; readonly name: string; readonly close: () => void }

function RemoveCluster({ uid, name, close, done }: Dialog & { readonly done: () => Promise<void> }) {
  const path = { params: { path: { uid } } }
  const open = useOpen({ kind: 'cluster', uid })
  return (
    <ConfirmByName
      what="cluster"
      act="Remove"
      name={name}
      follows={`${open ? endsOf(open.streams) : 'Every stream through Palisade to it ends at once'}, and nobody reaches it through Palisade any more. What the import made on the cluster stays there.`}
      close={close}
      run={() => answer(api.DELETE('/v1/spectroclusters/{uid}', path))}
      done={done}
    />
  )
}

/** How many streams end with a cluster. */
function endsOf(count: number): string {
  if (count === 0) return 'No stream runs through Palisade on it now'
  return `${count === 1 ? '1 stream' : `${count} streams`} through Palisade to it ${count === 1 ? 'ends' : 'end'} at once`
}

function RenameCluster({ uid, name, close }: Dialog) {
  const [typed, setTyped] = useState(name)
  return (
    <FormDialog
      title={`Rename ${name}`}
      act="Rename"
      close={close}
      ready={typed.trim() !== '' && typed !== name}
      run={() =>
        answer(
          api.PATCH('/v1/spectroclusters/{uid}/metadata', {
            params: { path: { uid } },
            body: { metadata: { name: typed } },
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
