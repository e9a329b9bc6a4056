import { Button, Menu, Text } from '@mantine/core'
import { IconBuilding, IconChevronDown, IconHome, IconSwitchHorizontal } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { currentSession, signInElsewhere } from '../api/session.ts'
import { menuLook } from '../parts/menu-look.ts'

/** The product, and the organisation one is in: the first part of the scope, and the way to another. */
export function Mark() {
  const { tenant, isSystem } = currentSession()
  const navigate = useNavigate()
  const [problem, setProblem] = useState<string>()
  const org = tenant.name
  return (
    <Menu {...menuLook} position="bottom-start" width={290}>
      <Menu.Target>
        <Button
          className="mark"
          size="xs"
          variant="subtle"
          color="gray"
          leftSection={
            <svg className="logo" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
              <path fill="currentColor" d="M3 8l2.5-4L8 8v12H3zm6.500 0L12 4l2.500 4v12h-5zM16 8l2.500-4L21 8v12h-5z" />
            </svg>
          }
          rightSection={<IconChevronDown size={14} aria-hidden />}
          aria-label={`Palisade, organisation ${org}`}
        >
          {org}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <span className="inline">
            <IconBuilding size={14} aria-hidden />
            {isSystem ? 'The system' : `Organisation ${org}`}
          </span>
        </Menu.Label>
        <Menu.Item
          leftSection={<IconHome size={16} aria-hidden />}
          onClick={() => void navigate({ to: '/t/$org', params: { org } })}
        >
          {isSystem ? 'Tenants' : 'Start'}
        </Menu.Item>
        <Menu.Item
          closeMenuOnClick={false}
          leftSection={<IconSwitchHorizontal size={16} aria-hidden />}
          onClick={() => void signInElsewhere().catch((error: unknown) => setProblem(String(error)))}
        >
          Sign in to another organisation
          <Text size="xs" className="quiet">
            It ends this session
          </Text>
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
