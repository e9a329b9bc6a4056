import { isDeepStrictEqual } from 'node:util'
import { isMap, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { err, ok, type Result } from '../core/result.ts'

/** What leads kubectl through Palisade to one cluster. It holds no secret: kubectl asks the program for a token. */
export type KubeconfigEntry = {
  readonly context: string
  /** Name of the cluster's and the user's entry; made of the UID, so that nobody else's has it. */
  readonly name: string
  readonly cluster: Readonly<Record<string, unknown>>
  readonly user: Readonly<Record<string, unknown>>
}

type Lists = 'clusters' | 'users' | 'contexts'

/**
 * Puts an entry into the text of a kubeconfig, or replaces the one it made before, and makes it the current one. Comments,
 * order, and members that nobody here knows stay; of a context that was there, its namespace too.
 *
 * @param text of the file, empty where there is none
 * @returns the new text; refuses, with what is wrong, what is no kubeconfig and a context of that name that leads elsewhere
 */
export function mergeKubeconfig(text: string, entry: KubeconfigEntry): Result<string, string> {
  const isNew = text.trim() === ''
  const document = parseDocument(isNew ? 'apiVersion: v1\nkind: Config\n' : text)
  const [problem] = document.errors
  if (problem) return err(`it is not readable as YAML: ${problem.message.split('\n')[0]?.replace(/:$/, '')}`)
  const root: unknown = document.contents
  if (!isMap(root)) return err('it is not a kubeconfig')
  if (!['Config', undefined].includes(root.get('kind') as string | undefined)) return err('it is not a kubeconfig')
  const before = (document.toJS() ?? {}) as Record<string, unknown>

  for (const list of ['clusters', 'users', 'contexts'] as const) {
    const node = root.get(list)
    // kubectl writes `null` for an empty list.
    if (node === undefined || node === null) root.set(list, document.createNode([]))
    else if (!isSeq(node)) return err(`its ${list} are not a list`)
    const seq = root.get(list)
    if (isSeq(seq) && seq.items.length === 0) seq.flow = false
  }

  const context = find(root, 'contexts', entry.context)
  if (context && context.getIn(['context', 'cluster']) !== entry.name)
    return err(`it has a context "${entry.context}" that leads elsewhere`)
  if (context) context.setIn(['context', 'user'], entry.name)
  else add(root, 'contexts', { name: entry.context, context: { cluster: entry.name, user: entry.name } })

  const cluster = find(root, 'clusters', entry.name)
  if (!cluster) add(root, 'clusters', { name: entry.name, cluster: entry.cluster })
  else {
    // Another way to trust would stand beside the one that is said, or go before it.
    for (const key of ['certificate-authority', 'certificate-authority-data', 'insecure-skip-tls-verify'])
      cluster.deleteIn(['cluster', key])
    for (const [key, value] of Object.entries(entry.cluster)) cluster.setIn(['cluster', key], value)
  }

  const user = find(root, 'users', entry.name)
  if (user) user.set('user', document.createNode(entry.user))
  else add(root, 'users', { name: entry.name, user: entry.user })
  root.set('current-context', entry.context)

  // The file's own ways of writing, so that a comparison with the old one shows what changed and no more.
  const merged = document.toString({
    lineWidth: 0,
    indentSeq: !isNew && !/^[\w-]+:[^\S\n]*\n- /m.test(text),
    flowCollectionPadding: !/[{[][^\s{}[\]]/.test(text),
  })
  const reread = parseDocument(merged)
  const after = reread.errors.length === 0 ? ((reread.toJS() ?? {}) as Record<string, unknown>) : undefined
  if (!after || !isDeepStrictEqual(withoutOurs(before, entry), withoutOurs(after, entry)))
    return err('it cannot be written without changing something else in it')
  return ok(merged)

  function add(map: YAMLMap, list: Lists, item: unknown): void {
    map.addIn([list], document.createNode(item))
  }
}

function find(root: YAMLMap, list: Lists, name: string): YAMLMap | undefined {
  const seq = root.get(list)
  if (!isSeq(seq)) return undefined
  return seq.items.find((item): item is YAMLMap => isMap(item) && item.get('name') === name)
}

/** What must be the same before and after. */
function withoutOurs(config: Record<string, unknown>, { name, context }: KubeconfigEntry): Record<string, unknown> {
  const others = (list: unknown, ours: string) =>
    Array.isArray(list) ? list.filter((item: { name?: unknown } | null) => item?.name !== ours) : []
  const { 'current-context': _, clusters, users, contexts, ...rest } = config
  return { ...rest, clusters: others(clusters, name), users: others(users, name), contexts: others(contexts, context) }
}

/** Whether the text has a context of this name; false for what cannot be read. */
export function hasContext(text: string, context: string): boolean {
  const root = parseDocument(text).contents
  return isMap(root) && find(root, 'contexts', context) !== undefined
}

/** The current context that a text names, if it can be read and names one. */
export function currentContext(text: string): string | undefined {
  const root = parseDocument(text).contents
  const name = isMap(root) ? root.get('current-context') : undefined
  return typeof name === 'string' && name !== '' ? name : undefined
}
