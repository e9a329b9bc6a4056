import { Drawer, Group, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { filterQuery, filterUsesQuery } from '../api/filters.ts'
import { useMay } from '../api/me.ts'
import { Act } from '../parts/act.tsx'
import { answered } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { ConfirmByName } from '../parts/form.tsx'
import { namesOf, onWhat } from '../parts/grants.tsx'
import { useLayer } from '../parts/layer.ts'
import { Facts } from '../parts/page.tsx'
import { ruleText, Selected } from '../parts/rule.tsx'
import { SubjectLink } from '../parts/subject.tsx'
import { To } from '../parts/to.tsx'
import { FilterForm } from './filter-form.tsx'

type Props = {
  readonly uid: string
  readonly close: () => void
  /** After it was deleted: the promise of having closed, so that nobody asks for what is gone. */
  readonly left: () => Promise<void>
}

/** One filter: what it compares, what it selects now, and who acts through it. */
export function FilterPanel({ uid, close, left }: Props) {
  useLayer(close)
  const [open, setOpen] = useState<'change' | 'delete'>()
  const { data, failure } = answered(useQuery(filterQuery(uid)))
  const shut = () => setOpen(undefined)
  return (
    <Drawer
      opened
      size="lg"
      onClose={close}
      title={data ? `Filter ${data.name}` : 'Filter'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {failure}
      {!data && !failure && <Loader size="sm" aria-label="Loading" />}
      {data && (
        <Stack gap="md">
          <Facts
            rows={[
              [
                'Selects what has',
                <span className="said" key="rule">
                  {ruleText(data)}
                </span>,
              ],
              ['Uid', <Copyable key="uid" text={data.uid} />],
            ]}
          />
          <Selected rule={data} />
          <Group gap="xs">
            <Act needs="filter.update" variant="default" onClick={() => setOpen('change')}>
              Change
            </Act>
            <Act needs="filter.delete" variant="light" color="red" onClick={() => setOpen('delete')}>
              Delete
            </Act>
          </Group>
          <Uses uid={uid} />
          <To to="." search={({ project }) => ({ project, tab: 'who-can' })} size="sm">
            Who can see and change filters
          </To>
          {open === 'change' && <FilterForm filter={data} close={shut} />}
          {open === 'delete' && (
            <ConfirmByName
              what="filter"
              name={data.name}
              follows="A filter that somebody acts through stays, and you are told who: take it out of what they hold first."
              close={shut}
              run={() => answer(api.DELETE('/v1/filters/tag/{uid}', { params: { path: { uid } } }))}
              done={left}
            />
          )}
        </Stack>
      )}
    </Drawer>
  )
}

function Uses({ uid }: { readonly uid: string }) {
  const mayListUsers = useMay()('user.list')
  const { data, error, refetch } = useQuery({ ...filterUsesQuery(uid), enabled: mayListUsers === true })
  return (
    <section aria-label="Used by">
      <Text fw={600} size="sm" mb={4}>
        Who acts through it
      </Text>
      {mayListUsers === false && <Text size="sm">That is for those to see who hold user.list.</Text>}
      {error && <Failure error={error} retry={() => void refetch()} />}
      {mayListUsers && !data && !error && <Loader size="sm" aria-label="Loading" />}
      {data?.length === 0 && <Text size="sm">Nobody: no resource role is given through it.</Text>}
      <ul className="steps">
        {data?.map(({ uid: use, subject, roles, projects, filters }) => (
          <li key={use}>
            <div>
              <SubjectLink {...subject} />
              <div className="quiet">
                {namesOf(roles, 'and')} in {projects.length === 1 ? 'project' : 'projects'} {namesOf(projects, 'and')}
                {filters.length > 1 && `, ${onWhat(filters)}`}
              </div>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
