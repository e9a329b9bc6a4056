import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type App, buildApp } from './app.ts'
import { parseRootKey } from './config.ts'
import { openDatabase } from './database.ts'
import { claimDataFolder, describeFileProblem, readOrCreateSecretFile } from './platform/data-folder/index.ts'
import { createLogger, type Logger, openLogFile } from './platform/log/index.ts'
import { readConfig } from './read-config.ts'
import { generateRootKey } from './root-key.ts'
import { createTerminal, type Terminal } from './terminal.ts'

/** How long requests under way may take to finish once a stop was asked for. */
const graceMs = 3_000

/**
 * Starts the server and runs until a signal ends it.
 *
 * @returns the exit code: 0 after a clean stop, 1 when it could not start or could not go on
 */
export async function main(env: NodeJS.ProcessEnv = process.env): Promise<0 | 1> {
  const terminal = createTerminal(process.stdout)
  const config = readConfig(env)
  if (!config) return 1

  // Whoever read these may be gone: a pipe that ended, a terminal that was closed. That is no reason to end.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)
  const stopping = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    // `on`, not `once`: a repeated signal must find a listener, or Node would end at once. A closed terminal (SIGHUP) would
    // leave the database running with nobody to stop it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        stopping.abort(new Error(`stopped by ${signal}`))
        resolve()
      })
  })

  const claimed = await claimDataFolder(config.dataDir)
  if (!claimed.ok) return fail(claimed.error.message)
  const folder = claimed.value
  const closers: (() => Promise<void> | void)[] = [() => folder.release()]
  const close = async () => {
    for (const one of closers.reverse()) await one()
    closers.length = 0
  }

  try {
    const logger = openLog(config.logLevel, folder.path, terminal, closers)
    const rootSecret = await rootKey(config.rootKeyFile, folder.path)
    if (!rootSecret.ok) return fail(rootSecret.error)

    const database = await openDatabase(config, folder, rootSecret.value, {
      logger,
      progress: terminal.progress,
      signal: stopping.signal,
    })
    if (!database.ok) return fail(database.error)
    const { embedded } = database.value
    if (embedded) closers.push(() => embedded.stop())
    if (database.value.migrated > 0) logger.info({ migrations: database.value.migrated }, 'the schema was migrated')

    const app = await buildApp({
      config,
      dataFolder: folder.path,
      database: database.value,
      rootSecret: rootSecret.value,
      logger,
      announce: terminal.administrator,
    })
    if (!app.ok) return fail(app.error)
    closers.push(() => app.value.stop(graceMs))
    rootSecret.value.fill(0)
    if (stopping.signal.aborted) return 0

    const listening = await app.value.listen()
    if (!listening.ok) return fail(listening.error)
    // Counted from the process's own start: loading the program is part of what a person waits for.
    greet(app.value, terminal, performance.now())
    const why = await Promise.race([stopped.then(() => 'stopped' as const), app.value.failed])
    if (why !== 'stopped') return fail('the server cannot go on; its log says why')
    terminal.progress('stopping')
    return 0
  } catch (cause) {
    if (stopping.signal.aborted) return 0
    // A file or folder that is not as it must be is the operator's to mend; a stack trace would not tell them how.
    const { code, path } = cause as NodeJS.ErrnoException
    if (code !== undefined && path !== undefined) return fail(describeFileProblem(cause, path))
    throw cause
  } finally {
    await close()
  }
}

function openLog(level: string, folder: string, terminal: Terminal, closers: (() => Promise<void> | void)[]): Logger {
  // A person at a terminal sees the few lines meant for people; the log goes beside the data.
  if (!terminal.isInteractive) return createLogger(level, (line) => process.stderr.write(line))
  const path = join(folder, 'palisade.log')
  const file = openLogFile(path)
  closers.push(file.close)
  terminal.log(path)
  return createLogger(level, file.write)
}

async function rootKey(file: string | 'generate', folder: string) {
  // The configuration read the file already; it may have changed since, so it is judged again.
  if (file !== 'generate') {
    const key = parseRootKey(readFileSync(file, 'utf8'))
    return key
      ? { ok: true as const, value: key }
      : { ok: false as const, error: 'PALISADE_ROOT_KEY_FILE: does not hold 32 bytes in base64' }
  }
  await mkdir(join(folder, 'keys'), { recursive: true, mode: 0o700 })
  const path = join(folder, 'keys', 'root.key')
  const text = await readOrCreateSecretFile(path, generateRootKey)
  if (!text.ok) return { ok: false as const, error: text.error.message }
  const key = parseRootKey(text.value.toString('utf8'))
  return key
    ? { ok: true as const, value: key }
    : { ok: false as const, error: `${path} does not hold a root key; restore it from your backup` }
}

function greet(app: App, terminal: Terminal, ms: number): void {
  terminal.ready({
    seconds: ms / 1000,
    url: app.publicUrl,
    caFile: app.caFile,
    firstAdministrator: app.firstAdministrator?.email,
  })
}

function fail(message: string): 1 {
  process.stderr.write(`palisade: ${message}\n`)
  return 1
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().then(
    (code) => {
      process.exit(code)
    },
    (cause: unknown) => {
      process.stderr.write(`palisade: ${cause instanceof Error ? cause.stack : String(cause)}\n`)
      process.exit(1)
    },
  )
}
