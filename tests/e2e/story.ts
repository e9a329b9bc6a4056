import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import type { OpenKubectl } from '../cluster/kubectl.ts'
import type { Api } from '../support/api.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { switchToTokens, trustingNobody } from '../support/token-mode.ts'
import { until } from '../support/until.ts'

// The main job from end to end, on real parts: the program, PostgreSQL, two clusters, kubectl, the verifier.

const skip = await clusterSkipReason()
const run = promisify(execFile)
const palisadeCli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

type Entry = {
  readonly event: string
  readonly outcome: string
  readonly time: string
  readonly actor: { readonly uid: string }
  readonly details?: { readonly reason?: string; readonly subresource?: string }
}

/** Tells it once: with a cluster that is reached by an account that impersonates, or by tokens of each caller's own. */
export function tellStory(mode: 'impersonation' | 'token'): void {
  describe(`the story, by ${mode}`, { skip }, () => {
    let family: ProcessFamily
    let palisade: Palisade
    let east: Cluster
    let west: Cluster
    let acme: Tenant
    let globex: Tenant
    let payments: string
    let team: string
    let dev: { uid: string; email: string; api: Api }
    let clusterUid: string
    let foreignCluster: string
    let kubeconfig: string

    before(async () => {
      family = await createProcessFamily(`story-${mode}`)
      ;[palisade, east, west] = await Promise.all([
        startPalisade({ family }),
        startCluster({ name: 'east', ...(mode === 'token' ? { authenticationConfig: trustingNobody } : {}) }),
        startCluster({ name: 'west', kubelet: false }),
      ])
      await east.createPod('default', 'web')
    })
    after(async () => {
      await palisade?.stop()
      await Promise.all([east?.stop(), west?.stop()])
      await family?.stop()
    })

    const kubectl = (...args: string[]) => east.kubectl(args, { kubeconfig })
    const open = (args: string[], terminal = false) => east.openKubectl(args, { kubeconfig, terminal })

    /** The tenant's whole log, as its export has it. */
    const entries = async (): Promise<Entry[]> => {
      const { text } = await acme.admin.call('GET', '/v1/palisade/audit/export')
      return text
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line) as Entry)
    }

    /** The cluster trusts our issuer from now on, and the account that the import made is removed from it. */
    async function withoutAccount(): Promise<void> {
      const { leftOnCluster } = await switchToTokens(acme.admin, east, clusterUid)
      for (const command of leftOnCluster.remove.split(' && ')) {
        const { code, stderr } = await east.kubectl(command.split(' ').slice(1))
        assert.equal(code, 0, stderr)
      }
    }

    const giveTeam = (role: 'Cluster Viewer' | 'Cluster Editor' | 'Cluster Admin' | undefined) =>
      acme.admin.must('PUT', `/v1/teams/${team}/projects`, {
        body: { projects: role ? [{ projectUid: payments, roles: [predefinedRole(role).uid] }] : [] },
      })

    test('the system administrator makes two tenants, whose administrators set their own passwords', async () => {
      acme = await createTenant(palisade, 'acme')
      globex = await createTenant(palisade, 'globex')
      const { items } = await palisade.system.must('GET', '/v1/tenants')
      const names = items.map((item: { spec: { orgName: string } }) => item.spec.orgName)
      assert.deepEqual(names.toSorted(), ['acme', 'globex'])
    })

    test('the tenant administrator makes a project, a user and a team, and gives the team Cluster Viewer', async () => {
      payments = (await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'payments' } } })).uid
      dev = await createUser(palisade, acme, 'dev')
      team = (
        await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'devs' }, spec: { users: [dev.uid] } } })
      ).uid
      await giveTeam('Cluster Viewer')
      const { projects } = await dev.api.must('GET', `/v1/users/${dev.uid}/projects`)
      assert.deepEqual(
        projects.map((project: { uid: string; inheritedRoles: { name: string }[] }) => [
          project.uid,
          project.inheritedRoles.map((role) => role.name),
        ]),
        [[payments, ['Cluster Viewer']]],
      )
    })

    test('a cluster is imported by kubeconfig, which is checked at once and forgotten', async () => {
      const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
        project: payments,
        body: { metadata: { name: 'east', labels: { env: 'prod' } }, spec: { kubeconfig: east.adminKubeconfigText } },
      })
      assert.equal(imported.state, 'ready')
      assert.deepEqual(imported.missing, [])
      assert.ok(imported.created.length >= 4, JSON.stringify(imported.created))
      clusterUid = imported.uid
      const cluster = await acme.admin.must('GET', `/v1/spectroclusters/${clusterUid}`, { project: payments })
      assert.equal(cluster.metadata.name, 'east')
      if (mode === 'token') await withoutAccount()
      foreignCluster = (
        await globex.admin.must('POST', '/v1/palisade/clusters', {
          project: globex.defaultProject,
          body: { metadata: { name: 'west' }, spec: { kubeconfig: west.adminKubeconfigText } },
        })
      ).uid
    })

    test('an import without rights says what is missing and prints the YAML', async () => {
      const limited = await west.clientKubeconfig({ name: 'limited', clusterRole: 'view' })
      const answer = await globex.admin.must('POST', '/v1/palisade/clusters', {
        project: globex.defaultProject,
        body: { metadata: { name: 'limited' }, spec: { kubeconfig: limited.kubeconfig } },
      })
      assert.equal(answer.state, 'needs-bindings')
      assert.ok(answer.missing.length > 0)
      assert.match(answer.yaml, /kind: ClusterRoleBinding/)
    })

    test('a viewer’s plain kubectl reads, and is told why it may not do more', async () => {
      const text = await dev.api.call('GET', `/v1/spectroclusters/${clusterUid}/assets/kubeconfig`)
      assert.equal(text.status, 200)
      assert.doesNotMatch(text.text, /127\.0\.0\.1:\d+(?!\/k8s)\s*$/m)
      kubeconfig = await east.writeKubeconfig(text.text)

      const pods = await kubectl('get', 'pods', '-A')
      assert.equal(pods.code, 0, pods.stderr)
      assert.match(pods.stdout, /default\s+web\s+1\/1\s+Running/)

      const can = await kubectl('auth', 'can-i', '--list')
      assert.equal(can.code, 0, can.stderr)
      assert.match(can.stdout, /pods\s.*\[get list watch\]/)

      const whoami = await kubectl('auth', 'whoami', '-o', 'json')
      const { username, groups } = JSON.parse(whoami.stdout).status.userInfo
      assert.equal(username, `palisade:${acme.uid}:${dev.uid}`)
      assert.deepEqual(groups.toSorted(), [
        'palisade:level:view',
        `palisade:team:${acme.uid}:${team}`,
        'system:authenticated',
      ])

      // Palisade refuses: permission, scope and request id.
      const exec = await kubectl('exec', 'web', '--', 'true')
      assert.notEqual(exec.code, 0)
      assert.match(exec.stderr, /cluster\.update/)
      assert.match(exec.stderr, new RegExp(payments))
      assert.match(exec.stderr, /[0-9a-f]{24}/)

      // The cluster refuses: its own words, and a warning that says what a higher level needs.
      const secrets = await kubectl('create', 'configmap', 'mine', '--from-literal=a=b')
      assert.notEqual(secrets.code, 0)
      assert.match(secrets.stderr, /Warning: .*view.*Cluster Viewer.*cluster\.update/s)
      assert.match(secrets.stderr, /cannot create resource "configmaps"/)
    })

    test('an editor’s kubectl works on the cluster: apply, exec with stdin and terminal, logs, port-forward', async () => {
      await giveTeam('Cluster Editor')
      const applied = await until('the new right', async () => {
        const result = await east.kubectl(['apply', '-f', '-'], {
          kubeconfig,
          stdin: JSON.stringify({
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'settings', namespace: 'default' },
            data: { a: 'b' },
          }),
        })
        return result.code === 0 ? result : undefined
      })
      assert.match(applied.stdout, /configmap\/settings created/)

      const exec = await open(['exec', '-i', 'web', '--', 'cat'])
      exec.write('hello through the door\n')
      await exec.waitFor(/hello through the door/)
      exec.kill()
      await exec.ended

      const terminal = await open(['exec', '-it', 'web', '--', 'sh', '-c', 'echo on a terminal; cat'], true)
      await terminal.waitFor(/on a terminal/)
      terminal.kill()
      await terminal.ended

      const logs = await open(['logs', '-f', 'web'])
      await east.appendLog('a line while following')
      await logs.waitFor(/a line while following/)
      logs.kill()
      await logs.ended

      const forward = await open(['port-forward', 'pod/web', ':80', '--address', '127.0.0.1'])
      const port = Number((await forward.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/))[1])
      assert.equal(await echoOnce(port, 'ping'), 'ping')
      forward.kill()
      await forward.ended
    })

    test('SPDY carries exec as WebSocket does', async () => {
      const spdy = await east.openKubectl(['exec', '-i', 'web', '--', 'cat'], {
        kubeconfig,
        env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' },
      })
      spdy.write('over spdy\n')
      await spdy.waitFor(/over spdy/)
      spdy.kill()
      await spdy.ended
    })

    test('another tenant’s cluster is not there, through the API and through the door', async () => {
      assert.equal((await dev.api.call('GET', `/v1/spectroclusters/${foreignCluster}`)).status, 404)
      const server = `${palisade.url}/k8s/clusters/${foreignCluster}`
      const through = await east.kubectl(['--server', server, 'get', 'pods'], { kubeconfig })
      assert.match(through.stderr, /NotFound|not found/i)
    })

    test('when the role is taken away, each open stream ends within a second and nothing opens again', async () => {
      const streams: Record<string, OpenKubectl> = {
        watch: await open(['get', 'pods', '-w']),
        logs: await open(['logs', '-f', 'web']),
        exec: await open(['exec', '-i', 'web', '--', 'cat']),
        forward: await open(['port-forward', 'pod/web', ':80', '--address', '127.0.0.1']),
      }
      const { watch, logs, exec, forward } = streams
      await watch?.waitFor(/web/)
      await east.appendLog('before')
      await logs?.waitFor(/before/)
      exec?.write('alive\n')
      await exec?.waitFor(/alive/)
      const port = Number((await forward?.waitFor(/Forwarding from 127\.0\.0\.1:(\d+)/))?.[1])
      assert.equal(await echoOnce(port, 'ping'), 'ping')

      const before = Date.now()
      await giveTeam(undefined)
      // What the server saw is the measure; when kubectl itself notices is kubectl's affair (port-forward waits for a use).
      const ends = await until('the ends in the audit log', async () => {
        const ended = (await entries()).filter(
          ({ event, details }) => event === 'cluster.call.ended' && details?.reason === 'right-withdrawn',
        )
        return ended.length >= 4 ? ended : undefined
      })
      // Whoever still watched would see this one.
      await east.createPod('default', 'after')
      for (const { time } of ends) {
        const afterMs = Date.parse(time) - before
        assert.ok(afterMs < 1_000, `a stream ended after ${afterMs} ms`)
      }
      for (const stream of [watch, logs, exec]) await stream?.ended
      await assert.rejects(echoOnce(port, 'again'))
      forward?.kill()
      const next = await kubectl('get', 'pods')
      assert.notEqual(next.code, 0)
      assert.match(next.stderr, /cluster\.get/)
      const { stdout: there } = await east.kubectl(['get', 'pods', '-o', 'name'])
      assert.match(there, /^pod\/after$/m)
      assert.match(watch?.stdout() ?? '', /web/)
      assert.doesNotMatch(watch?.stdout() ?? '', /after/)
    })

    test('the audit log shows every step with actor, session and request, refusals too', async () => {
      const all = await entries()
      const seen = new Set(all.map(({ event, outcome }) => `${event} ${outcome}`))
      for (const event of [
        'tenant.created done',
        'password.set done',
        'session.started done',
        'project.created done',
        'user.created done',
        'team.created done',
        'team.access.updated done',
        'cluster.imported done',
        'cluster.kubeconfig.issued done',
        'cluster.call done',
        'cluster.call refused',
        'cluster.call intended',
        'cluster.call.ended ended',
        ...(mode === 'token' ? ['cluster.credential.mode.changed done'] : []),
      ])
        assert.ok(seen.has(event), `${event} is in the log`)
      const exec = all.find(({ details, outcome }) => details?.subresource === 'exec' && outcome === 'intended')
      assert.equal(exec?.actor.uid, dev.uid)

      const { items } = await acme.admin.must('GET', '/v1/audits?limit=10')
      for (const item of items) {
        assert.match(item.spec.actor.user.uid, /^[0-9a-f]{24}$/)
        assert.match(item.metadata.annotations.request, /^[0-9a-f]{24}$/)
      }
      assert.ok(
        items.some((item: { metadata: { annotations: { session?: string } } }) => item.metadata.annotations.session),
      )
    })

    test('an export proves itself offline, and a tampered one names the first bad index', async () => {
      const text = (await acme.admin.call('GET', '/v1/palisade/audit/export')).text
      const key = (await acme.admin.call('GET', '/v1/palisade/audit/key')).text.trim()
      const verify = async (lines: string[]) => {
        const file = join(family.folder, 'export.jsonl')
        await writeFile(file, `${lines.join('\n')}\n`)
        return run(process.execPath, [palisadeCli, 'audit', 'verify', file, '--key', key]).then(
          ({ stdout }) => ({ code: 0, said: stdout }),
          (cause: { code: number; stderr: string }) => ({ code: cause.code, said: cause.stderr }),
        )
      }
      const lines = text.trimEnd().split('\n')
      const good = await verify(lines)
      assert.equal(good.code, 0, good.said)
      assert.match(good.said, new RegExp(`${lines.length - 1} entries`))

      const flipped = lines.map((line, i) => (i === 6 ? line.replace('"outcome":"', '"outcome":"x') : line))
      const dropped = lines.filter((_, i) => i !== 6)
      const swapped = lines.map((line, i) => (i === 6 ? (lines[7] ?? '') : i === 7 ? (lines[6] ?? '') : line))
      for (const tampered of [flipped, dropped, swapped]) {
        const bad = await verify(tampered)
        assert.equal(bad.code, 1)
        assert.match(bad.said, /\b5\b/) // line 0 is the header, so line 6 is index 5
      }
    })
  })
}

async function echoOnce(port: number, text: string): Promise<string> {
  const { connect } = await import('node:net')
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(5_000, () => socket.destroy(new Error('no echo within 5 s')))
    socket.once('data', (data) => {
      resolve(data.toString())
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an echo')))
  })
}
