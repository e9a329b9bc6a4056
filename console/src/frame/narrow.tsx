import { Drawer } from '@mantine/core'
import { useLayer } from '../parts/layer.ts'
import { Navigation } from './navigation.tsx'

/** The navigation where there is no room beside the page. */
export function NarrowNavigation({ title, close }: { readonly title: string; readonly close: () => void }) {
  useLayer(close)
  return (
    <Drawer
      opened
      onClose={close}
      position="left"
      size={260}
      title={title}
      closeButtonProps={{ 'aria-label': 'Close navigation' }}
    >
      <Navigation onGo={close} />
    </Drawer>
  )
}
