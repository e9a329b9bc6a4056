import type { Endpoint } from './endpoint.ts'

/** `docs/routes.md`: what each route needs, may refuse and records, for reviewers. Made of the declarations, never by hand. */
export function routeTable(endpoints: readonly Endpoint[]): string {
  const rows = endpoints
    .toSorted((a, b) => (pathFirst(a) < pathFirst(b) ? -1 : 1))
    .map(
      (one) =>
        `| \`${one.route}\` | ${needs(one)} | ${one.audit} | ${one.refusals.join(', ') || '–'} | ${one.summary} |`,
    )
  const open = endpoints
    .filter((one) => 'open' in one.permission)
    .map((one) => `- \`${one.route}\`: ${(one.permission as { open: string }).open}`)
  return `# Routes

Made by \`npm run docs:routes\` from the declarations; a test compares. Every guarded route may also answer \`unauthenticated\`,
\`forbidden\`, \`invalid\`, \`project_not_found\` and \`too_many_requests\`; one on an object \`not_found\`.

## Open without a credential

- \`GET /livez\`, \`GET /readyz\`: health, for probes
- \`GET /openapi.json\`: this API, described
${open.join('\n')}

## All routes

| route | needs | records | refuses | what it does |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

const pathFirst = ({ route }: Endpoint) => route.split(' ').reverse().join(' ')

function needs({ permission }: Endpoint): string {
  if ('open' in permission) return 'nothing'
  if ('signedIn' in permission) return `a credential (${permission.signedIn})`
  if ('system' in permission) return `\`${permission.system}\`, system`
  if ('tenant' in permission) return `\`${permission.tenant}\`, tenant`
  if ('project' in permission) return `\`${permission.project}\`, selected project or tenant`
  return `\`${permission.object}\` on the object${permission.orOwn ? ', or it is the caller’s own' : ''}`
}
