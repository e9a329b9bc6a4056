import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Audit, audits } from '../contract/wire/audits.ts'
import type { Api } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { Failure } from './failure.ts'
import { projectOf } from './named.ts'
import { clean, shownTime } from './output.ts'
import { writeWhole } from './private-files.ts'
import type { ServerOptions } from './settings.ts'

/** `palisade audit export [FILE]`: the whole log with its checkpoint. A file is there whole, or not at all. */
export async function exportAudit(file: string, options: ServerOptions, edges: CliEdges): Promise<void> {
  const path = resolve(edges.cwd, file)
  if (file !== '-' && (await stat(path).catch(() => undefined)))
    throw new Failure(`${file} is there already`, { hints: ['Earlier exports are worth keeping; name another file.'] })
  await withApi(options, edges, async (api) => {
    const progress = { lines: 0 }
    // Ctrl-C ends the export, and the file that was begun goes with it.
    const bytes = counted(await api.stream('/v1/palisade/audit/export', edges.interrupted()), progress, edges)
    if (file === '-') for await (const part of bytes) await edges.write(part)
    else {
      await writeWhole(path, bytes, 0o600)
      edges.err(`Wrote ${progress.lines - 1} entries to ${file}. Prove it with the key that you keep elsewhere:\n`)
      edges.err(`  palisade audit verify ${file} --key "$(cat audit.key)"\n`)
    }
  })
}

const progressEveryMs = 500

/** Counts lines on their way, and shows the count where a person waits for them. */
async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  progress: { lines: number },
  edges: CliEdges,
): AsyncIterable<Uint8Array> {
  const shows = edges.isTerminal.err && !edges.isTerminal.out
  let shownAt = edges.now().getTime()
  for await (const part of bytes) {
    for (const byte of part) if (byte === 0x0a) progress.lines++
    if (shows && edges.now().getTime() - shownAt > progressEveryMs) {
      shownAt = edges.now().getTime()
      edges.err(`\r${progress.lines} entries `)
    }
    yield part
  }
  if (shows) edges.err('\r')
}

/** `palisade audit key`: the log's public key, for `audit verify`. */
export async function auditKey(options: ServerOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async ({ text }) => edges.out(`${(await text('/v1/palisade/audit/key')).trim()}\n`))
}

export type TailOptions = ServerAndOutput & {
  readonly project?: string
  readonly lines: number
  readonly follow?: true
}

const pollMs = 1_000

/** `palisade audit tail`: the last entries, oldest first, and with `--follow` those that come. */
export async function tailAudit(options: TailOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const project = await projectOf(api, options.project)
    const show = (entries: readonly Audit[]) => {
      for (const entry of entries)
        edges.out(`${options.output === 'json' ? JSON.stringify(entry) : entryLine(entry)}\n`)
    }
    const last = await newest(api, project, { most: options.lines, after: -1 })
    show(last)
    let seen = last.length > 0 ? indexOf(last.at(-1)) : -1
    if (!options.follow) return
    const interrupted = edges.interrupted()
    for (;;) {
      await delay(pollMs, undefined, { signal: interrupted }).catch(() => {})
      if (interrupted.aborted) return
      const more = await newest(api, project, { most: Number.POSITIVE_INFINITY, after: seen })
      show(more)
      seen = more.length > 0 ? indexOf(more.at(-1)) : seen
    }
  })
}

/** The newest entries behind an index, oldest first. */
async function newest(
  api: Api,
  project: string | undefined,
  { most, after }: { readonly most: number; readonly after: number },
): Promise<readonly Audit[]> {
  const found: Audit[] = []
  for await (const entry of entries(api, { project })) {
    if (found.length >= most || indexOf(entry) <= after) break
    found.push(entry)
  }
  return found.reverse()
}

/** Entries from the newest on, page by page as they are taken. */
export async function* entries(
  api: Api,
  { project, since }: { readonly project?: string | undefined; readonly since?: Date },
): AsyncGenerator<Audit> {
  let next: string | undefined
  do {
    const query = { limit: 50, continue: next, startTime: since?.toISOString() }
    const { items, listmeta } = audits.parse(await api.call('GET', '/v1/audits', { project, query }))
    yield* items
    next = listmeta.continue || undefined
  } while (next !== undefined)
}

const indexOf = (entry: Audit | undefined) => Number(entry?.metadata.annotations.index ?? -1)

/** Who an entry is about, as people know them. */
export const actorOf = ({ spec: { actor } }: Audit): string =>
  actor.user?.emailId || actor.user?.uid || actor.serviceName || actor.actorType

/** One entry in one line: when, how it went, who, what, on what. */
export function entryLine(entry: Audit): string {
  const { metadata, spec } = entry
  const { outcome = '', request = '' } = metadata.annotations
  const resource = `${spec.resource.kind} ${spec.resource.name || spec.resource.uid}`
  const time = shownTime(metadata.creationTimestamp)
  const columns = [time, outcome.padEnd(8), metadata.name.padEnd(24), actorOf(entry), resource, request]
  return clean(columns.join('  '))
}
