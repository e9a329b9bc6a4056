/**
 * Every advisory lock that replicas exclude each other by, in one table: two that were chosen apart could be one number, and
 * one would wait for the other for ever. Any number will do, as long as every release keeps it.
 */
export const advisoryLocks = {
  migrations: 7_032_114_806,
  installation: 7_032_114_807,
  /** Held for as long as a replica leads. */
  sequencer: 7_032_114_808,
  firstStart: 7_032_114_809,
} as const
