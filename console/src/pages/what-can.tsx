import { Button, Group, Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Grant, toAskAbout, toAskAboutTeam, useLacking, whatCan } from '../api/access.ts'
import { currentSession } from '../api/session.ts'
import { Grants } from '../parts/grants.tsx'
import { InScope } from '../parts/state.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { WhyButton } from '../parts/why.tsx'

type Props = { readonly of: { readonly user: string } | { readonly team: string } }

/** All that somebody may do, or that a team lets its members do: in the tenant, and then place by place, a page at a time. */
export function WhatCan({ of }: Props) {
  const isTeam = 'team' in of
  const isOwn = !isTeam && of.user === currentSession().user.uid
  const lacking = useLacking(isTeam ? toAskAboutTeam : toAskAbout)
  const [first, second] = isTeam ? toAskAboutTeam : toAskAbout
  return (
    <section className="stack" aria-labelledby="what-can">
      <Title order={2} size="h5" id="what-can">
        {isTeam ? 'What members may do through it' : 'What they may do'}
      </Title>
      {!isOwn && typeof lacking === 'string' ? (
        <div className="filters">
          <Text size="sm">
            That is for those to see who hold {first} and {second} in the tenant.
          </Text>
          <WhyButton
            label="Why may I not ask?"
            permission={lacking}
            scope={{ kind: 'tenant', uid: currentSession().tenant.uid }}
          />
        </div>
      ) : (
        (isOwn || lacking === null) && <Places of={isOwn ? {} : of} />
      )}
    </section>
  )
}

type Place = {
  readonly key: string
  readonly kind: 'resource' | 'project' | 'workspace'
  readonly name: string
  readonly permissions: readonly string[]
  /** Of what is held on filters or under conditions: how. */
  readonly grant?: Grant
}

function Places({ of }: { readonly of: { readonly user?: string; readonly team?: string } }) {
  const { offset } = useListState()
  const answer = useQuery({
    queryKey: ['access', 'what-can', of, offset],
    placeholderData: keepPreviousData,
    queryFn: () => whatCan({ ...of, limit: pageSize, offset }),
  })
  const { data } = answer
  const places: readonly Place[] | undefined = data && [
    ...data.filtered.map((grant) => ({
      key: `${grant.assignment} ${grant.role.uid} ${grant.scope.project?.uid ?? ''}`,
      ...{ kind: 'resource' as const, name: 'On what filters select', permissions: grant.permissions, grant },
    })),
    ...data.conditional.map((grant) => ({
      key: `${grant.assignment} ${grant.role.uid} ${grant.scope.project?.uid ?? ''} conditional`,
      ...{ kind: 'resource' as const, name: 'Under conditions', permissions: grant.permissions, grant },
    })),
    ...data.workspaces.map(({ workspace, project, permissions }) => {
      return {
        key: workspace.uid,
        kind: 'workspace' as const,
        name: `${workspace.name} in ${project.name}`,
        permissions,
      }
    }),
    ...data.projects.map(({ project, permissions }) => {
      return { key: project.uid, kind: 'project' as const, name: project.name, permissions }
    }),
  ]
  return (
    <>
      {data && (
        <div className="sheet pad">
          <Group gap="sm">
            <InScope kind="tenant">Whole tenant, and so everywhere in it</InScope>
            <Rights where="the whole tenant" permissions={data.tenant} />
          </Group>
        </div>
      )}
      <div className="filters">
        <Count data={data && { items: [], count: data.count }} one="place besides" many="places besides" />
      </div>
      <DataTable
        label="What they may do, by place"
        list={{ ...answer, data: places && data && { items: places, count: data.count } }}
        rowKey={({ key }) => key}
        empty={<Text>Nothing in single projects, on single workspaces or on what filters select.</Text>}
        columns={[
          {
            title: 'Where',
            cell: ({ kind, name, grant }) => (
              <>
                <InScope kind={kind}>{name}</InScope>
                {grant && <Grants grants={[grant]} />}
              </>
            ),
          },
          { title: 'May', cell: ({ name, permissions }) => <Rights where={name} permissions={permissions} /> },
        ]}
      />
    </>
  )
}

/** How many rights, and by a click which, by kind of object. */
function Rights({ where, permissions }: { readonly where: string; readonly permissions: readonly string[] }) {
  const [isOpen, setOpen] = useState(false)
  if (permissions.length === 0) return <span className="quiet">nothing</span>
  const kinds = Map.groupBy(permissions, (permission) => permission.slice(0, permission.indexOf('.')))
  const count = `${permissions.length} ${permissions.length === 1 ? 'permission' : 'permissions'}`
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        aria-expanded={isOpen}
        aria-label={`${count} in ${where}`}
        onClick={() => setOpen(!isOpen)}
      >
        {count}
      </Button>
      {isOpen && (
        <ul className="steps">
          {[...kinds].map(([kind, ofKind]) => (
            <li key={kind}>
              <div>
                <span className="mono">{kind}</span>: {ofKind.map((one) => one.slice(kind.length + 1)).join(', ')}
              </div>
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
