import { AccessRequestSettings, type AccessRequestSettings as Settings } from '../../contract/access-requests.ts'
import type { Setting } from '../settings/index.ts'

/** How long roles may be asked for in a tenant, and for how long and how often people ask. */
export const requestSettings: Setting<Settings> = {
  kind: 'access-requests',
  schema: AccessRequestSettings,
  unset: { maxSeconds: 8 * 3_600, answerSeconds: 86_400, openPerPerson: 5 },
}
