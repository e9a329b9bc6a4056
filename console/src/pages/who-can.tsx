import { Skeleton, Text, Title } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useMayAskWho, whoCan } from '../api/access.ts'
import { kept } from '../parts/answered.tsx'
import { Grants } from '../parts/grants.tsx'
import { Count, DataTable, pageSize, useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'
import { WhyButton } from '../parts/why.tsx'

type Props = {
  readonly title: string
  readonly permission: string
  readonly project: string
  /** About one cluster of the project; without it who may on anything in the project. */
  readonly cluster?: string
}

/** Everybody who may do something, a page at a time, each with every way in which: roles of the tenant, teams and filters included. */
export function WhoCan({ title, permission, project, cluster }: Props) {
  const mayAsk = useMayAskWho()
  return (
    <section className="stack" aria-labelledby="who-can">
      <div className="head">
        <Title order={2} size="h5" id="who-can">
          {title}
        </Title>
        <WhyButton label="Can I, and why?" permission={permission} scope={{ kind: 'project', uid: project }} />
      </div>
      {mayAsk === undefined && <Skeleton height={120} />}
      {mayAsk === false && (
        <Text size="sm">
          Who else can is for those to see who hold user.list and role.get in the tenant: usually tenant administrators.
        </Text>
      )}
      {mayAsk && <Everybody permission={permission} project={project} cluster={cluster} />}
    </section>
  )
}

function Everybody({
  permission,
  project,
  cluster,
}: Omit<Props, 'title' | 'cluster'> & { cluster: string | undefined }) {
  const { org = '' } = useParams({ strict: false })
  const { offset } = useListState()
  const list = useQuery({
    queryKey: ['access', 'who-can', permission, project, cluster, offset],
    placeholderData: keepPreviousData,
    queryFn: () => whoCan({ permission, project, cluster, isFiltered: true, limit: pageSize, offset }),
  })
  return (
    <>
      <div className="filters">
        <Count data={kept(list)} one="person" many="people" />
      </div>
      <DataTable
        label="Who can"
        list={list}
        rowKey={({ user }) => user.uid}
        empty={<Text>Nobody.</Text>}
        columns={[
          {
            title: 'Who',
            cell: ({ user }) => (
              <To to="/t/$org/users/$uid" params={{ org, uid: user.uid }}>
                {user.name || user.uid}
              </To>
            ),
          },
          { title: 'Because of', cell: ({ because }) => <Grants grants={because} /> },
        ]}
      />
    </>
  )
}
