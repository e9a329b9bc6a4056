import type { RefusalCode } from '../../contract/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { splitRoute } from './routes.ts'

/** What any route may answer: a header that stands twice, a database that is away, a fault of ours. */
export const refusedAnywhere = ['invalid', 'unavailable', 'internal'] as const satisfies readonly RefusalCode[]
/** What any route that takes a credential may answer besides. */
export const refusedGuarded = [
  'unauthenticated',
  'too_many_requests',
  'project_not_found',
] as const satisfies readonly RefusalCode[]

/** What the phases may answer for an endpoint, whatever its handler does. */
export function phaseRefusals(endpoint: Endpoint): readonly RefusalCode[] {
  const { route, permission, body, rate } = endpoint
  const isOpen = 'open' in permission
  return [
    ...refusedAnywhere,
    ...(isOpen ? [] : refusedGuarded),
    ...(isOpen && rate ? (['too_many_requests'] as const) : []),
    ...(isOpen || 'signedIn' in permission ? [] : (['forbidden'] as const)),
    ...('feature' in endpoint && endpoint.feature !== undefined ? (['feature_off'] as const) : []),
    ...('object' in permission ? (['not_found'] as const) : []),
    // Whoever sends a body is told what is wrong with it, wanted or not; the server never reads that of a GET.
    ...(splitRoute(route).method === 'GET' ? [] : (['body_too_large', 'media_type'] as const)),
    ...(body ? (['body_not_json'] as const) : []),
  ]
}

/** Every refusal an endpoint may answer: those of the phases and its own. */
export function refusalsOf(endpoint: Endpoint): readonly RefusalCode[] {
  return [...new Set([...phaseRefusals(endpoint), ...endpoint.refusals])]
}
