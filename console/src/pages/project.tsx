import { TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { Act } from '../parts/act.tsx'
import { Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { Labels } from '../parts/labels.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { ObjectTabs } from '../parts/tabs.tsx'
import { To, ToButton } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { AuditOf } from './audit-list.tsx'
import { DescribeProject } from './describe-project.tsx'
import { WhoCan } from './who-can.tsx'

/** One project: what it is, who holds which role in it. */
export function ProjectPage() {
  const { org, uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'rename' | 'describe' | 'delete'>()
  const path = { params: { path: { uid } } }
  const project = useQuery({
    queryKey: ['projects', uid],
    queryFn: () => answer(api.GET('/v1/projects/{uid}', path)),
  })
  const back = (
    <To to="/t/$org/projects" params={{ org: org ?? '' }} size="sm">
      Projects
    </To>
  )
  return (
    <ObjectPage kind="Project" above={back} query={project}>
      {({ metadata }) => (
        <Page
          title={metadata.name}
          above={back}
          acts={
            <>
              <ToButton to="/t/$org/clusters" params={{ org: org ?? '' }} search={{ project: uid }} variant="default">
                Clusters
              </ToButton>
              <Act needs="project.update" project={uid} variant="default" onClick={() => setOpen('rename')}>
                Rename
              </Act>
              <Act needs="project.update" project={uid} variant="default" onClick={() => setOpen('describe')}>
                Description and labels
              </Act>
              <Act needs="project.delete" project={uid} variant="light" color="red" onClick={() => setOpen('delete')}>
                Delete
              </Act>
            </>
          }
        >
          <ObjectTabs
            label="Project"
            tabs={[
              {
                name: 'overview',
                title: 'Overview',
                content: () => (
                  <section className="sheet pad" aria-label="Overview">
                    <Facts
                      rows={[
                        ['Uid', <Copyable key="uid" text={metadata.uid} />],
                        ['Lives in', <InScope key="scope" kind="tenant" />],
                        ['Description', metadata.annotations.description || <span className="quiet">none</span>],
                        ['Labels', <Labels key="labels" labels={metadata.labels} />],
                        ['Created', <When key="created" at={metadata.creationTimestamp} />],
                        ['Changed', <When key="changed" at={metadata.lastModifiedTimestamp} />],
                      ]}
                    />
                  </section>
                ),
              },
              {
                name: 'access',
                title: 'Access',
                content: () => <WhoCan kind="project" project={uid} />,
              },
              { name: 'audit', title: 'Audit', content: () => <AuditOf object={uid} project={uid} /> },
            ]}
          />
          {open === 'rename' && <Rename uid={uid} name={metadata.name} close={() => setOpen(undefined)} />}
          {open === 'describe' && <DescribeProject uid={uid} metadata={metadata} close={() => setOpen(undefined)} />}
          {open === 'delete' && (
            <ConfirmByName
              what="project"
              name={metadata.name}
              follows="The roles that people and teams hold in it go with it. A project that still has clusters is not deleted."
              close={() => setOpen(undefined)}
              run={() => answer(api.DELETE('/v1/projects/{uid}', path))}
              done={() =>
                navigate({
                  to: '/t/$org/projects',
                  params: { org: org ?? '' },
                  // What is gone is not chosen any more.
                  search: ({ project: chosen }) => ({ project: chosen === uid ? undefined : chosen }),
                })
              }
            />
          )}
        </Page>
      )}
    </ObjectPage>
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
      run={() => answer(api.PUT('/v1/projects/{uid}/meta', { params: { path: { uid } }, body: { name: typed } }))}
    >
      <TextInput
        data-autofocus
        label="Name"
        maxLength={128}
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      />
    </FormDialog>
  )
}
