import { z } from 'zod'
import type { Setting } from '../settings/index.ts'

/** A banner as it was written; of a tenant for its people, of the tenant `system` for everybody before they are known. */
export const loginBanner: Setting<{ isEnabled: boolean; title: string; message: string }> = {
  kind: 'login-banner',
  schema: z.strictObject({ isEnabled: z.boolean(), title: z.string(), message: z.string() }),
  unset: { isEnabled: false, title: '', message: '' },
}

/** Of the whole installation, in the tenant `system`. */
export const classification: Setting<{ config: string }> = {
  ...{ kind: 'classification-banner', unset: { config: '' } },
  schema: z.strictObject({ config: z.string() }),
}
