export { type LivePorts, liveEndpoints } from './live-routes.ts'
export { createSignals, type Signals } from './signals.ts'
