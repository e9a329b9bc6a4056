/** `npm run docs`: writes what is made of the code. The tests beside this file fail when it was forgotten. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { startTestPostgres, withClient } from '../support/database.ts'
import { generatedPages } from './pages.ts'
import { schemaText } from './schema.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
await mkdir(`${root}docs`, { recursive: true })

const postgres = await startTestPostgres()
try {
  const database = await postgres.create()
  const schema = await withClient(database.owner, schemaText)
  for (const [path, text] of [...generatedPages(), ['db/schema.sql', schema] as const]) {
    const before = await readFile(root + path, 'utf8').catch(() => undefined)
    if (before !== text) await writeFile(root + path, text)
    console.log(`${path}: ${before === text ? 'as it was' : 'written'}`)
  }
} finally {
  await postgres.stop()
}
