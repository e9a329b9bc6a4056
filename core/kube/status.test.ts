import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, renderStatus } from './status.ts'

test('is what kube-apiserver itself would answer', () => {
  const status = failure(403, 'pods is forbidden', { kind: 'pods', name: 'x' })
  assert.deepEqual(JSON.parse(renderStatus(status).body), {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'pods is forbidden',
    reason: 'Forbidden',
    details: { kind: 'pods', name: 'x' },
    code: 403,
  })
})

test('names each code as Kubernetes does', () => {
  const codes = [400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504] as const
  assert.deepEqual(
    codes.map((code) => failure(code, 'x').reason),
    [
      ...['BadRequest', 'Unauthorized', 'Forbidden', 'NotFound', 'MethodNotAllowed', 'RequestEntityTooLarge'],
      ...['TooManyRequests', 'InternalError', 'BadGateway', 'ServiceUnavailable', 'Timeout'],
    ],
  )
})

test('the time to wait stands in the header too, where client-go looks', () => {
  assert.equal(renderStatus(failure(429, 'x', { retryAfterSeconds: 2 })).headers['retry-after'], '2')
  assert.equal('retry-after' in renderStatus(failure(429, 'x')).headers, false)
})

test('a message cannot break out of the body', () => {
  const message = '"}\n\u2028<script>'
  assert.equal(JSON.parse(renderStatus(failure(400, message)).body).message, message)
})
