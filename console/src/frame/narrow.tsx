import { Drawer } from '@mantine/core'
import { useFocusBack } from '../parts/focus-back.ts'
import { Navigation } from './navigation.tsx'

/** The navigation where there is no room beside the page. */
export function NarrowNavigation({ title, close }: { readonly title: string; readonly close: () => void }) {
  useFocusBack()
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
