import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { FormDialog } from '../parts/form.tsx'
import { LabelFields, useLabelLines } from '../parts/label-fields.tsx'

type Texts = Readonly<Record<string, string>>
type Props = {
  readonly uid: string
  readonly metadata: { readonly name: string; readonly labels: Texts; readonly annotations: Texts }
  readonly close: () => void
}

/** Changes what a project is said to be: its description and its labels. */
export function DescribeProject({ uid, metadata, close }: Props) {
  // What somebody saw when they began: the page below goes on to be asked.
  const [{ name, labels: before, annotations }] = useState(metadata)
  const { description: described = '', ...others } = annotations
  const [description, setDescription] = useState(described)
  const lines = useLabelLines(before)
  const { labels, isSound, isOther } = lines
  const isDescribed = description.trim() !== described
  return (
    <FormDialog
      title={`Description and labels of ${name}`}
      act="Save"
      size="lg"
      close={close}
      ready={isSound && (isOther || isDescribed)}
      run={() =>
        answer(
          api.PUT('/v1/projects/{uid}/meta', {
            params: { path: { uid } },
            // What stays is not sent: labels may take a right of their own. Annotations are replaced as a whole.
            body: {
              ...(isOther ? { labels } : {}),
              ...(isDescribed
                ? { annotations: description.trim() === '' ? others : { ...others, description: description.trim() } }
                : {}),
            },
          }),
        )
      }
    >
      <TextInput
        data-autofocus
        label="Description"
        maxLength={512}
        value={description}
        onChange={({ currentTarget }) => setDescription(currentTarget.value)}
      />
      <LabelFields what="Label" of={lines} />
    </FormDialog>
  )
}
