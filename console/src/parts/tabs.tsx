import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'

type Tab = { readonly name: string; readonly title: string; readonly content: () => ReactNode }

/** The parts of an object's page. Which one is open is in the address; only that one asks the server. */
export function ObjectTabs({ label, tabs }: { readonly label: string; readonly tabs: readonly [Tab, ...Tab[]] }) {
  const { tab } = useSearch({ from: '/t/$org' })
  const navigate = useNavigate()
  const [first] = tabs
  const open = tabs.find(({ name }) => name === tab) ?? first
  return (
    <Tabs
      value={open.name}
      onChange={(name) =>
        void navigate({
          to: '.',
          // What filtered the list of one tab says nothing in another.
          search: ({ project }) => ({ project, tab: name === first.name ? undefined : (name ?? undefined) }),
        })
      }
    >
      <Tabs.List aria-label={label}>
        {tabs.map(({ name, title }) => (
          <Tabs.Tab key={name} value={name}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ name, content }) => (
        <Tabs.Panel key={name} value={name} className="panel">
          {name === open.name && content()}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
