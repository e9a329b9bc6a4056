import { NavLink, type NavLinkProps } from '@mantine/core'
import {
  IconBuilding,
  IconDevices,
  IconFilter,
  IconFolder,
  IconHistory,
  IconHome,
  IconKey,
  IconServer2,
  IconShieldCheck,
  IconUser,
  IconUserQuestion,
  IconUsersGroup,
} from '@tabler/icons-react'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes } from 'react'
import { currentSession } from '../api/session.ts'

const Item = createLink((props: NavLinkProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'style' | 'color'>) => (
  <NavLink component="a" {...props} />
))

const tenantPages = [
  { to: '/t/$org/start', label: 'Start', icon: IconHome },
  { to: '/t/$org/clusters', label: 'Clusters', icon: IconServer2 },
  { to: '/t/$org/projects', label: 'Projects', icon: IconFolder },
  { group: 'Access', to: '/t/$org/users', label: 'Members', icon: IconUser },
  { to: '/t/$org/teams', label: 'Teams', icon: IconUsersGroup },
  { to: '/t/$org/roles', label: 'Roles', icon: IconShieldCheck },
  { to: '/t/$org/filters', label: 'Filters', icon: IconFilter },
  { to: '/t/$org/requests', label: 'Requests', icon: IconUserQuestion },
  { to: '/t/$org/keys', label: 'API keys', icon: IconKey },
  { group: 'Record', to: '/t/$org/audit', label: 'Audit', icon: IconHistory },
  { to: '/t/$org/sessions', label: 'My sessions', icon: IconDevices },
] as const
const systemPages = [
  { to: '/t/$org/tenants', label: 'Tenants', icon: IconBuilding },
  { group: 'Record', to: '/t/$org/audit', label: 'Audit', icon: IconHistory },
  { to: '/t/$org/sessions', label: 'My sessions', icon: IconDevices },
] as const

/** What there is, for tenants and for the system. */
export const pages = () => (currentSession().isSystem ? systemPages : tenantPages)

export function Navigation({ onGo }: { readonly onGo?: () => void }) {
  const org = currentSession().tenant.name
  return (
    <nav aria-label="Main">
      {pages().map((page) => {
        const Icon = page.icon
        return (
          <div key={page.to}>
            {'group' in page && <div className="group">{page.group}</div>}
            <Item
              to={page.to}
              params={{ org }}
              search={({ project }) => ({ project })}
              py={6}
              label={page.label}
              leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
              activeProps={{ active: true, 'aria-current': 'page' }}
              {...(onGo ? { onClick: onGo } : {})}
            />
          </div>
        )
      })}
    </nav>
  )
}
