export { actorOf, sessionOf } from './actor.ts'
export type { Actor, NewEntry } from './entry.ts'
export { LedgerBusyError, type Recorded } from './group-commit.ts'
export { createLedger, type Ledger, type LedgerDeps, type LedgerState } from './ledger.ts'
