import { tenantsAreApart } from './tenants.ts'

// Row-level security is the second lock. With it open, every query still has to name its tenant by itself: a policy that
// hides a forgotten condition today would be all that stands between two tenants.
tenantsAreApart('queries', { policiesOpen: true })
