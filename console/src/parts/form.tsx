import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { type Query, useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { openKey } from '../api/open.ts'
import { Failure } from './failure.tsx'
import { useLayer } from './layer.ts'

type Props<Done> = {
  readonly title: string
  readonly act: string
  readonly close: () => void
  readonly run: () => Promise<Done>
  /** After it went well; without it the dialog closes. Where it leads to another page: the promise of having come there. */
  readonly done?: (result: Done) => unknown
  readonly danger?: boolean
  readonly ready?: boolean
  readonly size?: string
  /** What to show while it runs, of what takes longer. */
  readonly underWay?: ReactNode
  /** What to show above a refusal, such as how far it came. */
  readonly cameTo?: (error: unknown) => ReactNode
  readonly children?: ReactNode
}

/** What an act would end was said before it; of what it deleted it cannot be asked any more. */
const isShown = ({ queryKey }: Query) => queryKey[0] !== openKey

/** A dialog for what needs an answer now. A refusal is shown in it, and what was typed stays. */
export function FormDialog<Done>(props: Props<Done>) {
  const { title, act, close, run, done, danger, ready = true, size, underWay, cameTo, children } = props
  useLayer(close)
  const queries = useQueryClient()
  const running = useMutation({
    mutationFn: run,
    onSuccess(result) {
      const after = done?.(result)
      if (!done) close()
      // Whatever is shown may follow from what was changed; the page of what is deleted is left before, or it would ask for what is gone.
      // Nobody waits for it: what they came for is done.
      void Promise.resolve(after).then(() => queries.invalidateQueries({ predicate: isShown }))
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (ready && !running.isPending) running.mutate()
  }
  return (
    <Modal
      opened
      onClose={close}
      title={title}
      size={size ?? 'md'}
      yOffset="3dvh"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form onSubmit={submit}>
        <Stack gap="sm">
          {children}
          {running.isPending && underWay}
          {running.error && cameTo?.(running.error)}
          {running.error && <Failure error={running.error} />}
          <Group justify="flex-end" gap="xs">
            <Button size="xs" variant="default" onClick={close}>
              Cancel
            </Button>
            <Button
              size="xs"
              type="submit"
              color={danger ? 'red' : 'cyan'}
              loading={running.isPending}
              disabled={!ready}
            >
              {act}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

type Tell = {
  readonly title: string
  readonly close: () => void
  readonly size?: string
  readonly children: ReactNode
}

/** What somebody is told once, such as a link to pass on. */
export function TellDialog({ title, close, size, children }: Tell) {
  useLayer(close)
  return (
    <Modal
      opened
      onClose={close}
      title={title}
      size={size ?? 'md'}
      yOffset="3dvh"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="sm">
        {children}
        <Group justify="flex-end">
          <Button data-autofocus size="xs" onClick={close}>
            Done
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

type Destroy = {
  readonly what: string
  readonly name: string
  /** What goes with it, and what stays. */
  readonly follows: string
  readonly close: () => void
  readonly run: () => Promise<unknown>
  readonly done?: () => unknown
  readonly act?: string
}

/** What destroys asks for the object's name. */
export function ConfirmByName({ what, name, follows, close, run, done, act = 'Delete' }: Destroy) {
  const [typed, setTyped] = useState('')
  return (
    <FormDialog
      title={`${act} ${what} ${name}`}
      act={act}
      danger
      close={close}
      run={run}
      ready={typed === name}
      {...(done ? { done } : {})}
    >
      <Text size="sm">{follows}</Text>
      <TextInput
        data-autofocus
        label={`Type ${name} to confirm`}
        value={typed}
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        autoComplete="off"
      />
    </FormDialog>
  )
}
