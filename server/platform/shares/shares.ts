import type { TenantUid } from '../../../contract/ids.ts'

/** Lets few do something costly at the same time: of one tenant, and in all. */
export type Shares = {
  /** @returns gives it back, once; undefined while too many have one */
  take(tenant: TenantUid): (() => void) | undefined
}

export function createShares(most: { readonly tenant: number; readonly all: number }): Shares {
  const taken = new Map<TenantUid, number>()
  let all = 0
  return {
    take(tenant) {
      const mine = taken.get(tenant) ?? 0
      if (mine >= most.tenant || all >= most.all) return undefined
      taken.set(tenant, mine + 1)
      all++
      return () => {
        const left = (taken.get(tenant) ?? 1) - 1
        if (left > 0) taken.set(tenant, left)
        else taken.delete(tenant)
        all--
      }
    },
  }
}
