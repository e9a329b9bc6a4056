import type { paths } from '../api/schema.gen.ts'
import { State } from '../parts/state.tsx'

/** The API's words for where a cluster stands, in the console's. */
export const stateOf = (state: string) =>
  state === 'Running' ? (
    <State tone="good">Ready</State>
  ) : (
    <State tone="warn">{state === 'Pending' ? 'Waits to be joined' : 'Needs bindings'}</State>
  )

export function healthOf(health: string) {
  if (health === 'Healthy') return <State tone="good">Answered last time</State>
  return health === 'UnHealthy' ? (
    <State tone="bad">Did not answer</State>
  ) : (
    <State tone="quiet">Not connected yet</State>
  )
}

type Access = paths['/v1/palisade/clusters/{uid}']['get']['responses'][200]['content']['application/json']

/** How Palisade proves to the cluster who calls. */
export function reachedBy({ credentialMode, credential }: Access): string {
  if (credentialMode === 'token') return 'Tokens of each caller’s own, from Palisade’s issuer (token mode)'
  return credential
    ? 'Impersonation, by an account whose token is sealed here'
    : 'Impersonation, once an account there has a token'
}

/** Whether people may go to the cluster's own API server, past Palisade. */
export const directOf = ({ directTokens }: Access): string =>
  directTokens
    ? 'Allowed: people may have tokens of five minutes for the cluster itself, past Palisade'
    : 'None: every call goes through Palisade'
