import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from '../../../core/result.ts'
import { Secret } from '../../../core/seal/index.ts'

/** Where and as whom to log in. `host` is a name, an address or the folder of a UNIX socket. */
export type DatabaseTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Secret
  readonly database: string
  readonly tls: { readonly caPem: string | undefined } | 'none'
}

/**
 * Parses `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`, the libpq form (PostgreSQL
 * manual, 34.1.1.2). A host beyond this machine must use `verify-full`: `require` encrypts to whoever answers.
 *
 * @returns the target, or what is wrong without quoting the URL, which holds a password
 */
export function parseDatabaseUrl(text: string, readFile: (path: string) => string): Result<DatabaseTarget, string> {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return err('is not a URL; write postgres://user:password@host:5432/database?sslmode=verify-full')
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return err('does not begin with postgres://')
  const plain = decoded(url)
  if (!plain) return err('has a % that begins no character; write the sign itself as %25')
  // A password with one of these in it reads as a fragment or as parameters, so that neither is quoted.
  if (url.hash !== '') return err('has a #; in a password it is written %23')
  const known = ['host', 'sslmode', 'sslrootcert']
  const names = [...url.searchParams.keys()]
  if (names.some((name) => !known.includes(name)))
    return err(`has a parameter that is not one of ${known.join(', ')} (a ? in a password is written %3F)`)
  if (new Set(names).size < names.length) return err('has a parameter twice')
  const host = url.searchParams.get('host') ?? plain.host.replace(/^\[|\]$/g, '')
  if (host === '') return err('names no host')
  if (url.port === '0') return err('names port 0; a server listens on 1 to 65535')
  const { user, database } = plain
  if (user === '') return err('names no user')
  if (database === '' || database.includes('/')) return err('names no database')
  const tls = parseTlsMode(url.searchParams, host, readFile)
  if (!tls.ok) return tls
  const password = new Secret(plain.password)
  return ok({ host, port: url.port === '' ? 5432 : Number(url.port), user, password, database, tls: tls.value })
}

/** The parts without percent-encoding; undefined where that is broken. */
function decoded({ hostname, username, password, pathname }: URL) {
  try {
    return {
      host: decodeURIComponent(hostname),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
    }
  } catch {
    return undefined
  }
}

function parseTlsMode(
  parameters: URLSearchParams,
  host: string,
  readFile: (path: string) => string,
): Result<DatabaseTarget['tls'], string> {
  const mode = parameters.get('sslmode')
  if (mode === 'verify-full') {
    const path = parameters.get('sslrootcert')
    if (path === null || path === 'system') return ok({ caPem: undefined })
    let caPem: string
    try {
      caPem = readFile(path)
    } catch (cause) {
      return err(`sslrootcert cannot be read: ${path} (${(cause as NodeJS.ErrnoException).code ?? 'error'})`)
    }
    // Node takes a file without certificates in silence, and then believes nobody.
    if (!caPem.includes('-----BEGIN CERTIFICATE-----')) return err(`sslrootcert holds no certificate (PEM): ${path}`)
    return ok({ caPem })
  }
  if (!onThisMachine(host))
    return err(
      'is on another machine without verified TLS; add sslmode=verify-full (and sslrootcert=FILE for a private CA)',
    )
  if (mode !== null && mode !== 'disable') return err(`sslmode=${mode} is not taken; use verify-full or disable`)
  return ok('none')
}

function onThisMachine(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost') return true
  return isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback'
}
