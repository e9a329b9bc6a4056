import { isIP } from 'node:net'
import { resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from '../core/result.ts'
import { Secret } from '../core/seal/index.ts'
import { inspectCertificate } from './pki/index.ts'
import { type DatabaseTarget, parseDatabaseUrl } from './platform/postgres/index.ts'

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
  /** Only looked at on the first start. */
  readonly admin: { readonly email: string; readonly password: Secret } | 'generate'
  /** CIDR ranges that clusters may live in; empty: any public or private address that is not ours. */
  readonly clusterRanges: readonly string[]
  readonly protectedNamespaces: readonly string[]
  /** Peers whose X-Forwarded-For is believed; nobody by default (threat A20). */
  readonly trustedProxies: readonly string[]
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

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
  'PALISADE_TLS_CERT',
  'PALISADE_TLS_KEY',
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

  const port = parsePort(value('PALISADE_PORT'), 8443, (what) => problem('PALISADE_PORT', what))
  const metricsPort = parsePort(value('PALISADE_METRICS_PORT'), 9464, (what) => problem('PALISADE_METRICS_PORT', what))
  if (port === metricsPort) problem('PALISADE_METRICS_PORT', `is the same as the main port, ${port}; choose another`)

  const host = value('PALISADE_HOST') ?? '127.0.0.1'
  if (host !== 'localhost' && isIP(host) === 0)
    problem('PALISADE_HOST', 'is not an IP address; use 127.0.0.1, ::1, 0.0.0.0 or one of this machine')

  const publicUrl = value('PALISADE_PUBLIC_URL') ?? `https://localhost:${port}`
  const urlProblem = publicUrlProblem(publicUrl)
  if (urlProblem) problem('PALISADE_PUBLIC_URL', urlProblem)

  if (value('PALISADE_NATS_URL') !== undefined)
    problem('PALISADE_NATS_URL', 'this release has no message bus to connect to; unset it')

  const config: Config = {
    dataDir: resolve(edges.cwd, value('PALISADE_DATA_DIR') ?? 'data'),
    host,
    port,
    publicUrl: publicUrl.replace(/\/$/, ''),
    metricsPort,
    tls: parseTls(value('PALISADE_TLS_CERT'), value('PALISADE_TLS_KEY'), edges, problem),
    database: parseDatabase(value('PALISADE_DATABASE_URL'), value('PALISADE_DATABASE_APP_URL'), edges, problem),
    rootKeyFile: parseRootKeyFile(env.PALISADE_ROOT_KEY_FILE, edges, problem),
    admin: parseAdmin(value('PALISADE_ADMIN_EMAIL'), value('PALISADE_ADMIN_PASSWORD'), problem),
    clusterRanges: parseRanges('PALISADE_CLUSTER_RANGES', value('PALISADE_CLUSTER_RANGES'), problem),
    protectedNamespaces: parseNamespaces(value('PALISADE_PROTECTED_NAMESPACES'), problem),
    trustedProxies: parseRanges('PALISADE_TRUSTED_PROXIES', value('PALISADE_TRUSTED_PROXIES'), problem),
    logLevel: parseLogLevel(value('PALISADE_LOG_LEVEL'), problem),
  }
  return problems.length > 0 ? err(problems) : ok(Object.freeze(config))
}

/** What is wrong with a first administrator's password, or nothing. System administrators: 14 characters, four classes. */
export function adminPasswordProblem(password: string): string | undefined {
  if (password.length < 14) return 'has fewer than 14 characters'
  if (password.length > 128) return 'has more than 128 characters'
  const classes = [/\p{Lu}/u, /\p{Ll}/u, /\p{Nd}/u, /[^\p{L}\p{Nd}\s]/u]
  if (!classes.every((one) => one.test(password)))
    return 'needs an upper-case letter, a lower-case letter, a digit and a special character'
  return undefined
}

type Problem = (name: string, what: string) => void

function unknownVariable(name: string): string {
  const near = [...known].find((candidate) => distance(candidate, name) <= 2)
  return near ? `is not known; did you mean ${near}?` : 'is not known; unset it'
}

function parsePort(text: string | undefined, fallback: number, problem: (what: string) => void): number {
  if (text === undefined) return fallback
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65535) problem('is not a port; use a number from 1 to 65535')
  return port
}

function publicUrlProblem(text: string): string | undefined {
  const right = 'use an https origin such as https://palisade.example.com'
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return `is not a URL; ${right}`
  }
  if (url.protocol !== 'https:') return `is not https; ${right}`
  if (url.username || url.password) return `carries credentials; ${right}`
  if (url.pathname !== '/' || url.search || url.hash || text.includes('?') || text.includes('#'))
    return `has a path, query or fragment; ${right}`
  return undefined
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
    for (const what of inspectCertificate(certPem, keyPem, edges.now)) problem('PALISADE_TLS_CERT', what)
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
  if (owner.ok && app?.ok && app.value.user === owner.value.user)
    problem('PALISADE_DATABASE_APP_URL', 'names the owner; the application needs a login of its own that owns nothing')
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

function parseAdmin(email: string | undefined, password: string | undefined, problem: Problem): Config['admin'] {
  if (email === undefined && password === undefined) return 'generate'
  if (email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(email))
    problem('PALISADE_ADMIN_EMAIL', 'is not an e-mail address')
  if (password !== undefined) {
    const wrong = adminPasswordProblem(password)
    if (wrong) problem('PALISADE_ADMIN_PASSWORD', `${wrong}; use 14 characters or more of all four classes`)
  }
  if (email === undefined) problem('PALISADE_ADMIN_EMAIL', 'is missing; set it together with PALISADE_ADMIN_PASSWORD')
  if (password === undefined)
    problem('PALISADE_ADMIN_PASSWORD', 'is missing; set it together with PALISADE_ADMIN_EMAIL')
  return email !== undefined && password !== undefined ? { email, password: new Secret(password) } : 'generate'
}

function parseRanges(name: string, text: string | undefined, problem: Problem): readonly string[] {
  const ranges = (text ?? '').split(',').map((one) => one.trim())
  const named = ranges.filter((one) => one !== '')
  for (const one of named)
    if (!ipaddr.isValidCIDR(one)) problem(name, `"${one}" is not a range; write e.g. 10.0.0.0/8,fd00::/8`)
  return named
}

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
