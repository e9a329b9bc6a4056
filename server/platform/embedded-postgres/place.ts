import { createHash, randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { Secret } from '../../../core/seal/index.ts'
import { describeFileProblem, readOrCreateSecretFile, writeFileAtomically } from '../data-folder/index.ts'
import type { Logger } from '../log/index.ts'
import { type Account, barredBy } from './account.ts'
import { EmbeddedPostgresError } from './failure.ts'
import { ignoreMissing } from './ignore-missing.ts'

/** Where this data folder's database is, or is to be made. */
export type Place = {
  /** Holds the database, what prepares it, and, where they are needed, the socket and a copy of the programs. */
  readonly folder: string
  /** PostgreSQL's own folder. It appears there complete or not at all. */
  readonly database: string
  readonly exists: boolean
  readonly ownerPassword: Secret
}

/**
 * What a data folder remembers of its database, in `postgres-location.json`. `creating` is written before anything else
 * of it, `ready` after everything, so that a first start that was cut short is told from a database that was lost.
 */
const Location = z.strictObject({
  version: z.literal(1),
  state: z.enum(['creating', 'ready']),
  /** Relative to the data folder, which can then be moved, or absolute. */
  folder: z.string().min(1),
  /** Where the socket was last, when its path would have been too long inside. */
  socketFolder: z.string().optional(),
})
type Location = z.infer<typeof Location>

/** Lies inside the database's folder and says to whom it belongs. */
const Marker = z.object({
  version: z.literal(1),
  dataFolder: z.string(),
  /** The password has 256 random bits, so its hash tells nothing about it. */
  ownerPasswordSha256: z.string(),
})

export const markerFile = 'palisade.json'

/**
 * Finds the database of a data folder or chooses where to make it.
 *
 * It lives in `<data>/postgres`. Where a folder above bars the account (root's own home does), it lives below
 * `durableFolder` instead, and the data folder remembers where. An empty database is never made in place of one that was
 * there before: what is missing is told.
 */
export async function findPlace(
  dataFolder: string,
  account: Account,
  durableFolder: string,
  logger: Logger,
): Promise<Place> {
  const inside = join(dataFolder, 'postgres')
  const passwordFile = join(dataFolder, 'postgres-owner-password')
  const location = await readLocation(dataFolder)
  const hasPassword = (await lstat(passwordFile).catch(ignoreMissing)) !== undefined
  const place = async (folder: string, exists: boolean): Promise<Place> => {
    // A new one would open nothing, and hide what is wrong.
    if (exists && !hasPassword)
      throw new EmbeddedPostgresError(
        `the password of the database in ${folder} is missing: ${passwordFile}. Bring it back from a backup; or, to ` +
          `begin with an empty database, set PALISADE_DATA_DIR to a new folder`,
      )
    return { folder, database: join(folder, 'database'), exists, ownerPassword: await ownerPassword(passwordFile) }
  }

  if (location !== undefined) {
    const folder = resolve(dataFolder, location.folder)
    if (await holdsDatabase(folder)) return place(folder, true)
    if (location.state === 'ready')
      throw new EmbeddedPostgresError(
        `the database of this data folder is gone: ${locationFile(dataFolder)} says that it was made in ` +
          `${join(folder, 'database')}. Bring it back from a backup; or, to begin with an empty one, ` +
          `set PALISADE_DATA_DIR to a new folder`,
      )
    // Nothing was made there yet, so where the first start chose to go need not be final.
    if ((await barredBy(join(folder, 'database'), account)) === undefined) return place(folder, false)
  } else if (hasPassword) {
    const password = await ownerPassword(passwordFile)
    for (const folder of [inside, ...(await foldersIn(durableFolder))])
      if ((await readMarker(folder))?.ownerPasswordSha256 === sha256(password)) {
        logger.warn({ folder }, 'postgres-location.json was missing; the database was found and the file written anew')
        const found = await place(folder, true)
        await rememberReady(dataFolder, found)
        return found
      }
    throw new EmbeddedPostgresError(
      `this data folder had a database, but ${locationFile(dataFolder)}, which says where, is missing, and it is neither ` +
        `in ${inside} nor below ${durableFolder}. Bring them back from a backup; or, to begin with an empty database, ` +
        `set PALISADE_DATA_DIR to a new folder`,
    )
  } else if (await holdsDatabase(inside)) return place(inside, true)

  const folder = await chooseFolder(dataFolder, inside, account, durableFolder, logger)
  await writeLocation(dataFolder, { version: 1, state: 'creating', folder: relativeTo(dataFolder, folder) })
  return place(folder, false)
}

/** Writes down that the database is there to stay. Does nothing when that is known. */
export async function rememberReady(dataFolder: string, { folder }: Place): Promise<void> {
  const known = await readLocation(dataFolder)
  if (known?.state === 'ready') return
  await writeLocation(dataFolder, { ...known, version: 1, state: 'ready', folder: relativeTo(dataFolder, folder) })
}

/** Text of the file by which a database and its data folder are known to belong together. */
export function markerFor(dataFolder: string, password: Secret): string {
  const marker: z.infer<typeof Marker> = { version: 1, dataFolder, ownerPasswordSha256: sha256(password) }
  return `${JSON.stringify(marker)}\n`
}

/** Notes a socket's folder outside, so that the next start can remove what a killed server left of it. */
export async function rememberSocketFolder(dataFolder: string, socketFolder: string): Promise<void> {
  const known = await readLocation(dataFolder)
  if (known !== undefined) await writeLocation(dataFolder, { ...known, socketFolder })
}

export async function rememberedSocketFolder(dataFolder: string): Promise<string | undefined> {
  return (await readLocation(dataFolder))?.socketFolder
}

/** Refuses a database that this server, as this user, cannot or must not open. */
export async function checkDatabase({ folder, database, ownerPassword }: Place, account: Account, major: number) {
  const barrier = await barredBy(join(database, 'PG_VERSION'), account)
  const { uid } = await stat(database)
  if (uid !== account.uid)
    throw new EmbeddedPostgresError(
      `the database ${database} belongs to the user with uid ${uid}, but PostgreSQL would run as uid ${account.uid}; ` +
        'it was made by a Palisade that another user started: start it as that user again (root, where the uid is that of ' +
        `nobody), or hand it over as root: chown -R ${account.uid}:${account.gid} ${database}`,
    )
  if (barrier !== undefined)
    throw new EmbeddedPostgresError(
      `PostgreSQL, which runs as uid ${account.uid}, cannot reach the database ${database}, because ${barrier} is closed ` +
        `to other users; run chmod o+x on it, or move the data folder`,
    )
  const marker = await readMarker(folder)
  if (marker?.ownerPasswordSha256 !== sha256(ownerPassword))
    throw new EmbeddedPostgresError(
      `the database ${database} does not belong to this data folder: its owner's password is another one. ` +
        `Bring data folder and database back from the same backup`,
    )
  const made = Number.parseInt(await readFile(join(database, 'PG_VERSION'), 'utf8'), 10)
  if (made !== major)
    throw new EmbeddedPostgresError(
      `the database ${database} was made by PostgreSQL ${made}, and this Palisade brings PostgreSQL ${major}; start the ` +
        `Palisade that made it, or convert the database with pg_upgrade`,
    )
}

async function chooseFolder(
  dataFolder: string,
  inside: string,
  account: Account,
  durableFolder: string,
  logger: Logger,
): Promise<string> {
  const barrier = await barredBy(join(inside, 'database'), account)
  // A folder of ours that an earlier umask closed is opened when the database is made.
  if (barrier === undefined || barrier === inside) return inside
  const outside = join(durableFolder, randomBytes(6).toString('hex'))
  try {
    const barrierToo = await barredBy(join(outside, 'database'), account)
    if (barrierToo !== undefined) throw new EmbeddedPostgresError(nowhere(barrier, barrierToo, account))
    for (const other of await foldersIn(durableFolder))
      if ((await readMarker(other))?.dataFolder === dataFolder)
        logger.warn({ folder: other }, 'an older database of this data folder is not used any more; it may be removed')
    await makePassable(durableFolder, account)
  } catch (cause) {
    if (cause instanceof EmbeddedPostgresError) throw cause
    throw new EmbeddedPostgresError(nowhere(barrier, describeFileProblem(cause, durableFolder), account), { cause })
  }
  logger.warn(
    { folder: outside, because: barrier },
    'the database lives outside the data folder, because PostgreSQL may not run as root and its user cannot pass the ' +
      'folder named here; back up both',
  )
  return outside
}

function nowhere(barrier: string, second: string, account: Account): string {
  return (
    `there is no place for the database: PostgreSQL may not run as root, its user (uid ${account.uid}) cannot pass ` +
    `${barrier}, and outside the data folder there is none either (${second}); set PALISADE_DATA_DIR to a folder that ` +
    `others can pass through, such as /srv/palisade, or start Palisade as an ordinary user`
  )
}

/** Makes a folder that only its owner may list, but the account may pass through. */
export async function makePassable(folder: string, account: Account): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, account.isOther ? 0o711 : 0o700)
}

async function ownerPassword(file: string): Promise<Secret> {
  const password = await readOrCreateSecretFile(file, () => randomBytes(32).toString('base64url'))
  if (!password.ok) throw new EmbeddedPostgresError(password.error.message)
  return new Secret(password.value.toString('utf8').trim())
}

async function holdsDatabase(folder: string): Promise<boolean> {
  return (await lstat(join(folder, 'database')).catch(ignoreMissing)) !== undefined
}

async function readMarker(folder: string): Promise<z.infer<typeof Marker> | undefined> {
  const text = await readFile(join(folder, 'database', markerFile), 'utf8').catch(ignoreUnreadable)
  if (text === undefined) return undefined
  return Marker.safeParse(parseJson(text)).data
}

async function foldersIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(ignoreUnreadable)) ?? []
  return names.map((name) => join(folder, name))
}

async function readLocation(dataFolder: string): Promise<Location | undefined> {
  const text = await readFile(locationFile(dataFolder), 'utf8').catch(ignoreMissing)
  if (text === undefined) return undefined
  const location = Location.safeParse(parseJson(text))
  if (!location.success)
    throw new EmbeddedPostgresError(
      `${locationFile(dataFolder)} is damaged; bring it back from a backup, or remove it to have the database searched for`,
    )
  return location.data
}

function writeLocation(dataFolder: string, location: Location): Promise<void> {
  return writeFileAtomically(locationFile(dataFolder), `${JSON.stringify(location, undefined, 2)}\n`, 0o600)
}

function locationFile(dataFolder: string): string {
  return join(dataFolder, 'postgres-location.json')
}

export function isInside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}

function relativeTo(dataFolder: string, folder: string): string {
  return isInside(folder, dataFolder) ? relative(dataFolder, folder) : folder
}

function sha256(secret: Secret): string {
  return createHash('sha256').update(secret.reveal()).digest('hex')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Somebody else's folder is not the one that is looked for. */
function ignoreUnreadable(cause: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause
}
