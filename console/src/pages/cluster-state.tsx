import { State } from '../parts/state.tsx'

/** The API's words for where a cluster stands, in the console's. */
export const stateOf = (state: string) =>
  state === 'Running' ? <State tone="good">Ready</State> : <State tone="warn">Needs bindings</State>

export function healthOf(health: string) {
  if (health === 'Healthy') return <State tone="good">Answered last time</State>
  return health === 'UnHealthy' ? (
    <State tone="bad">Did not answer</State>
  ) : (
    <State tone="quiet">Not connected yet</State>
  )
}
