import { createAssets } from '../../server/assets/index.ts'
import { createClusterConfig } from '../../server/cluster-config/index.ts'
import { createClusters } from '../../server/clusters/index.ts'
import { endpointsOf } from '../../server/endpoints.ts'
import type { Endpoint } from '../../server/gateway/index.ts'
import { createIdentity } from '../../server/identity/index.ts'
import { createLedger } from '../../server/ledger/index.ts'
import { createNotices } from '../../server/notices/index.ts'
import { createIssuer } from '../../server/oidc/index.ts'
import { createPeople } from '../../server/people/index.ts'
import { createTenancy } from '../../server/tenancy/index.ts'
import { createWorkspaces } from '../../server/workspaces/index.ts'
import { packageJson } from './package-json.ts'

/** An edge that nobody may use: the features are made for what they declare, not to run. */
const absent = (() => {
  throw new Error('this server was made for its declarations alone')
  // `never` fits every edge: what a feature did with one while it is made would throw, and show that it opens something.
}) as never

/** Every endpoint as the server declares it, without database, keys or network. */
export function declaredEndpoints(): readonly Endpoint[] {
  const shared = { inTenant: absent, keys: absent, access: absent, clock: absent, logger: absent, append: absent }
  const identity = createIdentity({
    ...shared,
    readInTenant: absent,
    lookups: absent,
    clients: absent,
    publicUrl: 'https://localhost',
  })
  const notices = createNotices({ inTenant: absent, publicUrl: 'https://localhost', operator: undefined })
  return endpointsOf({
    notices,
    system: { version: packageJson.version, ready: absent, rates: { switched: absent } },
    identity,
    tenancy: createTenancy({ ...shared, links: absent, names: { people: absent, teams: absent }, clustersIn: absent }),
    people: createPeople({ ...shared, links: absent, endLinks: absent, factsEpoch: absent, passwordExpiry: absent }),
    assets: createAssets({ sealerOf: absent }),
    clusterConfig: createClusterConfig({
      ...{ ...shared, lookups: absent, ask: absent },
      ...{ findCluster: absent, subjects: absent, protectedNamespaces: [] },
    }),
    workspaces: createWorkspaces({ findCluster: absent, subjects: absent, changed: absent, protectedNamespaces: [] }),
    sealerOf: absent,
    clusters: createClusters({
      ...shared,
      lookups: absent,
      sealerOf: absent,
      checkDestination: absent,
      issueClusterToken: absent,
      publicUrl: 'https://localhost',
      caPem: absent,
      tokens: { issuer: 'https://localhost/oidc', mintProbe: absent, now: absent },
      standing: absent,
      endsAt: absent,
      mintToken: absent,
      mintDirect: absent,
    }),
    ledger: createLedger({
      ...shared,
      pool: absent,
      sequencerPool: absent,
      sealerOf: absent,
      auditHost: 'localhost',
      folder: '',
      newUid: () => '0'.repeat(24),
      sessionMs: 0,
    }),
    live: { calls: absent, recheck: absent, signals: absent },
    sso: { sealerOf: absent, publicUrl: 'https://localhost' },
    issuer: createIssuer({
      ...shared,
      publicUrl: 'https://localhost',
      notices,
      port: identity.issuer,
      lookups: absent,
      teamNames: absent,
      rate: absent,
      trustedProxies: [],
      endClientOf: absent,
      observe: absent,
    }),
  })
}
