export { type BoundedMap, createBoundedMap } from './bounded-map.ts'
