import { Autocomplete, Select, Text, Textarea } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { findRoles } from '../api/lists.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import { requestSettingsQuery } from '../api/requests.ts'
import { FormDialog } from './form.tsx'
import { lengthOf, lengthsUpTo } from './lengths.ts'

/** Where a role is asked for: a project by UID with the name that people know, or the tenant. */
export type AskedPlace = { readonly uid: string; readonly name: string } | 'tenant'

type Props = {
  /** By name; without it the person says which. */
  readonly role?: string | undefined
  /** Without it the person says where. */
  readonly place?: AskedPlace | undefined
  readonly close: () => void
}

const usual = 3_600
const mostOffered = 20

/** Asks for a role for a time. Who asks may see neither roles nor projects: then their names are typed. */
export function AskFor({ role: given, place, close }: Props) {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const { data: settings } = useQuery(requestSettingsQuery)
  const [role, setRole] = useState(given ?? '')
  const [typed] = useDebouncedValue(role.trim(), 150)
  // Names are offered to who may list them; the others know what they ask for.
  const mayList = useMay()('role.list') === true && given === undefined
  const { data: roles } = useQuery({
    queryKey: ['roles', 'offered', typed],
    enabled: mayList,
    placeholderData: keepPreviousData,
    queryFn: () => findRoles({ q: typed, limit: mostOffered }),
  })
  const [project, setProject] = useState('')
  const [chosen, setChosen] = useState<number>()
  const [reason, setReason] = useState('')
  const lengths = settings ? lengthsUpTo(settings.maxSeconds) : []
  const seconds = chosen ?? Math.min(usual, settings?.maxSeconds ?? usual)
  const where = place === undefined ? project.trim() : place === 'tenant' ? '' : place.uid
  return (
    <FormDialog
      title={given === undefined ? 'Ask for a role' : `Ask for ${given}`}
      act="Ask"
      close={close}
      ready={role.trim() !== '' && reason.trim() !== '' && settings !== undefined}
      run={() =>
        answer(
          api.POST('/v1/palisade/access/requests', {
            body: { role: role.trim(), seconds, reason: reason.trim(), ...(where === '' ? {} : { project: where }) },
          }),
        )
      }
    >
      {given === undefined && (
        <Autocomplete
          data-autofocus
          // The list comes with the first letter: Escape is for the dialog until then.
          openOnFocus={false}
          label="Role"
          description="Its name"
          required
          maxLength={128}
          data={roles?.items.filter(({ scope }) => scope !== 'resource').map(({ name }) => name) ?? []}
          value={role}
          onChange={setRole}
        />
      )}
      {place === undefined ? (
        <Autocomplete
          label="Project"
          description="Its name; leave it empty for the whole tenant"
          maxLength={128}
          data={projects.map(({ name }) => name)}
          value={project}
          onChange={setProject}
        />
      ) : (
        <Text size="sm">{place === 'tenant' ? 'In the whole tenant.' : `In project ${place.name}.`}</Text>
      )}
      <Select
        label="For"
        description="From the approval on; then it ends by itself, open streams too"
        allowDeselect={false}
        data={lengths.map((one) => ({ value: String(one), label: lengthOf(one) }))}
        value={String(seconds)}
        onChange={(value) => setChosen(Number(value))}
      />
      <Textarea
        label="Reason"
        description="Whoever decides reads it; the audit log keeps it"
        required
        autosize
        minRows={2}
        maxLength={1000}
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
      />
    </FormDialog>
  )
}
