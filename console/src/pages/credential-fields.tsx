import { Button, FileButton, Group, Radio, Stack, Textarea } from '@mantine/core'
import { IconUpload } from '@tabler/icons-react'

export type Bindings = 'install' | 'print'

type Kubeconfig = {
  readonly description: string
  readonly rows: number
  readonly value: string
  readonly onChange: (text: string) => void
  readonly autoFocus?: boolean
}

/** A kubeconfig by paste or file. */
export function KubeconfigField({ description, rows, value, onChange, autoFocus }: Kubeconfig) {
  return (
    <>
      <Textarea
        label="Kubeconfig"
        description={description}
        required
        {...(autoFocus ? { 'data-autofocus': true } : {})}
        rows={rows}
        spellCheck={false}
        autoComplete="off"
        classNames={{ input: 'mono' }}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      />
      <Group>
        <FileButton onChange={(file) => void file?.text().then(onChange)}>
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<IconUpload size={14} aria-hidden />}>
              Choose a file
            </Button>
          )}
        </FileButton>
      </Group>
    </>
  )
}

/** Whether the account and what it needs are made now, or only shown. */
export function BindingsChoice({
  value,
  onChange,
}: {
  readonly value: Bindings
  readonly onChange: (bindings: Bindings) => void
}) {
  return (
    <Radio.Group
      label="On the cluster"
      value={value}
      onChange={(chosen) => onChange(chosen === 'print' ? 'print' : 'install')}
    >
      <Stack gap={6} mt={4}>
        <Radio value="install" label="Make the account and its bindings now" />
        <Radio value="print" label="Only show what is needed; somebody applies it by hand" />
      </Stack>
    </Radio.Group>
  )
}
