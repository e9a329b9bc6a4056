import { Badge, Group } from '@mantine/core'
import { tagText } from '../api/clusters.ts'

/** Labels, which are the tags of an object, as they read. */
export function Labels({ labels }: { readonly labels: Readonly<Record<string, string>> }) {
  const all = Object.entries(labels)
  if (all.length === 0) return <span className="quiet">none</span>
  return (
    <Group gap={4}>
      {all.map(([key, value]) => (
        <Badge key={key} variant="light" color="gray" tt="none">
          {tagText(key, value)}
        </Badge>
      ))}
    </Group>
  )
}
