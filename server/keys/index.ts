export { type OpenedInstallation, openInstallation, rootKeyProblem } from './installation.ts'
export { createKeys, type Keys } from './keys.ts'
export type { Field, TenantSealer } from './tenant-sealer.ts'
