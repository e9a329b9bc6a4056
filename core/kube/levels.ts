/** How much somebody may do on a cluster. Each level includes the ones before it. */
export type Level = 'view' | 'edit' | 'admin'

/** One level: the permission on the cluster object that gives it, and what it is on the cluster itself. */
export interface LevelRow {
  readonly level: Level
  /** Held on the cluster object, in whatever scope. */
  readonly permission: 'cluster.get' | 'cluster.update' | 'cluster.delete'
  /** The group that the caller is given on the cluster. */
  readonly group: `palisade:level:${Level}`
  /** The ClusterRole that the group is bound to at import. */
  readonly clusterRole: 'view' | 'edit' | 'cluster-admin'
}

/** In rising order. */
export const levelRows = [
  { level: 'view', permission: 'cluster.get', group: 'palisade:level:view', clusterRole: 'view' },
  { level: 'edit', permission: 'cluster.update', group: 'palisade:level:edit', clusterRole: 'edit' },
  { level: 'admin', permission: 'cluster.delete', group: 'palisade:level:admin', clusterRole: 'cluster-admin' },
] as const satisfies readonly LevelRow[]

/** The levels somebody holds, in rising order. A permission held without a lower one gives just its own level. */
export function levelsOf(holds: (permission: LevelRow['permission']) => boolean): Level[] {
  return levelRows.filter(({ permission }) => holds(permission)).map(({ level }) => level)
}

/** Whether one of the levels held includes `needed`. */
export function reaches(held: readonly Level[], needed: Level): boolean {
  const lowest = levelRows.findIndex(({ level }) => level === needed)
  return levelRows.some(({ level }, index) => index >= lowest && held.includes(level))
}

export function permissionFor(level: Level): LevelRow['permission'] {
  return levelRows.find((row) => row.level === level)!.permission // the table has a row for each level
}

/** The level above the highest one held, which is what a person who is refused by the cluster would have to ask for. */
export function nextLevel(held: readonly Level[]): Level | undefined {
  return levelRows.find(({ level }) => !reaches(held, level))?.level
}
