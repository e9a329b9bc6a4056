import { tenantsAreApart } from './tenants.ts'

tenantsAreApart('isolation')
