export { featureEndpoints } from './feature-routes.ts'
export { isFeatureAllowed } from './features.ts'
