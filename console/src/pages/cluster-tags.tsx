import { Text } from '@mantine/core'
import { answer, api } from '../api/client.ts'
import { FormDialog } from '../parts/form.tsx'
import { LabelFields, useLabelLines } from '../parts/label-fields.tsx'

type Props = {
  readonly uid: string
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly close: () => void
}

/** Changes the tags of a cluster, by which lists find it and roles reach it. What it takes is the server's to say. */
export function ClusterTags({ uid, name, tags, close }: Props) {
  const lines = useLabelLines(tags)
  const { labels, isSound, isOther } = lines
  return (
    <FormDialog
      title={`Tags of ${name}`}
      act="Save"
      size="lg"
      close={close}
      ready={isSound && isOther}
      run={() =>
        answer(
          api.PATCH('/v1/spectroclusters/{uid}/metadata', {
            params: { path: { uid } },
            body: { metadata: { labels } },
          }),
        )
      }
    >
      <Text size="sm">
        Roles that are given on what filters select reach a cluster by its tags: who may do what on it can change with
        them at once.
      </Text>
      <LabelFields what="Tag" of={lines} />
    </FormDialog>
  )
}
