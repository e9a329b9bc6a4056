export { type AskedEnds, createAskedEnds } from './asked-ends.ts'
export { type OpenPorts, openEndpoints } from './open-routes.ts'
export { type StreamPorts, streamEndpoints } from './stream-routes.ts'
