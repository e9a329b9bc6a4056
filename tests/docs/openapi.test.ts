import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { refusals } from '../../contract/errors.ts'
import { openapiOf, refusalsOf, splitRoute } from '../../server/gateway/index.ts'
import { publishedOperations } from '../conformance/published/published.ts'
import { declaredEndpoints } from './declared.ts'
import { eachOperation, OpenApi } from './openapi.ts'

const endpoints = declaredEndpoints()
// As a client sees it: what JSON cannot say is gone.
const document = OpenApi.parse(JSON.parse(JSON.stringify(openapiOf(endpoints, '0.0.0'))))
const operations = eachOperation(document)

test('every declared route is an operation, and nothing else is', () => {
  assert.deepEqual(operations.map(({ route }) => route).toSorted(), endpoints.map(({ route }) => route).toSorted())
})

test('operation ids are unique and such that generators make names of them', () => {
  const ids = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(
    ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id)),
    [],
  )
})

test('a path’s parameters are declared, all of them, as required', () => {
  for (const { route, path, parameters } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const declared = parameters.filter((one) => one.in === 'path')
    assert.deepEqual(
      declared.map(({ name }) => name),
      named,
      route,
    )
    assert.ok(
      declared.every(({ required }) => required),
      route,
    )
    const keys = parameters.map((one) => `${one.in} ${one.name}`)
    assert.equal(new Set(keys).size, keys.length, `${route} declares a parameter twice`)
  }
})

test('paths that differ in the names of their parameters alone are one path', () => {
  const shapes = Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, '{}'))
  assert.deepEqual(
    shapes.filter((shape, i) => shapes.indexOf(shape) !== i),
    [],
  )
})

test('the status of every refusal that a route may answer is there, in the dialect of its path', () => {
  for (const endpoint of endpoints) {
    const operation = operations.find(({ route }) => route === endpoint.route)
    const dialect = splitRoute(endpoint.route).path.startsWith('/v1/palisade')
      ? 'application/problem+json'
      : 'application/json'
    const expected = new Set([endpoint.reply.status, ...refusalsOf(endpoint).map((code) => refusals[code].status)])
    assert.deepEqual(Object.keys(operation?.responses ?? {}).map(Number), [...expected].toSorted(), endpoint.route)
    for (const [status, { content }] of Object.entries(operation?.responses ?? {}))
      if (Number(status) >= 400) assert.deepEqual(Object.keys(content ?? {}), [dialect], `${endpoint.route} ${status}`)
  }
})

test('what needs no credential is what docs/routes.md names, all else says which credentials it takes', () => {
  const page = readFileSync(new URL('../../docs/routes.md', import.meta.url), 'utf8')
  const named = [...page.matchAll(/^- `((?:GET|POST|PUT|PATCH|DELETE) \/v1\/[^`]+)`/gm)].map(([, route]) => route)
  const open = operations.filter(({ security }) => security.length === 0).map(({ route }) => route)
  assert.deepEqual(open.toSorted(), named.toSorted())
  for (const { route, security } of operations)
    if (security.length > 0) assert.deepEqual(security, [{ token: [] }, { apiKey: [] }], route)
})

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = '']) => to)
  assert.ok(references.length > 0)
  for (const reference of new Set(references)) {
    const found = reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
    assert.ok(found, `${reference} leads nowhere`)
  }
})

test('schemas are schemas: what could not be said in JSON Schema did not become "anything"', () => {
  for (const { route, requestBody, responses } of operations) {
    const schemas = [requestBody, ...Object.values(responses)].flatMap((one) => Object.values(one?.content ?? {}))
    for (const { schema } of schemas) assert.ok(Object.keys(schema).length > 0, `${route} has an empty schema`)
  }
})

test('what is published under /v1 answers the published code', () => {
  for (const operation of operations) {
    const { route } = operation
    const published = publishedOperations.get(route)
    if (!published) continue
    const success = Object.keys(operation.responses)
      .map(Number)
      .filter((status) => status < 300)
    assert.deepEqual(success, [published.status], route)
  }
})

test('what is not published is ours, or one of the few that clients call all the same', () => {
  const others = operations.map(({ route }) => route).filter((route) => !publishedOperations.has(route))
  const accounts = ['/v1/cloudaccounts/gcp', '/v1/cloudaccounts/azure', '/v1/cloudaccounts/cloudTypes/{cloudType}']
  const called = [
    ...['GET /v1/projects', 'GET /v1/spectroclusters', 'GET /v1/users/me', 'POST /v1/auth/syslogin'],
    ...accounts.flatMap((path) => [`GET ${path}`, `POST ${path}`]),
    ...accounts.flatMap((path) => ['GET', 'PUT', 'DELETE'].map((method) => `${method} ${path}/{uid}`)),
    ...['POST /v1/clouds/gcp/account/validate', 'POST /v1/clouds/azure/account/validate'],
    ...['GET /v1/clouds/cloudTypes', 'POST /v1/clouds/cloudTypes/register', 'DELETE /v1/clouds/cloudTypes/{cloudType}'],
  ]
  assert.deepEqual(others.filter((route) => !route.includes(' /v1/palisade/')).toSorted(), called.toSorted())
})
