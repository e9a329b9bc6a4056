export { createIssuerClients } from './clients.ts'
export { createIssuer, type Issuer, type IssuerDeps } from './issuer.ts'
