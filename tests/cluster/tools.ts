import { execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../support/until.ts'

/** Absolute paths of the programs that make up a real cluster, and where each was found. */
export interface ClusterTools {
  readonly etcd: string
  readonly kubeApiserver: string
  readonly kubeControllerManager: string
  readonly kubectl: string
  readonly kwok: string
  /** By program name. */
  readonly origins: Readonly<Record<string, Origin>>
}

export type Origin = 'KUBEBUILDER_ASSETS' | 'cache' | 'built'

export type ClusterToolsFound =
  | { readonly ok: true; readonly tools: ClusterTools }
  /** `missing` names each program and why it could not be had. */
  | { readonly ok: false; readonly missing: readonly { readonly program: string; readonly reason: string }[] }

export interface FindOptions {
  /**
   * Whether Go may be used to build what is not there (several minutes, once a version). Default: yes, unless the
   * environment holds `CLUSTER_TOOLS_NO_BUILD`, which the test runner sets for the files it runs after it has tried.
   */
  readonly build?: boolean
  /** Where progress goes, a line at a time. Default: stderr. */
  readonly report?: (line: string) => void
  /** Default: this process's own. */
  readonly env?: Environment
}

type Environment = Readonly<Record<string, string | undefined>>

interface Recipe {
  readonly program: string
  /** Folder of the pinned Go module, below `tools/`. */
  readonly module: string
  /** The requirement of that module whose version is the program's. */
  readonly versionOf: string
  readonly package: string
  /** Variables that the program's own build sets: without them it calls itself v0.0.0. */
  readonly stamp: (version: string) => readonly string[]
}

const kubernetes = (program: string): Recipe => ({
  program,
  module: 'kubernetes',
  versionOf: 'k8s.io/kubernetes',
  package: `k8s.io/kubernetes/cmd/${program}`,
  stamp: (version) => {
    const [major, minor] = version.slice(1).split('.')
    const settings = { gitVersion: version, gitMajor: major, gitMinor: minor }
    return Object.entries(settings).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  },
})

const recipes: readonly Recipe[] = [
  {
    // Not whatever the machine has on its PATH: with 3.4, which Debian 12 brings, kube-apiserver works, but cannot ask
    // how far its watches have come, and a watch lags for seconds.
    program: 'etcd',
    module: 'etcd',
    versionOf: 'go.etcd.io/etcd/server/v3',
    package: 'go.etcd.io/etcd/server/v3',
    stamp: () => [],
  },
  kubernetes('kube-apiserver'),
  kubernetes('kube-controller-manager'),
  kubernetes('kubectl'),
  {
    program: 'kwok',
    module: 'kwok',
    versionOf: 'sigs.k8s.io/kwok',
    package: 'sigs.k8s.io/kwok/cmd/kwok',
    stamp: () => [],
  },
]

/**
 * Finds the programs of a real cluster: in `KUBEBUILDER_ASSETS` (the folder that envtest users have), in
 * the cache folder (`$XDG_CACHE_HOME/palisade` or `~/.cache/palisade`, one file `<program>-<version>` each),
 * else builds them with Go from the modules pinned in `tools/`. A build is kept and never repeated; two processes
 * that want the same one share it.
 */
export async function findClusterTools(options: FindOptions = {}): Promise<ClusterToolsFound> {
  const { env = process.env, report = (line) => console.error(line) } = options
  const { build = env.CLUSTER_TOOLS_NO_BUILD === undefined } = options
  const found = new Map<string, { path: string; origin: Origin }>()
  const missing: { program: string; reason: string }[] = []
  // One after another: a Go build already uses every core.
  for (const recipe of recipes) {
    const here = await findBuilt(recipe, env)
    if (here !== undefined) {
      found.set(recipe.program, here)
      continue
    }
    const built = build
      ? await buildOnce(recipe, env, report)
      : { ok: false as const, reason: 'not found, and building is switched off' }
    if (built.ok) found.set(recipe.program, { path: built.path, origin: 'built' })
    else missing.push({ program: recipe.program, reason: built.reason })
  }
  if (missing.length > 0) return { ok: false, missing }
  const path = (program: string): string => found.get(program)!.path // nothing is missing
  return {
    ok: true,
    tools: {
      etcd: path('etcd'),
      kubeApiserver: path('kube-apiserver'),
      kubeControllerManager: path('kube-controller-manager'),
      kubectl: path('kubectl'),
      kwok: path('kwok'),
      origins: Object.fromEntries([...found].map(([program, { origin }]) => [program, origin])),
    },
  }
}

/** One line for people: what is missing, and what would help. */
export function explainMissing(missing: readonly { readonly program: string; readonly reason: string }[]): string {
  const each = missing.map(({ program, reason }) => `${program} (${reason})`).join(', ')
  return `no real cluster: ${each}. Set KUBEBUILDER_ASSETS to a folder that holds them, or install Go 1.21 or newer.`
}

async function findBuilt(recipe: Recipe, env: Environment): Promise<{ path: string; origin: Origin } | undefined> {
  const assets = env.KUBEBUILDER_ASSETS
  if (assets !== undefined && assets !== '') {
    const path = join(assets, recipe.program)
    if (await isExecutable(path)) return { path, origin: 'KUBEBUILDER_ASSETS' }
  }
  const cached = cachePath(recipe, await versionOf(recipe), env)
  return (await isExecutable(cached)) ? { path: cached, origin: 'cache' } : undefined
}

type Built = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string }

async function buildOnce(recipe: Recipe, env: Environment, report: (line: string) => void): Promise<Built> {
  const go = await goVersion(env)
  if (go === undefined) return { ok: false, reason: 'not found, and there is no Go to build it with' }
  // From 1.21 on Go fetches the newer toolchain that a module asks for.
  if (go.minor < 21) return { ok: false, reason: `not found, and ${go.name} is too old to build it` }
  const version = await versionOf(recipe)
  const target = cachePath(recipe, version, env)
  try {
    await mkdir(join(target, '..'), { recursive: true })
    return await withLock(`${target}.lock`, async () => {
      // Whoever held the lock before may have built it.
      if (await isExecutable(target)) return { ok: true, path: target }
      const failure = await goBuild(recipe, { version, goName: go.name, target, env, report })
      return failure === undefined ? { ok: true, path: target } : { ok: false, reason: failure }
    })
  } catch (error) {
    return { ok: false, reason: `building it failed: ${(error as Error).message}` }
  }
}

interface BuildSettings {
  readonly version: string
  readonly goName: string
  readonly target: string
  readonly env: Environment
  readonly report: (line: string) => void
}

/** @returns why it failed, if it did */
async function goBuild(
  recipe: Recipe,
  { version, goName, target, env, report }: BuildSettings,
): Promise<string | undefined> {
  const startedAt = performance.now()
  const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`
  const name = `${recipe.program} ${version}`
  report(`building ${name} with ${goName}: minutes the first time, then kept as ${target}`)
  const ticking = setInterval(() => report(`building ${name}: ${seconds()} so far`), 30_000)
  // Built beside the target and renamed: nobody ever sees half a program.
  const unfinished = `${target}.${process.pid}`
  const flags = ['-s', '-w', ...recipe.stamp(version)].join(' ')
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags', flags, '-o', unfinished, recipe.package]
  try {
    const { code, stderr } = await runGo(args, moduleFolder(recipe), env)
    if (code !== 0) return `go build ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`
    await rename(unfinished, target)
    report(`built ${name} in ${seconds()}`)
    return undefined
  } finally {
    clearInterval(ticking)
    await rm(unfinished, { force: true })
  }
}

function runGo(
  args: readonly string[],
  cwd: string,
  env: Environment,
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    // Distributions tell their Go not to fetch newer ones by itself.
    const settings = { CGO_ENABLED: '0', GOWORK: 'off', GO111MODULE: 'on', GOTOOLCHAIN: env.GOTOOLCHAIN ?? 'auto' }
    const child = spawn('go', args, { cwd, env: { ...env, ...settings }, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stderr }))
  })
}

const lockRenewalMs = 5_000
const lockStaleMs = 60_000

/**
 * Runs `work` while holding a lock file, which the holder touches now and then; one that nobody has touched for a
 * minute is taken over. (A process id in it would say less: a cache may outlive the container that counted it.) The
 * lock only saves work: should two take over at the same moment, both build, and the rename keeps that harmless.
 */
async function withLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  await until(
    `the build that holds ${lockFile}`,
    async () => {
      try {
        await (await open(lockFile, 'wx')).close()
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const touched = await stat(lockFile).catch(() => undefined) // just let go
      if (touched !== undefined && touched.mtimeMs < Date.now() - lockStaleMs) await rm(lockFile, { force: true })
      return undefined
    },
    { timeoutMs: 60 * 60_000, everyMs: 500 },
  )
  const renewal = setInterval(() => {
    // Failing to touch it costs at worst a second build.
    utimes(lockFile, new Date(), new Date()).catch(() => {})
  }, lockRenewalMs)
  try {
    return await work()
  } finally {
    clearInterval(renewal)
    await rm(lockFile, { force: true })
  }
}

async function goVersion(env: Environment): Promise<{ name: string; minor: number } | undefined> {
  try {
    // GOTOOLCHAIN=local: the question is what is installed, not what it would fetch.
    const options = { env: { ...env, GOTOOLCHAIN: 'local' }, cwd: '/' }
    const { stdout } = await promisify(execFile)('go', ['version'], options)
    const match = /\b(go1\.(\d+)\S*)/.exec(stdout)
    return match === null ? undefined : { name: match[1]!, minor: Number(match[2]) } // both groups took part
  } catch {
    return undefined
  }
}

/** The version pinned in the module's go.mod, e.g. `v1.36.3`. */
async function versionOf(recipe: Recipe): Promise<string> {
  const text = await readFile(join(moduleFolder(recipe), 'go.mod'), 'utf8')
  const line = text.split('\n').find((candidate) => candidate.startsWith(`require ${recipe.versionOf} `))
  const version = line?.split(' ')[2]
  if (version === undefined)
    throw new Error(`${recipe.module}/go.mod does not require ${recipe.versionOf} on a line of its own`)
  return version
}

function moduleFolder(recipe: Recipe): string {
  return join(import.meta.dirname, 'tools', recipe.module)
}

function cachePath(recipe: Recipe, version: string, env: Environment): string {
  const xdg = env.XDG_CACHE_HOME
  const base = xdg !== undefined && xdg !== '' ? xdg : join(env.HOME || homedir(), '.cache')
  return join(base, 'palisade', `${recipe.program}-${version}`)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
