import type { Endpoint } from './endpoint.ts'
import { phaseRefusals, refusedAnywhere, refusedGuarded } from './refusals.ts'

/** `docs/routes.md`: what each route needs, may refuse and records, for reviewers. Made of the declarations, never by hand. */
export function routeTable(endpoints: readonly Endpoint[]): string {
  const sorted = endpoints.toSorted((a, b) => (pathFirst(a) < pathFirst(b) ? -1 : 1))
  const open = sorted.flatMap(({ route, permission }) =>
    'open' in permission ? [`- \`${route}\`: ${permission.open}`] : [],
  )
  const rows = sorted.map((one) => {
    const phases = new Set(phaseRefusals(one))
    const own = [...one.refusals.filter((code) => !phases.has(code)), ...ofFeature(one)].map((code) => `\`${code}\``)
    const cells = [`\`${one.route}\``, needs(one), `\`${one.audit}\``, own.join(', ') || '–', one.summary]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return `# Routes

Made by \`npm run docs\` from the declarations; a test compares. The names of refusals are those of [errors.md](errors.md).

Besides what stands in its row

- every route may answer ${codes(refusedAnywhere)};
- every one that takes a credential ${codes(refusedGuarded)};
- every one that needs a right \`forbidden\`, and one that needs it on an object \`not_found\`, for other tenants' objects too;
- every one that takes a body \`body_not_json\`, \`body_too_large\`, \`media_type\`.

*Records* is the event in the audit log; \`refusals-only\`: a read, of which only refusals for want of a right are recorded.

## Open without a credential

- \`GET /livez\`, \`GET /readyz\`: health, for probes
- \`GET /openapi.json\`: this API, described; the source is public
${open.join('\n')}

Everything else under \`/v1\` and \`/k8s\` answers 401 without a credential, whether the route exists or not.

## All routes

| route | needs | records | refuses besides | what it does |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

const ofFeature = (one: Endpoint) => ('feature' in one && one.feature !== undefined ? ['feature_off'] : [])

const codes = (list: readonly string[]) => list.map((code) => `\`${code}\``).join(', ')

const pathFirst = ({ route }: Endpoint) => route.split(' ').reverse().join(' ')

function needs({ permission }: Endpoint): string {
  if ('open' in permission) return 'nothing'
  if ('signedIn' in permission) return `a credential: ${permission.signedIn}`
  if ('system' in permission) return `\`${permission.system}\` in the system`
  if ('tenant' in permission) return `\`${permission.tenant}\` in the tenant`
  if ('project' in permission) return `\`${permission.project}\` in the selected project, or the tenant`
  return `\`${permission.object}\` on the object${permission.orOwn ? ', or it is the caller’s own' : ''}`
}
