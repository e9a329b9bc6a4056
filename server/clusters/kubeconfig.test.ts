import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { parse, stringify } from 'yaml'
import { type Authority, type Certificate, createAuthority } from '../../tests/support/certificates.ts'
import { maxKubeconfigBytes, parseKubeconfig, parseServer } from './kubeconfig.ts'

const now = new Date()
const base64 = (text: string) => Buffer.from(text).toString('base64')

let authority: Authority
let client: Certificate
let other: Certificate
let expired: Certificate
before(async () => {
  authority = await createAuthority('cluster')
  client = await authority.issue({ commonName: 'admin', organizations: ['system:masters'] })
  other = await authority.issue({ commonName: 'other' })
  expired = await authority.issue({ commonName: 'late', notAfter: new Date(now.getTime() - 1000) })
})

/** Its current context is `dev`; a second one beside it would be refused if it counted. */
const whole = (cluster: object = {}, user: object = { token: 'secret-token' }, root: object = {}) =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    'current-context': 'dev',
    contexts: [
      { name: 'other', context: { cluster: 'other', user: 'other' } },
      { name: 'dev', context: { cluster: 'dev', user: 'dev', namespace: 'apps' } },
    ],
    clusters: [
      { name: 'other', cluster: { server: 'http://other', 'insecure-skip-tls-verify': true } },
      {
        name: 'dev',
        cluster: {
          server: 'https://api.example.com:6443',
          'certificate-authority-data': base64(authority.certPem),
          ...cluster,
        },
      },
    ],
    users: [
      { name: 'other', user: { exec: { command: 'rm' } } },
      { name: 'dev', user },
    ],
    ...root,
  })

const problemsOf = (text: string): readonly string[] => {
  const parsed = parseKubeconfig(text, now)
  return parsed.ok ? [] : parsed.error
}

describe('what is taken', () => {
  test('the current context with a token', () => {
    const parsed = parseKubeconfig(whole(), now)
    assert.ok(parsed.ok)
    const { endpoint, credential } = parsed.value
    assert.deepEqual(endpoint.server, {
      url: 'https://api.example.com:6443',
      host: 'api.example.com',
      port: 6443,
      basePath: '',
    })
    assert.equal(endpoint.caPem, `${authority.certPem.trim()}\n`)
    assert.equal(endpoint.serverName, undefined)
    assert.equal(credential.token?.reveal(), 'secret-token')
    assert.equal(credential.certificate, undefined)
  })

  test('a client certificate with its key, and the name to verify', () => {
    const parsed = parseKubeconfig(
      whole(
        { 'tls-server-name': 'API.internal' },
        { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) },
      ),
      now,
    )
    assert.ok(parsed.ok)
    assert.equal(parsed.value.endpoint.serverName, 'api.internal')
    assert.equal(parsed.value.credential.certificate?.certPem, client.certPem)
    assert.equal(parsed.value.credential.certificate?.key.reveal().toString(), client.keyPem)
  })

  test('JSON', () => assert.deepEqual(problemsOf(JSON.stringify(parse(whole()))), []))

  test('notes of plugins, empty members, and text between the certificates', () => {
    const text = whole(
      {
        extensions: [{ name: 'x', extension: { provider: 'y' } }],
        'certificate-authority': '',
        'insecure-skip-tls-verify': false,
        'certificate-authority-data': base64(`subject=x\n${authority.certPem}\n# and\n${authority.certPem}`),
      },
      { token: 'secret-token', tokenFile: null, exec: null },
    )
    const parsed = parseKubeconfig(text, now)
    assert.ok(parsed.ok)
    assert.doesNotMatch(parsed.value.endpoint.caPem, /subject|#/)
    assert.equal(parsed.value.endpoint.caPem.match(/BEGIN CERTIFICATE/g)?.length, 2)
  })

  test('what is taken shows no secret of its own', () => {
    const parsed = parseKubeconfig(whole(), now)
    assert.doesNotMatch(JSON.stringify(parsed) + inspect(parsed, { depth: 9 }), /secret-token/)
  })
})

describe('what is refused, each with its sentence', () => {
  const ca = () => base64(authority.certPem)
  const refused: [rule: string, text: () => string, sentence: RegExp][] = [
    ['exec plugin', () => whole({}, { exec: { command: 'aws' } }), /`exec` is a program/],
    ['auth provider', () => whole({}, { 'auth-provider': { name: 'gcp' } }), /`auth-provider` is a plugin/],
    ['CA in a file', () => whole({ 'certificate-authority': '/etc/ca' }), /`certificate-authority` names a file/],
    ['certificate in a file', () => whole({}, { 'client-certificate': '/c' }), /`client-certificate` names a file/],
    ['key in a file', () => whole({}, { 'client-key': '/k' }), /`client-key` names a file/],
    ['token in a file', () => whole({}, { token: 'a', tokenFile: '/t' }), /`tokenFile` names a file/],
    ['no verification', () => whole({ 'insecure-skip-tls-verify': true }), /would trust anybody/],
    ['no verification, as text', () => whole({ 'insecure-skip-tls-verify': 'true' }), /would trust anybody/],
    ['proxy', () => whole({ 'proxy-url': 'http://p' }), /`proxy-url`/],
    ['basic authentication', () => whole({}, { username: 'a', password: 'b' }), /no longer taken/],
    ['acting as a user', () => whole({}, { token: 'a', as: 'root' }), /`as` acts as somebody else/],
    ['acting as a uid', () => whole({}, { token: 'a', 'as-uid': '1' }), /`as-uid`/],
    ['acting as groups', () => whole({}, { token: 'a', 'as-groups': ['system:masters'] }), /`as-groups`/],
    ['acting with extras', () => whole({}, { token: 'a', 'as-user-extra': { a: ['b'] } }), /`as-user-extra`/],
    ['a member nobody knows', () => whole({}, { token: 'a', tokenfile: '/t' }), /`tokenfile` of the user is not known/],
    ['a member nobody knows', () => whole({ trust: 'all' }), /`trust` of the cluster is not known/],
    ['no credential', () => whole({}, {}), /no credential/],
    ['a token that is none', () => whole({}, { token: 'a\nb' }), /`token` is not a token/],
    ['a token that is a number', () => whole({}, { token: 123 }), /`token` is not a token/],
    ['a certificate without its key', () => whole({}, { 'client-certificate-data': ca() }), /`client-key-data` is not/],
    [
      'somebody else’s key',
      () => whole({}, { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(other.keyPem) }),
      /is not the key of/,
    ],
    [
      'an expired certificate',
      () =>
        whole({}, { 'client-certificate-data': base64(expired.certPem), 'client-key-data': base64(expired.keyPem) }),
      /client certificate expired on \d{4}-/,
    ],
    ['no CA', () => whole({ 'certificate-authority-data': undefined }), /cluster’s own CA is needed/],
    ['a CA that is not base64', () => whole({ 'certificate-authority-data': '%%%' }), /not base64/],
    [
      'a CA that is no certificate',
      () => whole({ 'certificate-authority-data': base64('hello') }),
      /not base64 of PEM/,
    ],
    ['an expired CA', () => whole({ 'certificate-authority-data': base64(expired.certPem) }), /CA in .* expired on/],
    ['plain HTTP', () => whole({ server: 'http://api.example.com' }), /`server` must begin with https/],
    ['no server', () => whole({ server: undefined }), /`server` is missing/],
    ['a server that is no URL', () => whole({ server: 'api.example.com' }), /`server` is not a URL/],
    ['credentials in the server', () => whole({ server: 'https://u:hidden@h' }), /user name or password in it/],
    ['a query in the server', () => whole({ server: 'https://h/?x=1' }), /query or fragment/],
    ['a server name that is none', () => whole({ 'tls-server-name': 'a b' }), /`tls-server-name`/],
    ['no current context', () => whole({}, undefined, { 'current-context': '' }), /`current-context` is missing/],
    ['a context that is not there', () => whole({}, undefined, { 'current-context': 'x' }), /`contexts` does not hold/],
    ['a cluster that is not there', () => whole({}, undefined, { clusters: [] }), /`clusters` does not hold/],
    ['a user that is not there', () => whole({}, undefined, { users: null }), /`users` does not hold/],
    [
      'two users of one name',
      () => whole({}, undefined, { users: ['a', 'b'].map((token) => ({ name: 'dev', user: { token } })) }),
      /`users` holds two entries/,
    ],
    ['another kind of document', () => 'kind: Secret\napiVersion: v1\n', /`kind` must be Config/],
    ['no mapping', () => '- a\n', /not a mapping/],
    ['nothing', () => '', /one YAML document/],
    ['no YAML', () => 'a: [', /not YAML/],
    ['two documents', () => `${whole()}---\n${whole()}`, /one YAML document/],
    ['an alias', () => 'a: &x 1\nb: *x\n', /anchors or aliases/],
    [
      'an alias bomb',
      () =>
        `a: &a [x]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [*${String.fromCharCode(c.charCodeAt(0) - 1)}]\n`)}`,
      /anchors or aliases/,
    ],
    ['a tag', () => 'a: !!binary aGk=\n', /tags/],
    ['a tag of somebody’s own', () => 'a: !run x\n', /tags/],
    ['an older YAML', () => `%YAML 1.1\n---\n${whole()}`, /tags or directives/],
    ['a key twice', () => 'a: 1\na: 2\n', /`a` twice/],
    ['a key that is no text', () => '1: a\n', /key that is not text/],
    ['a key that is a list', () => '? [a]\n: b\n', /key that is not text/],
    ['too deep', () => `a: ${'['.repeat(20)}${']'.repeat(20)}\n`, /too deeply/],
    ['too large', () => `a: ${'x'.repeat(maxKubeconfigBytes)}`, /more than 262144 bytes/],
    ['too many parts', () => '[]\n'.repeat(50_000), /too many parts/],
    ['too many lines', () => '\n'.repeat(20_000), /too many parts/],
  ]
  for (const [rule, text, sentence] of refused)
    test(rule, () => {
      const problems = problemsOf(text())
      assert.ok(
        problems.some((problem) => sentence.test(problem)),
        problems.join('\n') || 'it was taken',
      )
    })

  test('all of them at once', () => {
    const problems = problemsOf(
      whole(
        {
          server: 'http://x',
          'insecure-skip-tls-verify': true,
          'proxy-url': 'http://p',
          'certificate-authority-data': '',
        },
        { exec: {}, 'client-key': '/k', as: 'root' },
      ),
    )
    assert.equal(problems.length, 7, problems.join('\n'))
  })

  test('no sentence quotes what may be a secret', () => {
    const secret = 'hunter2hunter2'
    for (const text of [
      whole({ server: `https://user:${secret}@h` }, { token: `${secret}\n` }),
      whole({ server: `https://h/?token=${secret}` }, { password: secret, username: secret }),
      whole({ 'certificate-authority-data': secret }, { 'client-key-data': secret, 'client-certificate-data': secret }),
      `a: "${secret}`,
      `${secret}: [`,
    ])
      assert.doesNotMatch(problemsOf(text).join('\n'), /hunter2/)
  })

  test('G03, G04: nothing that is small enough to be taken keeps the reader busy', () => {
    for (const piece of [
      '[',
      '{',
      '- ',
      'a: ',
      '"',
      '%a\n',
      '[]\n',
      '- "',
      '? ',
      '- &a b\n',
      '!!x ',
      '#\n',
      '"\\x41',
    ]) {
      const text = piece.repeat(Math.floor(maxKubeconfigBytes / piece.length))
      const startedAt = performance.now()
      assert.ok(problemsOf(text).length > 0)
      const ms = performance.now() - startedAt
      assert.ok(ms < 1_000, `${JSON.stringify(piece)} took ${ms} ms`)
    }
  })
})

describe('an API server’s address has one spelling', () => {
  const taken: [string, string][] = [
    ['https://API.Example.com:443/', 'https://api.example.com'],
    ['https://api.example.com.:6443', 'https://api.example.com:6443'],
    ['https://[2001:DB8::1]:6443', 'https://[2001:db8::1]:6443'],
    ['https://0x7f.1', 'https://127.0.0.1'],
    ['https://rancher.example.com/k8s/clusters/c-1/', 'https://rancher.example.com/k8s/clusters/c-1'],
    ['https://h/a/../b', 'https://h/b'],
    ['https://h/%2e%2e', 'https://h'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ]
  for (const [written, spelt] of taken)
    test(written, () => {
      const parsed = parseServer(written)
      assert.equal(parsed.ok ? parsed.value.url : parsed.error, spelt)
      const again = parseServer(spelt)
      assert.equal(again.ok && again.value.url, spelt)
    })

  for (const written of [
    'https://h/a//b',
    'https://h/a%2fb',
    'https://h/a;b',
    'https://h?',
    'https://h#',
    'https://',
    'ftp://h',
    'https://a_/ b',
  ])
    test(`${written} is refused`, () => assert.equal(parseServer(written).ok, false))
})
