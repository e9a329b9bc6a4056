import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { refusals } from '../../contract/errors.ts'
import { refusalsOf } from '../../server/gateway/index.ts'
import { declaredEndpoints } from '../docs/declared.ts'
import type { DescribedOperation } from '../docs/openapi.ts'
import { type Api, type ApiAnswer, createApi } from '../support/api.ts'
import { leavesOf, withAt } from './samples.ts'
import {
  bodyOf,
  isEndless,
  isOfSystem,
  kindOf,
  pathWith,
  type Side,
  startWorld,
  unknownId,
  type World,
} from './world.ts'

// Whatever is sent to a route of the running program, it answers with one of the refusals that it declares, and never
// with a fault of its own.

let world: World
let a: Side
before(async () => {
  world = await startWorld('odd')
  a = world.a
})
after(() => world?.stop())

const declared = new Map(declaredEndpoints().map((one) => [one.route as string, one]))

/** What is wrong with an answer, if anything. */
function problemOf({ route }: DescribedOperation, { status, text, body }: ApiAnswer): string | undefined {
  const endpoint = declared.get(route)
  if (!endpoint) return `${route} is not declared`
  if (status === endpoint.reply.status) return undefined
  // A fault would be declared too: every route may have one. None may have one for what it was sent.
  const allowed = refusalsOf(endpoint).filter((code) => refusals[code].status < 500)
  const known = allowed.some((name) => refusals[name].status === status && refusals[name].code === body?.code)
  return known ? undefined : `${route} was answered ${status}: ${text.slice(0, 300)}`
}

const bodies = (operations: readonly DescribedOperation[]) => operations.filter(({ requestBody }) => requestBody)

/** Texts of bodies that are no object of any route. */
const oddTexts: readonly string[] = [
  ...['', ' ', 'null', 'true', '0', '-0', '1e400', '-1', '9007199254740993', '""', '"text"', '[]', '[null]', '{}'],
  ...[
    '{',
    '}',
    '[',
    'nul',
    'undefined',
    'NaN',
    "{'a':1}",
    '{"a":1,}',
    '{"a":1}{"b":2}',
    '\ufeff{}',
    '// no',
    '"\\ud800"',
  ],
  ...['{"__proto__":{"metadata":{"name":"x"}}}', '{"constructor":{"prototype":{"x":1}}}', '[{"__proto__":null}]'],
  ...['[]', '{"a":'].map((open) => open[0]?.repeat(40) ?? ''),
  `${'[{"a":'.repeat(20)}1${'}]'.repeat(20)}`,
  `"${'x'.repeat(900_000)}"`,
  `[${'0,'.repeat(100_000)}0]`,
  `{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
]

/** Values for one member of a body that is otherwise good. */
const oddValues: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', ' ', '\0', 'a\0b', '\ud800', '\u202e', '\u{1f600}', 'ſ'.repeat(64)],
  ...[
    '__proto__',
    'constructor',
    '../../x',
    '%00',
    "'; drop table users; --",
    '{{7*7}}',
    'x'.repeat(100_000),
    '9'.repeat(400),
  ],
  ...['9999-12-31T23:59:59.999Z', '+275760-09-13T00:00:00Z', '0000-00-00T00:00:00Z', '2026-02-30T00:00:00Z'],
  ...[[], [null], [[]], ['x', 'x'], Array.from({ length: 5_000 }, () => 'f'.repeat(24))],
  ...[{}, { a: null }, JSON.parse('{"__proto__":"x"}'), { toString: 'x', length: -1 }],
]

const oddTextsInUrls: readonly string[] = [
  ...[
    '',
    '0',
    '-1',
    '1e3',
    '1.5',
    'NaN',
    'Infinity',
    '99999999999999999999',
    '0x10',
    '١',
    'null',
    '[]',
    '{}',
    '"',
    "'",
  ],
  ...[
    '%',
    '\0',
    '\r\n',
    '\u{1f600}',
    '__proto__',
    'constructor',
    'toString',
    '..',
    '../..',
    '/',
    '\\',
    '*',
    '(',
    ' ',
    'a,b',
  ],
  ...[
    'metadata.name=x',
    'metadata.name=x\0',
    'spec.emailId=x',
    '+metadata.name',
    'eyJvZmZzZXQiOi0xfQ==',
    'x'.repeat(3_000),
  ],
]

/** Callers that get far enough to have the input looked at. */
function callersOf(operation: DescribedOperation): { caller: Api; tenant: Side }[] {
  if (operation.security.length === 0 || isEndless(operation)) return []
  const isSystem = isOfSystem(operation)
  return [{ caller: isSystem ? world.palisade.system : a.key, tenant: a }]
}

const idFor = (operation: DescribedOperation, tenant: Side) => {
  return operation.path.includes('{') && operation.security.length > 0 ? tenant.ids[kindOf(operation)] : 'x'
}

let networks = 1
/** Each open route from addresses of its own: its budget for strangers would else hide what it answers. */
async function asStrangers<T>(items: readonly T[], ask: (api: Api, item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 8) {
    const { port, caPem } = world.palisade
    networks++
    const api = createApi(`https://127.0.0.1:${port}`, caPem, `127.0.${networks >> 8}.${networks & 255}`)
    try {
      for (const item of items.slice(i, i + 8)) await ask(api, item)
    } finally {
      await api.close()
    }
  }
}

/** Asks as whoever the operation is for, and collects what is wrong with the answers. */
async function askAll<T>(
  operation: DescribedOperation,
  items: readonly T[],
  ask: (api: Api, item: T, id: string) => Promise<ApiAnswer>,
): Promise<string[]> {
  const problems: string[] = []
  const judge = async (api: Api, item: T, id: string) => {
    const problem = problemOf(operation, await ask(api, item, id))
    if (problem !== undefined) problems.push(`${problem}\n    for ${JSON.stringify(item).slice(0, 300)}`)
  }
  for (const { caller, tenant } of callersOf(operation))
    for (const item of items) await judge(caller, item, idFor(operation, tenant))
  if (operation.security.length === 0) await asStrangers(items, (api, item) => judge(api, item, 'x'))
  return problems
}

const fail = (problems: readonly string[]) =>
  assert.equal(problems.length, 0, `${problems.length} answers:\n${problems.slice(0, 20).join('\n')}`)

describe('odd input is refused by name', () => {
  test('G05, G09: as a whole body', async () => {
    const problems: string[] = []
    const headers = { 'content-type': 'application/json' }
    for (const operation of world.operations.filter(({ method }) => method !== 'GET'))
      problems.push(
        ...(await askAll(operation, oddTexts, (api, body, id) => {
          // What takes no body does what it is there for, whatever is sent along: not to what the others need.
          const path = pathWith(operation, operation.requestBody ? id : unknownId())
          return api.call(operation.method, path, { body, headers })
        })),
      )
    fail(problems)
  })

  test('G02, G05, G09: as one member of a body', async () => {
    const problems: string[] = []
    let asked = 0
    for (const operation of bodies(world.operations)) {
      const sample = bodyOf(operation, (kind) => a.ids[kind])
      const places = new Map(leavesOf(sample).map((place) => [place.join('.'), place]))
      const items = [...places.values()].flatMap((place) => oddValues.map((value) => ({ place, value })))
      asked += items.length
      problems.push(
        ...(await askAll(operation, items, (api, { place, value }, id) =>
          api.call(operation.method, pathWith(operation, id), {
            body: withAt(
              bodyOf(operation, (kind) => a.ids[kind]),
              place,
              value,
            ),
          }),
        )),
      )
    }
    assert.ok(asked > 1_000, `${asked} questions`)
    fail(problems)
  })

  test('as a query parameter', async () => {
    const problems: string[] = []
    for (const operation of world.operations) {
      const names = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name)
      const queries = names.flatMap((name) => [
        ...oddTextsInUrls.map((text) => `${name}=${encodeURIComponent(text)}`),
        ...[`${name}=1&${name}=2`, `${name}[]=1`, `${name}[a]=1`, `${name}`, `${name}=%ff`, `${name}=%`],
      ])
      const items = [...queries, '__proto__=1', 'constructor=1', 'unknown=1', '&&&', '%']
      const body = bodyOf(operation, (kind) => a.ids[kind])
      // A query is read whatever the method; one that ends or makes something is not repeated for it.
      if (operation.method !== 'GET') continue
      problems.push(
        ...(await askAll(operation, items, (api, query, id) =>
          api.call(operation.method, `${pathWith(operation, id)}?${query}`, body === undefined ? {} : { body }),
        )),
      )
    }
    fail(problems)
  })

  test('as an id in the path', async () => {
    const problems: string[] = []
    for (const operation of world.operations) {
      if (!operation.path.includes('{')) continue
      const own = idFor(operation, a)
      const odd = [
        ...oddTextsInUrls.map(encodeURIComponent),
        ...[
          '%ff',
          '%c0%ae',
          '%2e%2e',
          '%',
          `${own}%00`,
          `${own}%20`,
          `%20${own}`,
          own.toUpperCase(),
          `${own}x`,
          `${own};a=b`,
        ],
      ]
      const items = odd.filter((text) => text !== '' && text !== own)
      problems.push(
        ...(await askAll(operation, items, async (api, text) => {
          const body = bodyOf(operation)
          const path = operation.path.replaceAll(/\{\w+\}/g, text)
          const answer = await api.call(operation.method, path, body === undefined ? {} : { body })
          // Such a path may be nobody's, or a neighbour's; a stranger is told no more than that a credential is wanted.
          const isElsewhere =
            ['RouteNotFound', 'MethodNotAllowed', 'InvalidRequest'].includes(answer.body?.code) ||
            (answer.status === 401 && operation.security.length === 0)
          return isElsewhere
            ? { ...answer, status: refusals.invalid.status, body: { code: refusals.invalid.code } }
            : answer
        })),
      )
    }
    fail(problems)
  })

  test('as a header', async () => {
    const odd = [
      'x',
      '',
      'null',
      '__proto__',
      'f'.repeat(24).toUpperCase(),
      `${a.ids.project} `,
      'é',
      'x'.repeat(8_000),
    ]
    const problems: string[] = []
    for (const operation of world.operations.filter(({ method }) => method === 'GET'))
      problems.push(
        ...(await askAll(operation, odd, (api, project, id) => api.call('GET', pathWith(operation, id), { project }))),
      )
    fail(problems)
  })

  test('G01: as a content type', async () => {
    const problems: string[] = []
    for (const operation of bodies(world.operations))
      problems.push(
        ...(await askAll(
          operation,
          [
            'text/plain',
            'application/x-www-form-urlencoded',
            'multipart/form-data',
            'application/jsonx',
            'a',
            ';',
            '__proto__',
          ],
          (api, type, id) =>
            api.call(operation.method, pathWith(operation, id), { body: '{}', headers: { 'content-type': type } }),
        )),
      )
    fail(problems)
  })

  test('G03: and too much of it is refused before it is read', async () => {
    const body = `{"metadata":{"name":"${'x'.repeat(2 * 1024 * 1024)}"}}`
    const problems: string[] = []
    // Who still sends when the server has answered and closes may lose the answer (RFC 9112 §9.6), and asks again.
    const ask = async (api: Api, method: string, path: string, tries = 5): Promise<ApiAnswer> => {
      try {
        return await api.call(method, path, { body })
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException
        if (tries === 1 || (code !== 'EPIPE' && code !== 'ECONNRESET')) throw cause
        return ask(api, method, path, tries - 1)
      }
    }
    for (const operation of bodies(world.operations))
      problems.push(
        ...(await askAll(operation, [''], (api, _, id) => ask(api, operation.method, pathWith(operation, id)))),
      )
    fail(problems)
  })
})

test('G05: after all of it the server is well, and has logged no fault', async () => {
  assert.equal((await world.palisade.api.call('GET', '/readyz')).status, 200)
  const faults = (await world.palisade.log()).split('\n').filter((line) => /"level":(50|60|"error"|"fatal")/.test(line))
  assert.deepEqual(faults.slice(0, 5), [])
})
