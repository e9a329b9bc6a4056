/** Versions of profiles: three numbers and what semantic versioning lets follow. */

/**
 * Which of two versions is lower, by the precedence of semantic versioning 2.0.0, §11. What has fewer numbers is filled up with
 * zeros, so that `1.2` may be compared with.
 */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [partsOf(one), partsOf(other)]
  for (let i = 0; i < 3; i++) {
    const difference = (a.numbers[i] ?? 0) - (b.numbers[i] ?? 0)
    if (difference !== 0) return difference
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length
  for (let i = 0; i < Math.max(a.before.length, b.before.length); i++) {
    const difference = compareIdentifiers(a.before[i], b.before[i])
    if (difference !== 0) return difference
  }
  return 0
}

function partsOf(version: string) {
  const [core = '', ...before] = (version.split('+')[0] ?? '').split('-')
  const text = before.join('-')
  return { numbers: core.split('.').map((part) => Number(part) || 0), before: text === '' ? [] : text.split('.') }
}

/** Numbers are lower than words; of equal beginnings the shorter is lower. */
function compareIdentifiers(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return (one === undefined ? 0 : 1) - (other === undefined ? 0 : 1)
  const [a, b] = [one, other].map((text) => (/^\d+$/.test(text) ? Number(text) : undefined))
  if (a !== undefined && b !== undefined) return a - b
  if (a !== undefined || b !== undefined) return a !== undefined ? -1 : 1
  return one === other ? 0 : one < other ? -1 : 1
}
