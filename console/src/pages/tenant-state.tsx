import type { TenantState } from '../api/tenants.ts'
import { State } from '../parts/state.tsx'

/** Where a tenant stands, by icon and word. */
export function tenantStateOf(state: TenantState) {
  if (state === 'active') return <State tone="good">Active</State>
  if (state === 'pending') return <State tone="quiet">Pending: nobody has set a password yet</State>
  return state === 'inactive' ? <State tone="warn">Switched off</State> : <State tone="bad">Being deleted</State>
}
