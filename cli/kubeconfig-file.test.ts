import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { type KubeconfigEntry, mergeKubeconfig } from './kubeconfig-file.ts'

const entry: KubeconfigEntry = {
  context: 'east',
  name: 'palisade-0123456789abcdef01234567',
  cluster: { server: 'https://palisade.example/k8s/clusters/x', 'certificate-authority-data': 'Y2E=' },
  user: { exec: { command: 'palisade', args: ['token'] } },
}
const merge = (text: string, one = entry) => {
  const merged = mergeKubeconfig(text, one)
  assert.ok(merged.ok, merged.ok ? '' : merged.error)
  return merged.value
}
const named = (list: readonly { name: string }[], name: string) => list.find((one) => one.name === name)

test('a new file', () =>
  assert.equal(
    merge(''),
    `apiVersion: v1
kind: Config
clusters:
- name: ${entry.name}
  cluster:
    server: https://palisade.example/k8s/clusters/x
    certificate-authority-data: Y2E=
users:
- name: ${entry.name}
  user:
    exec:
      command: palisade
      args:
      - token
contexts:
- name: east
  context:
    cluster: ${entry.name}
    user: ${entry.name}
current-context: east
`,
  ))

const empties = [
  {
    what: 'null lists, as kubectl writes them',
    text: 'apiVersion: v1\nkind: Config\nclusters: null\nusers: null\ncontexts: null\n',
  },
  { what: 'empty lists', text: 'kind: Config\nclusters: []\nusers: []\ncontexts: []\ncurrent-context: ""\n' },
  {
    what: 'JSON',
    text: '{"kind":"Config","clusters":[{"name":"a","cluster":{"server":"https://a"}}],"users":[],"contexts":[]}',
  },
  { what: 'blank lines', text: '\n\n' },
  {
    what: 'lists that are indented',
    text: 'kind: Config\nclusters:\n  - name: a\n    cluster:\n      server: https://a\n',
  },
  {
    what: 'Windows line ends',
    text: 'kind: Config\r\nclusters:\r\n- name: a\r\n  cluster:\r\n    server: https://a\r\n',
  },
]
for (const { what, text } of empties)
  test(`goes into ${what}, and a second time changes nothing`, () => {
    const once = merge(text)
    const config = parse(once)
    assert.deepEqual(named(config.clusters, entry.name), { name: entry.name, cluster: entry.cluster })
    assert.deepEqual(named(config.users, entry.name), { name: entry.name, user: entry.user })
    assert.equal(config['current-context'], 'east')
    if (text.includes('https://a'))
      assert.deepEqual(named(config.clusters, 'a'), { name: 'a', cluster: { server: 'https://a' } })
    assert.equal(merge(once), once)
  })

test('what a person wrote into our entries stays, but for what says whom to trust', () => {
  const text = merge('')
    .replace('    cluster: palisade', '    namespace: mine # where I work\n    cluster: palisade')
    .replace('    certificate-authority-data: Y2E=', '    insecure-skip-tls-verify: true\n    proxy-url: http://proxy')
  const merged = merge(text)
  const config = parse(merged)
  assert.deepEqual(config.contexts[0].context, { namespace: 'mine', cluster: entry.name, user: entry.name })
  assert.deepEqual(config.clusters[0].cluster, { ...entry.cluster, 'proxy-url': 'http://proxy' })
  assert.match(merged, /# where I work/)
})

const refused = [
  { what: 'no YAML', text: 'clusters: [\n', says: /not readable as YAML/ },
  { what: 'a key that is there twice', text: 'kind: Config\nusers: []\nusers: []\n', says: /not readable as YAML/ },
  { what: 'two documents', text: 'kind: Config\n---\nkind: Config\n', says: /not readable as YAML/ },
  { what: 'a list', text: '- a\n', says: /not a kubeconfig/ },
  { what: 'another kind', text: 'kind: Pod\n', says: /not a kubeconfig/ },
  { what: 'lists that are none', text: 'kind: Config\nclusters: {}\n', says: /clusters are not a list/ },
  {
    what: 'a context of that name that leads elsewhere',
    text: 'kind: Config\ncontexts:\n- name: east\n  context: {cluster: other, user: other}\n',
    says: /a context "east" that leads elsewhere/,
  },
]
for (const { what, text, says } of refused)
  test(`refuses ${what}`, () => {
    const merged = mergeKubeconfig(text, entry)
    assert.ok(!merged.ok)
    assert.match(merged.error, says)
  })

test('whatever else is in a file means the same after', () => {
  const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => ![entry.name, entry.context].includes(text))
  const value = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(null))
  const one = (kind: string) => fc.record({ name, [kind]: fc.dictionary(name, value, { maxKeys: 4 }) })
  const config = fc.record({
    clusters: fc.array(one('cluster'), { maxLength: 3 }),
    users: fc.array(one('user'), { maxLength: 3 }),
    contexts: fc.array(one('context'), { maxLength: 3 }),
    preferences: fc.dictionary(name, value, { maxKeys: 3 }),
  })
  fc.assert(
    fc.property(config, fc.boolean(), (before, asJson) => {
      const plain = JSON.parse(JSON.stringify(before))
      const after = parse(merge(asJson ? JSON.stringify(plain) : stringify(plain)))
      for (const list of ['clusters', 'users', 'contexts'])
        after[list] = after[list].filter((item: { name: string }) => ![entry.name, entry.context].includes(item.name))
      const { 'current-context': _, ...rest } = after
      assert.deepEqual(rest, plain)
    }),
  )
})
