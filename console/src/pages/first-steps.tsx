import { Text, Title } from '@mantine/core'
import { IconCircle, IconCircleCheck } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { ToButton } from '../parts/to.tsx'

type Props = { readonly org: string; readonly invited: boolean; readonly grouped: boolean; readonly imported: boolean }

/** An empty tenant's three steps, which tick themselves off. */
export function FirstSteps({ org, invited, grouped, imported }: Props) {
  return (
    <section className="sheet pad" aria-labelledby="first">
      <Title order={2} size="h5" id="first">
        First steps
      </Title>
      <ol className="steps">
        <Step done={invited} what="Invite somebody" why="They set a password with the link that you send them.">
          <ToButton to="/t/$org/users" params={{ org }} search={{ panel: 'new' }} variant="default">
            Invite
          </ToButton>
        </Step>
        <Step done={grouped} what="Make a project" why="Clusters live in projects, and roles are given there.">
          <ToButton to="/t/$org/projects" params={{ org }} search={{ panel: 'new' }} variant="default">
            New project
          </ToButton>
        </Step>
        <Step done={imported} what="Import a cluster" why="With a kubeconfig, which is thrown away afterwards.">
          <ToButton to="/t/$org/clusters/import" params={{ org }} variant="default">
            Import
          </ToButton>
        </Step>
      </ol>
    </section>
  )
}

type StepProps = { readonly done: boolean; readonly what: string; readonly why: string; readonly children: ReactNode }

function Step({ done, what, why, children }: StepProps) {
  return (
    <li>
      {done ? <IconCircleCheck size={20} aria-hidden /> : <IconCircle size={20} aria-hidden />}
      <div>
        <Text size="sm" fw={600}>
          {what}
          <span className="visually-hidden">{done ? ' (done)' : ' (to do)'}</span>
        </Text>
        <Text size="sm" className="quiet">
          {why}
        </Text>
      </div>
      {!done && children}
    </li>
  )
}
