import { Select } from '@mantine/core'
import { IconFolder } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { projectNamesQuery } from '../api/me.ts'

const whole = 'all'

/** Which project the lists are about; the page stays, and the choice is in the address. */
export function ProjectSwitch() {
  const { data = [] } = useQuery(projectNamesQuery)
  const { project = whole } = useSearch({ from: '/t/$org' })
  const navigate = useNavigate()
  const options = [
    { value: whole, label: 'All projects' },
    ...data.map(({ uid, name }) => ({ value: uid, label: name })),
  ]
  return (
    <Select
      className="scope"
      size="xs"
      aria-label="Project"
      data={
        options.some(({ value }) => value === project)
          ? options
          : [...options, { value: project, label: 'Unknown project' }]
      }
      value={project}
      allowDeselect={false}
      searchable
      limit={100}
      nothingFoundMessage="No such project"
      leftSection={<IconFolder size={14} aria-hidden />}
      onChange={(value) =>
        void navigate({
          to: '.',
          search: (before) => ({
            ...before,
            page: undefined,
            project: value === whole ? undefined : (value ?? undefined),
          }),
        })
      }
    />
  )
}
