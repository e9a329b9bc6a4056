import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  type CryptoKey,
  decodeJwt,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose'
import { predefinedRole } from '../../contract/roles.ts'
import { maxGroups } from '../../core/kube/index.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { type Api, createApi } from '../support/api.ts'
import { createBrowser } from '../support/browser.ts'
import { signInByCode } from '../support/oidc.ts'
import { createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { switchToTokens, trustingNobody } from '../support/token-mode.ts'
import { tokenSigningKey } from './signing-key.ts'
import { type OpenedPalisade, reborn, startOpened } from './support.ts'

// Threats A04–A06, A09, B08, B09, B21, B24, C07, C13 and C14 where they touch clusters that trust our issuer: a real API server with
// the printed configuration, tokens of every other kind, and forgeries by whoever holds our own signing key.

const skip = await clusterSkipReason()

describe('an API server that trusts our issuer', { skip }, () => {
  let palisade: OpenedPalisade
  let cluster: Cluster
  let kube: Api & { close(): Promise<void> }
  let acme: Tenant
  let viewer: { uid: string; email: string; api: Api }
  let uid: string
  let key: CryptoKey
  let jwk: Readonly<JWK>
  /** What the viewer's own direct token says. */
  let sound: JWTPayload
  let directToken: string

  before(async () => {
    ;[palisade, cluster] = await Promise.all([
      startOpened({ name: 'token-attacks' }),
      startCluster({ name: 'token-attacks', kubelet: false, authenticationConfig: trustingNobody }),
    ])
    kube = createApi(cluster.server, cluster.caPem)
    acme = await createTenant(palisade, 'acme')
    uid = (
      await acme.admin.must('POST', '/v1/palisade/clusters', {
        project: acme.defaultProject,
        body: { metadata: { name: 'east' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
      })
    ).uid
    await switchToTokens(acme.admin, cluster, uid, { direct: true })
    viewer = await createUser(palisade, acme, 'viewer')
    await acme.admin.must('PUT', `/v1/users/${viewer.uid}/projects`, {
      body: { projects: [{ projectUid: acme.defaultProject, roles: [predefinedRole('Cluster Viewer').uid] }] },
    })
    ;({ key, jwk } = await tokenSigningKey(palisade))
    directToken = (await viewer.api.must('POST', `/v1/palisade/clusters/${uid}/directToken`, { body: {} })).token
    sound = decodeJwt(directToken)
  })
  after(async () => {
    await kube?.close()
    await palisade?.stop()
    await cluster?.stop()
  })

  const pods = '/api/v1/namespaces/default/pods'
  const askAs = async (token: string) => (await kube.as({ token: `Bearer ${token}` }).call('GET', pods)).status
  const now = () => Math.floor(Date.now() / 1000)
  /** The viewer's token as we would sign it now, with something else in it. Each is new: an API server remembers what it took. */
  const forge = (changed: Record<string, unknown>, header: object = {}, by: CryptoKey = key) =>
    new SignJWT({ ...sound, jti: randomUUID(), iat: now(), exp: now() + 300, ...changed })
      .setProtectedHeader({ alg: 'ES256', kid: jwk.kid ?? '', ...header })
      .sign(by)

  test('takes a token as we sign it, forged or not', async () => {
    assert.equal(await askAs(directToken), 200)
    assert.equal(await askAs(await forge({})), 200, 'the forgery as such is taken')
  })

  test('B08 a token for nobody, for somebody else, or for somebody besides is refused', async () => {
    const other = '0'.repeat(24)
    for (const changed of [
      { aud: undefined },
      { aud: other },
      { aud: [uid, other] },
      { aud: [other, uid] },
      { aud: [uid] },
      { aud: palisade.url },
      { aud: 'palisade-clusters' },
      { iss: palisade.url },
      { iss: `${palisade.url}/oidc/` },
      { iss: undefined },
      { tenant: other },
      { tenant: undefined },
      { tenant: [acme.uid] },
    ])
      assert.equal(await askAs(await forge(changed)), 401, JSON.stringify(changed))
  })

  test('B09 the algorithm is ours, and no key comes with the token', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = part({ ...sound, iat: now(), exp: now() + 60 })
    assert.equal(await askAs(`${part({ alg: 'none' })}.${claims}.`), 401)
    const publicKey = await importJWK(jwk, 'ES256', { extractable: true })
    assert.ok(!(publicKey instanceof Uint8Array))
    const secret = await exportSPKI(publicKey)
    const input = `${part({ alg: 'HS256', kid: jwk.kid })}.${claims}`
    assert.equal(await askAs(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`), 401)
    const stranger = await generateKeyPair('ES256', { extractable: true })
    assert.equal(await askAs(await forge({}, {}, stranger.privateKey)), 401)
    assert.equal(await askAs(await forge({}, { kid: 'unknown' }, stranger.privateKey)), 401)
    const embedded = { jwk: { ...jwk }, jku: `${palisade.url}/oidc/jwks` }
    assert.equal(await askAs(await forge({}, embedded, stranger.privateKey)), 401)
  })

  test('B21 C07 an expired token is refused, and so is one that would live too long', async () => {
    for (const changed of [
      { iat: now() - 400, exp: now() - 100 },
      { iat: now() - 61, exp: now() - 1 },
      { exp: undefined },
      { iat: undefined },
      { exp: now() + 302 },
      { iat: now() - 10, exp: now() + 300 },
      { access: 'proxy', exp: now() + 62 },
      { access: 'proxy' },
      { access: undefined },
      { access: 'other' },
    ])
      assert.equal(await askAs(await forge(changed)), 401, JSON.stringify(changed))
    assert.equal(await askAs(await forge({ access: 'proxy', exp: now() + 59 })), 200)
  })

  test('A04 A06 nobody is let in under a name of Kubernetes’ own, of another tenant, or with such a group', async () => {
    const other = '0'.repeat(24)
    for (const changed of [
      { sub: 'system:admin' },
      { sub: 'system:serviceaccount:kube-system:default' },
      { sub: 'kubernetes-admin' },
      { sub: `palisade:${other}:${viewer.uid}` },
      { sub: '' },
      { groups: ['system:masters'] },
      { groups: ['palisade:level:view', 'system:masters'] },
      { groups: ['palisade:level:root'] },
      { groups: [`palisade:team:${other}:${other}`] },
      { groups: 'system:masters' },
      { groups: undefined },
    ])
      assert.equal(await askAs(await forge(changed)), 401, JSON.stringify(changed))
  })

  test('A05 as many teams as a person may have go through; the rules look at each', async () => {
    const team = (i: number) => `palisade:team:${acme.uid}:${i.toString(16).padStart(24, '0')}`
    const groups = ['palisade:level:view', ...Array.from({ length: maxGroups - 1 }, (_, i) => team(i))]
    assert.equal(await askAs(await forge({ groups })), 200)
    assert.equal(await askAs(await forge({ groups: [...groups.slice(0, -1), 'system:masters'] })), 401)
  })

  test('C14 A09 no other token of ours is one for a cluster', async () => {
    const { tokens, browser } = await signInByCode(palisade, { email: viewer.email, org: 'acme' })
    await browser.close()
    const api = (
      await palisade.api.must('POST', '/v1/auth/authenticate', {
        body: { emailId: viewer.email, password: goodPassword, org: 'acme' },
      })
    ).Authorization
    const { text } = await viewer.api.call('GET', `/v1/spectroclusters/${uid}/assets/kubeconfig`)
    const door = /token: (\S+)/.exec(text)?.[1] ?? ''
    assert.match(door, /^eyJ/)
    const { apiKey } = await viewer.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'k' } } })
    const presented = {
      api,
      door,
      apiKey,
      access: tokens.access_token,
      id: tokens.id_token,
      refresh: tokens.refresh_token,
    }
    for (const [kind, token] of Object.entries(presented)) assert.equal(await askAs(token ?? ''), 401, kind)
    // Nor the other way round: what the cluster itself issued is nobody at the door.
    const account = await cluster.clientKubeconfig({ name: 'account', clusterRole: 'cluster-admin' })
    assert.equal(await askAs(account.token), 200)
    const atTheDoor = palisade.api.as({ token: `Bearer ${account.token}` })
    assert.equal((await atTheDoor.call('GET', `/k8s/clusters/${uid}${pods}`)).status, 401)
  })

  test('C14 a direct token opens no door of Palisade', async () => {
    const bearer = palisade.api.as({ token: `Bearer ${directToken}` })
    const raw = palisade.api.as({ token: directToken })
    for (const path of [
      '/v1/users/me',
      `/v1/spectroclusters/${uid}`,
      `/k8s/clusters/${uid}${pods}`,
      '/oidc/userinfo',
      '/canvas/session',
    ])
      for (const caller of [bearer, raw]) {
        const { status } = await caller.call('GET', path)
        assert.ok([400, 401].includes(status), `${path}: ${status}`)
      }
    const again = await bearer.call('POST', `/v1/palisade/clusters/${uid}/directToken`, { body: {} })
    assert.equal(again.status, 401, 'a token does not give the next')
  })

  test('B24 a direct token as a hint signs nobody out', async () => {
    const { tokens, browser } = await signInByCode(palisade, { email: viewer.email, org: 'acme' })
    const stranger = createBrowser(palisade.url, palisade.caPem)
    await stranger.open(new URL(`${palisade.url}/oidc/session/end?id_token_hint=${directToken}`))
    assert.equal((await palisade.api.as({ token: tokens.access_token }).call('GET', '/v1/users/me')).status, 200)
    await Promise.all([browser.close(), stranger.close()])
  })

  test('C13 no token for a cluster is in an answer, the log of the server, the audit log or the database', async () => {
    const { text } = await viewer.api.call('GET', `/v1/spectroclusters/${uid}/assets/kubeconfig`)
    const kubeconfig = await cluster.writeKubeconfig(text)
    const verbose = await cluster.kubectl(['get', 'pods', '-v=9'], { kubeconfig })
    assert.equal(verbose.code, 0)
    const missing = await cluster.kubectl(['get', '--raw', '/api/v1/nonsense', '-v=9'], { kubeconfig })
    assert.notEqual(missing.code, 0)
    const anyToken = /eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}/
    const texts = {
      answers: verbose.stderr + verbose.stdout + missing.stderr,
      log: await palisade.log(),
      audit: (await acme.admin.call('GET', '/v1/palisade/audit/export')).text,
      cluster: JSON.stringify(await palisade.sql('select * from clusters')),
      access: (await acme.admin.call('GET', `/v1/palisade/clusters/${uid}`)).text,
      authentication: (await acme.admin.call('GET', `/v1/palisade/clusters/${uid}/authentication`)).text,
    }
    for (const [where, seen] of Object.entries(texts)) assert.doesNotMatch(seen, anyToken, where)
    assert.match(texts.audit, /"cluster\.directToken\.issued"/)
    const [row] = await palisade.sql<{ credential: unknown; account: unknown }>(
      'select credential, account from clusters',
    )
    assert.deepEqual(row, { credential: null, account: null })
  })

  test('a new signing key is taken by the cluster at its first token', async () => {
    await palisade.sql(`update installation_secrets set created_at = now() - interval '31 days' where kind = 'jwt'`)
    await reborn(palisade)
    const renewed = await tokenSigningKey(palisade)
    assert.notEqual(renewed.jwk.kid, jwk.kid)
    const { text } = await viewer.api.call('GET', `/v1/spectroclusters/${uid}/assets/kubeconfig`)
    const through = await cluster.kubectl(['get', 'pods'], { kubeconfig: await cluster.writeKubeconfig(text) })
    assert.equal(through.code, 0, through.stderr)
  })
})
