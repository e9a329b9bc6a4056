import type { Endpoint, Method, Route } from './endpoint.ts'

export function splitRoute(route: Route): { readonly method: Method; readonly path: string } {
  const [method, path] = route.split(' ')
  if (!path) throw new Error(`a route is "METHOD /path", not "${route}"`)
  return { method: method as Method, path }
}

/** The path of a request target, without query. */
export const pathOf = (url: string): string => url.split('?', 1)[0] ?? ''

/**
 * Refuses to start with a route table that could leave a door open: a route twice, one without a permission, an open one
 * outside the doors that are open by contract.
 */
export function assertRoutes(endpoints: readonly Endpoint[]): void {
  const seen = new Set<string>()
  for (const { route, permission } of endpoints) {
    const shape = route.replaceAll(/\{\w+\}/g, '{}')
    if (seen.has(shape)) throw new Error(`${route} is declared twice`)
    seen.add(shape)
    const kinds = Object.keys(permission ?? {}).filter((key) => key !== 'find' && key !== 'orOwn')
    if (kinds.length !== 1) throw new Error(`${route} declares no permission`)
    if ('open' in permission && !openPrefixes.some((prefix) => splitRoute(route).path.startsWith(prefix)))
      throw new Error(`${route} may not be open: the doors without a credential are ${openPrefixes.join(', ')}`)
  }
}

const openPrefixes = ['/v1/auth/', '/v1/palisade/version', '/v1/palisade/login', '/v1/palisade/branding']
