import type { Endpoint } from '../../server/gateway/index.ts'
import { type PublishedOperation, publishedOperations } from '../conformance/published/published.ts'
import { differences, leftOut } from './compatibility-notes.ts'

/** How far one published operation is served here. */
export type Standing =
  | { readonly kind: 'works' }
  | { readonly kind: 'differs'; readonly how: string }
  | { readonly kind: 'left out'; readonly why: string }
  | { readonly kind: 'unexplained' }

/** Every published operation, by its route, and how far it is served. */
export function standings(endpoints: readonly Pick<Endpoint, 'route'>[]): ReadonlyMap<string, Standing> {
  const served = new Set<string>(endpoints.map(({ route }) => route))
  return new Map([...publishedOperations.keys()].map((route) => [route, standingOf(route, served.has(route))]))
}

function standingOf(route: string, isServed: boolean): Standing {
  if (isServed) {
    const how = differences.find(({ of }) => of.test(route))?.how
    return how === undefined ? { kind: 'works' } : { kind: 'differs', how }
  }
  const why = leftOut.find(({ of }) => of.test(route))?.why
  return why === undefined ? { kind: 'unexplained' } : { kind: 'left out', why }
}

/** docs/compatibility.md, made of what is served and of the notes beside this file. */
export function compatibilityPage(endpoints: readonly Pick<Endpoint, 'route'>[]): string {
  const all = standings(endpoints)
  const count = (kind: Standing['kind']) => [...all.values()].filter((one) => one.kind === kind).length
  const groups = Map.groupBy(all, ([route]) => groupOf(route))
  const lines = [
    '# Compatibility',
    '',
    'Palisade serves the published API of Palette 4.8, so that clients made for it work unmodified: its Terraform provider, its SDKs for',
    'Go and TypeScript. This page lists each operation of that API that is about access, with what it does here. It is made of the',
    'code by `npm run docs`; what is not in it is not served.',
    '',
    `Of ${all.size} operations ${count('works') + count('differs')} work, ${count('differs')} of them with a difference that is said here; ${count('left out')} are not served, each with the reason.`,
    'What is not served is answered 404 `RouteNotFound`, never with an error of the server.',
    '',
    'Every answer has the published status and shape: `tests/conformance/published.test.ts` holds the declared answers to it, and the client',
    'that all tests use looks at each answer that it gets. `tests/conformance/terraform.test.ts` replays what the Terraform provider calls.',
    '',
    'The published API has a few habits that Palisade shares where they do no harm, and some that it does not:',
    '',
    ...general.map((line) => `- ${line}`),
  ]
  for (const [group, operations] of [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    lines.push(
      ...['', `## ${group}`, '', '| operation | published as | here |', '| --- | --- | --- |'],
      ...operations.map(([route, standing]) => rowOf(route, publishedOperations.get(route), standing)),
    )
  return `${lines.join('\n')}\n`
}

const general = [
  'A member that Go’s client leaves out or writes as `null` is empty, false or zero. Members that nobody knows are skipped.',
  '`limit` is at most 50 where it is given and not 0; `limit=0` asks for everything, which is 10,000 rows at most.',
  'Secrets are written and never read: an account, a client secret, the value of an API key.',
  'An object of another tenant and one that does not exist are the same 404, wherever an id stands.',
  'Roles that end or count under conditions are no part of it: its lists of roles neither show nor touch them ([access.md](access.md#standing-roles-and-terraform)).',
  'A role, a filter or a team that is in use is not taken away with what stands on it: 409 names who holds it.',
]

const groupOf = (route: string) => {
  const [, , first = '', second = ''] = route.split('/')
  return first === 'dashboard' ? second.replace(/\{.*/, 'dashboard') : first
}

const escaped = (text: string) => text.replaceAll('|', '\\|')

function rowOf(route: string, published: PublishedOperation | undefined, standing: Standing): string {
  return `| \`${route}\` | ${escaped(published?.about ?? '')} | ${escaped(inWords(standing))} |`
}

function inWords(standing: Standing): string {
  switch (standing.kind) {
    case 'works':
      return 'works'
    case 'differs':
      return `differs: ${standing.how}`
    case 'left out':
      return `not served: ${standing.why}`
    case 'unexplained':
      return 'not served'
  }
}
