import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Level } from './levels.ts'
import { parseTarget } from './path.ts'
import { defaultProtectedNamespaces, type PolicyRefusal, type RuleId, refusedByPalisade, rules } from './policy.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import { subresourceClass } from './subresources.ts'

type Case = {
  rule: RuleId | 'none'
  why: string
  method?: string
  target: string
  upgrade?: boolean
  /** Below this level it is refused; default: never. */
  from?: Level
}

const ns = '/api/v1/namespaces/shop'
const system = '/api/v1/namespaces/kube-system'

const cases: readonly Case[] = [
  // A12
  { rule: 'execute', why: 'A12: exec over SPDY', method: 'POST', target: `${ns}/pods/x/exec?command=sh`, from: 'edit' },
  { rule: 'execute', why: 'A12: exec as a WebSocket GET', target: `${ns}/pods/x/exec`, upgrade: true, from: 'edit' },
  { rule: 'execute', why: 'A12: exec as HEAD', method: 'HEAD', target: `${ns}/pods/x/exec`, from: 'edit' },
  { rule: 'execute', why: 'A12: attach', target: `${ns}/pods/x/attach`, upgrade: true, from: 'edit' },
  { rule: 'execute', why: 'A12: port-forward', method: 'POST', target: `${ns}/pods/x/portforward`, from: 'edit' },
  {
    rule: 'execute',
    why: 'A12: kubectl debug',
    method: 'PATCH',
    target: `${ns}/pods/x/ephemeralcontainers`,
    from: 'edit',
  },
  {
    rule: 'execute',
    why: 'A12: exec under the watch prefix',
    target: '/api/v1/watch/namespaces/shop/pods/x/exec',
    from: 'edit',
  },
  { rule: 'proxy', why: 'A12: nodes/proxy', target: '/api/v1/nodes/n/proxy/run/shop/x/c', from: 'admin' },
  { rule: 'proxy', why: 'A17: a service proxy', target: `${ns}/services/https:web:443/proxy/`, from: 'admin' },
  { rule: 'proxy', why: 'A17: a pod proxy', method: 'POST', target: `${ns}/pods/x/proxy`, from: 'admin' },
  {
    rule: 'proxy',
    why: 'A17: the legacy prefix',
    target: '/api/v1/proxy/namespaces/shop/services/web/x',
    from: 'admin',
  },
  { rule: 'proxy', why: 'A17: the legacy prefix for nodes', target: '/api/v1/proxy/nodes/n', from: 'admin' },
  // A14
  {
    rule: 'service-account-token',
    why: 'A14: minting a token',
    method: 'POST',
    target: `${ns}/serviceaccounts/ci/token`,
    from: 'admin',
  },
  { rule: 'admin-subresource', why: 'A14: finalize', method: 'PUT', target: `${ns}/finalize`, from: 'admin' },
  {
    rule: 'admin-subresource',
    why: 'A14: approving a certificate',
    method: 'PUT',
    target: '/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval',
    from: 'admin',
  },
  { rule: 'unknown-subresource', why: 'A14: nobody knows it', target: `${ns}/pods/x/checkpoint`, from: 'admin' },
  { rule: 'unknown-subresource', why: 'A14: case counts', target: `${ns}/pods/x/Exec`, from: 'admin' },
  { rule: 'unknown-subresource', why: 'A14: a trailing dot counts', target: `${ns}/pods/x/exec.`, from: 'admin' },
  { rule: 'unknown-subresource', why: 'A14: singular', target: `${ns}/pod/x/exec`, from: 'admin' },
  { rule: 'unknown-subresource', why: 'no property of Object', target: `${ns}/pods/x/constructor`, from: 'admin' },
  {
    rule: 'unknown-subresource',
    why: 'A15: exec of another group is not that exec',
    target: '/apis/example.com/v1/namespaces/shop/pods/x/exec',
    from: 'admin',
  },
  {
    rule: 'unknown-subresource',
    why: 'A14: the console of a virtual machine',
    target: '/apis/subresources.kubevirt.io/v1/namespaces/shop/virtualmachineinstances/vm/console',
    upgrade: true,
    from: 'admin',
  },
  // D16
  {
    rule: 'namespace-itself',
    why: 'D16: pod-security labels of an own namespace',
    method: 'PATCH',
    target: ns,
    from: 'admin',
  },
  { rule: 'namespace-itself', why: 'D16: by replacing it', method: 'PUT', target: ns, from: 'admin' },
  { rule: 'namespace-itself', why: 'D16: with a new one', method: 'POST', target: '/api/v1/namespaces', from: 'admin' },
  // Protected namespaces
  { rule: 'protected-secrets', why: 'Secrets of kube-system', target: `${system}/secrets`, from: 'admin' },
  { rule: 'protected-secrets', why: 'one of them', target: `${system}/secrets/x`, from: 'admin' },
  { rule: 'protected-secrets', why: 'watching them', target: `${system}/secrets?watch=1`, from: 'admin' },
  {
    rule: 'protected-secrets',
    why: 'watching them by prefix',
    target: '/api/v1/watch/namespaces/kube-system/secrets/x',
    from: 'admin',
  },
  { rule: 'protected-secrets', why: 'our own', target: '/api/v1/namespaces/palisade-system/secrets', from: 'admin' },
  { rule: 'secrets-everywhere', why: 'kubectl get secrets -A', target: '/api/v1/secrets?limit=500', from: 'admin' },
  { rule: 'secrets-everywhere', why: 'watched', target: '/api/v1/secrets?watch=true', from: 'admin' },
  {
    rule: 'secrets-everywhere',
    why: 'by name',
    target: '/api/v1/secrets?fieldSelector=metadata.name=x',
    from: 'admin',
  },
  { rule: 'secrets-everywhere', why: 'by prefix', target: '/api/v1/watch/secrets', from: 'admin' },
  { rule: 'protected-write', why: 'a pod in kube-system', method: 'POST', target: `${system}/pods`, from: 'admin' },
  {
    rule: 'protected-write',
    why: 'an eviction there',
    method: 'POST',
    target: `${system}/pods/x/eviction`,
    from: 'admin',
  },
  {
    rule: 'protected-write',
    why: 'a scale there',
    method: 'PATCH',
    target: '/apis/apps/v1/namespaces/kube-system/deployments/coredns/scale',
    from: 'admin',
  },
  { rule: 'protected-write', why: 'all of them', method: 'DELETE', target: `${system}/configmaps`, from: 'admin' },
  { rule: 'protected-write', why: 'the namespace itself', method: 'DELETE', target: system, from: 'admin' },
  { rule: 'protected-write', why: 'its labels', method: 'PATCH', target: system, from: 'admin' },
  { rule: 'protected-write', why: 'all namespaces', method: 'DELETE', target: '/api/v1/namespaces', from: 'admin' },
  { rule: 'protected-write', why: 'a dry run too', method: 'POST', target: `${system}/pods?dryRun=All`, from: 'admin' },
  {
    rule: 'protected-write',
    why: 'custom resources there too',
    method: 'PUT',
    target: '/apis/example.com/v1/namespaces/kube-system/things/x',
    from: 'admin',
  },
  // Never
  { rule: 'method', why: 'OPTIONS', method: 'OPTIONS', target: `${ns}/pods` },
  { rule: 'method', why: 'CONNECT', method: 'CONNECT', target: `${ns}/pods/x/proxy` },
  { rule: 'method', why: 'lower case', method: 'get', target: `${ns}/pods` },
  { rule: 'method', why: 'a made-up one on a non-resource path', method: 'PROPFIND', target: '/healthz' },
  { rule: 'upgrade', why: 'on a plain list', target: `${ns}/pods`, upgrade: true },
  { rule: 'upgrade', why: 'on a non-resource path', target: '/version', upgrade: true },
]

for (const { rule, why, method = 'GET', target, upgrade = false, from } of cases) {
  test(`${rule}: ${why}`, () => {
    const below: Level[][] = from === 'admin' ? [['view'], ['view', 'edit']] : [['view']]
    for (const levels of from === undefined ? [...below, ['view', 'edit', 'admin'] as Level[]] : below) {
      const refusal = refused({ method, target, upgrade, levels })
      // Someone who may only view meets the first rule on the way; the rule named is what stands between edit and admin.
      if (levels.includes('edit') || from !== 'admin') assert.equal(refusal?.rule, rule)
      assert.equal(refusal?.needed, from)
      assert.match(
        refusal?.message ?? '',
        from === undefined ? /./ : new RegExp(`needs level "${from}" on this cluster`),
      )
    }
    if (from !== undefined) {
      assert.equal(refused({ method, target, upgrade, levels: [from] }), undefined, 'the level named is enough')
    }
  })
}

/** What people and tools do all day with the edit level. None of it may be refused by us. */
const everyday: readonly (readonly [method: string, target: string])[] = [
  ['GET', '/api'],
  ['GET', '/apis'],
  ['GET', '/openapi/v3'],
  ['GET', '/version'],
  ['GET', '/api/v1/pods?limit=500'],
  ['GET', '/api/v1/pods?watch=true'],
  ['GET', `${system}/pods`],
  ['GET', `${system}/pods/x/log?follow=true`],
  ['GET', `${system}/configmaps/x`],
  ['GET', `${ns}/secrets`],
  ['POST', `${ns}/secrets`],
  ['PUT', `${ns}/secrets/sh.helm.release.v1.web.v1`],
  ['DELETE', `${ns}/secrets?labelSelector=owner%3Dhelm`],
  ['GET', `${ns}/pods/x/log?follow=true`],
  ['POST', `${ns}/pods/x/exec?command=sh`],
  ['POST', `${ns}/pods/x/eviction`],
  ['PATCH', `${ns}/pods/x/ephemeralcontainers`],
  ['PATCH', `${ns}/pods/x/resize`],
  ['POST', `${ns}/pods/x/binding`],
  ['POST', `${ns}/bindings`],
  ['PATCH', '/apis/apps/v1/namespaces/shop/deployments/web/scale'],
  ['PUT', '/apis/apps/v1/namespaces/shop/deployments/web/status'],
  ['PATCH', '/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-client-side-apply'],
  ['PATCH', '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/scale'],
  ['PUT', '/apis/example.com/v1/namespaces/shop/things/x/status'],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'],
  ['POST', '/apis/authorization.k8s.io/v1/namespaces/kube-system/localsubjectaccessreviews'],
  ['POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews'],
  ['GET', '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods'],
  ['GET', '/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/x/http_requests'],
  ['GET', '/apis/example.com/v1/secrets'],
  ['GET', '/apis/example.com/v1/namespaces/kube-system/secrets'],
  ['DELETE', ns],
  ['GET', '/api/v1/namespaces/kube-system'],
]
for (const [method, target] of everyday) {
  test(`left to the cluster: ${method} ${target}`, () =>
    assert.equal(refused({ method, target, levels: ['view', 'edit'] }), undefined))
}

test('watches and followed logs may be upgraded', () => {
  for (const target of ['/api/v1/pods?watch=1', `${ns}/pods/x/log?follow=1`]) {
    assert.equal(refused({ target, upgrade: true, levels: ['view'] }), undefined)
  }
})

for (const header of [
  'Impersonate-User',
  'impersonate-group',
  'IMPERSONATE-EXTRA-scopes',
  'impersonate_user',
  'Impersonate-Uid ',
]) {
  test(`A01: "${header}" is refused at any level`, () => {
    const refusal = refused({ target: '/api/v1/pods', headers: ['accept', header], levels: ['view', 'edit', 'admin'] })
    assert.deepEqual(
      [refusal?.rule, refusal?.status, refusal?.needed, refusal?.permission],
      ['identity-headers', 403, undefined, undefined],
    )
    assert.match(refusal?.message ?? '', /--as/)
  })
}

test('nobody without a level gets anywhere', () => {
  const refusal = refused({ target: '/version', levels: [] })
  assert.deepEqual([refusal?.rule, refusal?.needed, refusal?.permission], ['no-level', 'view', 'cluster.get'])
})

const changing = [
  ['POST', `${ns}/pods`],
  ['PUT', `${ns}/configmaps/x`],
  ['PATCH', `${ns}/deployments/x`],
  ['DELETE', `${ns}/pods/x`],
  ['DELETE', `${ns}/pods`],
  ['PATCH', `${ns}/pods/x/status`],
  ['POST', `${ns}/pods/x/eviction`],
  ['GET', `${ns}/pods/x/exec?command=sh`],
  ['GET', `${ns}/pods/x/attach`],
  ['POST', `${ns}/pods/x/portforward`],
  ['GET', `${ns}/services/x/proxy/`],
  ['GET', '/api/v1/proxy/nodes/x'],
  ['POST', `${ns}/serviceaccounts/x/token`],
  ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews'],
  ['POST', '/apis/authentication.k8s.io/v1/tokenreviews'],
  ['POST', '/version'],
] as const
for (const [method, target] of changing) {
  test(`read-only: ${method} ${target} is refused at the highest level`, () => {
    const refusal = refused({ method, target, readOnly: true, levels: ['view', 'edit', 'admin'] })
    assert.deepEqual([refusal?.rule, refusal?.status, refusal?.needed], ['read-only', 403, undefined])
    const before = refused({ method, target, levels: ['view', 'edit', 'admin'] })
    assert.notEqual(before?.rule, 'read-only')
  })
}
const looking = [
  ['GET', `${ns}/pods`],
  ['GET', '/api/v1/pods?watch=1'],
  ['GET', `${ns}/pods/x/log?follow=1`],
  ['GET', `${ns}/pods/x/status`],
  ['HEAD', '/healthz'],
  ['GET', '/apis/custom.example/v1/namespaces/a/things/x'],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'],
  ['POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews'],
] as const
for (const [method, target] of looking) {
  test(`read-only: ${method} ${target} is left to the cluster`, () =>
    assert.equal(refused({ method, target, readOnly: true, levels: ['view', 'edit', 'admin'] }), undefined))
}

test('a level held without the lower ones is enough by itself', () =>
  assert.equal(refused({ target: `${system}/secrets`, levels: ['admin'] }), undefined))

test('the list of protected namespaces is the configured one', () => {
  const target = '/api/v1/namespaces/vault/secrets'
  assert.equal(refused({ target, levels: ['edit'] }), undefined)
  assert.equal(refused({ target, levels: ['edit'], protectedNamespaces: ['vault'] })?.rule, 'protected-secrets')
  assert.equal(refused({ target: `${system}/secrets`, levels: ['edit'], protectedNamespaces: ['vault'] }), undefined)
})

test('A14: every subresource that Kubernetes 1.36 serves is classified, and the dangerous ones are known as such', () => {
  const served = JSON.parse(
    readFileSync(new URL('testdata/subresources-1.36.json', import.meta.url), 'utf8'),
  ) as string[]
  assert.ok(served.length > 40)
  const byClass = Object.groupBy(served, (path) => {
    const [group, resource, subresource] = path.split('/') as [string, string, string]
    return subresourceClass(group, resource, subresource) ?? 'unknown'
  })
  assert.deepEqual(byClass.unknown, undefined)
  assert.deepEqual(byClass.execute, ['/pods/attach', '/pods/ephemeralcontainers', '/pods/exec', '/pods/portforward'])
  assert.deepEqual(byClass.admin, [
    '/namespaces/finalize',
    '/nodes/proxy',
    '/pods/proxy',
    '/serviceaccounts/token',
    '/services/proxy',
    'certificates.k8s.io/certificatesigningrequests/approval',
  ])
})

test('every rule has its words for the documentation, and is met by a test here', () => {
  const met = new Set<string>([
    ...cases.map(({ rule }) => rule),
    ...['identity-headers', 'no-level', 'read-only', 'protected-execute'],
  ])
  for (const { id, refuses, because } of rules) {
    assert.ok(refuses.length > 10 && because.length > 10, id)
    assert.ok(met.has(id), id)
  }
})

test('protected-execute: exec in kube-system, by whatever method', () => {
  for (const method of ['GET', 'POST']) {
    const refusal = refused({ method, target: `${system}/pods/x/exec`, upgrade: true, levels: ['view', 'edit'] })
    assert.deepEqual([refusal?.rule, refusal?.needed], ['protected-execute', 'admin'])
  }
})

test('more levels never refuse more', () => {
  for (const { method = 'GET', target, upgrade = false } of cases) {
    const ladder: Level[][] = [[], ['view'], ['view', 'edit'], ['view', 'edit', 'admin']]
    const allowed = ladder.map((levels) => refused({ method, target, upgrade, levels }) === undefined)
    assert.deepEqual(allowed, [...allowed].sort(), target)
  }
})

function refused(request: {
  method?: string
  target: string
  upgrade?: boolean
  headers?: readonly string[]
  levels: readonly Level[]
  readOnly?: boolean
  protectedNamespaces?: readonly string[]
}): PolicyRefusal | undefined {
  const { method = 'GET', upgrade = false, headers = [], levels, readOnly = false } = request
  return refusedByPalisade(info(method, request.target), {
    method,
    upgrade,
    headers,
    levels,
    readOnly,
    protectedNamespaces: new Set(request.protectedNamespaces ?? defaultProtectedNamespaces),
  })
}

function info(method: string, raw: string): RequestInfo {
  const target = parseTarget(raw)
  assert.ok(target.ok, raw)
  const result = requestInfo(method, target.value)
  assert.ok(result.ok, raw)
  return result.value
}
