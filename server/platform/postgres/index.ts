export { advisoryLocks } from './advisory-locks.ts'
export { type DatabaseTarget, parseDatabaseUrl } from './database-url.ts'
export { CommitUncertainError, databaseUnavailable, sqlState, violatedUnique } from './errors.ts'
export {
  type CallInTenant,
  createCallInTenant,
  createInTenant,
  type InTenant,
  type Tx,
  type TxOptions,
} from './in-tenant.ts'
export { createLookups, type EpochChange, type Lookups } from './lookups.ts'
export { appliedMigrations, type Migration, migrate, readMigrations } from './migrate.ts'
export { clientConfig, openPool } from './pools.ts'
export { appRole, ensureRoles, otherInstallation, roleProblem, sequencerRole } from './roles.ts'
