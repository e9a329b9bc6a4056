import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdtemp, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import pg from 'pg'
import { claimDataFolder } from '../data-folder/index.ts'
import { createLogger } from '../log/index.ts'
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from './index.ts'

const isRoot = process.getuid?.() === 0
const home = await mkdtemp(join(tmpdir(), 'palisade-embedded-'))
if (isRoot) await chmod(home, 0o711)
const durableFolder = join(home, 'durable')
const running = new Set<EmbeddedPostgres>()
const children = new Set<ChildProcess>()
after(async () => {
  for (const server of running) await server.stop()
  for (const child of children) child.kill('SIGKILL')
  await rm(home, { recursive: true, force: true })
})

/** One database for the tests that need just any: each takes it stopped and leaves it stopped. */
const shared = join(home, 'shared')

test('the first start makes a database that only its owner reaches, and only through the socket', async () => {
  const { server, progress } = await started(shared)
  assert.deepEqual(progress, [`making the database (PostgreSQL 18) in ${shared}/postgres/database`])
  const { host } = server.ownerConnection
  assert.equal((await stat(host)).mode & 0o777, 0o700)
  assert.equal((await stat(join(host, '.s.PGSQL.5432'))).mode & 0o777, 0o700)
  assert.equal((await stat(join(shared, 'postgres-owner-password'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(shared, 'postgres/database'))).mode & 0o777, 0o700)
  const settings = await query(
    server,
    `select name, setting from pg_settings where name in ('listen_addresses', 'fsync', 'synchronous_commit',
     'data_checksums', 'server_encoding', 'log_statement', 'log_min_error_statement', 'password_encryption', 'TimeZone')`,
  )
  assert.deepEqual(Object.fromEntries(settings.map(({ name, setting }) => [name, setting])), {
    listen_addresses: '',
    fsync: 'on',
    synchronous_commit: 'on',
    data_checksums: 'on',
    server_encoding: 'UTF8',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    password_encryption: 'scram-sha-256',
    TimeZone: 'UTC',
  })
  const wrong = new pg.Client({ ...login(server), password: 'wrong' })
  await assert.rejects(wrong.connect(), /password authentication failed/)
  await query(server, 'create table kept (value int); insert into kept values (7)')
  await server.stop()
})

test('its process is no child of the terminal, has none of our environment and shows no secret', async () => {
  const { server } = await started(shared)
  const password = server.ownerConnection.password.reveal()
  assert.doesNotMatch(await readFile(`/proc/${server.pid}/cmdline`, 'utf8'), new RegExp(password))
  const status = await readFile(`/proc/${server.pid}/stat`, 'utf8')
  const [, , , session] = status.slice(status.lastIndexOf(')') + 2).split(' ')
  assert.equal(Number(session), server.pid)
  assert.notEqual((await stat(`/proc/${server.pid}`)).uid, 0)
  // Another user's environment is closed to a root without the right to trace.
  const environment = await readFile(`/proc/${server.pid}/environ`, 'utf8').catch(() => '')
  assert.doesNotMatch(environment, /PATH=|HOME=/)
  await server.stop()
})

test('a restart takes a fraction of a second and keeps everything; stopping twice is stopping once', async () => {
  const before = performance.now()
  const { server, progress } = await started(shared)
  const took = performance.now() - before
  assert.deepEqual(progress, [])
  assert.ok(took < 5_000, `${took} ms`)
  assert.deepEqual(await query(server, 'select value from kept'), [{ value: 7 }])
  await Promise.all([server.stop(), server.stop()])
  await server.stop()
  assert.equal(server.pid, undefined)
  await assert.rejects(query(server, 'select 1'), { code: 'ENOENT' })
})

test('a failing statement leaves neither its text nor its values in the log', async () => {
  const { server } = await started(shared)
  await assert.rejects(query(server, `select 'tell-tale-secret'::int`), /invalid input syntax/)
  await assert.rejects(query(server, 'select $1::int', ['tell-tale-secret']), /invalid input syntax/)
  await server.stop()
  const log = await readFile(join(shared, 'logs/postgres.log'), 'utf8')
  assert.match(log, /database system is ready to accept connections/)
  assert.doesNotMatch(log, /tell-tale-secret|invalid input syntax|select/)
})

test('a killed postmaster is reported, replaced, and nothing acknowledged is lost', async () => {
  const { server } = await started(shared)
  await query(server, 'create table killed (value int)')
  for (let value = 1; value <= 3; value++) {
    await query(server, `insert into killed values (${value})`)
    const [exit, restarted] = [nextCall(server.onExit), nextCall<void>(server.onRestart)]
    const victim = server.pid as number
    process.kill(victim, 'SIGKILL')
    assert.deepEqual(await exit, { code: null, signal: 'SIGKILL' })
    await restarted
    assert.notEqual(server.pid, victim)
  }
  assert.deepEqual(
    await query(server, 'select value from killed order by 1'),
    [1, 2, 3].map((value) => ({ value })),
  )
  await server.stop()
})

test('a stop during a restart ends both', async () => {
  const { server } = await started(shared)
  const exit = nextCall(server.onExit)
  process.kill(server.pid as number, 'SIGKILL')
  await exit
  await server.stop()
  assert.equal(server.pid, undefined)
  await assert.rejects(query(server, 'select 1'), { code: /ENOENT|ECONNREFUSED/ })
  await keptIsThere(shared)
})

test('the server that a killed Palisade left behind is stopped before a new one starts', async () => {
  const orphanage = await startedInProcess(shared)
  orphanage.child.kill('SIGKILL')
  await once(orphanage.child, 'exit')
  assert.ok(await runs(orphanage.pid))
  const { server, log } = await started(shared)
  assert.ok(!(await runs(orphanage.pid)))
  assert.ok(log.some((line) => line.includes('left behind')))
  assert.deepEqual(await query(server, 'select value from kept'), [{ value: 7 }])
  await server.stop()
})

test('so are the processes of one whose postmaster was killed with it', async () => {
  const orphanage = await startedInProcess(shared)
  for (const pid of [orphanage.child.pid as number, orphanage.pid]) process.kill(pid, 'SIGKILL')
  await once(orphanage.child, 'exit')
  const { server } = await started(shared)
  assert.deepEqual(await query(server, 'select value from kept'), [{ value: 7 }])
  await server.stop()
})

test('a process that only has the number of an old postmaster is left alone', async () => {
  // As after a crash, with the number in use again. The same user's, which PostgreSQL itself would not pass.
  const bystander = spawn('sleep', ['60'], isRoot ? { uid: 65534, gid: 65534 } : {})
  children.add(bystander)
  await once(bystander, 'spawn')
  const { server } = await started(shared)
  const pidFile = join(shared, 'postgres/database/postmaster.pid')
  const content = await readFile(pidFile, 'utf8')
  const lockFile = join(server.ownerConnection.host, '.s.PGSQL.5432.lock')
  const lockContent = await readFile(lockFile, 'utf8')
  await server.stop()
  const foreign = String(bystander.pid)
  const { uid, gid } = await stat(join(shared, 'postgres/database'))
  for (const [file, text] of [
    [pidFile, content],
    [lockFile, lockContent],
  ] as const) {
    await writeFile(file, text.replace(/^\d+/, foreign), { mode: 0o600 })
    if (isRoot) await chown(file, uid, gid)
  }
  const again = await started(shared)
  assert.deepEqual(await query(again.server, 'select value from kept'), [{ value: 7 }])
  assert.ok(await runs(bystander.pid as number))
  await again.server.stop()
  bystander.kill()
})

test('a path too long for a socket, with characters that mean something, works; nothing is left elsewhere', async () => {
  const folder = join(home, `it's, a "long" pfad mit Umlauten äöü ${'x'.repeat(100)}`)
  const { server } = await started(folder)
  const { host } = server.ownerConnection
  assert.ok(!host.startsWith(folder))
  assert.deepEqual(await query(server, 'select 1 as one'), [{ one: 1 }])
  const [exit, restarted] = [nextCall(server.onExit), nextCall<void>(server.onRestart)]
  process.kill(server.pid as number, 'SIGKILL')
  await exit
  await restarted
  assert.deepEqual(await query(server, 'select 1 as one'), [{ one: 1 }])
  await server.stop()
  await assert.rejects(stat(host), { code: 'ENOENT' })

  const killed = await startedInProcess(folder)
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  await stat(killed.host)
  const again = await started(folder)
  await assert.rejects(stat(killed.host), { code: 'ENOENT' })
  await again.server.stop()
})

test('a first start that was killed half way is begun anew', async () => {
  const folder = join(home, 'half-made')
  const { child } = inProcess(folder)
  const made = join(folder, 'postgres')
  await until(async () => {
    const [unfinished] = (await readdir(made)).filter((name) => name.startsWith('unfinished-'))
    await stat(join(made, String(unfinished), 'database/global/pg_control'))
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { server } = await started(folder)
  assert.deepEqual(await query(server, 'select 1 as one'), [{ one: 1 }])
  await server.stop()
  assert.deepEqual((await readdir(made)).sort(), ['database', 'socket'])
})

test('a first start that was killed after its database was complete keeps that database', async () => {
  const { server } = await started(shared)
  await server.stop()
  const location = join(shared, 'postgres-location.json')
  await writeFile(location, (await readFile(location, 'utf8')).replace('"ready"', '"creating"'))
  await keptIsThere(shared)
  assert.match(await readFile(location, 'utf8'), /"ready"/)
})

test('a start can be broken off while the database is being made, and leaves no process', async () => {
  const folder = join(home, 'broken-off')
  const claim = await claimed(folder)
  const abort = new AbortController()
  const start = startEmbeddedPostgres({
    dataFolder: claim,
    logger: createLogger('silent', () => {}),
    progress: (message) => /making the database/.test(message) && setTimeout(() => abort.abort(), 200),
    signal: abort.signal,
    durableFolder,
  })
  await assert.rejects(start, { name: 'AbortError' })
  assert.deepEqual(await readdir(join(folder, 'postgres')), [])
  await claim.release()
})

test('a moved data folder takes its database along', async () => {
  const moved = join(home, 'moved')
  await rename(shared, moved)
  await keptIsThere(moved)
  await rename(moved, shared)
})

test('a forgotten location is found again; a lost database is told, and none made in its place', async () => {
  const location = join(shared, 'postgres-location.json')
  const database = join(shared, 'postgres/database')
  await unlink(location)
  await keptIsThere(shared)

  await rename(database, `${database}-away`)
  assert.match(
    await refusal(shared),
    /the database of this data folder is gone: .* made in .*shared\/postgres\/database/,
  )
  await rename(location, `${location}-away`)
  assert.match(await refusal(shared), /this data folder had a database, but .* is missing, and it is neither in/)
  await assert.rejects(stat(database), { code: 'ENOENT' })
  await rename(`${location}-away`, location)
  await rename(`${database}-away`, database)
  await keptIsThere(shared)
})

const damages = [
  {
    name: 'its password is missing',
    file: 'postgres-owner-password',
    content: undefined,
    message: /the password of the database in .* is missing/,
  },
  {
    name: 'its password and its location are missing',
    file: 'postgres-owner-password',
    content: undefined,
    also: 'postgres-location.json',
    message: /the password of the database in .* is missing/,
  },
  {
    name: 'its password is that of another',
    file: 'postgres-owner-password',
    content: 'another',
    message: /does not belong to this data folder/,
  },
  {
    name: 'another major version made it',
    file: 'postgres/database/PG_VERSION',
    content: '17\n',
    message: /was made by PostgreSQL 17, and this Palisade brings PostgreSQL 18/,
  },
  {
    name: 'its location is damaged',
    file: 'postgres-location.json',
    content: '{',
    message: /postgres-location.json is damaged/,
  },
  {
    name: 'PostgreSQL itself refuses to start',
    file: 'postgres/database/global/pg_control',
    content: 'damaged',
    message: /PostgreSQL did not start: .* \(all it said is in .*logs\/postgres.log\)/,
  },
]
for (const { name, file, content, also, message } of damages)
  test(`a database is refused, and stays as it is, when ${name}`, async () => {
    const path = join(shared, file)
    const { uid, gid } = await stat(path)
    await rename(path, `${path}-away`)
    if (also) await rename(join(shared, also), join(shared, `${also}-away`))
    if (content !== undefined) {
      await writeFile(path, content, { mode: 0o600 })
      if (isRoot) await chown(path, uid, gid)
    }
    assert.match(await refusal(shared), message)
    if (content === undefined) await assert.rejects(stat(path), { code: 'ENOENT' })
    await rename(`${path}-away`, path)
    if (also) await rename(join(shared, `${also}-away`), join(shared, also))
    await keptIsThere(shared)
  })

test('a data folder in use keeps a second server out', async () => {
  const { server } = await started(shared)
  const second = await claimDataFolder(shared)
  assert.match(second.ok ? '' : second.error.message, /another Palisade \(pid \d+\) uses this data folder/)
  await server.stop()
})

// What only root meets: PostgreSQL refuses to run as root, and its user passes no closed folder.
if (isRoot) {
  test('as root, below a closed folder, the database goes to a recorded place outside and is found again', async () => {
    const closed = await mkdtemp(join(home, 'closed-'))
    const folder = join(closed, 'data')
    const { server, log } = await started(folder)
    await query(server, 'create table kept (value int); insert into kept values (7)')
    await server.stop()
    assert.ok(log.some((line) => line.includes('outside the data folder') && line.includes(closed)))
    const { folder: place } = JSON.parse(await readFile(join(folder, 'postgres-location.json'), 'utf8'))
    assert.ok(place.startsWith(`${durableFolder}/`), place)
    await keptIsThere(folder)
    await unlink(join(folder, 'postgres-location.json'))
    await keptIsThere(folder)
  })

  test('as root, a copy of a data folder does not get at the database outside while the original runs', async () => {
    const closed = await mkdtemp(join(home, 'closed-'))
    const { server } = await started(join(closed, 'data'))
    await cp(join(closed, 'data'), join(closed, 'copy'), { recursive: true, filter: (path) => !path.endsWith('lock') })
    assert.match(await refusal(join(closed, 'copy')), /the database outside the data folder: another Palisade/)
    assert.deepEqual(await query(server, 'select 1 as one'), [{ one: 1 }])
    await server.stop()
  })

  test('as root, with no place that its user can enter, it says so', async () => {
    const closed = await mkdtemp(join(home, 'closed-'))
    const claim = await claimed(join(closed, 'data'))
    await assert.rejects(
      startEmbeddedPostgres({
        dataFolder: claim,
        logger: createLogger('silent', () => {}),
        progress: () => {},
        durableFolder: join(closed, 'durable'),
      }),
      { name: 'EmbeddedPostgresError', message: /there is no place for the database: .* cannot pass .*closed-/ },
    )
    await claim.release()
  })

  test('as root, a database that another user made is refused', async () => {
    const database = join(shared, 'postgres/database')
    await chown(database, 1234, 1234)
    assert.match(await refusal(shared), /belongs to the user with uid 1234, but PostgreSQL would run as uid \d+/)
    await chown(database, 65534, 65534)
  })
}

type Started = { readonly server: EmbeddedPostgres; readonly progress: string[]; readonly log: string[] }

async function claimed(folder: string) {
  const claim = await claimDataFolder(folder)
  assert.ok(claim.ok, claim.ok ? '' : claim.error.message)
  return claim.value
}

async function started(folder: string): Promise<Started> {
  const claim = await claimed(folder)
  const progress: string[] = []
  const log: string[] = []
  try {
    const server = await startEmbeddedPostgres({
      dataFolder: claim,
      logger: createLogger('info', (line) => log.push(line)),
      progress: (message) => progress.push(message),
      durableFolder,
    })
    running.add(server)
    const { stop } = server
    const stopAndRelease = async () => {
      await stop()
      running.delete(server)
      await claim.release()
    }
    // As main does it: the folder is given back when nothing writes in it any more.
    return { server: Object.defineProperty(server, 'stop', { value: stopAndRelease }), progress, log }
  } catch (cause) {
    await claim.release()
    throw cause
  }
}

async function refusal(folder: string): Promise<string> {
  const start = await started(folder).catch((cause: unknown) => cause)
  assert.ok(start instanceof EmbeddedPostgresError, `not refused: ${String(start)}`)
  return start.message
}

async function keptIsThere(folder: string): Promise<void> {
  const { server } = await started(folder)
  assert.deepEqual(await query(server, 'select value from kept'), [{ value: 7 }])
  await server.stop()
}

/** A Palisade of its own that can be killed. */
function inProcess(folder: string) {
  const [dataFolder, embedded, log] = ['../data-folder/index.ts', './index.ts', '../log/index.ts'].map((file) =>
    JSON.stringify(new URL(file, import.meta.url).href),
  )
  const script = `
    import { claimDataFolder } from ${dataFolder}
    import { startEmbeddedPostgres } from ${embedded}
    import { createLogger } from ${log}
    const claim = await claimDataFolder(${JSON.stringify(folder)})
    const server = await startEmbeddedPostgres({
      dataFolder: claim.value, logger: createLogger('silent', () => {}), progress: () => {},
      durableFolder: ${JSON.stringify(durableFolder)},
    })
    console.log(JSON.stringify({ pid: server.pid, host: server.ownerConnection.host }))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  return { child, lines: createInterface(child.stdout) }
}

async function startedInProcess(folder: string): Promise<{ child: ChildProcess; pid: number; host: string }> {
  const { child, lines } = inProcess(folder)
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')])
  assert.ok(line !== undefined, 'it ended before PostgreSQL ran')
  return { child, ...(JSON.parse(String(line)) as { pid: number; host: string }) }
}

function login(server: EmbeddedPostgres): pg.ClientConfig {
  const { host, port, user, database, password } = server.ownerConnection
  return { host, port, user, database, password: password.reveal() }
}

async function query(server: EmbeddedPostgres, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(login(server))
  await client.connect()
  try {
    return (await client.query(sql, values)).rows
  } finally {
    await client.end()
  }
}

function nextCall<T = void>(subscribe: (listener: (value: T) => void) => () => void): Promise<T> {
  return new Promise((resolve) => {
    const unsubscribe = subscribe((value) => {
      unsubscribe()
      resolve(value)
    })
  })
}

/** The dead that nobody has waited for still have a number, but no command line. */
async function runs(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== ''
}

/** Waits for something that another process does in the file system, which tells nobody. */
async function until(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      return await attempt()
    } catch (cause) {
      if (tries === 2_000) throw cause
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
}
