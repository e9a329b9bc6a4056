import { routeTable } from '../../server/gateway/index.ts'
import { compatibilityPage } from './compatibility.ts'
import { declaredEndpoints } from './declared.ts'
import { errorsPage } from './errors-page.ts'

/** Pages that are made of the code, by their path from the root. */
export function generatedPages(): ReadonlyMap<string, string> {
  const endpoints = declaredEndpoints()
  return new Map([
    ['docs/routes.md', routeTable(endpoints)],
    ['docs/errors.md', errorsPage(endpoints)],
    ['docs/compatibility.md', compatibilityPage(endpoints)],
  ])
}
