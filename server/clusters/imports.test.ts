import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ClusterUid, ProjectUid, TenantUid } from '../../contract/ids.ts'
import { err } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import { startFakeKubernetes } from '../../tests/support/fake-kubernetes.ts'
import { createLogger } from '../platform/log/index.ts'
import { createImports } from './imports.ts'
import { parseKubeconfig } from './kubeconfig.ts'
import type { Cluster } from './store.ts'

const never = async () => {
  throw new Error('nobody asks for this here')
}

describe('a check in token mode', () => {
  test('names another authority of the API server for its administrators alone', async (t) => {
    const [known, other] = await Promise.all([startFakeKubernetes(), startFakeKubernetes()])
    t.after(() => Promise.all([known.close(), other.close()]))
    // In the form in which an import stores it.
    const parsed = parseKubeconfig(known.kubeconfig(), new Date())
    assert.ok(parsed.ok)
    const { caPem } = parsed.value.endpoint
    const asked: string[] = []
    const imports = createImports({
      ...{ inTenant: never, sealerOf: never, logger: createLogger('fatal', () => undefined) },
      async checkDestination(host) {
        asked.push(host)
        return err({ code: 'forbidden_address', message: 'is not for tests' })
      },
      tokens: {
        issuer: 'https://palisade.test/oidc',
        mintProbe: async () => ({ token: new Secret('t'), jti: 'j' }),
        now: Date.now,
      },
    })
    const at = new Date()
    const cluster: Cluster = {
      ...{
        uid: ClusterUid.parse('d'.repeat(24)),
        project: ProjectUid.parse('e'.repeat(24)),
        projectName: 'p',
        name: 'c',
      },
      ...{ labels: {}, annotations: {}, state: 'ready', importMode: 'full', cloudType: 'generic' },
      reached: { serverUrl: known.server, caPem, serverName: undefined, kubernetesVersion: 'v1.36.3', contactedAt: at },
      ...{
        location: undefined,
        credentialMode: 'token',
        directTokens: false,
        credential: undefined,
        missing: [],
        createdAt: at,
        updatedAt: at,
      },
    }
    const check = async (authority: string, isAdministrator: boolean) => {
      const kubeconfig = new Secret(known.kubeconfig(undefined, { caPem: authority }))
      const tenant = TenantUid.parse('a'.repeat(24))
      const checked = await imports.prepareTokens(tenant, cluster, { kubeconfig, isAdministrator }, at)
      return checked.ok ? 'ok' : checked.error.code
    }
    assert.equal(await check(other.caPem, false), 'forbidden')
    assert.deepEqual(asked, [], 'nobody was connected to')
    // These come as far as the connection.
    assert.equal(await check(known.caPem, false), 'destination_refused')
    assert.equal(await check(other.caPem, true), 'destination_refused')

    // Neither by the way of an account, in whatever mode, nor under another name.
    const nothing = async () => ({ leaves: () => undefined })
    const account = async (kubeconfig: string, isAdministrator: boolean) => {
      const credential = { kubeconfig: new Secret(kubeconfig), bindings: 'install' as const, isAdministrator }
      const tenant = TenantUid.parse('a'.repeat(24))
      const done = await imports.prepareAccount(tenant, cluster, credential, at, nothing).catch(() => undefined)
      return done?.ok === false ? done.error.code : 'went on'
    }
    const named = known.kubeconfig(undefined).replace(/^( *)server: .*$/m, '$&\n$1tls-server-name: other.example')
    assert.match(named, /tls-server-name/)
    for (const kubeconfig of [known.kubeconfig(undefined, { caPem: other.caPem }), named]) {
      assert.equal(await account(kubeconfig, false), 'forbidden')
      assert.equal(await account(kubeconfig, true), 'went on')
    }
    assert.equal(await account(known.kubeconfig(), false), 'went on')
  })
})
