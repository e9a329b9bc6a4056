import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { isAlias, isMap, isScalar, isSeq, type Node, type ParsedNode, parseAllDocuments } from 'yaml'
import { err, ok, type Result } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'

/** Where an API server is and by what it is known. */
export type ClusterEndpoint = {
  readonly server: ServerAddress
  /** The only certificate authorities believed, PEM. */
  readonly caPem: string
  /** The name the certificate has to bear, where it is not the host. */
  readonly serverName: string | undefined
}

export type ServerAddress = {
  /** `https://host[:port][/path]`, in one spelling: lower case, no default port, no trailing slash. */
  readonly url: string
  /** A name or an IP literal, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Before every path; `''` for none. */
  readonly basePath: string
}

/** What a kubeconfig proves to the cluster. The key's bytes are the caller's to wipe. */
export type ClientCredential = {
  readonly token?: Secret
  readonly certificate?: { readonly certPem: string; readonly key: Secret<Buffer> }
}

export type Kubeconfig = { readonly endpoint: ClusterEndpoint; readonly credential: ClientCredential }

export const maxKubeconfigBytes = 256 * 1024

/**
 * Reads the current context of a kubeconfig and judges it. Nothing in it may make the server run a program, read a file,
 * go through somebody's proxy or trust anybody: it comes from a stranger, and its reader is not on that stranger's machine.
 *
 * @returns refuses with every problem at once, a sentence each. They name members and hosts, never a secret's value.
 */
export function parseKubeconfig(text: string, now: Date): Result<Kubeconfig, readonly string[]> {
  const parsed = parsePlainYaml(text)
  if (!parsed.ok) return err([parsed.error])
  const problems: string[] = []
  const problem = (what: string): undefined => {
    problems.push(what)
    return undefined
  }
  const root = parsed.value
  if (!isRecord(root)) return err(['This is no kubeconfig: it is not a mapping.'])
  if (root.kind !== undefined && root.kind !== 'Config') problem('`kind` must be Config: this is something else.')
  if (root.apiVersion !== undefined && root.apiVersion !== 'v1') problem('`apiVersion` must be v1.')

  const contextName = root['current-context']
  if (typeof contextName !== 'string' || contextName === '')
    return err([...problems, '`current-context` is missing: choose one with `kubectl config use-context`.'])
  const context = entry(root, 'contexts', contextName, 'context', problem)
  if (!context) return err(problems)
  const cluster = entry(root, 'clusters', context.cluster, 'cluster', problem)
  const user = entry(root, 'users', context.user, 'user', problem)

  const endpoint = cluster && judgeCluster(cluster, now, problem)
  const credential = user && judgeUser(user, now, problem)
  if (problems.length > 0 || !endpoint || !credential) {
    wipe(credential)
    return err(problems)
  }
  return ok({ endpoint, credential })
}

/** Overwrites what can be: strings of the runtime cannot, and go with the garbage. */
export function wipe(credential: ClientCredential | undefined): void {
  credential?.certificate?.key.reveal().fill(0)
}

/**
 * An API server's address in one spelling.
 *
 * @returns a clause that completes "`server` …"
 */
export function parseServer(text: string): Result<ServerAddress, string> {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return err('is not a URL')
  }
  // Said without quoting it: it may be the address that holds the secret.
  if (url.username !== '' || url.password !== '') return err('has a user name or password in it')
  if (url.protocol !== 'https:') return err('must begin with https://: a token sent in the clear is everybody’s')
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return err('must not have a query or fragment')
  const basePath = url.pathname.replace(/\/+$/, '')
  // One canonical form: what would be read in two ways is not kept (threat A13).
  if (!/^(\/[A-Za-z0-9._~:@-]+)*$/.test(basePath) || /\/\.{1,2}(\/|$)/.test(basePath))
    return err('has a path that is not plain: letters, digits, `.`, `_`, `~`, `:`, `@` and `-` between single slashes')
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (host === '' || (isIP(host) === 0 && !/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host)))
    return err('has no usable host name')
  const shown = isIP(host) === 6 ? `[${host}]` : host
  const port = url.port === '' ? 443 : Number(url.port)
  return ok({ url: `https://${shown}${url.port === '' ? '' : `:${url.port}`}${basePath}`, host, port, basePath })
}

type Problem = (what: string) => undefined
type Plain = Readonly<Record<string, unknown>>

/** The named entry of a list such as `users`, or a problem. */
function entry(root: Plain, list: string, name: unknown, member: string, problem: Problem): Plain | undefined {
  if (typeof name !== 'string' || name === '') return problem(`The current context names no ${member}.`)
  const entries = Array.isArray(root[list]) ? root[list].filter(isRecord) : []
  const named = entries.filter((one) => one.name === name)
  if (named.length > 1) return problem(`\`${list}\` holds two entries of the name that the current context uses.`)
  const found = named[0]?.[member]
  if (!isRecord(found)) return problem(`\`${list}\` does not hold the ${member} that the current context names.`)
  return found
}

function judgeCluster(cluster: Plain, now: Date, problem: Problem): ClusterEndpoint | undefined {
  for (const [name, value] of Object.entries(cluster)) {
    if (isAbsent(value)) continue
    const refused = refusedOfCluster.get(name)
    if (refused) problem(refused)
    else if (!knownOfCluster.has(name)) problem(`\`${shown(name)}\` of the cluster is not known.`)
  }
  const skip = cluster['insecure-skip-tls-verify']
  if (skip !== undefined && skip !== null && skip !== false)
    problem(
      '`insecure-skip-tls-verify` would trust anybody: remove it and put the CA into `certificate-authority-data`.',
    )

  const server = typeof cluster.server === 'string' ? parseServer(cluster.server) : err('is missing')
  if (!server.ok) problem(`\`server\` ${server.error}.`)
  const serverName = judgeServerName(cluster['tls-server-name'], problem)
  const caPem = judgeAuthority(cluster['certificate-authority-data'], now, problem)
  return server.ok && caPem !== undefined ? { server: server.value, caPem, serverName } : undefined
}

const knownOfCluster: ReadonlySet<string> = new Set([
  'server',
  'tls-server-name',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  // Say nothing about whom to trust or where to go: notes of kubectl's plugins, and a setting of kubectl's own transport.
  'extensions',
  'disable-compression',
])

const inlineHint = 'put it inline with `kubectl config view --raw --flatten --minify`.'

const refusedOfCluster: ReadonlyMap<string, string> = new Map([
  ['certificate-authority', `\`certificate-authority\` names a file, which the server does not have: ${inlineHint}`],
  ['proxy-url', '`proxy-url` would send everything through a proxy of your choice: use an address reachable directly.'],
])

function judgeServerName(value: unknown, problem: Problem): string | undefined {
  if (isAbsent(value)) return undefined
  if (typeof value === 'string' && (isIP(value) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value)))
    return value.toLowerCase()
  return problem('`tls-server-name` is not a host name.')
}

function judgeAuthority(value: unknown, now: Date, problem: Problem): string | undefined {
  if (isAbsent(value))
    return problem(
      '`certificate-authority-data` is missing: the cluster’s own CA is needed inline, public ones are not believed.',
    )
  const pem = base64Text(value)
  const certificates = pem === undefined ? undefined : readCertificates(pem)
  if (!certificates) return problem('`certificate-authority-data` is not base64 of PEM certificates.')
  if (certificates.every(({ validToDate }) => validToDate <= now))
    return problem(`The CA in \`certificate-authority-data\` expired on ${day(certificates[0]!.validToDate)}.`) // not empty
  // Spelt anew: comments and whatever else stood between the certificates is not kept.
  return certificates
    .map((certificate) => certificate.toString().trim())
    .join('\n')
    .concat('\n')
}

function judgeUser(user: Plain, now: Date, problem: Problem): ClientCredential | undefined {
  for (const [name, value] of Object.entries(user)) {
    if (isAbsent(value)) continue
    const refused = refusedOfUser.get(name)
    if (refused) problem(refused)
    else if (!knownOfUser.has(name)) problem(`\`${shown(name)}\` of the user is not known.`)
  }
  const given = (name: string) => !isAbsent(user[name])
  const hasCertificate = given('client-certificate-data') || given('client-key-data')
  const token = given('token') ? judgeToken(user.token, problem) : undefined
  const certificate = hasCertificate ? judgeCertificate(user, now, problem) : undefined
  if (!given('token') && !hasCertificate && ![...refusedOfUser.keys()].some(given))
    problem(
      'The user has no credential: a `token`, or `client-certificate-data` with `client-key-data`, is needed inline.',
    )
  return { ...(token ? { token } : {}), ...(certificate ? { certificate } : {}) }
}

const knownOfUser: ReadonlySet<string> = new Set([
  'token',
  'client-certificate-data',
  'client-key-data',
  'extensions', // notes of kubectl's plugins
])

const tokenHint = 'use a kubeconfig with a token or client certificate in it, a ServiceAccount’s for instance.'
const actAs = 'acts as somebody else: use a credential that has the rights itself.'

const refusedOfUser: ReadonlyMap<string, string> = new Map([
  ['exec', `\`exec\` is a program to be run, which the server does not do: ${tokenHint}`],
  ['auth-provider', `\`auth-provider\` is a plugin to be run, which the server does not do: ${tokenHint}`],
  ['client-certificate', `\`client-certificate\` names a file, which the server does not have: ${inlineHint}`],
  ['client-key', `\`client-key\` names a file, which the server does not have: ${inlineHint}`],
  ['tokenFile', '`tokenFile` names a file, which the server does not have: put the token into `token`.'],
  ['username', `\`username\` and \`password\` are no longer taken by Kubernetes: ${tokenHint}`],
  ['password', `\`password\` is no longer taken by Kubernetes: ${tokenHint}`],
  ['as', `\`as\` ${actAs}`],
  ['as-uid', `\`as-uid\` ${actAs}`],
  ['as-groups', `\`as-groups\` ${actAs}`],
  ['as-user-extra', `\`as-user-extra\` ${actAs}`],
])

/** A bearer token that a header can carry. */
export function isBearerToken(text: string): boolean {
  return text.length <= 16_384 && /^[\x21-\x7e]+$/.test(text)
}

function judgeToken(value: unknown, problem: Problem): Secret | undefined {
  if (typeof value !== 'string' || !isBearerToken(value))
    return problem('`token` is not a token: visible characters alone.')
  return new Secret(value)
}

function judgeCertificate(user: Plain, now: Date, problem: Problem): ClientCredential['certificate'] {
  const certPem = base64Text(user['client-certificate-data'])
  const certificates = certPem === undefined ? undefined : readCertificates(certPem)
  const keyPem = base64Text(user['client-key-data'])
  const key = keyPem === undefined ? undefined : readKey(keyPem)
  if (!certificates) problem('`client-certificate-data` is not base64 of PEM certificates.')
  if (!key) problem('`client-key-data` is not base64 of a PEM private key without a passphrase.')
  const leaf = certificates?.[0]
  if (!leaf || !key || keyPem === undefined || certPem === undefined) return undefined
  if (!leaf.checkPrivateKey(key)) return problem('`client-key-data` is not the key of `client-certificate-data`.')
  if (leaf.validToDate <= now)
    return problem(`The client certificate expired on ${day(leaf.validToDate)}: get a new kubeconfig.`)
  return { certPem, key: new Secret(Buffer.from(keyPem)) }
}

/** Text in canonical base64, white space in it aside. */
function base64Text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const packed = value.replace(/\s+/g, '')
  const bytes = Buffer.from(packed, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === packed ? bytes.toString('latin1') : undefined
}

function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0 || blocks.length > 64) return undefined
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return undefined
  }
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined // not a key, or one with a passphrase
  }
}

const day = (date: Date) => date.toISOString().slice(0, 10)
const isAbsent = (value: unknown) => value === undefined || value === null || value === ''
const isRecord = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** A member's name as it may stand in a message. */
const shown = (name: string) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)

/** What a YAML reader spends its time on. Kubeconfigs are long lines of base64, which cost nothing. */
const maxLines = 10_000
const maxPunctuation = 20_000
const maxDepth = 16

/**
 * A YAML 1.2 document as plain values: mappings with text keys, sequences, text, numbers, booleans, null.
 *
 * Anchors and aliases (which make much out of little), tags, a second document and a key twice are refused: kubeconfigs have
 * none of these, and readers disagree about them.
 */
function parsePlainYaml(text: string): Result<unknown, string> {
  if (Buffer.byteLength(text) > maxKubeconfigBytes)
    return err(`The kubeconfig has more than ${maxKubeconfigBytes} bytes.`)
  if ((text.match(/[\n\r]/g)?.length ?? 0) > maxLines || (text.match(/[^\w\s+/=.]/g)?.length ?? 0) > maxPunctuation)
    return err('The kubeconfig has too many parts: keep the one context that is meant, with `--minify`.')
  let documents: ReturnType<typeof parseAllDocuments>
  try {
    // Keys are compared below: the parser compares each with each.
    documents = parseAllDocuments(text, { version: '1.2', schema: 'core', uniqueKeys: false, prettyErrors: false })
  } catch {
    return err('The kubeconfig is not YAML.')
  }
  const [document] = documents
  if (!Array.isArray(documents) || documents.length !== 1 || !document)
    return err('The kubeconfig must be one YAML document.')
  if (document.errors.length > 0) return err('The kubeconfig is not YAML.')
  if (document.warnings.length > 0 || document.directives?.yaml.version !== '1.2')
    return err('The kubeconfig uses tags or directives of YAML, which it may not.')
  return plain(document.contents, maxDepth)
}

function plain(node: Node | ParsedNode | null, depth: number): Result<unknown, string> {
  if (node === null) return ok(null)
  if (depth === 0) return err('The kubeconfig is nested too deeply.')
  if (isAlias(node) || ('anchor' in node && node.anchor !== undefined))
    return err('The kubeconfig uses anchors or aliases of YAML, which it may not.')
  if ('tag' in node && node.tag !== undefined) return err('The kubeconfig uses tags of YAML, which it may not.')
  if (isScalar(node)) return ok(node.value)
  if (isSeq<Node>(node)) {
    const items: unknown[] = []
    for (const item of node.items) {
      const value = plain(item, depth - 1)
      if (!value.ok) return value
      items.push(value.value)
    }
    return ok(items)
  }
  if (!isMap<Node, Node | null>(node)) return err('The kubeconfig is not YAML.')
  // Without a prototype, so that a key `__proto__` is a key like any other.
  const members: Record<string, unknown> = Object.create(null)
  for (const pair of node.items) {
    const { key } = pair
    const name = isScalar(key) || isAlias(key) ? plain(key, 1) : ok(undefined)
    if (!name.ok) return name
    if (typeof name.value !== 'string') return err('The kubeconfig has a key that is not text.')
    if (Object.hasOwn(members, name.value))
      return err(`The kubeconfig has \`${shown(name.value)}\` twice in one place.`)
    const value = plain(pair.value, depth - 1)
    if (!value.ok) return value
    members[name.value] = value.value
  }
  return ok(members)
}
