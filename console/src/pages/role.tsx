import { Switch, Table, Text, TextInput } from '@mantine/core'
import { IconCheck, IconMinus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { type Role, roleQuery } from '../api/lists.ts'
import { Act } from '../parts/act.tsx'
import { answered } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { ConfirmByName, FormDialog } from '../parts/form.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Facts, Page } from '../parts/page.tsx'
import { roles } from '../parts/pickers.ts'
import { ChooseOne } from '../parts/searched.tsx'
import { InScope, State } from '../parts/state.tsx'
import { useListState } from '../parts/table.tsx'
import { To } from '../parts/to.tsx'

/** One role with its permissions laid out by kind of object, beside another one where somebody compares. */
export function RolePage() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [open, setOpen] = useState<'clone' | 'delete'>()
  const close = () => setOpen(undefined)
  const role = useQuery(roleQuery(uid))
  const above = (
    <To to="/t/$org/roles" params={{ org }} size="sm">
      Roles
    </To>
  )
  return (
    <ObjectPage kind="Role" above={above} query={role}>
      {(found) => (
        <Page
          title={found.name}
          above={above}
          acts={
            <>
              <Act needs="role.create" variant="default" onClick={() => setOpen('clone')}>
                Clone
              </Act>
              {!found.isPredefined && (
                <>
                  <Act
                    needs="role.update"
                    variant="default"
                    onClick={() => void navigate({ to: '/t/$org/roles/$uid/edit', params: { org, uid } })}
                  >
                    Change
                  </Act>
                  <Act needs="role.delete" variant="light" color="red" onClick={() => setOpen('delete')}>
                    Delete
                  </Act>
                </>
              )}
            </>
          }
        >
          <section className="sheet pad" aria-label="Overview">
            <Facts
              rows={[
                ['What for', found.description || <span className="quiet">not said</span>],
                ['Kind', found.isPredefined ? 'Predefined: read-only; clone it to change it' : 'Made in this tenant'],
                ...(found.isEnabled
                  ? []
                  : ([
                      [
                        'State',
                        <State key="state" tone="quiet">
                          Switched off: it gives nothing
                        </State>,
                      ],
                    ] as const)),
                ['Given in', <InScope key="scope" kind={found.scope} />],
                ['Permissions', found.permissions.size],
                ['Uid', <Copyable key="uid" text={uid} />],
              ]}
            />
          </section>
          <Compared role={found} />
          {open === 'clone' && <Clone role={found} close={close} />}
          {open === 'delete' && (
            <ConfirmByName
              what="role"
              name={found.name}
              follows="A role that somebody holds stays, and you are told who holds it: take it away from them first."
              close={close}
              run={() => answer(api.DELETE('/v1/roles/{uid}', { params: { path: { uid } } }))}
              done={() => navigate({ to: '/t/$org/roles', params: { org } })}
            />
          )}
        </Page>
      )}
    </ObjectPage>
  )
}

/** Copies a role, whoever made it, under another name; from then on the two know nothing of each other. */
function Clone({ role, close }: { readonly role: Role; readonly close: () => void }) {
  const { org = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  const [name, setName] = useState(`${role.name} copy`)
  return (
    <FormDialog
      title={`Clone ${role.name}`}
      act="Clone"
      close={close}
      ready={name.trim() !== ''}
      run={() =>
        answer(
          api.POST('/v1/roles/{uid}/clone', {
            params: { path: { uid: role.uid } },
            body: { metadata: { name: name.trim(), annotations: { description: role.description } } },
          }),
        )
      }
      done={({ uid }) => {
        close()
        return navigate({ to: '/t/$org/roles/$uid', params: { org, uid } })
      }}
    >
      <Text size="sm">
        The copy carries the same {role.permissions.size} permissions. Nobody holds it, so nobody gains anything yet.
      </Text>
      <TextInput
        data-autofocus
        label="Name"
        required
        maxLength={128}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
    </FormDialog>
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
