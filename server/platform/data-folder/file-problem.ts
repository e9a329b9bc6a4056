/** One clause for a person: what the operating system refused on a path, and what helps. */
export function describeFileProblem(cause: unknown, path: string): string {
  const { code, message } = cause as NodeJS.ErrnoException
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space is left on the disk that holds ${path}; make room`
    case 'EROFS':
      return `the disk that holds ${path} is read-only; use one that can be written`
    case 'EACCES':
    case 'EPERM':
      return `this user may not read or write ${path}; check the permissions of it and of the folders above`
    case 'ENOTDIR':
    case 'EEXIST':
      return `a part of ${path} is a file, not a folder`
    case 'ENAMETOOLONG':
      return `the path ${path} is too long for the file system`
    case 'ELOOP':
      return `${path} is a symbolic link that leads in a circle`
    case 'ENOENT':
      return `${path} does not exist, or is a symbolic link to nothing`
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open to use ${path}; raise the limit (ulimit -n)`
    case 'ENOTSUP':
    case 'EOPNOTSUPP':
      return `the file system of ${path} holds no sockets or hard links; use a local disk`
    default:
      return `${path}: ${message}`
  }
}
