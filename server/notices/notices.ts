import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { classificationText } from '../../contract/wire/notices.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import { readSetting } from '../settings/index.ts'
import { loginEndpoints } from './login-routes.ts'
import { noticeEndpoints } from './notice-routes.ts'
import { classification, loginBanner } from './notice-settings.ts'
import type { Banner, Notices, NoticesOf } from './notice-types.ts'

/** Banners and the classification, and the doors at which anybody is told of them. */
export function createNotices(deps: {
  readonly inTenant: InTenant
  readonly publicUrl: string
  readonly operator: string | undefined
}): NoticesOf {
  const { inTenant, operator } = deps

  const ownBanner = async (tenant: TenantUid) =>
    tenant === systemTenant ? undefined : inTenant(tenant, (tx) => enabledBanner(tx))

  async function around(tenant: TenantUid | undefined): Promise<Notices> {
    const own = tenant === undefined ? undefined : await ownBanner(tenant)
    return inTenant(systemTenant, async (tx) => {
      const shown = classificationText((await readSetting(tx, classification)).config)
      return {
        operator,
        classification: shown === 'unreadable' ? undefined : shown.text,
        banner: own ?? (await enabledBanner(tx)),
      }
    })
  }

  return {
    ...{ around, ownBanner, operator },
    endpoints: [...noticeEndpoints, ...loginEndpoints({ publicUrl: deps.publicUrl, around })],
  }
}

async function enabledBanner(tx: Tx): Promise<Banner | undefined> {
  const { isEnabled, title, message } = await readSetting(tx, loginBanner)
  return isEnabled && `${title}${message}`.trim() !== '' ? { title, message } : undefined
}
