import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { decide } from '../core/access/index.ts'
import { err, ok, type Result } from '../core/result.ts'
import { rootKey, Secret } from '../core/seal/index.ts'
import { createAccess, type EndReason, firstUnknown, requestAccess, type Snapshot } from './access/index.ts'
import { createAssets } from './assets/index.ts'
import {
  caFile as caFilePath,
  createCanvas,
  createOwnFetch,
  createStaticFiles,
  type OpenIdSettings,
} from './canvas/index.ts'
import { createClusterConfig } from './cluster-config/index.ts'
import { type ClusterRecord, createClusters } from './clusters/index.ts'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import { endpointsOf } from './endpoints.ts'
import { isFeatureAllowed } from './features/index.ts'
import { type FirstAdministrator, firstStart } from './first-start.ts'
import {
  assertRoutes,
  below,
  createHttpApi,
  createListener,
  createPipeline,
  createRateLimiter,
  limits,
  openapiOf,
  type PipelineEntry,
  type Principal,
} from './gateway/index.ts'
import { createIdentity, issuerOf, passwordExpiryOf, sessionAbsoluteSeconds } from './identity/index.ts'
import { createKeys, openInstallation } from './keys/index.ts'
import { createDoor, type DoorCluster, standingOf } from './kube-proxy/index.ts'
import { createDestinationPolicy, createTransport, type OwnName } from './kube-proxy/transport/index.ts'
import { actorOf, createLedger, type NewEntry, sessionOf } from './ledger/index.ts'
import { createSignals } from './live/index.ts'
import { createNameKeys } from './name-keys.ts'
import { createNotices } from './notices/index.ts'
import { createIssuer, createIssuerClients } from './oidc/index.ts'
import { createPeople } from './people/index.ts'
import { systemClock } from './platform/clock/index.ts'
import type { Logger } from './platform/log/index.ts'
import { createMetrics } from './platform/metrics/index.ts'
import { clientConfig, createInTenant, createLookups, openPool } from './platform/postgres/index.ts'
import { newUid } from './platform/random/index.ts'
import { createExpiry, requestPulse } from './requests/index.ts'
import { createAskedEnds } from './streams/index.ts'
import { createRateSwitch } from './system/index.ts'
import { createTenancy } from './tenancy/index.ts'
import { gatewayCertificate, openPki } from './tls.ts'
import { createWorkspaces } from './workspaces/index.ts'

/** A server that is built and not yet listening. */
export type App = {
  readonly publicUrl: string
  /** What clients trust; undefined where the operator's own certificate is presented. */
  readonly caFile: string | undefined
  /** On the very first start who was made, as was announced. */
  readonly firstAdministrator: FirstAdministrator | undefined
  listen(): Promise<Result<undefined, string>>
  /** Resolves when the server cannot go on: a new process has to begin. */
  readonly failed: Promise<void>
  stop(graceMs: number): Promise<void>
}

export type AppDeps = {
  readonly config: Config
  readonly dataFolder: string
  readonly database: Database
  /** Wiped by the caller afterwards. */
  readonly rootSecret: Uint8Array
  readonly logger: Logger
  /** Called as soon as the first administrator is there: their password is nowhere else, whatever happens afterwards. */
  readonly announce: (administrator: FirstAdministrator) => void
  /** Where people sign in to the console; by default the issuer of this server. */
  readonly openId?: Omit<OpenIdSettings, 'fetch'> & Partial<Pick<OpenIdSettings, 'fetch'>>
  /** The built console; by default where `npm run build:console` puts it. */
  readonly consoleFolder?: string
}

const consoleFolder = fileURLToPath(new URL('../console/dist', import.meta.url))

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** Connections a pool may hold; together they stay below the embedded server's limit, twice over for a second replica. */
const connections = { app: 16, reader: 4, sequencer: 2 } as const

/** How long a stop waits for the ends of calls to be handed to the ledger. */
const lastEndsMs = 5_000

/** Everything that exists, in wiring order. Nothing listens yet; what was opened is closed by `stop`. */
export async function buildApp(deps: AppDeps): Promise<Result<App, string>> {
  const { config, dataFolder, database, logger } = deps
  const clock = systemClock
  const metrics = createMetrics()

  // Database: a pool for requests, one for access data (whoever needs it may hold a connection of the first), one role each.
  const pool = openPool(database.app, 'app', connections.app, logger)
  const readerPool = openPool(database.app, 'reader', connections.reader, logger)
  const sequencerPool = openPool(database.sequencer, 'sequencer', connections.sequencer, logger)
  const inTenant = createInTenant(pool)
  const readInTenant = createInTenant(readerPool)
  const closePools = () => Promise.all([pool.end(), readerPool.end(), sequencerPool.end()])

  // Keys.
  const root = rootKey(deps.rootSecret)
  const client = await pool.connect()
  const auditHost = new URL(config.publicUrl).hostname
  const installation = await openInstallation(client, { root, auditHost, now: new Date(clock.now()) })
  client.release()
  if (!installation.ok) {
    await closePools()
    return installation
  }
  const keys = createKeys({ root, salt: installation.value.salt, inTenant: readInTenant, clock })

  // Who may do what, and the log of what was done.
  const access = createAccess({ connection: clientConfig(database.app, 'palisade-feed'), readInTenant, clock, logger })
  const ledgerFolder = join(dataFolder, 'ledger')
  const ledger = createLedger({
    ...{ pool, sequencerPool, inTenant, clock, logger, newUid },
    sealerOf: keys.of,
    auditHost: installation.value.auditHost,
    folder: ledgerFolder,
    sessionMs: sessionAbsoluteSeconds * 1000,
  })

  // People and tenants.
  const identity = createIdentity({
    ...{ inTenant, readInTenant, keys, access, clock, logger },
    publicUrl: config.publicUrl,
    lookups: createLookups(pool),
    append: ledger.append,
    clients: createIssuerClients(readInTenant),
  })
  const factsEpoch = async (tx: Parameters<typeof access.inTx>[0]) => (await access.inTx(tx)).factsEpoch
  const people = createPeople({
    ...{ keys, factsEpoch, links: identity.links, endLinks: identity.links.end },
    passwordExpiry: passwordExpiryOf,
  })
  const firstAdministrator = await firstStart({
    ...{ inTenant, keys, logger },
    admin: config.admin,
    createAdministrator: identity.createFirstAdministrator,
    now: new Date(clock.now()),
  })
  if (!firstAdministrator.ok) {
    await closePools()
    return firstAdministrator
  }
  if (firstAdministrator.value) deps.announce(firstAdministrator.value)

  // Names that were stored when they were compared otherwise.
  const nameKeys = createNameKeys({ inTenant, logger })

  // Certificates.
  await mkdir(join(dataFolder, 'pki'), { recursive: true, mode: 0o755 })
  const { pki, caFile } = await openPki(join(dataFolder, 'pki'), { pool, keys, clock, logger })
  const certificate = await gatewayCertificate(config, pki, { clock, logger })
  if (!certificate.ok) {
    await closePools()
    return certificate
  }

  /** When a caller's credential ends; nothing where it has ended. */
  const endsAt = async (principal: Principal) => {
    const valid = await identity.recheck(principal, await access.current(principal.tenant))
    return valid.ok ? valid.value.endsAt : undefined
  }

  // Clusters, and the way to them.
  const destination = createDestinationPolicy({
    ownListeners: () => [
      { address: config.host === 'localhost' ? '127.0.0.1' : config.host, port: config.port },
      { address: '127.0.0.1', port: config.metricsPort },
    ],
    ownNames: [publicName(config), ...databaseNames(config, database)],
    allowLoopback: isLoopback(config.host),
    allowedRanges: config.clusterRanges,
  })
  const caPem = config.tls === 'internal' ? pki.caCertificatePem : undefined
  const clusters = createClusters({
    ...{ inTenant: readInTenant, lookups: createLookups(pool), clock, logger },
    sealerOf: keys.of,
    checkDestination: destination.check,
    append: ledger.append,
    issueClusterToken: identity.issueClusterToken,
    publicUrl: config.publicUrl,
    caPem: () => caPem,
    tokens: {
      issuer: issuerOf(config.publicUrl),
      mintProbe: (of, changed = {}) => identity.apiServerTokens.mintUnsound({ ...of, access: 'proxy' }, changed),
      now: clock.now,
    },
    standing: async (tx, principal, cluster, now) => {
      const { uid, project, labels: tags } = cluster
      return standingOf(await access.inTx(tx), principal, { uid, project, tags }, now.getTime())
    },
    endsAt,
    mintToken: (of) => identity.apiServerTokens.mint({ ...of, access: 'proxy' }),
    mintDirect: (of, endsAtMs) => identity.apiServerTokens.mint({ ...of, access: 'direct' }, endsAtMs),
  })
  const tenancy = createTenancy({
    ...{ keys, access },
    links: identity.links,
    names: people.names,
    clustersIn: clusters.inProject,
  })
  const assets = createAssets({ sealerOf: keys.of })
  const kept = {
    ...{ findCluster: clusters.target, subjects: people.subjects },
    protectedNamespaces: config.protectedNamespaces,
  }
  const clusterConfig = createClusterConfig({
    ...kept,
    ...{ inTenant: readInTenant, lookups: createLookups(pool), ask: clusters.ask, clock, logger },
  })
  const workspaces = createWorkspaces({ ...kept, changed: clusterConfig.changed })
  const expiry = createExpiry({
    ...{ inTenant: readInTenant, lookups: createLookups(pool), clock, logger },
    sealerOf: keys.of,
    append: ledger.append,
  })
  const transport = createTransport({ destination, clock })

  // The API.
  const rate = createRateLimiter(clock)
  const own = createOwnFetch({
    publicUrl: config.publicUrl,
    host: config.host,
    port: config.port,
    trusted: () => (config.tls === 'internal' ? pki.caCertificatePem : certificate.value.secureContextOptions.cert),
  })
  const notices = createNotices({ inTenant, publicUrl: config.publicUrl, operator: config.signInBanner })
  const issuer = createIssuer({
    ...{ inTenant, keys, rate, clock, logger, notices },
    publicUrl: config.publicUrl,
    port: identity.issuer,
    lookups: createLookups(pool),
    teamNames: async (tenant) => (await access.current(tenant)).teamNames,
    trustedProxies: config.trustedProxies,
    endClientOf: own.endClientOf,
    observe: metrics.requests,
  })
  const live = {
    calls: access.calls,
    recheck: identity.recheck,
    signals: createSignals({ inTenant: readInTenant, requestPulse }),
  }
  const rates = createRateSwitch({ inTenant: readInTenant, clock })
  const endpoints = endpointsOf({
    system: { version, ready, rates },
    ...{ identity, tenancy, people, assets, clusters, clusterConfig, workspaces, ledger, live, issuer, notices },
    sealerOf: keys.of,
    sso: { sealerOf: keys.of, publicUrl: config.publicUrl },
  })
  assertRoutes(endpoints)
  const pipeline = createPipeline<Snapshot, EndReason>({
    inTenant,
    access: {
      ...access,
      decide: (snapshot, { user, origin }, permission, resource, now) =>
        decide({ subject: { userUid: user }, permission, resource, now, origin }, snapshot.compiled),
      requestAccess,
    },
    recheck: identity.recheck,
    calls: access.calls,
    append: (tx, entry) => ledger.append(tx, asEntry(entry)),
    intents: {
      open: async (entry) => (await ledger.record(entry.principal.tenant, asEntry(entry))).uid,
      end: (entry) => void ledger.conclude(entry.principal.tenant, asEntry(entry)),
      leave: ledger.abandon,
    },
    projectExists: async (tx, project) => (await firstUnknown(tx, 'project', [project])) === undefined,
    featureAllowed: isFeatureAllowed,
    clock,
  })
  const api = await createHttpApi({
    endpoints,
    publishedRates: rates.isActive,
    authenticate: identity.authenticate,
    ...pipeline,
    rate,
    trustedProxies: config.trustedProxies,
    logger,
    observe: metrics.requests,
    ready,
    openapi: openapiOf(endpoints, version),
  })

  // The Kubernetes door.
  const doorClusterOf = createDoorClusters()
  const door = createDoor(
    {
      ...{ access, ledger, rate, clock, logger },
      authenticate: identity.authenticate,
      recheck: identity.recheck,
      touch: identity.touch,
      askedToEnd: createAskedEnds({ inTenant: readInTenant, openCalls: ledger.openCalls }),
      mintToken: (tenant, clusterUid, named) =>
        identity.apiServerTokens.mint({ tenant, cluster: clusterUid, identity: named, access: 'proxy' }),
      findCluster: async (tenant, uid, { factsEpoch }) => doorClusterOf(await clusters.find(tenant, uid, factsEpoch)),
      protectedNamespaces: config.protectedNamespaces,
      trustedProxies: config.trustedProxies,
      observe: (verb, status, seconds) => metrics.requests(`/k8s ${verb}`, status, seconds),
      streamEnded: metrics.streamEnded,
    },
    transport,
  )

  // The console: its server side, and its files.
  const openId = deps.openId ?? {
    issuer: `${config.publicUrl}/oidc`,
    clientId: 'palisade-canvas',
    clientSecret: new Secret(await issuer.canvasSecret()),
    scope: 'openid offline_access',
    endsWithSession: true,
  }
  const canvas = createCanvas({
    ...{ inTenant, keys, rate, clock, logger, lookups: createLookups(pool) },
    publicUrl: config.publicUrl,
    openId: { fetch: own.fetch, ...openId },
    authenticate: identity.authenticate,
    endsAt,
    api: api.handler,
    callApi: api.call,
    kube: door.request,
    kubeUpgrade: door.upgrade,
    onBehalfOf: own.onBehalfOf,
    caFile: caPem === undefined ? undefined : caFilePath,
    classification: async () => (await notices.around(undefined)).classification,
    trustedProxies: config.trustedProxies,
    observe: metrics.requests,
  })
  const files = await createStaticFiles(deps.consoleFolder ?? consoleFolder, caPem)

  const listener = createListener(
    certificate.value.secureContextOptions,
    {
      ...{ api: api.handler, refuseUpgrade: api.refuseUpgrade, kube: door.request, kubeUpgrade: door.upgrade },
      mounts: [
        below('/oidc', { request: issuer.handler }),
        below('/sign-in', { request: issuer.handler }),
        below('/canvas', canvas),
        files,
      ],
    },
    logger,
    limits,
    config.trustedProxies,
  )
  certificate.value.onRenew(() => listener.setCertificate(certificate.value.secureContextOptions))

  function ready(): readonly string[] {
    const { ageMs, newCalls } = access.freshness()
    return [
      ...(started ? [] : ['starting']),
      ...(newCalls ? [] : [`access data is ${Math.round(ageMs)} ms old`]),
      ...ledger.state().problems,
    ]
  }

  metrics.gauge('palisade_access_data_age_ms', 'Age of the access data', () => access.freshness().ageMs)
  metrics.gauge('palisade_access_tenants', 'Tenants whose access data is in memory', () => access.stats().tenants)
  metrics.gauge('palisade_access_weight', 'Users and assignments in memory', () => access.stats().weight)
  metrics.gauge('palisade_live_calls', 'Calls to clusters under way', () => access.calls.count())
  metrics.gauge('palisade_password_hashes', 'Password hashes computed since the start', () => identity.stats().computed)
  metrics.gauge('palisade_connections', 'TLS connections', () => listener.connections())
  metrics.gauge('palisade_ledger_waiting', 'Audit entries waiting for their commit', () => ledger.state().waiting)
  metrics.gauge('palisade_ledger_open_intents', 'Recorded calls without an end', () => ledger.state().openIntents)

  let started = false
  return ok({
    publicUrl: config.publicUrl,
    caFile: config.tls === 'internal' ? caFile : undefined,
    firstAdministrator: firstAdministrator.value,
    failed: access.failed,
    async listen() {
      await nameKeys.organisations()
      await identity.start()
      // Listening for changes comes before the first load: what changes in between is then heard.
      await access.start()
      await ledger.start()
      clusters.start()
      clusterConfig.start()
      expiry.start()
      const taken = await bind('PALISADE_METRICS_PORT', config.metricsPort, () => metrics.listen(config.metricsPort))
      if (!taken.ok) return taken
      started = true
      nameKeys.start()
      return bind('PALISADE_PORT', config.port, () => listener.listen(config.host, config.port))
    },
    async stop(graceMs) {
      // New calls first, then those under way, then what records them, and the database last.
      const closed = listener.close(graceMs)
      access.calls.endAll('shutdown')
      await closed
      await transport.close()
      // Their ends are handed over when both sides are closed, which is a moment later; what takes longer is said to be
      // unknown by the next start.
      await Promise.race([door.drained(), delay(lastEndsMs, undefined, { ref: false })])
      await api.close()
      await canvas.settle()
      await own.close()
      await nameKeys.stop()
      await clusterConfig.stop()
      await clusters.stop()
      await expiry.stop()
      await ledger.stop()
      await identity.stop()
      await access.stop()
      await metrics.close()
      certificate.value.stop()
      await closePools()
    },
  })
}

/** What the phases record, as the ledger takes it. */
function asEntry({ principal, ...entry }: PipelineEntry): NewEntry {
  const session = sessionOf(principal)
  return { ...entry, actor: actorOf(principal), ...(session ? { session } : {}) }
}

async function bind(variable: string, port: number, listen: () => Promise<void>): Promise<Result<undefined, string>> {
  try {
    await listen()
    return ok(undefined)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') return err(`port ${port} is taken; stop what uses it or set ${variable}`)
    if (code === 'EACCES') return err(`port ${port} may not be used by this user; set ${variable} to one above 1023`)
    if (code === 'EADDRNOTAVAIL') return err('PALISADE_HOST: this machine has no such address')
    throw cause
  }
}

/** A record as the door needs it: of the same record the same object, so that what is worked out of it can be kept. */
function createDoorClusters(): (record: ClusterRecord | undefined) => DoorCluster | undefined {
  const made = new WeakMap<ClusterRecord, DoorCluster>()
  return (record) => {
    if (!record) return undefined
    const before = made.get(record)
    if (before) return before
    const cluster = doorCluster(record)
    made.set(record, cluster)
    return cluster
  }
}

/** A cluster's record as the door takes it: reachable only while its account has a token, or where it trusts our issuer. */
function doorCluster(record: ClusterRecord): DoorCluster {
  const { uid, name, project, tags, readOnly, endpoint, credentialMode, token } = record
  const byToken = credentialMode === 'token'
  return {
    ...{ uid, name, project, tags, readOnly },
    upstream:
      endpoint && (byToken || token)
        ? {
            ...{ clusterUid: uid, host: endpoint.server.host, port: endpoint.server.port },
            basePath: endpoint.server.basePath,
            caPem: endpoint.caPem,
            systemRoots: false,
            servername: endpoint.serverName,
          }
        : undefined,
    authorization: byToken ? 'token' : () => `Bearer ${token?.reveal() ?? ''}`,
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.')

/** Where clients reach us, a load balancer perhaps. Whether this machine can resolve it is nobody's concern but clients'. */
function publicName({ publicUrl }: Config): OwnName {
  const { hostname, port } = new URL(publicUrl)
  // An IPv6 literal stands in brackets in a URL and nowhere else.
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), mustResolve: false }
}

/** Where a remote database listens, for each login that we have: never a destination for a cluster. */
function databaseNames({ database: configured }: Config, { app, sequencer }: Database): OwnName[] {
  const targets = [...(configured === 'embedded' ? [] : [configured.owner]), app, sequencer]
  return targets
    .filter(({ host }) => !host.startsWith('/'))
    .map(({ host, port }) => ({ host, port, mustResolve: true }))
}
