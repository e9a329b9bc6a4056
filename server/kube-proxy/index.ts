export { createDoor, type Door } from './door.ts'
export type { DoorCluster, DoorPorts } from './ports.ts'
