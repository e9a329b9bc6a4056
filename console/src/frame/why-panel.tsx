import { Drawer, Stack } from '@mantine/core'
import { useLayer } from '../parts/layer.ts'
import type { OfRecord, Question } from '../parts/why.tsx'
import { WhyNow } from './why-now.tsx'
import { WhyOfRecord } from './why-of-record.tsx'

type Props = { readonly asked: Question | OfRecord; readonly close: () => void }

/** Why something is allowed or refused: the decision's own reasons, as they are now, beside those of the log, and who can help. */
export function WhyPanel({ asked, close }: Props) {
  useLayer(close)
  return (
    <Drawer opened onClose={close} title="Why?" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="md">{'recorded' in asked ? <WhyOfRecord id={asked.recorded} /> : <WhyNow question={asked} />}</Stack>
    </Drawer>
  )
}
