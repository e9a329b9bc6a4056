import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The program's own source files, tests left out: for rules that are read off the text. */
export async function sourceFiles(): Promise<string[]> {
  return globSync(['core/**/*.ts', 'contract/**/*.ts', 'server/**/*.ts', 'cli/**/*.ts'], { cwd: root })
    .filter((file) => !/(\.test|\/test-door|\/testing)\.ts$/.test(file))
    .map((file) => join(root, file))
}
