import { z } from 'zod'
import { refusals } from '../../contract/errors.ts'
import type { Endpoint } from './endpoint.ts'
import { refusalsOf } from './refusals.ts'
import { splitRoute } from './routes.ts'

/** OpenAPI 3.1 of every declared endpoint. */
export function openapiOf(endpoints: readonly Endpoint[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    const { method, path } = splitRoute(endpoint.route)
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Palisade', version, license: { name: 'Apache-2.0' } },
    paths,
    components: {
      schemas: { Error: errorSchema, Problem: problemSchema },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        apiKey: { type: 'apiKey', in: 'header', name: 'ApiKey' },
      },
    },
  }
}

function operationOf(endpoint: Endpoint): unknown {
  const { path } = splitRoute(endpoint.route)
  const open = 'open' in endpoint.permission
  const isOurs = path.startsWith('/v1/palisade')
  const error = isOurs
    ? { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
    : { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } }
  const byStatus = Map.groupBy(refusalsOf(endpoint), (code) => refusals[code].status)
  return {
    summary: endpoint.summary,
    operationId: operationId(endpoint.route),
    ...(open ? { security: [] } : { security: [{ token: [] }, { apiKey: [] }] }),
    parameters: [...pathParameters(path), ...queryParameters(endpoint), ...(open ? [] : [projectHeader])],
    ...(endpoint.body
      ? {
          requestBody: {
            required: !(endpoint.body as z.ZodType).safeParse(undefined).success,
            content: { 'application/json': { schema: schemaOf(endpoint.body, 'input') } },
          },
        }
      : {}),
    responses: {
      [endpoint.reply.status]: {
        description: 'Done',
        ...(open || endpoint.audit === 'refusals-only' ? {} : { headers: { AuditUid: auditUidHeader } }),
        ...(endpoint.reply.body
          ? {
              content: {
                [endpoint.reply.contentType ?? 'application/json']: {
                  schema: endpoint.reply.contentType ? { type: 'string' } : schemaOf(endpoint.reply.body, 'output'),
                },
              },
            }
          : {}),
      },
      ...Object.fromEntries(
        [...byStatus]
          .sort(([a], [b]) => a - b)
          .map(([status, list]) => [
            status,
            { description: list.map((code) => refusals[code].title).join('; '), content: error },
          ]),
      ),
    },
  }
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

const pathParameters = (path: string) =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters({ query }: Endpoint): unknown[] {
  if (!query) return []
  const { properties = {}, required = [] } = z.toJSONSchema(query as z.ZodType, {
    io: 'input',
    unrepresentable: 'any',
  }) as {
    properties?: Record<string, unknown>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

const projectHeader = {
  name: 'ProjectUid',
  in: 'header',
  required: false,
  description: 'Selects a project; absent: the tenant',
  schema: { type: 'string' },
}

const auditUidHeader = { description: 'The uid of the audit entry of this act', schema: { type: 'string' } }

const operationId = (route: string) =>
  route
    .replaceAll(/[{}]/g, '')
    .split(/[ /.-]+/)
    .filter((part) => part !== '')
    .map((part, i) => (i === 0 ? part.toLowerCase() : part[0]?.toUpperCase() + part.slice(1)))
    .join('')

const errorSchema = {
  type: 'object',
  required: ['code', 'message', 'details', 'ref'],
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    details: { type: 'object' },
    ref: { type: 'string', description: 'The request id' },
  },
}

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'request'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    request: { type: 'string', description: 'The request id' },
  },
}
