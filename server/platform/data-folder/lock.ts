import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { err, ok, type Result } from '../../../core/result.ts'

/** Bytes of a UNIX socket's path, without the closing zero (unix(7): `sun_path` has 108). */
const longestSocketPath = 107

/** How long to wait for a process that is there but says nothing (stopped, or starved) before calling it the holder. */
const silenceMs = 2_000

export type FolderLock = { release(): Promise<void> }

/**
 * Takes a lock that the kernel gives back when its holder dies, whatever killed it: to hold it is to listen on a socket.
 * No PID decides anything, since numbers are reused and mean nothing across containers.
 *
 * Every starter listens under a name of its own that is never used again. A name that refuses connections therefore
 * belongs to a dead process for ever, and removing it can hurt nobody; with one common name, two starters that both find
 * it dead would each remove it, the second one taking away the first one's new lock.
 *
 * Who wins among several: all announce themselves first and look around after that, so of two starters at least one sees
 * the other. Whoever sees a holder or a smaller starting name gives up; whoever sees a larger starting name waits until
 * that one has decided. So the smallest name wins, unless somebody holds already, and waiting never goes in a circle.
 *
 * The kernel that serves the sockets must be the same for all: two machines on one network file system do not see each
 * other. (PostgreSQL has the same limit.)
 *
 * @param folder made when missing; holds nothing but these sockets
 * @returns refused with the PID that the holder gave itself, as it knows it
 */
export async function takeLock(folder: string): Promise<Result<FolderLock, { readonly pid: number }>> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  // Linux resolves this to the open folder itself, which keeps any path short enough for a socket.
  const reach = (name: string) => {
    const plain = join(folder, name)
    return Buffer.byteLength(plain) <= longestSocketPath ? plain : `/proc/self/fd/${handle.fd}/${name}`
  }
  let candidate: Candidate | undefined
  try {
    candidate = await announce(folder, reach)
    const holder = await firstAhead(candidate.name, folder, reach)
    if (holder !== undefined) {
      await candidate.leave()
      await handle.close()
      return err({ pid: pidIn(holder) })
    }
  } catch (cause) {
    await candidate?.leave()
    await handle.close()
    throw cause
  }
  candidate.hold()
  const { leave } = candidate
  let released: Promise<void> | undefined
  return ok({
    release: () => {
      released ??= leave().then(() => handle.close())
      return released
    },
  })
}

type Candidate = {
  readonly name: string
  /** Tells everybody who waits for our decision, and from now on whoever asks, that the lock is ours. */
  hold(): void
  leave(): Promise<void>
}

async function announce(folder: string, reach: (name: string) => string): Promise<Candidate> {
  const name = `${randomBytes(8).toString('hex')}-${process.pid}`
  const asking = new Set<Socket>()
  let holding = false
  const server = createServer((socket) => {
    socket.unref()
    asking.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => asking.delete(socket))
    if (holding) socket.end('holding\n')
  })
  // Between bind and listen a socket refuses connections just as a dead one does: it gets the name that others look at
  // only when it listens.
  await listen(server, reach(`${name}.new`))
  server.unref()
  const leave = async () => {
    await unlink(join(folder, `${name}.sock`)).catch(() => {})
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of asking) socket.destroy()
    await closed
  }
  try {
    await rename(join(folder, `${name}.new`), join(folder, `${name}.sock`))
  } catch (cause) {
    await leave()
    throw cause
  }
  return {
    name,
    leave,
    hold: () => {
      holding = true
      for (const socket of asking) socket.end('holding\n')
    },
  }
}

/** The name of the process that goes before us, or nothing when the lock is ours. Removes the names of the dead. */
async function firstAhead(own: string, folder: string, reach: (name: string) => string): Promise<string | undefined> {
  for (const file of (await readdir(folder)).sort()) {
    const name = /^([0-9a-f]{16}-\d+)\.sock$/.exec(file)?.[1]
    if (name === undefined || name === own) continue
    const answer = await ask(reach(file), { untilDecided: name > own })
    if (answer === 'dead') await unlink(join(folder, file)).catch(() => {})
    else return name
  }
  return undefined
}

/**
 * Only a refused connection or a vanished name means dead. A connection that is accepted and closed without a word may
 * also be a live process that is out of file descriptors, so it is asked again.
 */
async function ask(path: string, { untilDecided }: { untilDecided: boolean }): Promise<'dead' | 'alive'> {
  const giveUp = AbortSignal.timeout(silenceMs)
  while (!giveUp.aborted) {
    const answer = await askOnce(path, untilDecided, giveUp)
    if (answer !== 'closed') return answer
    await sleep(10)
  }
  return 'alive'
}

function askOnce(path: string, untilDecided: boolean, giveUp: AbortSignal): Promise<'dead' | 'alive' | 'closed'> {
  return new Promise((resolve, reject) => {
    let connected = false
    const socket = connect(path)
    const answer = (value: 'dead' | 'alive' | 'closed') => {
      giveUp.removeEventListener('abort', silent)
      socket.destroy()
      resolve(value)
    }
    const silent = () => answer('alive')
    giveUp.addEventListener('abort', silent)
    socket.on('connect', () => {
      connected = true
      if (!untilDecided) answer('alive')
    })
    socket.on('data', () => answer('alive'))
    socket.on('close', () => answer('closed'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (connected || code === 'ECONNRESET' || code === 'EPIPE') answer('closed')
      else if (code === 'ECONNREFUSED' || code === 'ENOENT') answer('dead')
      // EAGAIN: its queue of connections is full, so somebody is there; EACCES, EPERM: another user's.
      else if (code === 'EAGAIN' || code === 'EACCES' || code === 'EPERM') answer('alive')
      else {
        giveUp.removeEventListener('abort', silent)
        reject(new Error(`cannot ask who holds ${path} (${code})`))
      }
    })
  })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function pidIn(name: string): number {
  return Number(name.slice(name.indexOf('-') + 1))
}
