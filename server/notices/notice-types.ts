import type { TenantUid } from '../../contract/ids.ts'
import type { Endpoint } from '../gateway/index.ts'

export type Banner = { readonly title: string; readonly message: string }

/** What a page shows around its content, all of it text. */
export type Notices = {
  /** The operator's, from the configuration. */
  readonly operator: string | undefined
  /** What may be seen and said here. */
  readonly classification: string | undefined
  readonly banner: Banner | undefined
}

export type NoticesOf = {
  /** For people of this tenant, whose own banner comes before the installation's; undefined: who it is, is not known yet. */
  around(tenant: TenantUid | undefined): Promise<Notices>
  /** A tenant's own banner, if it has one to show. */
  ownBanner(tenant: TenantUid): Promise<Banner | undefined>
  readonly operator: string | undefined
  readonly endpoints: readonly Endpoint[]
}
