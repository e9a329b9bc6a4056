import { me } from '../contract/wire/users.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { Credential } from './credentials.ts'
import type { CliEdges } from './edges.ts'
import { placeName, printJson, printSides } from './output.ts'

/** `palisade whoami` */
export async function whoami(options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const answer = await api.call('GET', '/v1/users/me')
    const { metadata, spec, status } = me.parse(answer)
    const { kind, from } = api.credential
    if (options.output === 'json')
      return printJson(edges, { server: api.server.url, credential: { kind, from }, user: answer })
    printSides(edges, [
      ['user', spec.emailId],
      ['name', `${spec.firstName} ${spec.lastName}`.trim()],
      ['organisation', status.tenant.orgName],
      ['tenant', status.tenant.tenantUid],
      ['uid', metadata.uid],
      ['server', api.server.url],
      ['credential', `${kindName[kind]} from ${from === 'PALISADE_TOKEN' ? from : placeName(from)}`],
    ])
  })
}

const kindName: Readonly<Record<Credential['kind'], string>> = {
  apiKey: 'API key',
  token: 'token',
  session: 'session',
}
