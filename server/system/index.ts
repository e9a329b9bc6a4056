export { versionEndpoints } from './routes.ts'
