import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseTarget, type Target } from './path.ts'
import { isLongRunning, type RequestInfo, requestInfo } from './request-info.ts'

const cases: readonly {
  rule: string
  method?: string
  target: string
  is: Partial<RequestInfo>
}[] = [
  {
    rule: 'a list of the core group',
    target: '/api/v1/namespaces/ns/pods',
    is: { isResourceRequest: true, verb: 'list', apiGroup: '', apiVersion: 'v1', namespace: 'ns', resource: 'pods' },
  },
  {
    rule: 'a named object of a group',
    target: '/apis/apps/v1/namespaces/ns/deployments/web',
    is: { verb: 'get', apiPrefix: 'apis', apiGroup: 'apps', resource: 'deployments', name: 'web' },
  },
  { rule: 'all namespaces', target: '/api/v1/pods', is: { verb: 'list', namespace: '', resource: 'pods' } },
  { rule: 'HEAD reads like GET', method: 'HEAD', target: '/api/v1/pods/x', is: { verb: 'get' } },
  { rule: 'POST creates', method: 'POST', target: '/api/v1/namespaces/ns/pods', is: { verb: 'create' } },
  { rule: 'PUT updates', method: 'PUT', target: '/api/v1/namespaces/ns/pods/x', is: { verb: 'update' } },
  { rule: 'PATCH patches', method: 'PATCH', target: '/api/v1/namespaces/ns/pods/x', is: { verb: 'patch' } },
  { rule: 'DELETE with a name', method: 'DELETE', target: '/api/v1/nodes/n', is: { verb: 'delete', name: 'n' } },
  { rule: 'DELETE without one', method: 'DELETE', target: '/api/v1/nodes', is: { verb: 'deletecollection' } },
  { rule: 'A16: any other method has no verb', method: 'OPTIONS', target: '/api/v1/pods', is: { verb: '' } },
  { rule: 'A16: methods are case-sensitive', method: 'get', target: '/api/v1/pods', is: { verb: '' } },
  { rule: 'A16: watch=true', target: '/api/v1/pods?watch=true', is: { verb: 'watch' } },
  { rule: 'A16: watch=1', target: '/api/v1/pods?watch=1', is: { verb: 'watch' } },
  { rule: 'A16: watch without a value', target: '/api/v1/pods?watch', is: { verb: 'watch' } },
  { rule: 'A16: a value nobody knows is true', target: '/api/v1/pods?watch=nope', is: { verb: 'watch' } },
  { rule: 'A16: watch=FALSE is false', target: '/api/v1/pods?watch=FALSE', is: { verb: 'list' } },
  { rule: 'A16: the first of several counts', target: '/api/v1/pods?watch=0&watch=1', is: { verb: 'list' } },
  { rule: 'A16: escaped names count', target: '/api/v1/pods?%77atch=1', is: { verb: 'watch' } },
  { rule: 'A16: what does not decode still watches', target: '/api/v1/pods?limit=x&watch=1', is: { verb: 'watch' } },
  { rule: 'watch of one object is a get', target: '/api/v1/namespaces/ns/pods/x?watch=1', is: { verb: 'get' } },
  {
    rule: 'A16: a field selector on the name names the object',
    target: '/api/v1/namespaces/ns/secrets?fieldSelector=metadata.name%3Ddb',
    is: { verb: 'list', name: 'db', fieldSelector: 'metadata.name=db' },
  },
  {
    rule: 'A16: a broken field selector names nothing',
    target: '/api/v1/secrets?fieldSelector=metadata.name=db,x',
    is: { verb: 'list', name: '' },
  },
  {
    rule: 'the legacy watch prefix is the verb',
    target: '/api/v1/watch/namespaces/ns/pods',
    is: { verb: 'watch', namespace: 'ns', resource: 'pods', fieldSelector: '' },
  },
  {
    rule: 'A17: the legacy proxy prefix is the verb, whatever follows the name',
    target: '/api/v1/proxy/namespaces/ns/pods/x/exec',
    is: { verb: 'proxy', resource: 'pods', name: 'x', subresource: '' },
  },
  {
    rule: 'A14: a namespace has two subresources',
    method: 'PUT',
    target: '/api/v1/namespaces/ns/finalize',
    is: { verb: 'update', namespace: 'ns', resource: 'namespaces', name: 'ns', subresource: 'finalize' },
  },
  {
    rule: 'A15: anything else below it is a resource in it',
    target: '/api/v1/namespaces/ns/finalizers',
    is: { namespace: 'ns', resource: 'finalizers', subresource: '' },
  },
  {
    rule: 'A15: "namespaces" of another group is another resource',
    target: '/apis/example.com/v1/namespaces/ns',
    is: { apiGroup: 'example.com', resource: 'namespaces', namespace: 'ns', name: 'ns' },
  },
  {
    rule: 'the subresource is one segment, the rest is in parts',
    target: '/api/v1/namespaces/ns/pods/x/proxy/a/b',
    is: { subresource: 'proxy', parts: ['pods', 'x', 'proxy', 'a', 'b'] },
  },
  { rule: 'a trailing slash changes nothing', target: '/api/v1/pods/', is: { verb: 'list', resource: 'pods' } },
  { rule: 'a version alone is no resource', target: '/api/v1/', is: { isResourceRequest: false, verb: 'get' } },
  { rule: 'a group alone neither', target: '/apis/apps/v1', is: { isResourceRequest: false } },
  { rule: 'prefixes are case-sensitive', target: '/API/v1/pods', is: { isResourceRequest: false } },
  { rule: 'escaped letters are letters', target: '/%61pi/v1/p%6fds', is: { resource: 'pods', verb: 'list' } },
]

for (const { rule, method = 'GET', target, is } of cases) {
  test(rule, () => {
    const info = requestInfo(method, parsed(target))
    assert.ok(info.ok)
    for (const [key, value] of Object.entries(is)) assert.deepEqual(info.value[key as keyof RequestInfo], value, key)
  })
}

for (const target of ['/api/v1/watch', '/api/v1/proxy/', '/apis/apps/v1/watch']) {
  test(`${target} names no resource`, () =>
    assert.deepEqual(requestInfo('GET', parsed(target)), { ok: false, error: 'special_verb_without_resource' }))
}

test('A16: the same verb and name as kube-apiserver', () => {
  const lines = readFileSync(new URL('testdata/request-info.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
  assert.ok(lines.length > 2000)
  for (const line of lines) {
    const [method, raw, failed, ...expected] = JSON.parse(line) as [string, string, boolean, ...unknown[]]
    const target = parsed(raw)
    const info = requestInfo(method, target)
    assert.equal(!info.ok, failed, line)
    if (!info.ok) continue
    const { path, ...rest } = info.value
    // Upstream's field order is the file's.
    const { isResourceRequest, verb, apiPrefix, apiGroup, apiVersion, namespace, resource, subresource, name } = rest
    const fields = [isResourceRequest, verb, apiPrefix, apiGroup, apiVersion, namespace, resource, subresource, name]
    assert.deepEqual([...fields, rest.parts, rest.fieldSelector, rest.labelSelector], expected, line)
    assert.equal(path, target.decodedPath)
    // What is forwarded is read like what was asked for.
    assert.deepEqual(requestInfo(method, parsed(target.requestTarget)), info, line)
  }
})

const lengths: readonly { target: string; long: boolean }[] = [
  { target: '/api/v1/pods', long: false },
  { target: '/api/v1/pods?watch=1', long: true },
  { target: '/api/v1/watch/pods', long: true },
  { target: '/api/v1/namespaces/ns/pods/x/log', long: false },
  { target: '/api/v1/namespaces/ns/pods/x/log?follow=false', long: false },
  { target: '/api/v1/namespaces/ns/pods/x/log?follow=true', long: true },
  { target: '/api/v1/namespaces/ns/pods/x/log?follow', long: true },
  { target: '/api/v1/namespaces/ns/services/web/proxy/events', long: true },
  { target: '/version?watch=1', long: false },
]
for (const { target, long } of lengths) {
  test(`${target} is ${long ? '' : 'not '}long-running`, () => {
    const info = requestInfo('GET', parsed(target))
    assert.ok(info.ok)
    assert.equal(isLongRunning(info.value, parsed(target)), long)
  })
}

function parsed(raw: string): Target {
  const target = parseTarget(raw)
  assert.ok(target.ok, raw)
  return target.value
}
