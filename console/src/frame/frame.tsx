import {
  ActionIcon,
  Burger,
  Button,
  Group,
  Kbd,
  Menu,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure, useHotkeys } from '@mantine/hooks'
import {
  IconChevronDown,
  IconDevices,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconSearch,
  IconSun,
} from '@tabler/icons-react'
import { Outlet, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { currentSession, signInAsAnother, signOut } from '../api/session.ts'
import { menuLook } from '../parts/menu-look.ts'
import { Page } from '../parts/page.tsx'
import { ToButton } from '../parts/to.tsx'
import { AskWhy, type OfRecord, type Question } from '../parts/why.tsx'
import { readWhy, writeWhy } from '../parts/why-address.ts'
import { Mark } from './mark.tsx'
import { Navigation } from './navigation.tsx'
import { ProjectSwitch } from './scope.tsx'

// What opens on demand is loaded on demand: the first page stays small.
const Keys = lazy(async () => ({ default: (await import('./keys.tsx')).Keys }))
const NarrowNavigation = lazy(async () => ({ default: (await import('./narrow.tsx')).NarrowNavigation }))
const Palette = lazy(async () => ({ default: (await import('./palette.tsx')).Palette }))
const WhyPanel = lazy(async () => ({ default: (await import('./why-panel.tsx')).WhyPanel }))

/** What is around every page: where one is, where one may go, who one is. */
export function Frame() {
  const { tenant, isSystem, classification } = currentSession()
  const { org } = useParams({ from: '/t/$org' })
  const { asked, ask, close: closeWhy } = useWhy()
  const [narrow, { open, close }] = useDisclosure(false)
  const [keys, keysShown] = useDisclosure(false)
  const [jumps, setJumps] = useState(0)
  const jump = useCallback(() => setJumps((before) => before + 1), [])
  useHotkeys([
    ['mod+K', jump],
    ['/', jump],
    ['shift+?', keysShown.open],
  ])
  return (
    <AskWhy value={ask}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <div className="frame">
        <div className="top">
          {classification !== undefined && (
            <section className="classification" aria-label="Classification">
              {classification}
            </section>
          )}
          {/* Not a header: an open dialog brings one, and there is one banner. */}
          <section className="bar" aria-label="Scope and account">
            <Burger className="only-narrow" size="sm" opened={narrow} onClick={open} aria-label="Open navigation" />
            <Mark />
            {!isSystem && <ProjectSwitch />}
            <span className="grow" />
            <Button
              className="searchbox only-wide"
              size="xs"
              variant="default"
              justify="space-between"
              leftSection={<IconSearch size={14} aria-hidden />}
              rightSection={<Kbd size="xs">⌘K</Kbd>}
              onClick={jump}
            >
              Search or jump
            </Button>
            <ActionIcon
              className="only-narrow"
              variant="subtle"
              color="gray"
              size="lg"
              aria-label="Search or jump"
              onClick={jump}
            >
              <IconSearch size={18} />
            </ActionIcon>
            <ThemeSwitch />
            <Account onKeys={keysShown.open} />
          </section>
        </div>
        <aside className="side">
          <Navigation />
        </aside>
        <main className="main" id="main" tabIndex={-1}>
          {org === tenant.name ? <Outlet /> : <OtherTenant org={org} own={tenant.name} />}
        </main>
      </div>
      <Suspense fallback={null}>
        {narrow && <NarrowNavigation title={tenant.name} close={close} />}
        {keys && <Keys close={keysShown.close} />}
        {jumps > 0 && <Palette jumps={jumps} />}
        {asked && org === tenant.name && <WhyPanel asked={asked} close={closeWhy} />}
      </Suspense>
    </AskWhy>
  )
}

/** The open *Why?* is in the address, as any panel: a link shows a colleague the same, and the way back closes it. */
function useWhy() {
  const address = useSearch({ from: '/t/$org', select: ({ why }) => why })
  const navigate = useNavigate()
  const show = useCallback(
    (why: string | undefined) =>
      void navigate({
        to: '.',
        search: (before) => ({ ...before, why }),
        replace: why === undefined,
        resetScroll: false,
      }),
    [navigate],
  )
  const ask = useCallback((about: Question | OfRecord) => show(writeWhy(about)), [show])
  const close = useCallback(() => show(undefined), [show])
  const asked = useMemo(() => (address === undefined ? undefined : readWhy(address)), [address])
  return { asked, ask, close }
}

/** The way on: back to one's own, or to sign in there, which leads back to this very address. */
function OtherTenant({ org, own }: { readonly org: string; readonly own: string }) {
  const [problem, setProblem] = useState<string>()
  return (
    <Page title={`This link leads to ${org}`}>
      <Text>
        You are signed in to {own}. Signing in to {org} ends your session here, and leads back to this link.
      </Text>
      <Group gap="xs">
        <Button size="xs" onClick={() => void signInAsAnother().catch((error: unknown) => setProblem(String(error)))}>
          Sign in to {org}
        </Button>
        <ToButton to="/t/$org" params={{ org: own }} variant="default">
          Back to {own}
        </ToButton>
      </Group>
      {problem && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {problem}
        </Text>
      )}
    </Page>
  )
}

function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true }) // Pausing them writes a style element.
  const shown = useComputedColorScheme('light')
  const other = shown === 'light' ? 'dark' : 'light'
  return (
    <Tooltip label={`Use the ${other} theme`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={`Use the ${other} theme`}
        onClick={() => setColorScheme(other)}
      >
        {shown === 'light' ? <IconMoon size={18} /> : <IconSun size={18} />}
      </ActionIcon>
    </Tooltip>
  )
}

function Account({ onKeys }: { readonly onKeys: () => void }) {
  const { user, tenant } = currentSession()
  const navigate = useNavigate()
  const [problem, setProblem] = useState<string>()
  return (
    <Menu {...menuLook} position="bottom-end" width={240}>
      <Menu.Target>
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          rightSection={<IconChevronDown size={14} aria-hidden />}
          aria-label={`Account ${user.email}`}
        >
          <span className="only-wide">{user.email}</span>
          <span className="only-narrow">{user.firstName.slice(0, 1) || '?'}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user.firstName} {user.lastName} · {tenant.name}
        </Menu.Label>
        <Menu.Item
          leftSection={<IconDevices size={16} aria-hidden />}
          onClick={() => void navigate({ to: '/t/$org/sessions', params: { org: tenant.name } })}
        >
          My sessions
        </Menu.Item>
        <Menu.Item
          leftSection={<IconKeyboard size={16} aria-hidden />}
          rightSection={<Kbd size="xs">?</Kbd>}
          onClick={onKeys}
        >
          Keys
        </Menu.Item>
        <Menu.Item
          closeMenuOnClick={false}
          leftSection={<IconLogout size={16} aria-hidden />}
          onClick={() => void signOut().catch((error: unknown) => setProblem(String(error)))}
        >
          Sign out
        </Menu.Item>
        {problem && (
          <Text size="xs" c="var(--mantine-color-error)" p="xs" role="alert">
            {problem}
          </Text>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
