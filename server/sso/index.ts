import type { Endpoint } from '../gateway/index.ts'
import { domainEndpoints } from './domain-routes.ts'
import { type SsoPorts, ssoEndpoints } from './sso-routes.ts'

export { releaseDomains } from './domains.ts'
export type { SsoPorts } from './sso-routes.ts'

/** How a tenant wants its people to sign in by an identity provider: its documents and its domains. */
export const singleSignOnEndpoints = (ports: SsoPorts): readonly Endpoint[] => [
  ...ssoEndpoints(ports),
  ...domainEndpoints,
]
