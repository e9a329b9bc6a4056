import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'
import { pageQuery, storableText } from './common.ts'

/** The query of a list that can be filtered and sorted: `filters=metadata.name=XANDspec.type=user`, `orderBy=metadata.name=1`. */
export const listQuery = pageQuery.extend({
  filters: storableText(2_000).optional(),
  orderBy: z.string().max(500).optional(),
  /** Taken since clients send it; whole objects are answered, which is a superset. */
  fields: z.string().max(2_000).optional(),
})

export type Comparison = { readonly path: string; readonly value: string }
export type Order = { readonly path: string; readonly descending: boolean }

/**
 * `path=value`, joined by the literal word AND, which divides only where a known path and `=` follow: a name may hold it, as
 * BRANDY does. Only paths in `allowed` are taken, so that a misspelt filter never shows all.
 */
export function parseFilters(
  text: string | undefined,
  allowed: readonly string[],
): Result<readonly Comparison[], string> {
  if (text === undefined || text === '') return ok([])
  const known = allowed.map((path) => path.replaceAll('.', '\\.')).join('|')
  const comparisons: Comparison[] = []
  for (const term of text.split(new RegExp(`AND(?=\\s*(?:${known})\\s*=)`))) {
    const [path, ...rest] = term.split('=')
    const value = rest.join('=').trim()
    if (path === undefined || rest.length === 0) return err(`filters: "${term}" is not path=value`)
    const unknown = allowed.includes(path.trim()) ? /AND\s*([a-z]+(?:\.[A-Za-z]+)+)\s*=/.exec(value)?.[1] : path.trim()
    if (unknown !== undefined) return err(`filters: "${unknown}" is not known; use ${allowed.join(', ')}`)
    comparisons.push({ path: path.trim(), value })
  }
  return ok(comparisons)
}

/** `path=1` (ascending) or `path=-1`, joined by commas. */
export function parseOrder(text: string | undefined, allowed: readonly string[]): Result<readonly Order[], string> {
  if (text === undefined || text === '') return ok([])
  const orders: Order[] = []
  for (const term of text.split(',')) {
    const [path, direction] = term.split('=').map((part) => part.trim())
    if (path === undefined || !allowed.includes(path))
      return err(`orderBy: "${term}" is not known; use ${allowed.join(', ')}`)
    if (direction !== '1' && direction !== '-1') return err(`orderBy: "${term}" must end in =1 or =-1`)
    orders.push({ path, descending: direction === '-1' })
  }
  return ok(orders)
}
