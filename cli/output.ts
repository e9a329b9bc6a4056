import type { CliEdges } from './edges.ts'
import type { CredentialPlace } from './settings.ts'

export type OutputFormat = 'table' | 'json'

/**
 * Text from elsewhere as a terminal may show it: names and messages can hold what moves the cursor, changes the title or
 * turns the reading direction.
 */
export function clean(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** The same for texts of several lines. */
export const cleanLines = (text: string): string => text.split('\n').map(clean).join('\n')

/** Columns side by side, as wide as their widest cell; an empty list says so where a person reads. */
export function printTable(edges: CliEdges, headers: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) {
    edges.err('nothing to show\n')
    return
  }
  const table = [headers, ...rows].map((row) => row.map(clean))
  const widths = headers.map((_, column) => Math.max(...table.map((row) => [...(row[column] ?? '')].length)))
  for (const row of table) {
    const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
    edges.out(`${cells.join('   ').trimEnd()}\n`)
  }
}

/** One thing, a line for each of its sides. */
export function printSides(edges: CliEdges, sides: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...sides.map(([name]) => name.length))
  for (const [name, value] of sides) edges.out(`${name.padEnd(width)}   ${clean(value)}`.trimEnd().concat('\n'))
}

/** What the server answered, for programs. */
export const printJson = (edges: CliEdges, value: unknown): void => edges.out(`${JSON.stringify(value, null, 2)}\n`)

/** A time of the wire for people: UTC to the second; Go's zero time is none. */
export const shownTime = (time: string): string =>
  time.startsWith('0001-') ? 'never' : `${time.slice(0, 10)} ${time.slice(11, 19)}Z`

/** Where a credential lies, in words. */
export const placeName = (place: CredentialPlace): string =>
  place === 'keyring' ? 'the keyring' : 'a file that only you can read'
