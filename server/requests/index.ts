export { createExpiry, type Expiry } from './expiry.ts'
export { type RequestRoutePorts, requestEndpoints } from './request-routes.ts'
export { requestPulse } from './request-store.ts'
