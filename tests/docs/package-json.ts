import { readFileSync } from 'node:fs'
import { z } from 'zod'

export const packageJson = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')))
