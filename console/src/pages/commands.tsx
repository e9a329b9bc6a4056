import { Button, Group, Text, Title } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { answer, api } from '../api/client.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'

/** How to use a cluster: a kubeconfig to download, and the two commands. */
export function Commands({ uid, name }: { readonly uid: string; readonly name: string }) {
  const file = `${name.replaceAll(/[^\w.-]+/g, '-')}.kubeconfig`
  const issue = useMutation({
    mutationFn: () =>
      answer(api.GET('/v1/spectroclusters/{uid}/assets/kubeconfig', { params: { path: { uid } }, parseAs: 'text' })),
    onSuccess: (text) => save(file, text),
  })
  return (
    <section className="sheet pad" aria-labelledby="use">
      <Title order={2} size="h5" id="use">
        Use it
      </Title>
      <Text size="sm">
        The kubeconfig leads through Palisade and holds a token of 15 minutes for you alone. What you may do is decided
        at each call.
      </Text>
      <Group>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={14} aria-hidden />}
          loading={issue.isPending}
          onClick={() => issue.mutate()}
        >
          Download kubeconfig
        </Button>
      </Group>
      {issue.error && <Failure error={issue.error} />}
      <CodeBlock text={`export KUBECONFIG=$PWD/${file}\nkubectl get pods --all-namespaces`} label="Commands" />
    </section>
  )
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
