import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'
import { openapiOf } from '../../server/gateway/index.ts'
import { declaredEndpoints } from '../../tests/docs/declared.ts'
import { packageJson } from '../../tests/docs/package-json.ts'

/**
 * Writes the types of the API's client from the server's declarations; needs no database and no running server. With
 * `--check` it only compares, and fails where the file is not what the declarations say.
 */
const file = join(import.meta.dirname, '../src/api/schema.gen.ts')
const description = openapiOf(declaredEndpoints(), packageJson.version)
// The description is made of JSON values only; its precise type is the generator's own.
const types = astToString(await openapiTS(JSON.stringify(description)))
const text = `// Made by \`npm run console:client\` from the server's declarations; not edited by hand.\n\n${types}`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error(`${file} is not what the declarations say; run npm run console:client`)
    process.exitCode = 1
  }
} else writeFileSync(file, text)
