import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router'
import { currentSession } from './api/session.ts'
import { Frame } from './frame/frame.tsx'
import { Lost, LostOutside } from './pages/lost.tsx'
import { Failure } from './parts/failure.tsx'

/** What may stand in an address after `?`; each page reads its own of it, all of it text. */
export type Search = {
  readonly [Name in (typeof names)[number]]?: string | undefined
}
const names = [
  ...['project', 'q', 'sort', 'page', 'tab', 'panel', 'state', 'tag'],
  ...['kind', 'user', 'action', 'from', 'to', 'object', 'session', 'with', 'scope', 'only'],
  ...['ns', 'container', 'since'],
] as const

function readSearch(raw: Record<string, unknown>): Search {
  return Object.fromEntries(
    names.flatMap((name) => (typeof raw[name] === 'string' && raw[name] !== '' ? [[name, raw[name]]] : [])),
  )
}

const root = createRootRoute({ component: Outlet, notFoundComponent: LostOutside })

const home = () => ({
  to: currentSession().isSystem ? ('/t/$org/tenants' as const) : ('/t/$org/start' as const),
  params: { org: currentSession().tenant.name },
})

const index = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect(home())
  },
})

const inOrg = createRoute({
  getParentRoute: () => root,
  path: '/t/$org',
  component: Frame,
  validateSearch: readSearch,
  // The project stays chosen wherever a link leads, unless it says otherwise.
  search: { middlewares: [retainSearchParams(['project'])] },
  notFoundComponent: Lost,
})

const orgIndex = createRoute({
  getParentRoute: () => inOrg,
  path: '/',
  beforeLoad: () => {
    throw redirect(home())
  },
})

const page = <const Path extends string>(path: Path, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({
    getParentRoute: () => inOrg,
    path,
    component,
    errorComponent: ({ error }) => <Failure error={error} />,
  })

const routes = root.addChildren([
  index,
  inOrg.addChildren([
    orgIndex,
    page(
      'start',
      lazyRouteComponent(() => import('./pages/start.tsx'), 'Start'),
    ),
    page(
      'projects',
      lazyRouteComponent(() => import('./pages/projects.tsx'), 'Projects'),
    ),
    page(
      'projects/$uid',
      lazyRouteComponent(() => import('./pages/project.tsx'), 'ProjectPage'),
    ),
    page(
      'clusters',
      lazyRouteComponent(() => import('./pages/clusters.tsx'), 'Clusters'),
    ),
    page(
      'clusters/import',
      lazyRouteComponent(() => import('./pages/import.tsx'), 'ImportCluster'),
    ),
    page(
      'clusters/$uid',
      lazyRouteComponent(() => import('./pages/cluster.tsx'), 'ClusterPage'),
    ),
    page(
      'clusters/$uid/pods',
      lazyRouteComponent(() => import('./pages/pods.tsx'), 'Pods'),
    ),
    page(
      'clusters/$uid/pods/$namespace/$pod',
      lazyRouteComponent(() => import('./pages/pod.tsx'), 'PodPage'),
    ),
    page(
      'users',
      lazyRouteComponent(() => import('./pages/users.tsx'), 'Users'),
    ),
    page(
      'users/$uid',
      lazyRouteComponent(() => import('./pages/user.tsx'), 'UserPage'),
    ),
    page(
      'teams',
      lazyRouteComponent(() => import('./pages/teams.tsx'), 'Teams'),
    ),
    page(
      'teams/$uid',
      lazyRouteComponent(() => import('./pages/team.tsx'), 'TeamPage'),
    ),
    page(
      'roles',
      lazyRouteComponent(() => import('./pages/roles.tsx'), 'Roles'),
    ),
    page(
      'roles/new',
      lazyRouteComponent(() => import('./pages/role-form.tsx'), 'NewRole'),
    ),
    page(
      'roles/$uid/edit',
      lazyRouteComponent(() => import('./pages/role-form.tsx'), 'EditRole'),
    ),
    page(
      'roles/$uid',
      lazyRouteComponent(() => import('./pages/role.tsx'), 'RolePage'),
    ),
    page(
      'filters',
      lazyRouteComponent(() => import('./pages/filters.tsx'), 'Filters'),
    ),
    page(
      'requests',
      lazyRouteComponent(() => import('./pages/requests.tsx'), 'Requests'),
    ),
    page(
      'audit',
      lazyRouteComponent(() => import('./pages/audit.tsx'), 'Audit'),
    ),
    page(
      'keys',
      lazyRouteComponent(() => import('./pages/keys.tsx'), 'ApiKeys'),
    ),
    page(
      'sessions',
      lazyRouteComponent(() => import('./pages/sessions.tsx'), 'Sessions'),
    ),
    page(
      'tenants',
      lazyRouteComponent(() => import('./pages/tenants.tsx'), 'Tenants'),
    ),
  ]),
])

export const router = createRouter({
  routeTree: routes,
  defaultPreload: 'intent',
  scrollRestoration: true,
  // Plain text, as people write and read it, in place of JSON.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const written = new URLSearchParams(
      Object.entries(search).flatMap(([name, value]) =>
        typeof value === 'string' && value !== '' ? [[name, value]] : [],
      ),
    ).toString()
    return written === '' ? '' : `?${written}`
  },
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
