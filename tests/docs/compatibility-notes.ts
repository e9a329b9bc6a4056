/** Operations that are served and do not do all that is published, or do it another way. The first that fits counts. */
export const differences: readonly { readonly of: RegExp; readonly how: string }[] = []

/** Operations that are not served, and why. The first that fits counts. */
export const leftOut: readonly { readonly of: RegExp; readonly why: string }[] = []
