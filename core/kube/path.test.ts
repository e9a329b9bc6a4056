import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allParameters, firstParameter, maxTargetLength, parseClusterTarget, parseTarget } from './path.ts'

const refused: readonly { rule: string; raw: string }[] = [
  { rule: 'absolute form', raw: 'http://other/api/v1/pods' },
  { rule: 'absolute form with our own host', raw: 'https://localhost:8443/api/v1/pods' },
  { rule: 'authority form', raw: 'localhost:8443' },
  { rule: 'asterisk form', raw: '*' },
  { rule: 'nothing', raw: '' },
  { rule: 'a query without a path', raw: '?watch=1' },
  { rule: 'no leading slash', raw: 'api/v1/pods' },
  { rule: 'fragment', raw: '/api/v1/pods#x' },
  { rule: 'fragment in the query', raw: '/api/v1/pods?watch=1#x' },
  { rule: 'double slash at the start', raw: '//api/v1/pods' },
  { rule: 'double slash inside', raw: '/api//v1/pods' },
  { rule: 'double slash at the end', raw: '/api/v1/pods//' },
  { rule: 'dot segment', raw: '/api/v1/./pods' },
  { rule: 'dot-dot segment', raw: '/api/v1/namespaces/a/../b/secrets' },
  { rule: 'dot-dot at the end', raw: '/api/v1/pods/..' },
  { rule: 'encoded dot-dot', raw: '/api/v1/namespaces/a/%2e%2E/b' },
  { rule: 'half-encoded dot-dot', raw: '/api/v1/namespaces/a/.%2e/b' },
  {
    rule: 'A17: dot-dot behind a service proxy',
    raw: '/api/v1/namespaces/n/services/https:s:1/proxy/..%2f..%2fsecrets',
  },
  { rule: 'encoded slash', raw: '/api/v1/namespaces/a%2fb/pods' },
  { rule: 'encoded slash, upper case', raw: '/api/v1/namespaces/a%2Fb/pods' },
  { rule: 'doubly encoded slash', raw: '/api/v1/namespaces/a%252fb/pods' },
  { rule: 'doubly encoded dots', raw: '/api/v1/namespaces/%252e%252e/pods' },
  { rule: 'thrice encoded slash', raw: '/api/v1/namespaces/a%25252fb/pods' },
  { rule: 'backslash', raw: '/api/v1\\pods' },
  { rule: 'encoded backslash', raw: '/api/v1%5cpods' },
  { rule: 'path parameter', raw: '/api/v1/pods;x=1' },
  { rule: 'encoded path parameter', raw: '/api/v1/pods%3bx' },
  { rule: 'encoded question mark', raw: '/api/v1/pods%3fwatch=1' },
  { rule: 'encoded fragment', raw: '/api/v1/pods%23x' },
  { rule: 'NUL', raw: '/api/v1/pods%00' },
  { rule: 'line break', raw: '/api/v1/pods%0d%0aX:%20y' },
  { rule: 'delete', raw: '/api/v1/pods%7f' },
  { rule: 'C1 control character', raw: '/api/v1/pods%C2%85' },
  { rule: 'raw space', raw: '/api/v1/pods x' },
  { rule: 'raw tab', raw: '/api/v1/pods\tx' },
  { rule: 'raw byte above ASCII', raw: '/api/v1/pods/\u00fc' },
  { rule: 'broken escape', raw: '/api/v1/pods/%zz' },
  { rule: 'cut escape', raw: '/api/v1/pods/%2' },
  { rule: 'overlong slash', raw: '/api/v1/namespaces/a%c0%afb/pods' },
  { rule: 'overlong dot', raw: '/api/v1/namespaces/%c0%ae%c0%ae/pods' },
  { rule: 'overlong in three bytes', raw: '/api/v1/namespaces/a%e0%80%afb/pods' },
  { rule: 'not UTF-8', raw: '/api/v1/pods/%ff' },
  { rule: 'a UTF-16 surrogate', raw: '/api/v1/pods/%ed%a0%80' },
  { rule: 'above U+10FFFF', raw: '/api/v1/pods/%f4%90%80%80' },
  { rule: 'raw quote', raw: '/api/v1/pods/"' },
  { rule: 'raw brace', raw: '/api/v1/{pods}' },
  { rule: 'semicolon in the query', raw: '/api/v1/pods?watch=0;watch=1' },
  { rule: 'broken escape in the query', raw: '/api/v1/pods?watch=%zz' },
  { rule: 'query that is not UTF-8', raw: '/api/v1/pods?fieldSelector=%ff' },
  { rule: 'overlong query', raw: '/api/v1/pods?fieldSelector=%c0%af' },
  { rule: 'NUL in the query', raw: '/api/v1/pods?a=%00' },
  { rule: 'raw space in the query', raw: '/api/v1/pods?a=b c' },
  { rule: 'backslash in the query', raw: '/api/v1/pods?a=\\' },
  { rule: 'too long', raw: `/${'a'.repeat(maxTargetLength)}` },
]
for (const { rule, raw } of refused) {
  test(`A13: refuses ${rule}`, () => {
    const result = parseTarget(raw)
    assert.ok(!result.ok)
    assert.match(result.error, /^the (path|query|request target) /)
  })
}

const accepted: readonly { rule: string; raw: string; to: string; decoded?: string }[] = [
  { rule: 'plain path', raw: '/api/v1/pods', to: '/api/v1/pods' },
  { rule: 'root', raw: '/', to: '/' },
  { rule: 'trailing slash', raw: '/api/v1/pods/', to: '/api/v1/pods/' },
  { rule: 'needless escapes', raw: '/%61pi/v1/p%6Fds', to: '/api/v1/pods' },
  { rule: 'escaped colon', raw: '/a/system%3anode', to: '/a/system:node' },
  { rule: 'lower-case hex', raw: '/a/%c3%bc', to: '/a/%C3%BC', decoded: '/a/ü' },
  { rule: 'escaped space', raw: '/a/b%20c', to: '/a/b%20c', decoded: '/a/b c' },
  { rule: 'escaped percent sign', raw: '/a/100%25', to: '/a/100%25', decoded: '/a/100%' },
  { rule: 'percent sign before what is no escape', raw: '/a/5%25of', to: '/a/5%25of', decoded: '/a/5%of' },
  { rule: 'dots that are no dot segment', raw: '/a/.../.x/y.', to: '/a/.../.x/y.' },
  { rule: 'sub-delimiters', raw: "/a/!$&'()*+,=:@~", to: "/a/!$&'()*+,=:@~" },
  { rule: 'empty query', raw: '/api?', to: '/api' },
  { rule: 'the query as it stands', raw: '/a?b=%7e&c=d+e', to: '/a?b=%7e&c=d+e', decoded: '/a' },
  { rule: 'a second question mark', raw: '/a?b=c?d', to: '/a?b=c?d', decoded: '/a' },
]
for (const { rule, raw, to, decoded = to } of accepted) {
  test(`keeps one spelling: ${rule}`, () => {
    const result = parseTarget(raw)
    assert.ok(result.ok, raw)
    assert.equal(result.value.requestTarget, to)
    assert.equal(result.value.decodedPath, decoded)
  })
}

test('what is forwarded is canonical: parsing it again changes nothing', () =>
  fc.assert(
    fc.property(anyTarget, (raw) => {
      const once = parseTarget(raw)
      if (!once.ok) return
      assert.deepEqual(parseTarget(once.value.requestTarget), once)
      assert.match(once.value.requestTarget, /^\/[!-~]*$/)
      const url = new URL(`https://cluster${once.value.requestTarget}`)
      assert.equal(url.pathname, once.value.path, 'a browser-like parser sees the same path')
      assert.deepEqual(
        [...url.searchParams].filter(([name, value]) => name !== '' || value !== ''),
        once.value.parameters.filter(([name, value]) => name !== '' || value !== ''),
      )
    }),
    { numRuns: 3000 },
  ))

const piece = fc.constantFrom(
  ...['/', '//', '.', '..', '%2e', '%2f', '%25', '%5c', '%00', '%61', '%C3%BC', '%c0%af', '%20', 'a', 'api', 'v1', ':'],
  ...['?', '&', '=', '+', ';', '#', '\\', '%', '[', ']', 'watch', '~', "'", '%7E', '%3F', '*', '@', '|', '\u00e9', ' '],
)
const anyTarget = fc.array(piece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`)

test('parameters: the first value counts, all can be had', () => {
  const result = parseTarget('/a?command=sh&command=-c&command=echo+%22a%0Ab%22&tty=true&&=x')
  assert.ok(result.ok)
  assert.equal(firstParameter(result.value, 'command'), 'sh')
  assert.deepEqual(allParameters(result.value, 'command'), ['sh', '-c', 'echo "a\nb"'])
  assert.equal(firstParameter(result.value, 'stdin'), undefined)
  assert.equal(firstParameter(result.value, ''), 'x')
})

const uid = '0123456789abcdef01234567'
const mounted: readonly { rule: string; raw: string; below?: string }[] = [
  { rule: 'cuts the mount point', raw: `/k8s/clusters/${uid}/api/v1/pods?watch=1`, below: '/api/v1/pods?watch=1' },
  { rule: 'the bare cluster is its root', raw: `/k8s/clusters/${uid}`, below: '/' },
  { rule: 'with a slash too', raw: `/k8s/clusters/${uid}/`, below: '/' },
  { rule: 'cuts after decoding', raw: `/k8s/%63lusters/%30${uid.slice(1)}/%61pi/%C3%BC`, below: '/api/%C3%BC' },
  { rule: 'another path', raw: '/v1/users' },
  { rule: 'no UID', raw: '/k8s/clusters/' },
  { rule: 'upper-case hex', raw: `/k8s/clusters/${uid.toUpperCase()}/api` },
  { rule: 'a longer UID', raw: `/k8s/clusters/${uid}0/api` },
  { rule: 'a shorter UID', raw: `/k8s/clusters/${uid.slice(1)}/api` },
  { rule: 'something before the mount point', raw: `/x/k8s/clusters/${uid}/api` },
]
for (const { rule, raw, below } of mounted) {
  test(`mount point: ${rule}`, () => {
    const result = parseClusterTarget(raw)
    assert.ok(result.ok)
    assert.equal(result.value?.target.requestTarget, below)
    if (below !== undefined) assert.equal(result.value?.clusterUid, uid)
  })
}

test('mount point: cut from the decoded path too', () => {
  const result = parseClusterTarget(`/canvas/k8s/clusters/${uid}/api/v1/namespaces/n%C3%A4`, '/canvas/k8s/clusters')
  assert.ok(result.ok)
  assert.equal(result.value?.target.decodedPath, '/api/v1/namespaces/nä')
})

test('A13: a mount point that is reached by dots is refused, not found', () => {
  assert.equal(parseClusterTarget(`/v1/../k8s/clusters/${uid}/api`).ok, false)
  assert.equal(parseClusterTarget(`/k8s/clusters/${uid}/..%2f${uid}/api`).ok, false)
})
