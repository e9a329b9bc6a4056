import { type Api, createApi } from './api.ts'
import { credentialFor } from './credentials.ts'
import type { CliEdges } from './edges.ts'
import { chooseServer, type ServerOptions } from './settings.ts'

/** Runs with a client of the chosen server, and closes its connections after. */
export async function withApi<T>(options: ServerOptions, edges: CliEdges, run: (api: Api) => Promise<T>): Promise<T> {
  const server = await chooseServer(options, edges)
  const api = createApi(server, await credentialFor(server, edges))
  try {
    return await run(api)
  } finally {
    api.close()
  }
}
