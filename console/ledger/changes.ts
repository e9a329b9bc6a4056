/** What the details of an entry say of one thing: what it was and is, or, where nothing was before, what it is. */
export type Change = {
  readonly what: string
  /** Absent: there was nothing, or it is not told. */
  readonly before?: string
  readonly after?: string
}
/** What is told beside. */
export type Told = readonly [what: string, value: string]

/**
 * Reads the details of an entry as a person does. What changed stands in them as `{before, after}`, of one member or of the whole, and as
 * `added` and `removed`, wherever they are; the rest is told as it is.
 */
export function readDetails(details: Readonly<Record<string, unknown>>): {
  readonly changes: readonly Change[]
  readonly told: readonly Told[]
} {
  const changes: Change[] = []
  const told: Told[] = []
  read([], details)
  return { changes, told }

  function read(path: readonly string[], value: Readonly<Record<string, unknown>>): void {
    const { before, after, added, removed, ...rest } = value
    if ('before' in value || 'after' in value) changes.push(...compared(path, before, after))
    if (Array.isArray(removed)) for (const one of removed) changes.push({ what: wordsOf(path), before: textOf(one) })
    if (Array.isArray(added)) for (const one of added) changes.push({ what: wordsOf(path), after: textOf(one) })
    if (added !== undefined && !Array.isArray(added)) told.push([wordsOf([...path, 'added']), textOf(added)])
    if (removed !== undefined && !Array.isArray(removed)) told.push([wordsOf([...path, 'removed']), textOf(removed)])
    for (const [name, member] of Object.entries(rest))
      if (isRecord(member)) read([...path, name], member)
      else if (name === 'changed' && Array.isArray(member)) tellChanged(path, member, rest)
      else if (!isEmpty(member)) told.push([wordsOf([...path, name]), textOf(member)])
  }

  /** Names of what changed, where no more than the name is told of it. */
  function tellChanged(path: readonly string[], names: readonly unknown[], beside: Readonly<Record<string, unknown>>) {
    const bare = names.filter((name) => !isRecord(beside[String(name)]))
    if (bare.length > 0)
      told.push([wordsOf([...path, 'changed']), bare.map((name) => wordsOf([String(name)])).join(', ')])
  }
}

/** Of two objects each member that differs; of anything else the whole. */
function compared(path: readonly string[], before: unknown, after: unknown): Change[] {
  if (isRecord(before) && isRecord(after))
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) =>
      JSON.stringify(before[name]) === JSON.stringify(after[name])
        ? []
        : compared([...path, name], before[name], after[name]),
    )
  if (isRecord(after) && isEmpty(before)) return compared(path, {}, after)
  if (isRecord(before) && isEmpty(after)) return compared(path, before, {})
  return [
    {
      what: wordsOf(path),
      ...(isEmpty(before) ? {} : { before: textOf(before) }),
      ...(isEmpty(after) ? {} : { after: textOf(after) }),
    },
  ]
}

/** `['spec', 'publicKey']` → `Spec, public key`. */
function wordsOf(path: readonly string[]): string {
  // Keys that people chose, such as those of tags, stand as they are.
  const [first = '', ...more] = path.map((part) =>
    /^[a-z]+(?:[A-Z][a-z]+)+$/.test(part) ? part.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) : part,
  )
  return [first.slice(0, 1).toUpperCase() + first.slice(1), ...more].join(', ')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  // What has several members reads as a line of its own.
  if (Array.isArray(value)) return value.map(textOf).join(value.some(isRecord) ? '\n' : ', ')
  if (!isRecord(value)) return value === true ? 'yes' : value === false ? 'no' : String(value ?? 'none')
  // A role that somebody holds: what it is called, and where.
  if (typeof value.role === 'string') return roleText(value, value.role)
  // A right on a cluster, in Kubernetes' own words.
  if (typeof value.verb === 'string' && typeof value.resource === 'string') return rightText(value)
  return Object.entries(value)
    .filter(([, member]) => !isEmpty(member))
    .map(([name, member]) => `${name}: ${textOf(member)}`)
    .join(', ')
}

function roleText(assigned: Readonly<Record<string, unknown>>, role: string): string {
  const { user, team, project, before } = assigned
  const who = typeof user === 'string' ? `, user ${user}` : typeof team === 'string' ? `, team ${team}` : ''
  const where = typeof project === 'string' ? `, in project ${project}` : ''
  return `${role}${who}${where}${isRecord(before) ? `, for good in place of ${termsText(before)}` : ''}`
}

function termsText({ endsAt, conditions }: Readonly<Record<string, unknown>>): string {
  const until = typeof endsAt === 'string' ? [`until ${endsAt}`] : []
  return [...until, ...(isEmpty(conditions) ? [] : ['under conditions'])].join(' and ')
}

function rightText({ verb, apiGroup, resource, name, namespace }: Readonly<Record<string, unknown>>): string {
  const group = isEmpty(apiGroup) ? '' : `.${apiGroup}`
  return `${verb} ${resource}${group}${isEmpty(name) ? '' : ` ${name}`}${isEmpty(namespace) ? '' : ` in ${namespace}`}`
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isEmpty = (value: unknown) =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
