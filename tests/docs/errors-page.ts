import { type RefusalCode, refusals } from '../../contract/errors.ts'
import { type Endpoint, problemType, refusalsOf } from '../../server/gateway/index.ts'

/** What whoever meets a refusal does about it. A new code does not compile without a row. */
const remedies: Readonly<Record<RefusalCode, string>> = {
  unauthenticated: 'Sign in again, or send a valid token or API key; `message` says what was wrong with yours.',
  sign_in_failed:
    'Check e-mail and password; name the organisation (`org`) where the address is in several. The same answer stands for all of these, so that addresses cannot be tried.',
  link_invalid:
    'Ask an administrator for a new link: one works once, for a limited time, only the newest, and not when somebody has read it who may do less than you.',
  password_wrong: 'Send the current password; it is asked for although you are signed in.',
  password_policy: '`message` says what the password lacks.',
  password_expired:
    'Set a new password: on the sign-in page, or with `PATCH /v1/palisade/login/password`, which takes the expired one as proof.',
  token_invalid: 'Sign in again: this token can no longer be extended.',
  forbidden:
    'Ask whoever gives roles for the permission in `details.permission`, in the scope `details.scope`; give them the request id.',
  exceeds_own_rights: 'Let somebody do it who holds all of these rights: nobody lifts others over themselves.',
  not_found:
    'Check the uid, and with whose credential it is asked: another tenant’s object and none at all are the same answer.',
  feature_off:
    'A system administrator has switched it off for everybody (`GET /v1/users/system/features`); only they can switch it on.',
  cross_site:
    'Reload the page: it sends the `x-palisade-csrf` of its present session. Programs use the API with a token or key, not the console’s way.',
  project_not_found: 'Send a `ProjectUid` of this tenant, or leave the header out for the tenant itself.',
  route_not_found: 'Check the path against `/openapi.json`.',
  method_not_allowed: 'The `Allow` header lists the methods of this path.',
  invalid: '`message` says what is wrong; `details.issues` lists each problem with its place in path, query or body.',
  body_not_json: 'Send JSON in UTF-8, not nested too deep.',
  body_too_large: 'Send less at once.',
  media_type: 'Send `Content-Type: application/json`.',
  project_required: 'Send the `ProjectUid` header: this kind of object belongs to a project.',
  org_taken: 'Choose another name; names that differ in case alone are the same.',
  certificate_name_taken: 'Choose another name; names that differ in case alone are the same.',
  domain_taken:
    'Ask the system administrator: each domain belongs to one tenant of the installation, and whose it is is not said.',
  user_taken: 'Somebody in the tenant has this address already; use theirs or another.',
  team_name_taken: 'Choose another name; names that differ in case alone are the same.',
  role_name_taken:
    'Choose another name; names that differ in case alone are the same, and the predefined ones are taken.',
  role_in_use: 'Take the role away from those who hold it first; `details.uses` names them.',
  role_predefined: 'Clone the role (`POST /v1/roles/{uid}/clone`) and change the copy.',
  filter_name_taken: 'Choose another name; names that differ in case alone are the same.',
  filter_in_use: 'Take away the resource roles that act through the filter first; `details.uses` names them.',
  project_name_taken: 'Choose another name; names that differ in case alone are the same.',
  project_in_use: 'Remove the project’s clusters first; `DELETE /v1/projects/{uid}/validate` lists them.',
  client_name_taken: 'Choose another name; names that differ in case alone are the same.',
  backup_not_configured: 'Nothing: Palisade makes no backups, of workspaces neither.',
  workspace_name_taken: 'Choose another name within the project; names that differ in case alone are the same.',
  namespace_kept:
    'Name another namespace, or ask somebody who may change the cluster (`cluster.update`): limits hold for everybody in a namespace.',
  ssh_key_name_taken: 'Choose another name within the tenant or project; names that differ in case alone are the same.',
  private_key_refused:
    'Send the public key, which is one line (`ssh-keygen -y` prints it). The private key has been in a request: make a new pair.',
  macro_name_taken:
    'Choose another name, or change the macro that is there (`PATCH`); names that differ in case alone are the same.',
  edge_token_name_taken: 'Choose another name; names that differ in case alone are the same.',
  cloud_type_taken: 'Choose another name: those of Palisade itself, such as `aws`, are taken too.',
  cloud_type_in_use: 'Delete its accounts first, in all projects.',
  cloud_account_name_taken:
    'Choose another name within the tenant or project; names that differ in case alone are the same.',
  cluster_profile_name_taken:
    'Choose another name or version within the tenant or project; names that differ in case alone are the same.',
  cluster_name_taken: 'Choose another name within the project.',
  own_request: 'Let somebody else decide; another account of yours is you. What you asked for you may withdraw.',
  request_closed: 'It was decided, withdrawn or left unanswered for too long: `message` says which. Ask anew.',
  conflict: '`message` says which state stands in the way; change that first, or read the object again.',
  resource_limit: 'Remove what is no longer used.',
  kubeconfig_refused:
    '`message` names the member: one that would run a program, read a file or trust any server is not accepted. Export a self-contained kubeconfig.',
  destination_refused:
    'The address is Palisade’s own, a cloud’s metadata service, or outside the ranges that the operator allows (`PALISADE_CLUSTER_RANGES`).',
  cluster_unreachable: '`message` says how the connection failed; Palisade itself has to reach the API server.',
  cluster_untrusted:
    'The kubeconfig’s certificate authority has to be the one that signed the API server’s certificate.',
  cluster_refuses:
    'The cluster answers, but not to this credential: use one that is valid and may do what the message names.',
  cluster_unsupported: '`message` says what is missing or too old.',
  cluster_objects_differ: '`message` names the object; rename or remove it on the cluster if it is not in use.',
  cluster_refuses_tokens:
    '`details.problems` says what is wrong, a sentence each; `palisade cluster authentication` prints what the API server needs.',
  direct_unavailable: 'Use the ordinary kubeconfig, or ask an administrator for token mode with direct tokens.',
  direct_level: 'Use the ordinary kubeconfig, or ask for a token of level `view`.',
  cluster_not_ready:
    'Finish the import: apply the YAML that it printed, then `POST /v1/palisade/clusters/{uid}/check`.',
  too_many_requests: 'Wait as long as `Retry-After` says.',
  busy: 'Wait as long as `Retry-After` says.',
  unavailable: 'Wait as long as `Retry-After` says; if it stays, the operator looks at `/readyz`.',
  internal: 'Give the operator the request id: the cause is in the log under it.',
}

/** `docs/errors.md`: every refusal, what to do about it, and which routes answer it. */
export function errorsPage(endpoints: readonly Endpoint[]): string {
  const codes = Object.keys(refusals) as RefusalCode[]
  const rows = codes.map((name) => {
    const { status, code, title } = refusals[name]
    return `| \`${name}\` | ${status} | \`${code}\` | ${title} | ${cell(remedies[name])} |`
  })
  const where = codes.map((name) => `| \`${name}\` | ${answeredBy(name, endpoints)} |`)
  return `# What is refused, and what to do about it

Made by \`npm run docs\` from \`contract/errors.ts\` and the routes' declarations; a test compares.

A refusal under \`/v1\` is \`{code, message, details, ref}\`, where \`code\` is the third column and \`ref\` the request id; under
\`/v1/palisade\` it is a problem of RFC 9457, whose \`type\` is like \`${problemType('not_found')}\` and whose \`code\` is the
same. Clients compare \`code\`; several names may share one where clients need not tell them apart.

| name | status | \`code\` | what it says | what to do |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

## Who answers it

| name | routes |
| --- | --- |
${where.join('\n')}

## On the way to clusters

Below \`/k8s/clusters/{uid}\` every refusal is a Kubernetes \`Status\`, which kubectl prints: 401 without a valid credential, 404 for
a cluster that is not there or another tenant's, 400 for a request that is not canonical, 403 for a right that is missing, 429 and
503 with \`Retry-After\`. What Palisade refuses there by itself is a table in [clusters.md](clusters.md).
`
}

const cell = (text: string) => text.replaceAll('|', '\\|')

/** Answered by the listener before a route is known. */
const withoutRoute: readonly RefusalCode[] = ['route_not_found', 'method_not_allowed']

function answeredBy(name: RefusalCode, endpoints: readonly Endpoint[]): string {
  if (withoutRoute.includes(name)) return 'paths and methods that no route has'
  const those = endpoints.filter((one) => refusalsOf(one).includes(name))
  const guarded = endpoints.filter(({ permission }) => !('open' in permission))
  if (those.length === endpoints.length) return 'every route'
  if (those.length === guarded.length && those.every((one) => guarded.includes(one)))
    return 'every route that takes a credential'
  const withBody = endpoints.filter(({ route }) => !route.startsWith('GET '))
  if (those.length === withBody.length && those.every((one) => withBody.includes(one)))
    return 'every route with a method other than GET'
  // A long list tells less than what its members have in common; docs/routes.md has each route's own.
  if (name === 'forbidden') return 'every route that needs a right, see [routes.md](routes.md)'
  if (name === 'not_found')
    return 'every route on an object, and where a body or query names one, see [routes.md](routes.md)'
  if (name === 'body_not_json') return 'every route that takes a body'
  if (name === 'too_many_requests') return 'every route that takes a credential, and those that give one'
  return those
    .map(({ route }) => `\`${route}\``)
    .sort()
    .join(', ')
}
