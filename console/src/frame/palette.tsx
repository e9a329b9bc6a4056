import { useDebouncedValue } from '@mantine/hooks'
import { Spotlight, type SpotlightActionGroupData, spotlight } from '@mantine/spotlight'
import { IconFolder, IconHistory, IconSearch, IconServer2, IconShieldCheck, IconUser } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { answer, api } from '../api/client.ts'
import { clusterSearchBody } from '../api/clusters.ts'
import { findRoles } from '../api/lists.ts'
import { projectNamesQuery, useMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { findPeople } from '../api/users.ts'
import { useEscape } from '../parts/layer.ts'
import { pages } from './navigation.tsx'

const most = 6
const icon = 18

/** ⌘K: to any page, cluster, project, user, role or audit entry. What the caller may not list is not searched. */
export function Palette({ jumps }: { readonly jumps: number }) {
  const [query, setQuery] = useState('')
  // It is loaded when it is first asked for, and opens each time that it is.
  useEffect(() => {
    if (jumps > 0) spotlight.open()
  }, [jumps])
  const [isOpen, setOpen] = useState(false)
  useEscape(spotlight.close, isOpen)
  const [asked] = useDebouncedValue(query.trim(), 150)
  const navigate = useNavigate()
  const may = useMay()
  const { tenant, isSystem } = currentSession()
  const params = { org: tenant.name }
  const wanted = query.trim().toLowerCase()
  const fits = (text: string) => text.toLowerCase().includes(wanted)
  const searching = asked.length >= 2 && !isSystem

  const { data: projects = [] } = useQuery(projectNamesQuery)
  const { data: clusters = [] } = useQuery({
    queryKey: ['palette', 'clusters', asked],
    enabled: searching,
    queryFn: async () => {
      const query = { limit: most, offset: 0 }
      return (
        await answer(
          api.POST('/v1/dashboard/spectroclusters/search', {
            params: { query },
            body: clusterSearchBody({ q: asked }),
          }),
        )
      ).items
    },
  })
  const { data: users = [] } = useQuery({
    queryKey: ['palette', 'users', asked],
    enabled: searching && may('user.list') === true,
    queryFn: async () => (await findPeople({ q: asked, limit: most })).items,
  })
  const { data: roles = [] } = useQuery({
    queryKey: ['palette', 'roles', asked],
    enabled: searching && may('role.list') === true,
    queryFn: async () => (await findRoles({ q: asked, limit: most })).items,
  })

  const groups: SpotlightActionGroupData[] = [
    {
      group: 'Pages',
      actions: pages()
        .filter(({ label }) => fits(label))
        .map(({ to, label, icon: Icon }) => ({
          id: to,
          label,
          leftSection: <Icon size={icon} aria-hidden />,
          onClick: () => void navigate({ to, params, search: ({ project }) => ({ project }) }),
        })),
    },
    {
      group: 'Clusters',
      actions: clusters.map(({ metadata: { uid, name } }) => ({
        id: uid,
        label: name,
        leftSection: <IconServer2 size={icon} aria-hidden />,
        onClick: () => void navigate({ to: '/t/$org/clusters/$uid', params: { ...params, uid } }),
      })),
    },
    {
      group: 'Projects',
      actions: (wanted === '' ? [] : projects.filter(({ name }) => fits(name)).slice(0, most)).map(({ uid, name }) => ({
        id: uid,
        label: name,
        leftSection: <IconFolder size={icon} aria-hidden />,
        onClick: () => void navigate({ to: '/t/$org/projects/$uid', params: { ...params, uid } }),
      })),
    },
    {
      group: 'Members',
      actions: users.map(({ uid, name, email }) => ({
        id: uid,
        label: name,
        description: email,
        leftSection: <IconUser size={icon} aria-hidden />,
        onClick: () => void navigate({ to: '/t/$org/users/$uid', params: { ...params, uid } }),
      })),
    },
    {
      group: 'Roles',
      actions: roles.map(({ uid, name }) => ({
        id: uid,
        label: name,
        leftSection: <IconShieldCheck size={icon} aria-hidden />,
        onClick: () => void navigate({ to: '/t/$org/roles/$uid', params: { ...params, uid } }),
      })),
    },
    {
      group: 'Audit',
      actions: /^[0-9a-f]{24}$/.test(wanted)
        ? [
            {
              id: `audit-${wanted}`,
              label: `Open audit entry ${wanted}`,
              leftSection: <IconHistory size={icon} aria-hidden />,
              onClick: () => void navigate({ to: '/t/$org/audit', params, search: { panel: wanted } }),
            },
          ]
        : [],
    },
  ]
  return (
    <Spotlight
      actions={groups.filter(({ actions }) => actions.length > 0)}
      query={query}
      onQueryChange={setQuery}
      onSpotlightOpen={() => setOpen(true)}
      onSpotlightClose={() => setOpen(false)}
      shortcut={null}
      // Found by the server, or filtered above.
      filter={(_, actions) => actions}
      nothingFound="Nothing found"
      lockScroll={false}
      attributes={{ content: { 'aria-label': 'Search or jump' } }}
      highlightQuery
      scrollable
      maxHeight={420}
      searchProps={{
        leftSection: <IconSearch size={icon} aria-hidden />,
        placeholder: 'Cluster, project, member, role, page or audit id',
        'aria-label': 'Search or jump',
      }}
    />
  )
}
