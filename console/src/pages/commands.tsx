import { Button, Group, Text, Title } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { answer, api } from '../api/client.ts'
import { currentSession } from '../api/session.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { useDownload } from '../parts/download.tsx'

/**
 * How to use a cluster: a kubeconfig to download, and the commands. The browser fetches the file by itself: it holds a token, and no
 * token is ever in the page.
 */
export function Commands({ uid, name }: { readonly uid: string; readonly name: string }) {
  const { caFile } = currentSession()
  const trust = caFile ? ` --ca-file ${caName}` : ''
  const file = `${name.replaceAll(/[^\w.-]+/g, '-')}.kubeconfig`
  const { link, failure } = useDownload({
    href: `/canvas/api/v1/spectroclusters/${uid}/assets/kubeconfig`,
    file,
    // The same right on the same cluster, and no token in the answer.
    ask: () => answer(api.GET('/v1/palisade/clusters/{uid}', { params: { path: { uid } } })),
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
        <Button {...link} size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden />}>
          Download kubeconfig
        </Button>
      </Group>
      {failure}
      <CodeBlock text={`export KUBECONFIG=$PWD/${file}\nkubectl get pods --all-namespaces`} label="Commands" />
      <Text size="sm">
        For longer than that, the command line adds a context to your own kubeconfig and renews its token by itself:
      </Text>
      {caFile && (
        <>
          <Text size="sm">
            The certificate of this server is of its own authority, which the command line has to know. Download it into
            the folder where you type the commands; on the server's machine it is <code>pki/ca.crt</code> in the data
            folder.
          </Text>
          <Group>
            <Button
              component="a"
              href={caFile}
              download={caName}
              size="xs"
              variant="default"
              leftSection={<IconDownload size={14} aria-hidden />}
            >
              Download CA certificate
            </Button>
          </Group>
        </>
      )}
      <CodeBlock
        text={`palisade login --url ${location.origin}${trust}\npalisade kubeconfig ${shellWord(name)} --context ${shellWord(name)}`}
        label="Command line"
      />
    </section>
  )
}

/** What the CA's certificate is called once it is downloaded. */
const caName = 'palisade-ca.crt'

/** As a shell reads it as one word, whatever is in it. */
const shellWord = (text: string) => (/^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
