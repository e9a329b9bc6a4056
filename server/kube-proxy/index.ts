export { type Standing, standingOf } from './decision.ts'
export { createDoor, type Door } from './door.ts'
export type { DoorCluster, DoorPorts } from './ports.ts'
