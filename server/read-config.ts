import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Config, parseConfig } from './config.ts'

/** What the environment says; undefined after its problems were told, a line each. */
export function readConfig(env: NodeJS.ProcessEnv): Config | undefined {
  const config = parseConfig(env, {
    readFile: (path) => readFileSync(path, 'utf8'),
    cwd: process.cwd(),
    now: new Date(),
  })
  if (config.ok) return config.value
  for (const problem of config.error) process.stderr.write(`palisade: ${problem}\n`)
  return undefined
}

// `scripts/start` asks before it builds anything.
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href && !readConfig(process.env))
  process.exitCode = 1
