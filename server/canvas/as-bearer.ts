import type { DoorRequest } from '../gateway/index.ts'

/** Of the browser alone: what goes on knows a token and nothing of cookies. */
const ofTheBrowser = new Set(['cookie', 'authorization', 'apikey', 'x-palisade-csrf'])

/**
 * Turns a browser's request into the same request with a token, for another door of this process. It is changed in place: the body has
 * not been read, and stays where it is.
 *
 * @param target path and query there
 */
export function asBearer(request: DoorRequest, target: string, token: string): void {
  const kept: string[] = []
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? ''
    if (!ofTheBrowser.has(name.toLowerCase())) kept.push(name, request.rawHeaders[i + 1] ?? '')
  }
  request.rawHeaders.splice(0, request.rawHeaders.length, ...kept, 'authorization', `Bearer ${token}`)
  for (const name of ofTheBrowser) delete request.headers[name]
  request.headers.authorization = `Bearer ${token}`
  request.url = target
}
