export { createRateSwitch } from './request-rates.ts'
export { type SystemPorts, systemEndpoints } from './routes.ts'
