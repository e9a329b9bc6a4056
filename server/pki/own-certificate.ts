import { X509Certificate } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { err, ok, type Result } from '../../core/result.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { inspectCertificate } from './inspect-certificate.ts'
import { createListeners, type ServerTls } from './server-tls.ts'

export type OwnCertificateOptions = {
  readonly certFile: string
  readonly keyFile: string
  readonly clock: Clock
  readonly logger: Logger
  /** Quiet time after a change before the files are read: whoever writes them needs two steps. */
  readonly settleMs?: number
}

/** For what a watch does not see: files behind links that are written in place, network file systems. */
const lookEveryMs = 30_000
const warnDays = 14
const dayMs = 24 * 3_600_000

/**
 * The operator's own certificate, read again whenever its files change: in place, by rename, or by a link that is swapped
 * (as Kubernetes does with a mounted Secret). A new pair that is no good is told once, and the old one stays.
 *
 * @returns refused with every problem of the pair as it is now
 */
export async function ownCertificate({
  certFile,
  keyFile,
  clock,
  logger,
  settleMs = 500,
}: OwnCertificateOptions): Promise<Result<ServerTls, { readonly problems: readonly string[] }>> {
  const inspect = ({ certPem, keyPem }: PairFiles): Result<Pair, readonly string[]> => {
    const problems = inspectCertificate(certPem, keyPem, new Date(clock.now()))
    return problems.length > 0
      ? err(problems)
      : ok({ certPem, keyPem, notAfter: new X509Certificate(certPem).validToDate })
  }
  // The watch begins before the first reading, so that no change falls between them.
  let changedMeanwhile = false
  let changed = () => {
    changedMeanwhile = true
  }
  const watchers = [...new Set([certFile, keyFile].map((file) => dirname(file)))].flatMap((folder) =>
    watchFolder(folder, () => changed(), logger),
  )
  const closeWatchers = () => {
    for (const watcher of watchers) watcher.close()
  }
  const files = await readPair(certFile, keyFile)
  const first = files.ok ? inspect(files.value) : files
  if (!first.ok) {
    closeWatchers()
    return err({ problems: first.error })
  }
  let current = first.value
  const listeners = createListeners()
  let rejected: { readonly problems: string; told: boolean } | undefined
  let toldDaysLeft: number | undefined
  let settling: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()
  let stopped = false

  async function look(): Promise<void> {
    const found = await readPair(certFile, keyFile)
    if (stopped) return
    // Unchanged, it is not inspected again: it may have come to its end, which is told elsewhere.
    if (found.ok && found.value.certPem === current.certPem && found.value.keyPem === current.keyPem) {
      rejected = undefined
      return
    }
    const pair = found.ok ? inspect(found.value) : found
    if (pair.ok) {
      current = pair.value
      rejected = undefined
      toldDaysLeft = undefined
      logger.info({ certFile, notAfter: current.notAfter }, 'new certificate taken')
      listeners.tell()
    } else reject(pair.error)
  }

  /** Told once, and only when it is seen twice: the first time it may have been caught half written. */
  function reject(all: readonly string[]): void {
    const problems = all.join('; ')
    if (rejected?.problems !== problems) {
      rejected = { problems, told: false }
      lookSoon()
    } else if (!rejected.told) {
      rejected.told = true
      logger.error({ certFile, keyFile, problems: all }, 'the new certificate is no good; the old one stays')
    }
  }

  function lookNow(): void {
    looking = looking
      .then(look)
      .catch((cause) => logger.error({ cause, certFile }, 'the new certificate could not be put to use'))
  }

  function lookSoon(): void {
    clearTimeout(settling)
    settling = setTimeout(lookNow, settleMs)
    settling.unref()
  }

  function warnOfEnd(): void {
    const daysLeft = Math.floor((current.notAfter.getTime() - clock.now()) / dayMs)
    if (daysLeft >= warnDays || daysLeft === toldDaysLeft) return
    toldDaysLeft = daysLeft
    const { notAfter } = current
    if (daysLeft < 0) logger.error({ certFile, notAfter }, 'the certificate has expired; clients refuse it')
    else logger.warn({ certFile, notAfter, daysLeft }, 'the certificate ends soon')
  }

  const timer = setInterval(() => {
    lookNow()
    warnOfEnd()
  }, lookEveryMs)
  timer.unref()
  changed = lookSoon
  if (changedMeanwhile) lookSoon()
  warnOfEnd()

  return ok({
    get secureContextOptions(): SecureContextOptions {
      return { cert: current.certPem, key: current.keyPem }
    },
    get notAfter() {
      return current.notAfter
    },
    onRenew: listeners.add,
    stop() {
      stopped = true
      clearInterval(timer)
      clearTimeout(settling)
      closeWatchers()
    },
  })
}

/** The folder, not the file: a file that is replaced takes its watch away with it. */
function watchFolder(folder: string, changed: () => void, logger: Logger): FSWatcher[] {
  const unavailable = (cause: unknown) =>
    logger.warn({ cause, folder }, `no watch on the certificate's folder; it is read every ${lookEveryMs / 1_000} s`)
  try {
    const watcher = watch(folder, { persistent: false }, changed)
    watcher.on('error', (cause) => {
      watcher.close()
      unavailable(cause)
    })
    return [watcher]
  } catch (cause) {
    unavailable(cause)
    return []
  }
}

type PairFiles = { readonly certPem: string; readonly keyPem: string }
type Pair = PairFiles & { readonly notAfter: Date }

async function readPair(certFile: string, keyFile: string): Promise<Result<PairFiles, readonly string[]>> {
  const problems: string[] = []
  const read = (what: string, file: string) =>
    readFile(file, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
      problems.push(`the ${what} cannot be read: ${file} (${code ?? 'error'})`)
      return ''
    })
  const [certPem, keyPem] = await Promise.all([read('certificate', certFile), read('key', keyFile)])
  return problems.length > 0 ? err(problems) : ok({ certPem, keyPem })
}
