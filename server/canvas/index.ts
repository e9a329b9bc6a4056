export { type Canvas, type CanvasPorts, createCanvas } from './canvas.ts'
export type { OpenIdSettings } from './issuer.ts'
export { createOwnFetch } from './own-fetch.ts'
export { caFile, createStaticFiles, type StaticFiles } from './static-files.ts'
