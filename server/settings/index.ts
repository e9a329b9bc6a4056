export { administration, findOwnTenant, mayAdminister } from './administration.ts'
export { limitEndpoints } from './limit-routes.ts'
export { hasRoom } from './limits.ts'
export { readSetting, type Setting, writeSetting } from './setting-store.ts'
