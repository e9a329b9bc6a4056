import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openapiOf } from '../../server/gateway/index.ts'
import { declaredEndpoints } from '../docs/declared.ts'
import { eachOperation, OpenApi } from '../docs/openapi.ts'
import { broken } from './published/declared-schema.ts'
import { operationFor, publishedOperations } from './published/published.ts'
import { faultsOf, mismatches } from './published/value.ts'

const document = OpenApi.parse(JSON.parse(JSON.stringify(openapiOf(declaredEndpoints(), '0.0.0'))))

// The server holds each answer to its declared schema before it is sent, so what follows holds for every answer there can be.
// What tests are answered is looked at besides, one by one: see `tests/support/api.ts`.
test('no answer that the server may give breaks the published shape of it', () => {
  const found = eachOperation(document).flatMap(({ route, responses }) => {
    const published = publishedOperations.get(route)
    if (!published) return []
    const answer = responses[published.status]
    if (!answer) return [`${route} is not declared to answer ${published.status}`]
    const [type, content] = Object.entries(answer.content ?? {})[0] ?? []
    if (published.answer === undefined) return content ? [`${route} answers ${type} where nothing is published`] : []
    if (!content) return [`${route} answers nothing`]
    return broken(published.answer, content.schema).map((line) => `${route}: ${line}`)
  })
  assert.deepEqual(found, [])
})

const text = { type: 'string' }
const user = {
  type: 'object',
  properties: { metadata: { type: 'object', properties: { name: text }, required: ['name'] } },
  required: ['metadata'],
}

test('a schema that allows what is not published is found', () => {
  assert.deepEqual(broken('User', user), [])
  const cases = [
    ['Uid', { type: 'object', properties: { uid: text } }, 'answer.uid may be left out'],
    ['Uid', { type: 'object', properties: {} }, 'answer.uid is not declared'],
    ['User', { ...user, properties: { metadata: text } }, 'answer.metadata is declared as string, not as ObjectMeta'],
    ['User', { anyOf: [user, { type: 'null' }] }, 'answer may be null'],
    ['[text]', { type: ['array', 'null'], items: text }, 'answer may be null'],
    ['[text]', { type: 'array', items: { type: 'integer' } }, 'answer[] is declared as integer, not as text'],
    ['{text}', { type: 'object' }, 'answer.* is declared as anything, not as text'],
    ['time', text, 'answer is declared as string, not as time'],
    ['int', { type: 'number' }, 'answer is declared as number, not as int'],
    ['"a"|"b"', { type: 'string', enum: ['a', 'c'] }, 'answer is declared as string, not as "a"|"b"'],
  ] as const
  for (const [type, schema, line] of cases) assert.deepEqual(broken(type, schema), [line])
  assert.deepEqual(broken('[User]', { type: 'array', items: { not: {} } }), [], 'a list that is always empty')
  assert.deepEqual(broken('text?', { anyOf: [text, { type: 'null' }] }), [])
})

test('a value that is not of a published type is found', () => {
  assert.deepEqual(mismatches('User', { metadata: { name: 'a', labels: {} }, extra: null }), [])
  const cases = [
    ['Uid', {}, 'answer.uid is missing'],
    ['User', null, 'answer: null is no object'],
    ['User', { metadata: { name: 1 } }, 'answer.metadata.name: 1 is no text'],
    ['User', { metadata: { labels: { a: null } } }, 'answer.metadata.labels.a: null is no text'],
    ['Users', { items: {} }, 'answer.items: {} is no list'],
    ['time', '2026-01-01', 'answer: "2026-01-01" is no time of RFC 3339'],
    ['int', 1.5, 'answer: 1.5 is no whole number'],
    ['bool', 'true', 'answer: "true" is no boolean'],
    ['"a"|"b"', 'c', 'answer: "c" is no a, b'],
  ] as const
  for (const [type, value, line] of cases) assert.deepEqual(mismatches(type, value), [line])
})

test('an answer is held to the operation that its request was for', () => {
  assert.equal(operationFor('GET', '/v1/users/meta?limit=1')?.[0], 'GET /v1/users/meta', 'not one user')
  assert.equal(operationFor('GET', `/v1/users/${'0'.repeat(24)}`)?.[0], 'GET /v1/users/{uid}')
  assert.equal(operationFor('GET', '/v1/users/a/b/c'), undefined)
  assert.deepEqual(faultsOf('DELETE', '/v1/users/a', 200, ''), ['200 where 204 is published'])
  assert.deepEqual(faultsOf('DELETE', '/v1/users/a', 204, '{}'), ['a body, where none is published'])
  assert.deepEqual(faultsOf('GET', '/v1/users/a', 404, { code: 404, message: 'x' }), ['error.code: 404 is no text'])
  assert.deepEqual(faultsOf('GET', '/v1/users/a', 404, { code: 'ResourceNotFound', message: 'x' }), [])
})
