import { Option } from 'commander'

/** For the cluster itself, without Palisade in between. */
export type DirectOptions = { readonly direct?: true; readonly level?: 'view' | 'edit' | 'admin' }

/** `--level`, which makes sense with `--direct` alone. */
export const levelOption = () =>
  new Option('--level <level>', 'with --direct: at most this level (default: all that you have)').choices([
    'view',
    'edit',
    'admin',
  ])
