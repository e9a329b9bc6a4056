export { callerWithin } from './callers.ts'
export {
  type Answer,
  type Context,
  type Endpoint,
  endpoint,
  type GivenRole,
  type Intend,
  type Intended,
  type Method,
  type OpenContext,
  openEndpoint,
  type PermissionRule,
  type Recorded,
  type RequestAccess,
  type Route,
  type Simulation,
  type Target,
} from './endpoint.ts'
export { problemType, renderRefusal } from './envelope.ts'
export { ambiguousHeader, createHttpApi, type Presented } from './http.ts'
export { clientAddress, createRateLimiter, limits, networkOf, type RateLimiter, type RateName } from './limits.ts'
export { below, createListener, type DoorRequest, type DoorResponse, type Listener, type Mount } from './listener.ts'
export { createLogBudget, type LogBudget } from './log-budget.ts'
export { openapiOf } from './openapi.ts'
export { createPipeline, type PipelineEntry, type PipelinePorts } from './pipeline.ts'
export { type Credential, inLines, type Principal } from './principal.ts'
export { refusalsOf } from './refusals.ts'
export { routeTable } from './route-table.ts'
export { assertRoutes, splitRoute } from './routes.ts'
export { unmetConditions } from './unmet-conditions.ts'
