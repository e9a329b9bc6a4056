/** The embedded PostgreSQL cannot run here as things are. `message` tells the person who starts the server what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError'
}

const instead = 'or set PALISADE_DATABASE_URL to use a PostgreSQL of your own'

/**
 * Puts the known ways in which PostgreSQL's programs fail into words; others are quoted.
 *
 * @param what what was tried, e.g. "PostgreSQL did not start"
 * @param lines what the program said, oldest first
 * @param uid the user it ran as
 */
export function describeFailure(what: string, lines: readonly string[], uid: number): string {
  const said = lines.join('\n')
  if (/could not look up effective user ID/.test(said))
    return (
      `${what}: the user with uid ${uid} has no entry in /etc/passwd, and PostgreSQL makes no database for such a user; ` +
      `add an entry (in a container: to the image), run as a user that has one, ${instead}`
    )
  if (/No space left on device|Disk quota exceeded/.test(said))
    return `${what}: no space is left on the disk that holds the database; make room`
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(said)?.[1]
  if (library !== undefined)
    return `${what}: this system lacks ${library}, which its programs need; install it, ${instead}`
  if (/pre-existing shared memory block/.test(said))
    return `${what}: another PostgreSQL still uses this database, perhaps in another container; stop it first`
  const telling = lines.findLast((line) => /\b(FATAL|PANIC|error):/i.test(line)) ?? lines.at(-1)
  return telling === undefined ? what : `${what}: ${telling.replace(/^.*?\b(FATAL|PANIC|error):\s*/i, '')}`
}

/** Why a program could not even be run. */
export function describeSpawnFailure(what: string, code: string | undefined, file: string): string {
  switch (code) {
    case 'EPERM':
    case 'EINVAL':
      return (
        `${what}: it must not run as root, and this container may not change to another user (it lacks CAP_SETUID and ` +
        `CAP_SETGID, or maps no other user); start Palisade as an ordinary user, ${instead}`
      )
    case 'ENOENT':
      return `${what}: ${file} does not run here; it needs Linux with glibc (not musl, as in Alpine), ${instead}`
    case 'EACCES':
      return `${what}: ${file} may not be run; its disk may be mounted noexec; allow it, ${instead}`
    default:
      return `${what}: ${file} could not be run (${code ?? 'unknown error'}); repair it, ${instead}`
  }
}
