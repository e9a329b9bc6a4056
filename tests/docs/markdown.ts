import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** A fenced block of a Markdown file. */
export type Block = {
  /** Line of its first line, from 1. */
  readonly line: number
  /** The words after the fence: the language, then what the tests are to do with it (`run`, `cluster`, `browser=…`, `output`). */
  readonly words: readonly string[]
  readonly text: string
}

/** @param path from the root of the repository */
export const readDoc = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The fenced blocks in order. Throws where a fence is not closed. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { line: number; words: string[]; lines: string[] } | undefined
  for (const [i, line] of markdown.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (!fence) open?.lines.push(line)
    else if (!open) open = { line: i + 2, words: (fence[1] ?? '').split(' ').filter((word) => word !== ''), lines: [] }
    else {
      blocks.push({ line: open.line, words: open.words, text: open.lines.join('\n') })
      open = undefined
    }
  }
  if (open) throw new Error(`the block that begins in line ${open.line} is not closed`)
  return blocks
}

/** The rows of the table below a heading, each a list of its cells without the header and its rule. */
export function tableBelow(markdown: string, heading: string): readonly (readonly string[])[] {
  const section = sectionOf(markdown, heading)
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  if (rows.length < 3) throw new Error(`there is no table below "${heading}"`)
  return rows.slice(2).map((row) =>
    row
      .slice(1, row.lastIndexOf('|'))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  )
}

/** The text from a heading to the next one of any level. */
export function sectionOf(markdown: string, heading: string): string {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading)
  if (start < 0) throw new Error(`there is no heading "${heading}"`)
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line))
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}
