import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { explainMissing, findClusterTools } from './tools.ts'

// As pinned in tools/*/go.mod: an upgrade shows here.
const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'kwok']
const cached = [
  'etcd-v3.7.3',
  'kube-apiserver-v1.36.3',
  'kube-controller-manager-v1.36.3',
  'kubectl-v1.36.3',
  'kwok-v0.8.0',
]

interface Machine {
  readonly env: Record<string, string>
  readonly assets: string
  readonly cache: string
  readonly bin: string
}

/** An empty machine: its PATH holds nothing but what the test puts there. */
async function machine(t: { after(work: () => Promise<void>): void }): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'palisade-tools-'))
  t.after(() => rm(folder, { recursive: true }))
  const [assets, bin] = [join(folder, 'assets'), join(folder, 'bin')]
  await mkdir(assets)
  await mkdir(bin)
  const env = { PATH: bin, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
  return { env, assets, bin, cache: join(folder, 'cache', 'palisade') }
}

async function executable(folder: string, name: string, text = '#!/bin/sh\n'): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), text)
  await chmod(join(folder, name), 0o755)
}

/** A Go that says what it is and "builds" by writing its arguments into the output file and counting in a log. */
function fakeGo(
  folder: string,
  { version = 'go1.26.8', build = 'echo "$*" > "$out"; /bin/chmod 755 "$out"' } = {},
): string {
  return `#!/bin/sh
case $1 in
  version) echo "go version ${version} linux/amd64" ;;
  build)
    echo "$*" >> '${folder}/builds'
    while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
    ${build} ;;
esac
`
}

const silent = { report: () => {} }

test('KUBEBUILDER_ASSETS comes first', async (t) => {
  const { env, assets, cache } = await machine(t)
  for (const program of programs) await executable(assets, program)
  for (const program of cached) await executable(cache, program)
  const found = await findClusterTools({ env: { ...env, KUBEBUILDER_ASSETS: assets } })
  assert.ok(found.ok)
  assert.equal(found.tools.kubeApiserver, join(assets, 'kube-apiserver'))
  assert.deepEqual(new Set(Object.values(found.tools.origins)), new Set(['KUBEBUILDER_ASSETS']))
})

test('what that folder lacks comes from the cache, and nothing from the PATH', async (t) => {
  const { env, assets, bin, cache } = await machine(t)
  for (const program of ['kube-apiserver', 'kubectl']) await executable(assets, program)
  for (const program of cached) await executable(cache, program)
  await executable(bin, 'etcd')
  const found = await findClusterTools({ env: { ...env, KUBEBUILDER_ASSETS: assets } })
  assert.ok(found.ok)
  assert.deepEqual(found.tools.origins, {
    etcd: 'cache',
    'kube-apiserver': 'KUBEBUILDER_ASSETS',
    'kube-controller-manager': 'cache',
    kubectl: 'KUBEBUILDER_ASSETS',
    kwok: 'cache',
  })
  assert.equal(found.tools.kwok, join(cache, 'kwok-v0.8.0'))
})

test('a folder or a file that cannot be executed is not taken for a program', async (t) => {
  const { env, cache } = await machine(t)
  for (const program of cached) await executable(cache, program)
  await rm(join(cache, 'etcd-v3.7.3'))
  await mkdir(join(cache, 'etcd-v3.7.3'))
  await chmod(join(cache, 'kwok-v0.8.0'), 0o644)
  const found = await findClusterTools({ env, build: false })
  assert.ok(!found.ok)
  assert.deepEqual(
    found.missing.map(({ program }) => program),
    ['etcd', 'kwok'],
  )
})

const unbuildable = [
  { rule: 'without Go', go: undefined, reason: /there is no Go to build it with/ },
  { rule: 'with a Go older than 1.21', go: 'go1.19.8', reason: /go1\.19\.8 is too old/ },
]
for (const { rule, go, reason } of unbuildable) {
  test(`${rule} each missing program is named with the reason`, async (t) => {
    const { env, bin } = await machine(t)
    if (go !== undefined) await executable(bin, 'go', fakeGo(bin, { version: go }))
    const found = await findClusterTools({ env, ...silent })
    assert.ok(!found.ok)
    assert.deepEqual(
      found.missing.map(({ program }) => program),
      programs,
    )
    for (const each of found.missing) assert.match(each.reason, reason)
    assert.match(explainMissing(found.missing), /kwok .*KUBEBUILDER_ASSETS/)
  })
}

test('each program is built once, pinned and stamped, though two ask for it at once', async (t) => {
  const { env, bin, cache } = await machine(t)
  await executable(bin, 'go', fakeGo(bin))
  const lines: string[] = []
  const options = { env, report: (line: string) => lines.push(line) }
  for (const found of await Promise.all([findClusterTools(options), findClusterTools(options)])) assert.ok(found.ok)
  assert.deepEqual((await readdir(cache)).sort(), cached)
  const builds = (await readFile(join(bin, 'builds'), 'utf8')).trim().split('\n')
  assert.equal(builds.length, programs.length)
  assert.match(
    builds[1]!,
    /gitVersion=v1\.36\.3 .*gitMajor=1 .*gitMinor=36 .*k8s\.io\/kubernetes\/cmd\/kube-apiserver$/,
  )
  assert.match(lines.join('\n'), /building kwok v0\.8\.0[^\n]*\nbuilt kwok v0\.8\.0 in \d+ s/)

  const again = await findClusterTools(options)
  assert.ok(again.ok)
  assert.deepEqual(new Set(Object.values(again.tools.origins)), new Set(['cache']))
})

test('a build that fails leaves nothing behind and says why', async (t) => {
  const { env, bin, cache } = await machine(t)
  await executable(bin, 'go', fakeGo(bin, { build: 'echo half > "$out"; echo "no space left" >&2; exit 1' }))
  const found = await findClusterTools({ env, ...silent })
  assert.ok(!found.ok)
  for (const { reason } of found.missing) assert.match(reason, /go build ended with 1: no space left/)
  assert.deepEqual(await readdir(cache), [])
})

test('a lock that nobody renews any more is taken over', async (t) => {
  const { env, bin, cache } = await machine(t)
  await executable(bin, 'go', fakeGo(bin))
  const lock = join(cache, 'etcd-v3.7.3.lock')
  await mkdir(cache, { recursive: true })
  await writeFile(lock, '')
  const longAgo = new Date(Date.now() - 10 * 60_000)
  await utimes(lock, longAgo, longAgo)
  assert.ok((await findClusterTools({ env, ...silent })).ok)
  assert.deepEqual((await readdir(cache)).sort(), cached)
})
