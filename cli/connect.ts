import { type Api, createApi } from './api.ts'
import type { CliEdges } from './edges.ts'
import { Failure } from './failure.ts'
import { credentialFor, renewerFor } from './session.ts'
import { chooseServer, type ServerOptions } from './settings.ts'

/** Runs with a client of the chosen server, and closes its connections after. */
export async function withApi<T>(options: ServerOptions, edges: CliEdges, run: (api: Api) => Promise<T>): Promise<T> {
  const server = await chooseServer(options, edges)
  const credential = await credentialFor(server, edges)
  const api = createApi(server, credential, renewerFor(server, edges, credential))
  try {
    return await run(api)
  } catch (cause) {
    // By its name: loading zod just to compare classes would cost every `token` its time.
    if (!(cause instanceof Error && cause.name === 'ZodError')) throw cause
    throw new Failure(`${server.url} answers in a shape that this release does not know`, {
      hints: [`palisade --version and ${server.url}/v1/palisade/version should be of one release.`],
    })
  } finally {
    api.close()
  }
}
