import { Select, Skeleton, Switch, Table, Text } from '@mantine/core'
import { IconCheck, IconMinus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, api } from '../api/client.ts'
import { rolesQuery } from '../api/lists.ts'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { InScope } from '../parts/state.tsx'
import { useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'

/** One role with its permissions laid out by kind of object, beside another one where somebody compares. */
export function RolePage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const { search, change } = useListState()
  const roles = useQuery(rolesQuery)
  const catalogue = useQuery({
    queryKey: ['permissions'],
    staleTime: 300_000,
    queryFn: () => answer(api.GET('/v1/permissions')),
  })
  const role = roles.data?.find((one) => one.uid === uid)
  const other = roles.data?.find((one) => one.uid === search.with)
  const above = (
    <To to="/t/$org/roles" params={{ org }} size="sm">
      Roles
    </To>
  )
  const problem = roles.error ?? catalogue.error
  if (problem || (roles.data && !role))
    return (
      <Page title="Role" above={above}>
        {problem ? <Failure error={problem} /> : <Text>There is no such role.</Text>}
      </Page>
    )
  if (!role || !catalogue.data)
    return (
      <Page title="Role" above={above}>
        <Skeleton height={300} />
      </Page>
    )
  const titles = new Map(
    catalogue.data.flatMap(({ name, permissions }) => permissions.map((one) => [keyOf(one), name] as const)),
  )
  const shown = [...new Set([...role.permissions, ...(other?.permissions ?? [])])].filter(
    (one) => search.only === undefined || !other || role.permissions.has(one) !== other.permissions.has(one),
  )
  const kinds = Map.groupBy(shown, keyOf)
  const differing = other
    ? [...new Set([...role.permissions, ...other.permissions])].filter(
        (one) => !(role.permissions.has(one) && other.permissions.has(one)),
      ).length
    : 0
  return (
    <Page title={role.name} above={above}>
      <section className="sheet pad" aria-label="Overview">
        <Facts
          rows={[
            ['What for', role.description],
            ['Given in', <InScope key="scope" kind={role.scope} />],
            ['Permissions', role.permissions.size],
            ['Uid', <Copyable key="uid" text={uid} />],
          ]}
        />
      </section>
      <div className="filters">
        <Select
          size="xs"
          w={280}
          aria-label="Compare with"
          placeholder="Compare with another role"
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Do not compare' }}
          data={(roles.data ?? []).filter((one) => one.uid !== uid).map((one) => ({ value: one.uid, label: one.name }))}
          value={search.with ?? null}
          onChange={(value) => change({ with: value ?? undefined })}
        />
        {other && (
          <>
            <Switch
              size="xs"
              label="Only what differs"
              checked={search.only !== undefined}
              onChange={({ currentTarget }) => change({ only: currentTarget.checked ? 'differing' : undefined })}
            />
            <Text size="sm" className="quiet" role="status">
              {differing === 0 ? 'The same permissions' : `${differing} permissions differ`}
            </Text>
          </>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens */}
      <section className="sheet" tabIndex={0} aria-label="Permissions">
        <Table className="list matrix" aria-label="Permissions by kind of object">
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">Object</Table.Th>
              <Table.Th scope="col">Action</Table.Th>
              <Table.Th scope="col">{role.name}</Table.Th>
              {other && <Table.Th scope="col">{other.name}</Table.Th>}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {[...kinds].flatMap(([kind, permissions]) =>
              permissions.map((permission, i) => (
                <Table.Tr key={permission}>
                  <Table.Td>
                    {i === 0 ? (
                      (titles.get(kind) ?? kind)
                    ) : (
                      <span className="visually-hidden">{titles.get(kind) ?? kind}</span>
                    )}
                  </Table.Td>
                  <Table.Td className="mono">{permission}</Table.Td>
                  <Holds
                    is={role.permissions.has(permission)}
                    differs={other !== undefined && !other.permissions.has(permission)}
                  />
                  {other && (
                    <Holds is={other.permissions.has(permission)} differs={!role.permissions.has(permission)} />
                  )}
                </Table.Tr>
              )),
            )}
          </Table.Tbody>
        </Table>
      </section>
    </Page>
  )
}

const keyOf = (permission: string) => permission.slice(0, permission.indexOf('.'))

function Holds({ is, differs }: { readonly is: boolean; readonly differs: boolean }) {
  return (
    <Table.Td data-differs={differs}>
      <span className="state" data-tone={is ? 'good' : 'quiet'}>
        {is ? <IconCheck size={16} aria-hidden /> : <IconMinus size={16} aria-hidden />}
        {is ? 'yes' : 'no'}
      </span>
    </Table.Td>
  )
}
