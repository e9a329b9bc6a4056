import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { inspect } from 'node:util'
import { type Certificate, createAuthority } from '../tests/support/certificates.ts'
import { parseConfig } from './config.ts'

const now = new Date()
const hourMs = 3_600_000
const rootKey = Buffer.alloc(32, 7).toString('base64')
const password = 'Correct-Horse-42-Staple'

/** What is on the disk, by path. */
const files = new Map<string, string>()

before(async () => {
  const authority = await createAuthority('config')
  const issue = (lifeMs: number): Promise<Certificate> =>
    authority.issue({
      ...{ commonName: 'palisade', dnsNames: ['palisade.example.com'] },
      notAfter: new Date(now.getTime() + lifeMs),
    })
  const [good, other, expired] = await Promise.all([issue(hourMs), issue(hourMs), issue(-1000)])
  const entries: Readonly<Record<string, string>> = {
    ...{ '/tls/good.crt': good.certPem, '/tls/good.key': good.keyPem, '/tls/other.key': other.keyPem },
    ...{ '/tls/expired.crt': expired.certPem, '/tls/expired.key': expired.keyPem, '/tls/ca.crt': authority.certPem },
    ...{ '/keys/good': `${rootKey}\n`, '/keys/empty': '', '/keys/short': Buffer.alloc(31).toString('base64') },
    ...{ '/keys/long': Buffer.alloc(33).toString('base64'), '/keys/url': rootKey.replaceAll('B', '-') },
    ...{ '/keys/hex': Buffer.alloc(32, 7).toString('hex'), '/keys/two': `${rootKey}\n${rootKey}\n` },
  }
  for (const [path, text] of Object.entries(entries)) files.set(path, text)
})

function parse(env: Readonly<Record<string, string>>) {
  return parseConfig(env, {
    cwd: '/srv/palisade',
    now,
    readFile(path) {
      const text = files.get(path)
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
      return text
    },
  })
}

function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  const parsed = parse(env)
  return parsed.ok ? [] : parsed.error
}

function configOf(env: Readonly<Record<string, string>>) {
  const parsed = parse(env)
  return parsed.ok ? parsed.value : assert.fail(parsed.error.join('\n'))
}

test('without any variable everything has its default', () => {
  assert.deepEqual(configOf({ PATH: '/bin', HOME: '/root' }), {
    dataDir: '/srv/palisade/data',
    host: '127.0.0.1',
    port: 8443,
    publicUrl: 'https://localhost:8443',
    metricsPort: 9464,
    tls: 'internal',
    database: 'embedded',
    rootKeyFile: 'generate',
    admin: 'generate',
    clusterRanges: [],
    protectedNamespaces: ['kube-system', 'palisade-system'],
    trustedProxies: [],
    signInBanner: undefined,
    logLevel: 'info',
  })
})

test('an empty value counts as unset, but for the root key', () => {
  const names = ['ADMIN_EMAIL', 'ADMIN_PASSWORD', 'CLUSTER_RANGES', 'DATABASE_URL', 'DATABASE_APP_URL', 'DATA_DIR']
  const more = ['HOST', 'LOG_LEVEL', 'METRICS_PORT', 'NATS_URL', 'PORT', 'PROTECTED_NAMESPACES', 'PUBLIC_URL']
  const rest = ['TLS_CERT', 'TLS_KEY', 'TRUSTED_PROXIES', 'URL']
  const empty = Object.fromEntries([...names, ...more, ...rest].map((name) => [`PALISADE_${name}`, '']))
  assert.deepEqual(configOf(empty), configOf({}))
})

test('what is set is taken, each in one spelling', () => {
  const config = configOf({
    PALISADE_DATA_DIR: '../elsewhere/',
    PALISADE_HOST: '::',
    PALISADE_PORT: '443',
    PALISADE_METRICS_PORT: '65535',
    PALISADE_PUBLIC_URL: 'https://Palisade.Example.com:443/',
    PALISADE_TLS_CERT: '/tls/good.crt',
    PALISADE_TLS_KEY: '../../tls/good.key',
    PALISADE_DATABASE_URL:
      'postgres://owner:p%40ss%3F@db.example.com/palisade?sslmode=verify-full&sslrootcert=/tls/ca.crt',
    PALISADE_ROOT_KEY_FILE: '/keys/good',
    PALISADE_ADMIN_EMAIL: 'Root@Example.com',
    PALISADE_ADMIN_PASSWORD: password,
    PALISADE_CLUSTER_RANGES: '10.0.0.0/8, fd00::/8,',
    PALISADE_PROTECTED_NAMESPACES: 'kube-system,istio-system',
    PALISADE_TRUSTED_PROXIES: '192.0.2.1/32',
    PALISADE_LOG_LEVEL: 'debug',
    PALISADE_URL: 'https://for-the-command-line',
    PALISADE_CA_FILE: '/no/such/file/of/the/command/line',
    PALISADE_TOKEN: 'pak_for_the_command_line',
  })
  assert.equal(config.dataDir, '/srv/elsewhere')
  assert.equal(config.publicUrl, 'https://palisade.example.com')
  assert.deepEqual(config.tls, { certFile: '/tls/good.crt', keyFile: '/tls/good.key' })
  assert.deepEqual(config.clusterRanges, ['10.0.0.0/8', 'fd00::/8'])
  assert.deepEqual(config.protectedNamespaces, ['kube-system', 'istio-system', 'palisade-system'])
  assert.ok(config.database !== 'embedded' && typeof config.admin === 'object' && 'password' in config.admin)
  const { owner, app } = config.database
  assert.deepEqual([owner.host, owner.port, owner.user, owner.database], ['db.example.com', 5432, 'owner', 'palisade'])
  assert.equal(owner.password.reveal(), 'p@ss?')
  assert.deepEqual(owner.tls, { caPem: files.get('/tls/ca.crt') })
  assert.equal(app, 'make')
  assert.equal(config.admin.password.reveal(), password)
  assert.ok(Object.isFrozen(config))
  assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), /Correct-Horse|p@ss/)
})

test('the public URL follows the port', () => {
  assert.equal(configOf({ PALISADE_PORT: '9443' }).publicUrl, 'https://localhost:9443')
})

for (const host of ['127.0.0.1', '::1', '0.0.0.0', '::', '192.0.2.7', 'localhost'])
  test(`host ${host} is taken`, () => assert.equal(configOf({ PALISADE_HOST: host }).host, host))

const databases: readonly { readonly what: string; readonly url: string }[] = [
  { what: 'on loopback without TLS', url: 'postgres://owner:x@127.0.0.1:5433/palisade' },
  { what: 'on loopback by name', url: 'postgresql://owner:x@localhost/palisade?sslmode=disable' },
  { what: 'on loopback over IPv6', url: 'postgres://owner:x@[::1]/palisade' },
  { what: 'on a socket', url: 'postgres://owner:x@socket/palisade?host=/run/postgresql' },
  { what: 'on another machine, verified', url: 'postgres://owner:x@192.0.2.1/palisade?sslmode=verify-full' },
  { what: 'known to the system', url: 'postgres://owner:x@db/palisade?sslmode=verify-full&sslrootcert=system' },
]
for (const { what, url } of databases)
  test(`a database is taken: ${what}`, () => assert.deepEqual(problemsOf({ PALISADE_DATABASE_URL: url }), []))

const good = 'postgres://owner:x@127.0.0.1/palisade'

/** A wrong start, and the whole of what is said of it. */
type WrongStart = {
  readonly what: string
  readonly env: Readonly<Record<string, string>>
  readonly says: readonly RegExp[]
}

/** Values of one variable that are all refused with the same words. */
const alike = (name: string, values: readonly string[], says: RegExp): WrongStart[] =>
  values.map((value) => ({ what: `${name}=${value}`, env: { [name]: value }, says: [says] }))

const publicUrls: readonly (readonly [wrong: RegExp, ...values: string[]])[] = [
  [/is not https;/, 'http://palisade.example.com', 'ftp://palisade.example.com', 'palisade.example.com:8443'],
  [/is not a URL;/, 'palisade.example.com', 'https://', 'https://a b', 'https://x:99999', '8443'],
  [/has a path, query or fragment;/, 'https://x/y', 'https://x/?', 'https://x?a=b', 'https://x#', 'https://x//'],
  [/carries credentials;/, 'https://user@x', 'https://user:hidden-word@x'],
  [/does not name a host;/, 'https://*.example.com', 'https://x_y', 'https://-x', 'https://x.', 'https://x..y'],
]

const databaseUrls: readonly (readonly [wrong: RegExp, ...values: string[]])[] = [
  [/is not a URL; write postgres:\/\//, 'db.example.com', 'postgres://owner:hidden-word@h:99999/x'],
  [/does not begin with postgres:\/\//, 'mysql://owner:hidden-word@127.0.0.1/x', 'https://127.0.0.1/x'],
  [
    /on another machine without verified TLS; add sslmode=verify-full/,
    'postgres://owner:hidden-word@db.example.com/x',
    'postgres://owner:hidden-word@db.example.com/x?sslmode=disable',
    'postgres://owner:hidden-word@db.example.com/x?sslmode=require',
    'postgres://owner:hidden-word@db.example.com/x?sslmode=verify-ca',
    'postgres://owner:hidden-word@192.0.2.1/x?sslmode=prefer',
    'postgres://owner:hidden-word@127.0.0.1/x?host=192.0.2.1',
    'postgres://owner:hidden-word@localhost.example.com/x',
    'postgres://owner:hidden-word@0.0.0.0/x',
  ],
  [/sslmode=require is not taken; use verify-full or disable/, `${good}?sslmode=require`],
  [
    /has a parameter that is not one of host, sslmode, sslrootcert/,
    `${good}?sslmod=verify-full`,
    `${good}?sslcert=/x`,
    'postgres://owner:12?hidden-word@127.0.0.1/x',
  ],
  [/has a parameter twice/, `${good}?sslmode=disable&sslmode=verify-full`],
  [/has a #; in a password it is written %23/, 'postgres://owner:12#hidden-word@127.0.0.1/x'],
  [/has a % that begins no character;.* %25/, 'postgres://owner:hidden%word@127.0.0.1/x'],
  [/names no host/, 'postgres:///x', `${good}?host=`],
  [/names no user/, 'postgres://127.0.0.1/x'],
  [/names no database/, 'postgres://owner@127.0.0.1', 'postgres://owner@127.0.0.1/', 'postgres://owner@127.0.0.1/a/b'],
  [/names port 0/, 'postgres://owner@127.0.0.1:0/x'],
  [/logs in as palisade_app, which may own nothing/, 'postgres://palisade_app:hidden-word@127.0.0.1/x'],
  [/logs in as palisade_sequencer, which/, 'postgres://palisade_sequencer:hidden-word@127.0.0.1/x'],
  [
    /sslrootcert cannot be read: \/no\/ca \(ENOENT\)/,
    'postgres://o:hidden-word@h/x?sslmode=verify-full&sslrootcert=/no/ca',
  ],
  [
    /sslrootcert holds no certificate \(PEM\): \/keys\/good/,
    'postgres://o:hidden-word@h/x?sslmode=verify-full&sslrootcert=/keys/good',
  ],
]

const app = (user: string, database = 'palisade') => ({
  PALISADE_DATABASE_URL: good,
  PALISADE_DATABASE_APP_URL: `postgres://${user}:hidden-word@127.0.0.1/${database}`,
})
const tls = (cert: string, key: string) => ({ PALISADE_TLS_CERT: cert, PALISADE_TLS_KEY: key })
const admin = (email: string, adminPassword: string) => ({
  PALISADE_ADMIN_EMAIL: email,
  PALISADE_ADMIN_PASSWORD: adminPassword,
})

const wrongStarts: readonly WrongStart[] = [
  {
    what: 'a variable that is misspelt',
    env: { PALISADE_DATABSE_URL: good },
    says: [/^PALISADE_DATABSE_URL: is not known; did you mean PALISADE_DATABASE_URL\?$/],
  },
  {
    what: 'the nearest of several names is meant',
    env: { PALISADE_TLS_KEE: '/x' },
    says: [/^PALISADE_TLS_KEE: is not known; did you mean PALISADE_TLS_KEY\?$/],
  },
  {
    what: 'a variable that nothing resembles, empty too',
    env: { PALISADE_FEATURE_FLAG: '' },
    says: [/^PALISADE_FEATURE_FLAG: is not known; unset it, or see docs\/operations\.md/],
  },

  ...alike(
    'PALISADE_PORT',
    ['0', '65536', '-1', '1e3', '0x50', ' 8443', '8443 ', 'https', '99999999999'],
    /is not a port; use a number from 1 to 65535$/,
  ),
  ...alike('PALISADE_METRICS_PORT', ['0', '70000', 'off'], /is not a port/),
  {
    what: 'two ports that are one',
    env: { PALISADE_PORT: '9464' },
    says: [/^PALISADE_METRICS_PORT: is the same as the main port, 9464; choose another$/],
  },
  {
    what: 'two ports that are none are not the same one',
    env: { PALISADE_PORT: 'x', PALISADE_METRICS_PORT: 'y' },
    says: [/^PALISADE_PORT: is not a port/, /^PALISADE_METRICS_PORT: is not a port/],
  },
  ...alike(
    'PALISADE_HOST',
    ['palisade.example.com', '*', '127.0.0.1:8443', '[::1]', '127.1', '256.0.0.1', 'fe80::1%eth0', '10.0.0.0/8'],
    /is not an IP address; use 127\.0\.0\.1, ::1, 0\.0\.0\.0 or one of this machine$/,
  ),
  ...publicUrls.flatMap(([says, ...values]) =>
    alike('PALISADE_PUBLIC_URL', values, new RegExp(`${says.source} use an https origin such as https://`)),
  ),
  ...alike('PALISADE_NATS_URL', ['nats://127.0.0.1:4222', 'x'], /this release has no message bus .*; unset it$/),

  {
    what: 'a certificate without its key',
    env: { PALISADE_TLS_CERT: '/tls/good.crt' },
    says: [/^PALISADE_TLS_KEY: is missing; set PALISADE_TLS_CERT and PALISADE_TLS_KEY together, or neither$/],
  },
  {
    what: 'a key without its certificate',
    env: { PALISADE_TLS_KEY: '/tls/good.key' },
    says: [/^PALISADE_TLS_CERT: is missing; set/],
  },
  {
    what: 'a pair that cannot be read',
    env: tls('/tls/none.crt', 'none.key'),
    says: [
      /^PALISADE_TLS_CERT: cannot be read: \/tls\/none\.crt \(ENOENT\)$/,
      /^PALISADE_TLS_KEY: cannot be read: \/srv\/palisade\/none\.key \(ENOENT\)$/,
    ],
  },
  {
    what: 'a certificate that has expired',
    env: tls('/tls/expired.crt', '/tls/expired.key'),
    says: [/^PALISADE_TLS_CERT and PALISADE_TLS_KEY: the certificate expired on \d{4}-.*; renew it/],
  },
  {
    what: 'the key of another certificate',
    env: tls('/tls/good.crt', '/tls/other.key'),
    says: [/^PALISADE_TLS_CERT and PALISADE_TLS_KEY: the key does not belong to the certificate$/],
  },
  {
    what: 'two files that changed places',
    env: tls('/tls/good.key', '/tls/good.crt'),
    says: [/the certificate file holds a private key/, /the key file holds a certificate/],
  },

  {
    what: 'a root key file that is named and empty',
    env: { PALISADE_ROOT_KEY_FILE: '' },
    says: [/^PALISADE_ROOT_KEY_FILE: is set but empty; name a file with 32 bytes in base64, or unset it$/],
  },
  {
    what: 'a root key file that is not there',
    env: { PALISADE_ROOT_KEY_FILE: 'keys/none' },
    says: [/^PALISADE_ROOT_KEY_FILE: cannot be read: \/srv\/palisade\/keys\/none \(ENOENT\)$/],
  },
  ...alike(
    'PALISADE_ROOT_KEY_FILE',
    ['empty', 'short', 'long', 'url', 'hex', 'two'].map((name) => `/keys/${name}`),
    /does not hold exactly 32 bytes in base64; make one with `openssl rand -base64 32`$/,
  ),

  ...databaseUrls.flatMap(([says, ...values]) => alike('PALISADE_DATABASE_URL', values, says)),
  {
    what: 'the application’s login without the owner’s',
    env: { PALISADE_DATABASE_APP_URL: app('palisade_app').PALISADE_DATABASE_APP_URL },
    says: [/^PALISADE_DATABASE_APP_URL: needs PALISADE_DATABASE_URL beside it$/],
  },
  {
    what: 'the owner in the place of the application',
    env: app('owner'),
    says: [/^PALISADE_DATABASE_APP_URL: must log in as palisade_app, a login that owns nothing$/],
  },
  {
    what: 'an application on another database',
    env: app('palisade_app', 'other'),
    says: [/^PALISADE_DATABASE_APP_URL: names another database than PALISADE_DATABASE_URL/],
  },
  {
    what: 'an application’s URL that is as wrong as an owner’s may be',
    env: { ...app('x'), PALISADE_DATABASE_APP_URL: 'postgres://palisade_app:hidden-word@db.example.com/palisade' },
    says: [/^PALISADE_DATABASE_APP_URL: is on another machine without verified TLS/],
  },

  {
    what: 'an administrator without a password',
    env: { PALISADE_ADMIN_EMAIL: 'root@example.com' },
    says: [/^PALISADE_ADMIN_PASSWORD: is missing; set it together with PALISADE_ADMIN_EMAIL$/],
  },
  {
    what: 'a password without an administrator',
    env: { PALISADE_ADMIN_PASSWORD: password },
    says: [/^PALISADE_ADMIN_EMAIL: is missing; set it together with PALISADE_ADMIN_PASSWORD$/],
  },
  ...['root', 'root@', '@example.com', 'a@b@c'].map((email) => ({
    what: `the address ${email}`,
    env: admin(email, password),
    says: [/^PALISADE_ADMIN_EMAIL: is not an e-mail address; write one such as/],
  })),
  {
    what: 'an address with a quoted part',
    env: admin('"root"@example.com', password),
    says: [/^PALISADE_ADMIN_EMAIL: has something before the @ that is not taken/],
  },
  {
    what: 'an address at a number',
    env: admin('root@[127.0.0.1]', password),
    says: [/^PALISADE_ADMIN_EMAIL: has no host name after the @/],
  },
  {
    what: 'an address that looks like another',
    env: admin('ｒoot@example.com', password),
    says: [/^PALISADE_ADMIN_EMAIL: has characters that only look like plain ones/],
  },
  {
    what: 'a password with thirteen characters',
    env: admin('root@example.com', 'Aa1-bcdefghij'),
    says: [/^PALISADE_ADMIN_PASSWORD: needs at least 14 characters$/],
  },
  {
    what: 'a password with everything missing',
    env: admin('root@example.com', 'hidden'),
    says: [
      /^PALISADE_ADMIN_PASSWORD: needs at least 14 characters, an upper-case letter, a digit, a special character$/,
    ],
  },
  {
    what: 'a password that is too long',
    env: admin('root@example.com', `Aa1-${'x'.repeat(125)}`),
    says: [/^PALISADE_ADMIN_PASSWORD: needs at most 128 characters$/],
  },

  ...['PALISADE_CLUSTER_RANGES', 'PALISADE_TRUSTED_PROXIES'].flatMap((name) =>
    alike(
      name,
      ['10.0.0.0', '10/8', '010.0.0.0/8', '10.0.0.0/33', 'fd00::/129', 'example.com', 'fe80::%eth0/64', '10.0.0.0-9'],
      /^\S+: "[^"]+" is not a range; write e\.g\. 10\.0\.0\.0\/8,fd00::\/8$/,
    ),
  ),
  {
    what: 'each range that is none',
    env: { PALISADE_CLUSTER_RANGES: '10.0.0.0/8,x,y' },
    says: [/"x" is not a range/, /"y" is not a range/],
  },
  ...alike(
    'PALISADE_PROTECTED_NAMESPACES',
    ['Kube-System', 'a_b', '-a', 'a.b', '*', 'x'.repeat(64), 'kube-system,'],
    /is not a namespace's name$/,
  ),
  {
    what: 'a banner that nobody would read',
    env: { PALISADE_SIGN_IN_BANNER: 'x'.repeat(2001) },
    says: [/^PALISADE_SIGN_IN_BANNER: is longer than 2000 characters/],
  },
  ...alike('PALISADE_LOG_LEVEL', ['trace', 'INFO', 'silent'], /use one of debug, info, warn, error$/),
]

for (const { what, env, says } of wrongStarts)
  test(`D15 refused: ${what}`, () => {
    const problems = problemsOf(env)
    assert.equal(problems.length, says.length, problems.join('\n') || 'it was taken')
    for (const [i, pattern] of says.entries()) assert.match(problems[i] ?? '', pattern)
    for (const problem of problems) {
      assert.match(problem, /^PALISADE_\w+( and PALISADE_\w+)?: \S/, 'it names its variable')
      assert.doesNotMatch(problem, /\n/, 'it is one line')
      assert.doesNotMatch(problem, /hidden|PRIVATE KEY-----\s*\S|BwcH/, 'it quotes a secret')
    }
  })

test('what is wrong about the first administrator stops no start after the first', () => {
  const env = { ...admin('root', 'hidden'), PALISADE_DATA_DIR: '/used' }
  assert.equal(problemsOf(env).length, 2)
  files.set('/used/pki/ca.crt', 'made by the first start')
  const { admin: left } = configOf(env)
  files.delete('/used/pki/ca.crt')
  assert.ok(typeof left === 'object' && 'problems' in left)
  assert.deepEqual(
    left.problems.map((problem) => problem.split(':')[0]),
    ['PALISADE_ADMIN_EMAIL', 'PALISADE_ADMIN_PASSWORD'],
  )
})

test('D15 all of it is told at once', () => {
  const problems = problemsOf({
    PALISADE_HSOT: 'x',
    PALISADE_PORT: '0',
    PALISADE_METRICS_PORT: '0',
    PALISADE_HOST: 'x',
    PALISADE_PUBLIC_URL: 'http://x',
    PALISADE_NATS_URL: 'x',
    PALISADE_TLS_CERT: '/none',
    PALISADE_DATABASE_URL: 'x',
    PALISADE_DATABASE_APP_URL: 'x',
    PALISADE_ROOT_KEY_FILE: '',
    PALISADE_ADMIN_EMAIL: 'x',
    PALISADE_ADMIN_PASSWORD: 'x',
    PALISADE_CLUSTER_RANGES: 'x',
    PALISADE_PROTECTED_NAMESPACES: 'X',
    PALISADE_TRUSTED_PROXIES: 'x',
    PALISADE_LOG_LEVEL: 'x',
  })
  const named = new Set(problems.map((problem) => problem.split(':')[0]))
  assert.equal(named.size, 16, problems.join('\n'))
})
