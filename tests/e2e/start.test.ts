import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { createApi } from '../support/api.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import {
  childrenOf,
  environment,
  isOpen,
  passwordIn,
  type Run,
  readiness,
  root,
  runToEnd,
  serverProgram,
  startRun,
  workingIn,
} from './program.ts'

// Starting and stopping, as somebody who has never seen the program would, on the embedded database.

let family: ProcessFamily
/** One installation that most tests start, stop and look at; each leaves it well and stopped. */
let shared: Record<string, string>
let password: string

const dataOf = (env: Readonly<Record<string, string>>) => env.PALISADE_DATA_DIR ?? ''

/** The status of a sign-in as the first administrator. */
async function signIn(env: Readonly<Record<string, string>>, secret: string): Promise<number> {
  const client = createApi(
    `https://localhost:${env.PALISADE_PORT}`,
    await readFile(join(dataOf(env), 'pki/ca.crt'), 'utf8'),
  )
  const body = { username: 'admin@palisade.local', password: secret }
  const { status } = await client.call('POST', '/v1/auth/syslogin', { body })
  await client.close()
  return status
}

async function started(env: Readonly<Record<string, string>>, options: Parameters<typeof startRun>[2] = {}) {
  const run = await startRun(family, env, options)
  const [, , seconds] = await run.says(readiness)
  return { run, seconds: Number(seconds) }
}

/** It ended well, and nothing of it is left. */
async function assertStopped(run: Run, env: Readonly<Record<string, string>>): Promise<void> {
  assert.equal(await run.ended(), 'exit code 0', await run.output())
  assert.deepEqual(workingIn(dataOf(env)), [], 'processes of its PostgreSQL')
  assert.ok(!(await isOpen(env.PALISADE_PORT)), 'its port is free')
  assert.ok(!(await isOpen(env.PALISADE_METRICS_PORT)), 'its port for metrics is free')
}

async function stop(run: Run, env: Readonly<Record<string, string>>, signal: NodeJS.Signals = 'SIGTERM') {
  run.daemon.kill(signal)
  await assertStopped(run, env)
}

/** What a refused start may look like: lines for a person, the exit code, no stack trace. */
function assertRefused({ how, output }: { readonly how: string; readonly output: string }, says: RegExp): void {
  assert.equal(how, 'exit code 1', output)
  assert.match(output, says)
  assert.doesNotMatch(output, /^\s+at .*:\d+|UnhandledPromise/m)
}

before(async () => {
  family = await createProcessFamily('start')
  shared = await environment(join(family.folder, 'shared'))
})
after(() => family?.stop())

const programs = { 'the server': serverProgram, 'palisade serve': [join(root, 'cli/palisade'), 'serve'] }
for (const [name, command] of Object.entries(programs))
  test(`a wrong configuration is told whole, and nothing is made: ${name}`, async () => {
    const env = {
      ...(await environment(join(family.folder, 'never'))),
      PALISADE_HSOT: '0.0.0.0',
      PALISADE_PUBLIC_URL: 'http://palisade.example.com',
      PALISADE_ADMIN_PASSWORD: 'hidden-word',
    }
    const ended = await runToEnd(family, env, { command })
    assertRefused(ended, /^palisade: PALISADE_HSOT: is not known; did you mean PALISADE_HOST\?$/m)
    const lines = ended.output.trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => /^palisade: (PALISADE_\w+): /.exec(line)?.[1]),
      ['PALISADE_HSOT', 'PALISADE_PUBLIC_URL', 'PALISADE_ADMIN_PASSWORD', 'PALISADE_ADMIN_EMAIL'],
    )
    assert.doesNotMatch(ended.output, /hidden/)
    assert.ok(!existsSync(dataOf(env)))
  })

test('a first start that is stopped half way leaves nothing running, and is gone on with', async () => {
  const run = await startRun(family, shared)
  await run.says(/making the database/)
  await stop(run, shared, 'SIGINT')
  assert.doesNotMatch(await run.output(), /^palisade:|^\s+at /m)
})

test('a port that is taken is told, and the password that was just made is not lost with it', async () => {
  const other = createServer().listen(Number(shared.PALISADE_PORT), '127.0.0.1')
  await once(other, 'listening')
  const run = await startRun(family, shared)
  const how = await run.ended()
  other.close()
  const taken = `^palisade: port ${shared.PALISADE_PORT} is taken; stop what uses it or set PALISADE_PORT$`
  assertRefused({ how, output: await run.output() }, new RegExp(taken, 'm'))
  assert.deepEqual(workingIn(dataOf(shared)), [])
  password = await passwordIn(run)
  assert.ok(password.length >= 20, await run.output())
})

test('so is the port for metrics, by its own variable', async () => {
  const other = createServer().listen(Number(shared.PALISADE_METRICS_PORT), '127.0.0.1')
  await once(other, 'listening')
  const ended = await runToEnd(family, shared)
  other.close()
  const taken = `^palisade: port ${shared.PALISADE_METRICS_PORT} is taken; stop what uses it or set PALISADE_METRICS_PORT$`
  assertRefused(ended, new RegExp(taken, 'm'))
})

test('a later start takes a moment, makes nobody, and everything is there', async (t) => {
  // What nobody reads any more may be anything, and is not repeated.
  const ignored = { PALISADE_ADMIN_EMAIL: 'x@example.com', PALISADE_ADMIN_PASSWORD: 'hidden-word' }
  const { run, seconds } = await started({ ...shared, ...ignored })
  t.diagnostic(`later start: ready after ${seconds} s`)
  assert.doesNotMatch(await run.output(), /hidden|shown once|making|administrator was made/)
  assert.match(await run.output(), /what is said of the first administrator is not used/)
  assert.equal(await signIn(shared, password), 200)
  assert.equal(await signIn(shared, `${password}x`), 401)

  const second = await runToEnd(family, await environment(dataOf(shared)))
  const told = `another Palisade \\(pid ${run.pid}\\) uses this data folder: ${dataOf(shared)}; stop it or set PALISADE_DATA_DIR`
  assertRefused(second, new RegExp(`^palisade: ${told}$`, 'm'))
  assert.equal(await signIn(shared, password), 200)
  await stop(run, shared)
})

test('what is kept is for its owner alone, and the password is not in it', async () => {
  const mode = async (path: string) => (await stat(join(dataOf(shared), path))).mode & 0o777
  for (const folder of ['keys', 'ledger', 'lock', 'logs', 'postgres/database'])
    assert.equal(await mode(folder), 0o700, folder)
  for (const file of ['keys/root.key', 'postgres-owner-password']) assert.equal(await mode(file), 0o600, file)
  assert.equal(await mode('pki/ca.crt'), 0o644)
  const entries = await readdir(dataOf(shared), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  assert.ok(files.length > 100, `${files.length} files`)
  for (const file of files) assert.ok(!(await readFile(file)).includes(password), file)
})

test('a stop waits for nobody longer than it says', async () => {
  const { run } = await started(shared)
  const connection = { host: '127.0.0.1', port: Number(shared.PALISADE_PORT), servername: 'localhost' }
  const ca = await readFile(join(dataOf(shared), 'pki/ca.crt'), 'utf8')
  const sockets = await Promise.all(
    // Nothing sent; one answer had and the next not asked for; half a head; a body that does not come; HTTP/2.
    [
      '',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /livez HTTP/1.1\r\nHost: loc',
      'POST /v1/auth/syslogin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"user',
      'h2',
    ].map(async (text) => {
      const protocol = text === 'h2' ? 'h2' : 'http/1.1'
      const socket = connectTls({ ...connection, ca, ALPNProtocols: [protocol] })
      socket.on('error', () => undefined)
      await once(socket, 'secureConnect')
      socket.resume().write(text === 'h2' ? 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0' : text)
      return socket
    }),
  )
  assert.equal(await signIn(shared, password), 200)
  const startedAt = performance.now()
  await stop(run, shared)
  const ms = performance.now() - startedAt
  assert.ok(ms < 3_000 + 4_000, `3 s for what is under way, and some for PostgreSQL: it took ${Math.round(ms)} ms`)
  for (const socket of sockets) socket.destroy()
})

test('a signal again, and another one, change nothing', async () => {
  const { run } = await started(shared, { command: programs['palisade serve'] })
  run.daemon.kill('SIGINT')
  await run.says(/^ {2}stopping …$/m)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const) run.daemon.kill(signal)
  await assertStopped(run, shared)
  assert.equal((await run.output()).match(/stopping/g)?.length, 1)
})

test('when its terminal is closed it stops as well, with nothing left behind', async () => {
  const command = ['script', '-qfec', `exec ${serverProgram.join(' ')}`, '/dev/null']
  const { run } = await started(shared, { command })
  const [server] = childrenOf(run.pid)
  assert.deepEqual(server?.command, serverProgram)
  assert.match(await run.output(), new RegExp(`^ {2}log: ${dataOf(shared)}/palisade\\.log\\r$`, 'm'))
  // The end of the pseudo-terminal is what a closed window is to what runs in it.
  run.daemon.kill('SIGKILL')
  await until('the server and its PostgreSQL to end', () => !existsSync(`/proc/${server?.pid}`) || undefined)
  assert.deepEqual(workingIn(dataOf(shared)), [])
  const log = await readFile(join(dataOf(shared), 'palisade.log'), 'utf8')
  assert.match(log, /this process sequences the audit log/)
  assert.doesNotMatch(log, /EIO|"level":"(error|fatal)"/)
})

test('when nobody reads what it writes any more it goes on, and stops when it is told to', async () => {
  const [program, ...args] = serverProgram
  const child = spawn(program, args, { env: shared, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  family.adopt(child)
  let said = ''
  child.stderr.resume()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await until('the server to be ready', () => readiness.test(said) || undefined)
  child.stdout.destroy()
  child.stderr.destroy()
  // Each request is a line of the log.
  for (let i = 0; i < 5; i++) assert.equal(await signIn(shared, password), 200)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  assert.deepEqual(workingIn(dataOf(shared)), [])
})

test('whichever of its processes is killed, it comes back with what it had', async () => {
  const { run } = await started(shared)
  const [postmaster] = childrenOf(run.pid)
  process.kill(postmaster?.pid ?? assert.fail('no PostgreSQL'), 'SIGKILL')
  await until('the database to be back', async () => {
    const answered = await signIn(shared, password).catch(() => 0)
    assert.equal(run.daemon.ended(), undefined, 'the server ended with its database')
    return answered === 200 || undefined
  })

  run.daemon.kill('SIGKILL')
  assert.equal(await run.ended(), 'SIGKILL')
  assert.ok(workingIn(dataOf(shared)).length > 0, 'its PostgreSQL runs on, alone')
  const { run: again } = await started(shared)
  assert.equal(await signIn(shared, password), 200)

  for (const pid of [again.pid, ...workingIn(dataOf(shared))]) process.kill(pid, 'SIGKILL')
  assert.equal(await again.ended(), 'SIGKILL')
  const { run: last } = await started(shared)
  assert.equal(await signIn(shared, password), 200)
  await stop(last, shared)
})

describe('refused, and left as it is', () => {
  const rootKeyFile = () => join(dataOf(shared), 'keys/root.key')

  test('a root key that is another database’s', async () => {
    const saved = await readFile(rootKeyFile())
    await writeFile(rootKeyFile(), Buffer.alloc(32, 5).toString('base64'))
    assertRefused(
      await runToEnd(family, shared),
      /^palisade: the root key is not the one that sealed this database; bring back/m,
    )
    assert.deepEqual(workingIn(dataOf(shared)), [])
    await writeFile(rootKeyFile(), saved)
    const { run } = await started(shared)
    assert.equal(await signIn(shared, password), 200)
    await stop(run, shared)
  })

  test('a root key that is damaged, or that others can read', async () => {
    const saved = await readFile(rootKeyFile())
    await writeFile(rootKeyFile(), 'not a key\n')
    assertRefused(
      await runToEnd(family, shared),
      /^palisade: .*\/keys\/root\.key does not hold a root key; restore it from your backup$/m,
    )
    await writeFile(rootKeyFile(), saved)
    await chmod(rootKeyFile(), 0o644)
    assertRefused(await runToEnd(family, shared), /^palisade: .*root\.key is open to other users/m)
    await chmod(rootKeyFile(), 0o600)
  })

  test('a clock that is so wrong that no certificate would be valid', async () => {
    const preload = join(root, 'tests/attacks/skewed-clock.ts')
    const clock = (offsetMs: number) => ({
      ...shared,
      ...{ NODE_OPTIONS: `--import=${preload}`, CLOCK_OFFSET_MS: String(offsetMs) },
    })
    const dayMs = 24 * 3_600_000
    assertRefused(
      await runToEnd(family, clock(-dayMs)),
      /^palisade: the internal CA is valid from \S+; set this machine's clock right$/m,
    )
    assertRefused(
      await runToEnd(family, clock(50 * 365 * dayMs)),
      /^palisade: the internal CA expired on \S+; if that is not past, set this machine's clock right$/m,
    )
  })

  const folders: readonly { what: string; make(path: string): Promise<unknown>; says: RegExp; at?: string }[] = [
    { what: 'a file', make: (path) => writeFile(path, ''), says: /the data folder is not a folder: / },
    {
      what: 'one that others may write in',
      make: async (path) => {
        await mkdir(path)
        await chmod(path, 0o777)
      },
      says: /other users may write in the data folder .* \(mode 0777\); run chmod go-w/,
    },
    { what: 'below a file', make: (path) => writeFile(path, ''), at: '/data', says: /is a file, not a folder/ },
    {
      what: 'where nothing can be made',
      make: async () => {},
      at: '/proc/palisade',
      says: /the data folder cannot be used: \/proc\/palisade/,
    },
  ]
  for (const { what, make, says, at = '' } of folders)
    test(`a data folder that is ${what}`, async () => {
      const path = join(family.folder, `wrong ${what}`)
      await make(path)
      const env = await environment(at.startsWith('/proc') ? at : path + at)
      assertRefused(await runToEnd(family, env), new RegExp(`^palisade: .*${says.source}`, 'm'))
    })
})

/** Who an ordinary user is here: root becomes `nobody`, anybody else already is one. */
const ordinary = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

test('npm start, as an ordinary user in a checkout of their own', async (t) => {
  const home = join(family.folder, 'ordinary')
  const checkout = join(home, 'checkout')
  const own = async (path: string) => {
    if (ordinary.uid !== undefined) await chown(path, ordinary.uid, ordinary.gid)
  }
  await mkdir(checkout, { recursive: true })
  const parts = ['contract', 'core', 'db', 'package.json', 'package-lock.json', 'scripts', 'server', 'console']
  for (const part of parts)
    await cp(join(root, part), join(checkout, part), { recursive: true, filter: (path) => !isMadeHere.test(path) })
  for (const path of [
    home,
    checkout,
    ...(await readdir(checkout, { recursive: true })).map((one) => join(checkout, one)),
  ])
    await own(path)
  await symlink(await reachable(join(root, 'node_modules')), join(checkout, 'node_modules'))
  // `npm ci` makes it the user's own, and the build keeps its notes there.
  await mkdir(join(checkout, 'console/node_modules'))
  await own(join(checkout, 'console/node_modules'))
  const { PALISADE_DATA_DIR: _default, ...ports } = await environment('')
  const env = { ...ports, HOME: home, npm_config_update_notifier: 'false' }
  const data = join(checkout, 'data')
  const there = { ...env, PALISADE_DATA_DIR: data }
  const options = { command: ['npm', 'start'], cwd: checkout, ...ordinary }
  const page = join(checkout, 'console/dist/index.html')

  const wrong = await runToEnd(family, { ...env, PALISADE_PORT: 'x' }, options)
  assertRefused(wrong, /^palisade: PALISADE_PORT: is not a port/m)
  assert.doesNotMatch(wrong.output, /building/, 'whoever mistyped does not wait for a build')

  // Ctrl-C while the console is built, as one presses it; and as who stops a service does, which npm alone hears.
  for (const press of [(pid: number) => process.kill(-pid, 'SIGINT'), (pid: number) => process.kill(pid, 'SIGTERM')]) {
    const building = await startRun(family, env, options)
    await building.says(/^ {2}building the console …$/m)
    press(building.pid)
    assert.equal(await building.ended(), 'exit code 0', await building.output())
    assert.doesNotMatch(await building.output(), /^palisade:|^\s+at |making/m)
    assert.deepEqual(workingIn(home), [], 'nothing builds on')
    assert.ok(!existsSync(page) && !existsSync(data), 'nothing is half there')
  }

  const { run, seconds } = await started(env, options)
  await run.says(/Ctrl-C stops the server/)
  t.diagnostic(`first start with npm: ready after ${seconds} s`)
  const output = await run.output()
  const people = output.split('\n').filter((line) => !/^\{|^npm (warn|notice)/.test(line))
  assert.ok(people.length < 25 && people.every((line) => line.length < 250), people.join('\n'))
  assert.match(output, /^ {2}building the console …$/m)
  assert.doesNotMatch(output, /could not be built/)
  assert.equal((await stat(page)).uid, ordinary.uid ?? process.getuid?.())
  assert.match(output, /^ {2}making the database .* …$/m)
  assert.match(output, /^ {2}e-mail {6}admin@palisade\.local$/m)
  assert.match(output, new RegExp(`^  CA to trust ${data}/pki/ca\\.crt$`, 'm'))
  const secret = await passwordIn(run)
  assert.equal(output.split(secret).length, 2, 'the password is shown once')
  assert.equal(await signIn(there, secret), 200)

  // The shell that npm starts has made way for the server.
  const [server, ...others] = childrenOf(run.pid)
  assert.deepEqual(others, [])
  assert.deepEqual(server?.command.slice(1), ['server/main.ts'])
  for (const pid of [server?.pid ?? 0, ...workingIn(data)])
    assert.equal((await stat(`/proc/${pid}`)).uid, ordinary.uid ?? process.getuid?.())

  // As Ctrl-C does: everybody in the foreground gets it, npm too, and an impatient person presses it again.
  process.kill(-run.pid, 'SIGINT')
  process.kill(-run.pid, 'SIGINT')
  await run.says(/^ {2}stopping …$/m)
  process.kill(-run.pid, 'SIGINT')
  await assertStopped(run, there)

  const { run: again } = await started(env, options)
  assert.doesNotMatch(await again.output(), /building/)
  assert.equal(await signIn(there, secret), 200)
  // Who stops a service knows npm alone.
  await stop(again, there)

  if (ordinary.uid === undefined) return
  // As root it is somebody else's, and root's is not theirs.
  assertRefused(
    await runToEnd(family, there),
    /^palisade: the data folder .* belongs to the user with uid 65534, but this server runs as root/m,
  )
  assertRefused(
    await runToEnd(family, shared, ordinary),
    /^palisade: the data folder .* belongs to root, but this server runs as the user with uid 65534/m,
  )
  const closed = await environment(join(dataOf(shared), 'keys', 'data'))
  assertRefused(
    await runToEnd(family, closed, ordinary),
    /^palisade: the data folder cannot be used: this user may not read or write/m,
  )
})

/** What a fresh clone does not have. */
const isMadeHere = /\/console\/(?:dist|node_modules)$|\.gen\.ts$/

/** The packages where the ordinary user can read them: as they are, or copied out of a home that is closed. */
async function reachable(modules: string): Promise<string> {
  const look = await family.start('look', '/bin/ls', [modules], { cwd: '/', ...ordinary })
  if ((await until('ls', () => look.ended(), { everyMs: 10 })).endsWith('exit code 0')) return modules
  const copy = join(family.folder, 'node_modules')
  await cp(modules, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

if (ordinary.uid !== undefined)
  test('as root, below a folder that nobody else can enter', async () => {
    const home = join(family.folder, 'closed')
    await mkdir(home, { mode: 0o700 })
    const env = await environment(join(home, 'data'))
    const { run } = await started(env)
    const secret = await passwordIn(run)
    const { folder } = JSON.parse(await readFile(join(dataOf(env), 'postgres-location.json'), 'utf8'))
    try {
      assert.ok(!folder.startsWith(home) && existsSync(join(folder, 'database')), folder)
      assert.match(await run.output(), /"because":"[^"]*\/closed".*outside the data folder/)
      run.daemon.kill('SIGTERM')
      assert.equal(await run.ended(), 'exit code 0')
      assert.deepEqual(workingIn(folder), [])
      const { run: again } = await started(env)
      assert.equal(await signIn(env, secret), 200)
      await stop(again, env)
      assert.deepEqual(workingIn(folder), [])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
