import { Switch, Table, Text } from '@mantine/core'
import { IconCheck, IconMinus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, api } from '../api/client.ts'
import { roleQuery } from '../api/lists.ts'
import { answered } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { roles } from '../parts/pickers.ts'
import { ChooseOne } from '../parts/searched.tsx'
import { InScope } from '../parts/state.tsx'
import { useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'

type Role = {
  readonly uid: string
  readonly name: string
  readonly description: string
  readonly scope: string
  readonly permissions: ReadonlySet<string>
}

/** One role with its permissions laid out by kind of object, beside another one where somebody compares. */
export function RolePage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const role = useQuery(roleQuery(uid))
  const above = (
    <To to="/t/$org/roles" params={{ org }} size="sm">
      Roles
    </To>
  )
  return (
    <ObjectPage kind="Role" above={above} query={role}>
      {(found) => (
        <Page title={found.name} above={above}>
          <section className="sheet pad" aria-label="Overview">
            <Facts
              rows={[
                ['What for', found.description],
                ['Given in', <InScope key="scope" kind={found.scope} />],
                ['Permissions', found.permissions.size],
                ['Uid', <Copyable key="uid" text={uid} />],
              ]}
            />
          </section>
          <Compared role={found} />
        </Page>
      )}
    </ObjectPage>
  )
}

function Compared({ role }: { readonly role: Role }) {
  const { search, change } = useListState()
  const second = answered(useQuery({ ...roleQuery(search.with ?? ''), enabled: search.with !== undefined }))
  const other = search.with === undefined ? undefined : second.data
  const all = [...new Set([...role.permissions, ...(other?.permissions ?? [])])]
  const differing = all.filter((one) => other && !(role.permissions.has(one) && other.permissions.has(one)))
  return (
    <>
      <div className="filters">
        <ChooseOne
          {...roles()}
          label="Compare with"
          placeholder="Compare with another role"
          clear="Do not compare"
          except={role.uid}
          value={other && { uid: other.uid, text: other.name }}
          onChange={(chosen) => change({ with: chosen })}
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
              {differing.length === 0 ? 'The same permissions' : `${differing.length} permissions differ`}
            </Text>
          </>
        )}
      </div>
      {search.with !== undefined && second.failure}
      <Matrix role={role} other={other} permissions={other && search.only !== undefined ? differing : all} />
    </>
  )
}

type MatrixProps = {
  readonly role: Role
  readonly other: Role | undefined
  readonly permissions: readonly string[]
}

/** Permissions by kind of object, and who of the two carries each. */
function Matrix({ role, other, permissions }: MatrixProps) {
  const catalogue = useQuery({
    queryKey: ['permissions'],
    staleTime: 300_000,
    queryFn: () => answer(api.GET('/v1/permissions')),
  })
  const titles = new Map(
    catalogue.data?.flatMap(({ name, permissions: named }) => named.map((one) => [keyOf(one), name] as const)),
  )
  const kinds = Map.groupBy(permissions, keyOf)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens
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
          {[...kinds].flatMap(([kind, ofKind]) =>
            ofKind.map((permission, i) => (
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
                {other && <Holds is={other.permissions.has(permission)} differs={!role.permissions.has(permission)} />}
              </Table.Tr>
            )),
          )}
        </Table.Tbody>
      </Table>
    </section>
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
