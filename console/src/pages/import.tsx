import { Alert, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { type FormEvent, useEffect, useState } from 'react'
import { answer, api, inProject } from '../api/client.ts'
import { projectNamesQuery } from '../api/me.ts'
import { Failure } from '../parts/failure.tsx'
import { Page } from '../parts/page.tsx'
import { To } from '../parts/to.tsx'
import { Checked, ChecksUnderWay, ChecksUntil } from './checked.tsx'
import { type Bindings, BindingsChoice, KubeconfigField } from './credential-fields.tsx'

/** Imports a cluster: the kubeconfig by paste or file, the checks line by line, then the commands to use it. */
export function ImportCluster() {
  const { org } = useParams({ from: '/t/$org' })
  const { project: selected } = useSearch({ from: '/t/$org' })
  const projects = useQuery(projectNamesQuery)
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [kubeconfig, setKubeconfig] = useState('')
  const [bindings, setBindings] = useState<Bindings>('install')
  const project = selected ?? projects.data?.find((one) => one.name === 'Default')?.uid ?? projects.data?.[0]?.uid
  const importing = useMutation({
    mutationFn: () =>
      answer(
        api.POST('/v1/palisade/clusters', {
          params: inProject(project),
          body: { metadata: { name: name.trim() }, spec: { kubeconfig, bindings } },
        }),
      ),
    async onSuccess() {
      // Not kept a moment longer than it is needed.
      setKubeconfig('')
      await queries.invalidateQueries()
    },
  })
  // What it came to is read from its beginning, however far down the form its button was.
  const isDone = importing.isSuccess
  useEffect(() => {
    if (isDone) scrollTo(0, 0)
  }, [isDone])
  const above = (
    <To to="/t/$org/clusters" params={{ org }} search={{ project: selected }} size="sm">
      Clusters
    </To>
  )
  if (importing.data)
    return (
      <Page title={`Import ${name.trim()}`} above={above}>
        <Checked org={org} checked={importing.data} name={name.trim()} />
      </Page>
    )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    importing.mutate()
  }
  return (
    <Page title="Import a cluster" above={above}>
      <form className="sheet pad" onSubmit={submit}>
        <Stack gap="md" maw={720}>
          <div className="pair">
            <TextInput
              label="Name"
              required
              maxLength={128}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
            />
            <Select
              label="Project"
              description="The cluster lives in it, and roles in it reach the cluster."
              // Below the field, so that fields side by side begin at one height.
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              required
              allowDeselect={false}
              searchable
              data={(projects.data ?? []).map((one) => ({ value: one.uid, label: one.name }))}
              value={project ?? null}
              onChange={(value) =>
                void navigate({
                  to: '.',
                  search: (before) => ({ ...before, project: value ?? undefined }),
                  replace: true,
                })
              }
            />
          </div>
          <KubeconfigField
            description="Used once, to make an account of Palisade's own on the cluster; then it is thrown away. It must hold a token or a client certificate itself, not run a program."
            rows={8}
            value={kubeconfig}
            onChange={setKubeconfig}
          />
          <BindingsChoice value={bindings} onChange={setBindings} />
          <Alert color="yellow" variant="light" title="What this gives Palisade">
            <Text size="sm" c="var(--mantine-color-text)">
              The account may act as anybody on this cluster, which makes it worth cluster-admin. Palisade uses it to
              speak for the person who calls, never for more than that person may do.
            </Text>
          </Alert>
          <ChecksUntil error={importing.error} kubeconfig />
          {importing.error && <Failure error={importing.error} />}
          {importing.isPending && <ChecksUnderWay kubeconfig />}
          <Group>
            <Button
              size="sm"
              type="submit"
              loading={importing.isPending}
              disabled={name.trim() === '' || kubeconfig.trim() === '' || project === undefined}
            >
              Import
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  )
}
