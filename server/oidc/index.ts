export { createIssuer, type Issuer, type IssuerDeps } from './issuer.ts'
