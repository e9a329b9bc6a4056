import { Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useLacking } from '../api/access.ts'
import { answer, api } from '../api/client.ts'
import { Act } from '../parts/act.tsx'
import { save } from '../parts/download.tsx'
import { Failure } from '../parts/failure.tsx'

/** What an export takes, in the whole tenant. */
const rights = ['audit.list', 'audit.get'] as const
/** How long a browser may take to begin with what it was told to save. */
const keptMs = 60_000

/**
 * The whole log as a file. It is fetched by the page, which can say what it was refused with or that it broke off: half a log is not
 * saved. A browser keeps much of it on the disk.
 *
 * @returns act: the button; state: how far it is, or why there is no file
 */
export function useExport() {
  const [bytes, setBytes] = useState(0)
  const lacking = useLacking(rights)
  const exporting = useMutation({
    async mutationFn() {
      setBytes(0)
      const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          setBytes((before) => before + chunk.length)
          controller.enqueue(chunk)
        },
      })
      const log = await answer(api.GET('/v1/palisade/audit/export', { parseAs: 'stream' }))
      return new Response(log.pipeThrough(counting)).blob()
    },
    onSuccess(log) {
      const href = URL.createObjectURL(log)
      save(href, 'audit.jsonl')
      setTimeout(() => URL.revokeObjectURL(href), keptMs)
    },
  })
  const begin = () => exporting.mutate()
  return {
    act: (
      <Act
        needs={lacking ?? rights[0]}
        variant="default"
        leftSection={<IconDownload size={14} aria-hidden />}
        loading={exporting.isPending}
        onClick={begin}
      >
        Export the whole log
      </Act>
    ),
    state: (
      <>
        {exporting.isPending && (
          <Text size="sm" className="quiet" role="status">
            Exporting: {(bytes / 1e6).toFixed(1)} MB so far
          </Text>
        )}
        {exporting.error && <Failure error={exporting.error} retry={begin} />}
      </>
    ),
  }
}
