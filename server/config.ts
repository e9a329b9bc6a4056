import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { passwordShortcomings, systemPolicy } from '../core/password.ts'
import { err, ok, type Result } from '../core/result.ts'
import { canonicalEmail, type EmailRefusal, Secret } from '../core/seal/index.ts'
import { inspectCertificate } from './pki/index.ts'
import { appRole, type DatabaseTarget, parseDatabaseUrl, sequencerRole } from './platform/postgres/index.ts'

/** Everything the server is told from outside, checked and frozen. Nothing else reads the environment. */
export type Config = {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  /** An https origin without a trailing slash. */
  readonly publicUrl: string
  readonly metricsPort: number
  readonly tls: { readonly certFile: string; readonly keyFile: string } | 'internal'
  readonly database: { readonly owner: DatabaseTarget; readonly app: DatabaseTarget | 'make' } | 'embedded'
  readonly rootKeyFile: string | 'generate'
  /** Only looked at on the first start, which alone is stopped by its problems. */
  readonly admin: { readonly email: string; readonly password: Secret } | 'generate' | { readonly problems: Lines }
  /** CIDR ranges that clusters may live in; empty: any public or private address that is not ours. */
  readonly clusterRanges: readonly string[]
  readonly protectedNamespaces: readonly string[]
  /** Peers whose X-Forwarded-For is believed; nobody by default (threat A20). */
  readonly trustedProxies: readonly string[]
  /** A notice that the sign-in pages show before anybody signs in. */
  readonly signInBanner: string | undefined
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

type Lines = readonly string[]

/** What parsing needs of the world, so that it can be tested without one. */
export type ConfigEdges = {
  readonly readFile: (path: string) => string
  readonly cwd: string
  readonly now: Date
}

/** Known names: the server's own, then the command line's, which a shared environment may hold. */
const known = new Set([
  'PALISADE_ADMIN_EMAIL',
  'PALISADE_ADMIN_PASSWORD',
  'PALISADE_CA_FILE',
  'PALISADE_CLUSTER_RANGES',
  'PALISADE_DATABASE_APP_URL',
  'PALISADE_DATABASE_URL',
  'PALISADE_DATA_DIR',
  'PALISADE_HOST',
  'PALISADE_LOG_LEVEL',
  'PALISADE_METRICS_PORT',
  'PALISADE_NATS_URL',
  'PALISADE_PORT',
  'PALISADE_PROTECTED_NAMESPACES',
  'PALISADE_PUBLIC_URL',
  'PALISADE_ROOT_KEY_FILE',
  'PALISADE_SIGN_IN_BANNER',
  'PALISADE_TLS_CERT',
  'PALISADE_TLS_KEY',
  'PALISADE_TOKEN',
  'PALISADE_TRUSTED_PROXIES',
  'PALISADE_URL',
])

/**
 * Reads the environment once.
 *
 * @returns the frozen configuration, or every problem, each a line that names the variable and says what would be right.
 *   A value that is a secret is never quoted.
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  edges: ConfigEdges,
): Result<Config, readonly string[]> {
  const problems: string[] = []
  const problem = (name: string, what: string) => problems.push(`${name}: ${what}`)
  const value = (name: string) => (env[name] === '' ? undefined : env[name])

  for (const name of Object.keys(env).sort())
    if (name.startsWith('PALISADE_') && !known.has(name)) problem(name, unknownVariable(name))

  const port = parsePort('PALISADE_PORT', value('PALISADE_PORT'), 8443, problem)
  const metricsPort = parsePort('PALISADE_METRICS_PORT', value('PALISADE_METRICS_PORT'), 9464, problem)
  if (port !== undefined && port === metricsPort)
    problem('PALISADE_METRICS_PORT', `is the same as the main port, ${port}; choose another`)

  const host = value('PALISADE_HOST') ?? '127.0.0.1'
  if (host !== 'localhost' && !isAddress(host))
    problem('PALISADE_HOST', 'is not an IP address; use 127.0.0.1, ::1, 0.0.0.0 or one of this machine')

  if (value('PALISADE_NATS_URL') !== undefined)
    problem('PALISADE_NATS_URL', 'this release has no message bus to connect to; unset it')

  const dataDir = resolve(edges.cwd, value('PALISADE_DATA_DIR') ?? 'data')
  const config: Config = {
    dataDir,
    host,
    port: port ?? 0,
    publicUrl: parsePublicUrl(value('PALISADE_PUBLIC_URL'), problem) ?? `https://localhost:${port}`,
    metricsPort: metricsPort ?? 0,
    tls: parseTls(value('PALISADE_TLS_CERT'), value('PALISADE_TLS_KEY'), edges, problem),
    database: parseDatabase(value('PALISADE_DATABASE_URL'), value('PALISADE_DATABASE_APP_URL'), edges, problem),
    rootKeyFile: parseRootKeyFile(env.PALISADE_ROOT_KEY_FILE, edges, problem),
    admin: parseAdmin(value('PALISADE_ADMIN_EMAIL'), value('PALISADE_ADMIN_PASSWORD')),
    clusterRanges: parseRanges('PALISADE_CLUSTER_RANGES', value('PALISADE_CLUSTER_RANGES'), problem),
    protectedNamespaces: parseNamespaces(value('PALISADE_PROTECTED_NAMESPACES'), problem),
    trustedProxies: parseRanges('PALISADE_TRUSTED_PROXIES', value('PALISADE_TRUSTED_PROXIES'), problem),
    signInBanner: parseBanner(value('PALISADE_SIGN_IN_BANNER'), problem),
    logLevel: parseLogLevel(value('PALISADE_LOG_LEVEL'), problem),
  }
  // What nobody reads any more stops no restart. A problem that is left after all is the first start's to tell.
  if (typeof config.admin === 'object' && 'problems' in config.admin && !hasStarted(dataDir, edges))
    problems.push(...config.admin.problems)
  return problems.length > 0 ? err(problems) : ok(Object.freeze(config))
}

/** Whether a start in this folder got past the making of the first administrator: the CA comes after it. */
function hasStarted(dataDir: string, { readFile }: ConfigEdges): boolean {
  try {
    readFile(join(dataDir, 'pki', 'ca.crt'))
    return true
  } catch {
    return false
  }
}

type Problem = (name: string, what: string) => void

function unknownVariable(name: string): string {
  const [nearest] = [...known]
    .map((candidate) => ({ candidate, edits: distance(candidate, name) }))
    .sort((a, b) => a.edits - b.edits)
  return nearest && nearest.edits <= 2
    ? `is not known; did you mean ${nearest.candidate}?`
    : 'is not known; unset it, or see docs/operations.md for those that are'
}

const maxBannerLength = 2000

function parseBanner(text: string | undefined, problem: Problem): string | undefined {
  if (text !== undefined && text.length > maxBannerLength)
    problem('PALISADE_SIGN_IN_BANNER', `is longer than ${maxBannerLength} characters; say it in fewer`)
  return text
}

function parsePort(name: string, text: string | undefined, fallback: number, problem: Problem): number | undefined {
  if (text === undefined) return fallback
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65535) return port
  problem(name, 'is not a port; use a number from 1 to 65535')
  return undefined
}

/** One of an interface alone (`fe80::1%eth0`) means nothing in a certificate or to a client. */
const isAddress = (text: string) => isIP(text) !== 0 && !text.includes('%')

/** @returns the origin in its one spelling: it is compared, as the issuer of tokens, letter by letter */
function parsePublicUrl(text: string | undefined, problem: Problem): string | undefined {
  if (text === undefined) return undefined
  const wrong = (what: string) => {
    problem('PALISADE_PUBLIC_URL', `${what}; use an https origin such as https://palisade.example.com`)
    return undefined
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return wrong('is not a URL')
  }
  if (url.protocol !== 'https:') return wrong('is not https')
  if (url.username || url.password) return wrong('carries credentials')
  if (url.pathname !== '/' || text.includes('?') || text.includes('#')) return wrong('has a path, query or fragment')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!isAddress(host) && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(host))
    return wrong('does not name a host')
  return url.origin
}

function parseTls(
  cert: string | undefined,
  key: string | undefined,
  edges: ConfigEdges,
  problem: Problem,
): Config['tls'] {
  if (cert === undefined && key === undefined) return 'internal'
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? 'PALISADE_TLS_CERT' : 'PALISADE_TLS_KEY'
    problem(missing, 'is missing; set PALISADE_TLS_CERT and PALISADE_TLS_KEY together, or neither')
    return 'internal'
  }
  const certFile = resolve(edges.cwd, cert)
  const keyFile = resolve(edges.cwd, key)
  const certPem = readable('PALISADE_TLS_CERT', certFile, edges, problem)
  const keyPem = readable('PALISADE_TLS_KEY', keyFile, edges, problem)
  if (certPem !== undefined && keyPem !== undefined)
    for (const what of inspectCertificate(certPem, keyPem, edges.now))
      problem('PALISADE_TLS_CERT and PALISADE_TLS_KEY', what)
  return { certFile, keyFile }
}

function readable(name: string, path: string, edges: ConfigEdges, problem: Problem): string | undefined {
  try {
    return edges.readFile(path)
  } catch (cause) {
    problem(name, `cannot be read: ${path} (${(cause as NodeJS.ErrnoException).code ?? 'error'})`)
    return undefined
  }
}

function parseDatabase(
  ownerUrl: string | undefined,
  appUrl: string | undefined,
  edges: ConfigEdges,
  problem: Problem,
): Config['database'] {
  if (ownerUrl === undefined) {
    if (appUrl !== undefined) problem('PALISADE_DATABASE_APP_URL', 'needs PALISADE_DATABASE_URL beside it')
    return 'embedded'
  }
  const owner = parseDatabaseUrl(ownerUrl, edges.readFile)
  if (!owner.ok) problem('PALISADE_DATABASE_URL', owner.error)
  const app = appUrl === undefined ? undefined : parseDatabaseUrl(appUrl, edges.readFile)
  if (app && !app.ok) problem('PALISADE_DATABASE_APP_URL', app.error)
  if (owner.ok && [appRole, sequencerRole].includes(owner.value.user))
    problem(
      'PALISADE_DATABASE_URL',
      `logs in as ${owner.value.user}, which may own nothing; name the login that owns the database`,
    )
  if (app?.ok && app.value.user !== appRole)
    problem('PALISADE_DATABASE_APP_URL', `must log in as ${appRole}, a login that owns nothing`)
  if (owner.ok && app?.ok && app.value.database !== owner.value.database)
    problem('PALISADE_DATABASE_APP_URL', 'names another database than PALISADE_DATABASE_URL; name the same one')
  if (!owner.ok) return 'embedded'
  return { owner: owner.value, app: app?.ok ? app.value : 'make' }
}

function parseRootKeyFile(path: string | undefined, edges: ConfigEdges, problem: Problem): Config['rootKeyFile'] {
  if (path === undefined) return 'generate'
  // Named but empty is a mistake of a template, not a wish for a new key: a new key would open nothing.
  if (path === '') {
    problem('PALISADE_ROOT_KEY_FILE', 'is set but empty; name a file with 32 bytes in base64, or unset it')
    return 'generate'
  }
  const file = resolve(edges.cwd, path)
  const text = readable('PALISADE_ROOT_KEY_FILE', file, edges, problem)
  if (text !== undefined && parseRootKey(text) === undefined)
    problem(
      'PALISADE_ROOT_KEY_FILE',
      'does not hold exactly 32 bytes in base64; make one with `openssl rand -base64 32`',
    )
  return file
}

/** The root key of a key file's text: exactly 32 bytes in canonical base64, else undefined. */
export function parseRootKey(text: string): Buffer | undefined {
  const trimmed = text.trim()
  const key = Buffer.from(trimmed, 'base64')
  return key.length === 32 && key.toString('base64') === trimmed ? key : undefined
}

function parseAdmin(email: string | undefined, password: string | undefined): Config['admin'] {
  if (email === undefined && password === undefined) return 'generate'
  const problems: string[] = []
  const problem = (name: string, what: string) => problems.push(`${name}: ${what}`)
  const address = email === undefined ? undefined : canonicalEmail(email)
  if (address?.ok === false) problem('PALISADE_ADMIN_EMAIL', emailProblems[address.error])
  const lacking = password === undefined ? [] : passwordShortcomings(systemPolicy, password)
  if (lacking.length > 0) problem('PALISADE_ADMIN_PASSWORD', `needs ${lacking.join(', ')}`)
  if (email === undefined) problem('PALISADE_ADMIN_EMAIL', 'is missing; set it together with PALISADE_ADMIN_PASSWORD')
  if (password === undefined)
    problem('PALISADE_ADMIN_PASSWORD', 'is missing; set it together with PALISADE_ADMIN_EMAIL')
  if (email === undefined || password === undefined || problems.length > 0) return { problems }
  return { email, password: new Secret(password) }
}

const emailProblems: Readonly<Record<EmailRefusal, string>> = {
  not_an_address: 'is not an e-mail address; write one such as admin@example.com',
  bad_local_part: 'has something before the @ that is not taken; use letters, digits and single dots, without quotes',
  bad_domain: 'has no host name after the @; write one such as admin@example.com',
  look_alike_characters: 'has characters that only look like plain ones; type it anew',
}

function parseRanges(name: string, text: string | undefined, problem: Problem): readonly string[] {
  const ranges = (text ?? '').split(',').map((one) => one.trim())
  const named = ranges.filter((one) => one !== '')
  for (const one of named) if (!isRange(one)) problem(name, `"${one}" is not a range; write e.g. 10.0.0.0/8,fd00::/8`)
  return named
}

/** The parser alone reads `10/8` as 0.0.0.10/8 and `010.0.0.0/8` as 8.0.0.0/8. */
const isRange = (text: string) => ipaddr.isValidCIDR(text) && isAddress(text.slice(0, text.indexOf('/')))

function parseNamespaces(text: string | undefined, problem: Problem): readonly string[] {
  if (text === undefined) return ['kube-system', 'palisade-system']
  const names = text.split(',').map((one) => one.trim())
  for (const one of names)
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(one))
      problem('PALISADE_PROTECTED_NAMESPACES', `"${one}" is not a namespace's name`)
  // Our own namespace holds the account that may impersonate anybody; it is never left out.
  return [...new Set([...names, 'palisade-system'])]
}

function parseLogLevel(text: string | undefined, problem: Problem): Config['logLevel'] {
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const level = levels.find((one) => one === (text ?? 'info'))
  if (level === undefined) problem('PALISADE_LOG_LEVEL', `use one of ${levels.join(', ')}`)
  return level ?? 'info'
}

/** Edit distance, for the hint at a misspelt name. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++)
      row.push(
        Math.min(
          (previous[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        ),
      )
    previous = row
  }
  return previous[b.length] ?? 0
}
