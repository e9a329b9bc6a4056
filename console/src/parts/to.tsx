import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'

type Native = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'style' | 'color'> & {
  readonly ref?: Ref<HTMLAnchorElement>
}

/** The library's link and button, led by the router: a real address, opened in a new tab where the reader asks for one. */
export const To = createLink((props: AnchorProps & Native) => <Anchor inherit {...props} />)
export const ToButton = createLink((props: ButtonProps & Native) => <Button component="a" size="xs" {...props} />)
