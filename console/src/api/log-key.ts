import { answer, api } from './client.ts'
import { currentSession } from './session.ts'

/** The public key of the tenant's log that this browser keeps: what is verified here is verified with it, whatever the server says later. */
export type KeptKey = { readonly key: string; readonly since: string }

const name = () => `palisade.log-key.${currentSession().tenant.uid}`

export function keptKey(): KeptKey | undefined {
  const kept = localStorage.getItem(name())
  return kept === null ? undefined : (JSON.parse(kept) as KeptKey) // Written below.
}

export function keepKey(key: string): KeptKey {
  const kept = { key: key.trim(), since: new Date().toISOString() }
  localStorage.setItem(name(), JSON.stringify(kept))
  return kept
}

/** The key that the server shows now. */
export async function shownKey(): Promise<string> {
  return String(await answer(api.GET('/v1/palisade/audit/key', { parseAs: 'text' }))).trim()
}
