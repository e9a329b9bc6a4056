import { Button, Checkbox, Group, Select, Stack, Switch, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { answer, api } from '../api/client.ts'
import { permissionsQuery, type Role, type RoleScope, roleQuery, roleScopes } from '../api/lists.ts'
import { Failure } from '../parts/failure.tsx'
import { FormDialog } from '../parts/form.tsx'
import { ObjectPage } from '../parts/object-page.tsx'
import { Page } from '../parts/page.tsx'
import { Preview } from '../parts/preview.tsx'
import { To, ToButton } from '../parts/to.tsx'

/** Makes a role of the tenant's own. */
export function NewRole() {
  const { org = '' } = useParams({ strict: false })
  return (
    <Page title="New role" above={<Back org={org} />}>
      <RoleForm of={undefined} />
    </Page>
  )
}

/** Changes one, for everybody who holds it. */
export function EditRole() {
  const { org = '', uid = '' } = useParams({ strict: false })
  const role = useQuery({ ...roleQuery(uid), staleTime: 0 })
  return (
    <ObjectPage kind="Role" above={<Back org={org} />} query={role}>
      {(found) => (
        <Page title={`Change ${found.name}`} above={<Back org={org} />}>
          {found.isPredefined ? (
            <Text>Predefined roles are read-only. Clone it, and change the copy.</Text>
          ) : (
            <RoleForm key={uid} of={found} />
          )}
        </Page>
      )}
    </ObjectPage>
  )
}

const Back = ({ org }: { readonly org: string }) => (
  <To to="/t/$org/roles" params={{ org }} size="sm">
    Roles
  </To>
)

const givenIn: Readonly<Record<RoleScope, string>> = {
  tenant: 'The whole tenant',
  project: 'A project, or the whole tenant',
  resource: 'Projects, on what filters select',
}

function RoleForm({ of: read }: { readonly of: Role | undefined }) {
  const { org = '' } = useParams({ strict: false })
  const navigate = useNavigate()
  // As it was when the form was opened: what is read meanwhile does not take away what is typed.
  const [role] = useState(read)
  const [name, setName] = useState(role?.name ?? '')
  const [description, setDescription] = useState(role?.description ?? '')
  const [scope, setScope] = useState<RoleScope>(roleScopes.find((one) => one === role?.scope) ?? 'project')
  const [isEnabled, setEnabled] = useState(role?.isEnabled ?? true)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(role?.permissions ?? new Set())
  const [isSaving, setSaving] = useState(false)
  const catalogue = useQuery(permissionsQuery(scope))
  // What a role of this kind may not carry goes with the kind.
  const allowed = new Set(catalogue.data?.flatMap(({ permissions }) => permissions))
  const permissions = catalogue.data ? [...chosen].filter((one) => allowed.has(one)) : [...chosen]
  const added = permissions.filter((one) => !role?.permissions.has(one)).length
  const removed = role ? [...role.permissions].filter((one) => !permissions.includes(one)).length : 0
  const isReady = name.trim() !== '' && catalogue.data !== undefined
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isReady) setSaving(true)
  }
  const body = {
    metadata: {
      name: name.trim(),
      labels: role?.labels ?? {},
      annotations: { ...role?.annotations, description: description.trim() },
    },
    spec: { permissions, scope, type: 'user' as const },
    status: { isEnabled },
  }
  return (
    <>
      <form onSubmit={submit}>
        <Stack gap="md">
          <section className="sheet pad" aria-label="Role">
            <TextInput
              label="Name"
              required
              maxLength={128}
              maw={420}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
            />
            <TextInput
              label="What for"
              maxLength={512}
              maw={640}
              value={description}
              onChange={({ currentTarget }) => setDescription(currentTarget.value)}
            />
            {role ? (
              <Switch
                label="Switched on"
                description="Switched off it gives nothing to anybody"
                checked={isEnabled}
                onChange={({ currentTarget }) => setEnabled(currentTarget.checked)}
              />
            ) : (
              <Select
                label="Given in"
                allowDeselect={false}
                maw={420}
                data={roleScopes.map((one) => ({ value: one, label: givenIn[one] }))}
                value={scope}
                onChange={(value) => setScope(roleScopes.find((one) => one === value) ?? scope)}
              />
            )}
          </section>
          <section className="sheet pad" aria-labelledby="permissions">
            <div className="head">
              <Title order={2} size="h5" id="permissions">
                Permissions
              </Title>
              <Text size="sm" className="quiet" role="status">
                {counted(permissions.length, 'permission')}
                {role && added + removed > 0 && `: ${added} more and ${removed} fewer than now`}
              </Text>
            </div>
            {catalogue.error ? (
              <Failure error={catalogue.error} retry={() => void catalogue.refetch()} />
            ) : (
              <Rights all={catalogue.data ?? []} chosen={chosen} choose={setChosen} />
            )}
          </section>
          <Group gap="xs" justify="flex-end">
            {role ? (
              <ToButton to="/t/$org/roles/$uid" params={{ org, uid: role.uid }} variant="default">
                Cancel
              </ToButton>
            ) : (
              <ToButton to="/t/$org/roles" params={{ org }} variant="default">
                Cancel
              </ToButton>
            )}
            <Button size="xs" type="submit" disabled={!isReady}>
              {role ? 'Save' : 'Make role'}
            </Button>
          </Group>
        </Stack>
      </form>
      {isSaving && (
        <FormDialog
          title={role ? `Save ${role.name}` : `Make ${name.trim()}`}
          act={role ? 'Save' : 'Make'}
          size="lg"
          close={() => setSaving(false)}
          run={async () => {
            if (!role) return (await answer(api.POST('/v1/roles', { body }))).uid
            await answer(api.PUT('/v1/roles/{uid}', { params: { path: { uid: role.uid } }, body }))
            return role.uid
          }}
          done={(uid) => navigate({ to: '/t/$org/roles/$uid', params: { org, uid } })}
        >
          {role ? (
            <Preview change={{ kind: 'role', role: role.uid, permissions, isEnabled }} replay="at once" />
          ) : (
            <Text size="sm">
              It carries {counted(permissions.length, 'permission')}. Nobody holds it, so nobody gains anything yet.
            </Text>
          )}
        </FormDialog>
      )}
    </>
  )
}

const counted = (count: number, one: string) => `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`

type RightsProps = {
  readonly all: readonly { readonly name: string; readonly permissions: readonly string[] }[]
  readonly chosen: ReadonlySet<string>
  readonly choose: (chosen: ReadonlySet<string>) => void
}

/** What there is to choose, by kind of object, narrowed by what is typed. */
function Rights({ all, chosen, choose }: RightsProps) {
  const [typed, setTyped] = useState('')
  const q = typed.trim().toLowerCase()
  const shown = all.flatMap(({ name, permissions }) => {
    const fitting = name.toLowerCase().includes(q)
      ? permissions
      : permissions.filter((one) => one.toLowerCase().includes(q))
    return fitting.length > 0 ? [{ name, permissions: fitting }] : []
  })
  const change = (some: readonly string[], isOn: boolean) => {
    const next = new Set(chosen)
    for (const one of some) {
      if (isOn) next.add(one)
      else next.delete(one)
    }
    choose(next)
  }
  return (
    <>
      <TextInput
        size="xs"
        type="search"
        aria-label="Filter permissions"
        placeholder="Filter: cluster, delete, cluster.delete"
        maw={420}
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        // Enter looks for something here and saves nothing.
        onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
      />
      {shown.length === 0 && all.length > 0 && <Text size="sm">Nothing matches.</Text>}
      <div className="rights">
        {shown.map(({ name, permissions }) => {
          const held = permissions.filter((one) => chosen.has(one)).length
          return (
            <fieldset key={name}>
              <legend>{name}</legend>
              {permissions.length > 1 && (
                <Checkbox
                  size="xs"
                  label="all"
                  aria-label={`${name}: all`}
                  checked={held === permissions.length}
                  indeterminate={held > 0 && held < permissions.length}
                  onChange={({ currentTarget }) => change(permissions, currentTarget.checked)}
                />
              )}
              {permissions.map((one) => (
                <Checkbox
                  key={one}
                  size="xs"
                  label={one.slice(one.indexOf('.') + 1)}
                  aria-label={one}
                  checked={chosen.has(one)}
                  onChange={({ currentTarget }) => change([one], currentTarget.checked)}
                />
              ))}
            </fieldset>
          )
        })}
      </div>
    </>
  )
}
