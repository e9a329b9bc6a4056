import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Api } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes, status } from '../support/fake-kubernetes.ts'
import { createTenant, goodPassword, type Tenant } from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { type HostileCluster, startHostileCluster } from './hostile-cluster.ts'
import { connectRaw, endOf, type OpenedPalisade, reborn, requestText, startOpened } from './support.ts'

// Threats H01, H04 and H12: the audit log of the real program, against whoever owns its database, its process or its clock.

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

let palisade: OpenedPalisade
let acme: Tenant

before(async () => {
  palisade = await startOpened({ name: 'ledger' })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

type Line = {
  readonly index: number
  readonly prev: string
  readonly uid: string
  readonly time: string
  readonly event: string
  readonly outcome: string
  readonly request: string
  readonly intent?: string
  readonly resource: { readonly uid: string; readonly name?: string }
  readonly details?: Readonly<Record<string, unknown>>
}

const exported = async (admin: Api = acme.admin): Promise<string> => {
  const answer = await admin.call('GET', '/v1/palisade/audit/export')
  assert.equal(answer.status, 200, answer.text)
  return answer.text
}
const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Line) // the log's own form

let keyText: string | undefined

/** What `palisade audit verify` says, as an auditor runs it: with the file and a key that was noted at the beginning. */
async function verdictOn(text: string): Promise<{ code: number; said: string; firstBadIndex?: number }> {
  keyText ??= (await acme.admin.call('GET', '/v1/palisade/audit/key')).text.trim()
  const file = join(palisade.dataFolder, 'export.jsonl')
  await writeFile(file, text)
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'audit', 'verify', file, '--key', keyText ?? '', '--json'], (error, out, said) => {
      const code = error ? Number(error.code) : 0
      resolve({ code, said: said + out, ...(code === 1 ? JSON.parse(out) : {}) })
    })
  })
}

describe('the database’s administrator', () => {
  before(async () => {
    for (let i = 0; i < 8; i++) await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: `p${i}` } } })
    const good = await verdictOn(await exported())
    assert.equal(good.code, 0, good.said)
    await palisade
      .sql('create table kept as select * from audit_log where tenant_id = $1', [acme.uid])
      .catch(async () => {
        // `create table as` takes no parameters.
        await palisade.sql(`create table kept as select * from audit_log where tenant_id = '${acme.uid}'`)
      })
  })

  const restore = async () => {
    await palisade.sql('delete from audit_log a using kept k where a.tenant_id = k.tenant_id and a.index = k.index')
    await palisade.sql('insert into audit_log select * from kept')
  }
  const at = (sql: string) => () => palisade.sql(`${sql} and tenant_id = $1`, [acme.uid])

  const attacks: readonly { does: string; attack: () => Promise<unknown>; firstBad: number }[] = [
    { does: 'deletes an entry', attack: at('delete from audit_log where index = 4'), firstBad: 4 },
    { does: 'deletes the first', attack: at('delete from audit_log where index = 0'), firstBad: 0 },
    {
      does: 'edits one byte of an entry',
      attack: at('update audit_log set line = set_byte(line, 60, get_byte(line, 60) # 1) where index = 5'),
      firstBad: 5,
    },
    {
      does: 'puts an entry in another’s place',
      attack: at('update audit_log set line = (select k.line from kept k where k.index = 3) where index = 6'),
      firstBad: 6,
    },
    {
      does: 'duplicates an entry with everything that belongs to it',
      attack: at(
        'update audit_log set (line, leaf) = (select k.line, k.leaf from kept k where k.index = 2) where index = 3',
      ),
      firstBad: 3,
    },
    {
      does: 'swaps two entries',
      attack: async () => {
        await at('update audit_log set index = index + 100000 where index in (2, 3)')()
        await at('update audit_log set index = case index when 100002 then 3 else 2 end where index > 100000')()
      },
      firstBad: 2,
    },
    {
      does: 'destroys an entry and says that it was another one',
      attack: at(`update audit_log set line = null, leaf = decode(repeat('00', 32), 'hex') where index = 4`),
      firstBad: 4,
    },
  ]
  for (const { does, attack, firstBad } of attacks)
    test(`H01 whoever ${does} is found out offline, with the first bad index`, async () => {
      await attack()
      const bad = await verdictOn(await exported())
      assert.equal(bad.code, 1, bad.said)
      assert.equal(bad.firstBadIndex, firstBad, bad.said)
      await restore()
    })

  test('H01 as it was, the log is good: it was the meddling that was found', async () => {
    const good = await verdictOn(await exported())
    assert.equal(good.code, 0, good.said)
  })

  test('H01 whoever meddles with the file instead is found out by it alone', async () => {
    const text = await exported()
    const [header = '', ...lines] = text.trimEnd().split('\n')
    const file = (changed: readonly string[]) => `${[header, ...changed].join('\n')}\n`
    const attacks: readonly (readonly [string, readonly string[], number])[] = [
      ['a changed outcome', lines.with(4, (lines[4] ?? '').replace('"done"', '"Done"')), 4],
      ['an entry left out', lines.toSpliced(4, 1), 4],
      ['an entry twice', lines.toSpliced(4, 0, lines[4] ?? ''), 5],
      ['two entries swapped', lines.toSpliced(4, 2, lines[5] ?? '', lines[4] ?? ''), 4],
      ['the end cut off', lines.slice(0, -2), lines.length - 2],
    ]
    assert.equal((await verdictOn(text)).code, 0)
    for (const [what, changed, firstBad] of attacks) {
      const bad = await verdictOn(file(changed))
      assert.deepEqual([bad.code, bad.firstBadIndex], [1, firstBad], `${what}: ${bad.said}`)
    }
  })

  test('H01 the application’s and the sequencer’s logins cannot do any of it', async () => {
    for (const role of ['palisade_app', 'palisade_sequencer'])
      for (const statement of ['update audit_log set outcome = outcome', 'delete from audit_log', 'truncate audit_log'])
        await assert.rejects(
          palisade.sql(`set role ${role}; ${statement}`),
          /permission denied/,
          `${role}: ${statement}`,
        )
    await assert.rejects(
      palisade.sql('set role palisade_app; insert into audit_log select * from kept'),
      /permission denied/,
    )
    await palisade.sql('set role palisade_app; select count(*) from audit_log')
  })
})

describe('a call to a cluster', () => {
  let backend: FakeKubernetes
  let cluster: HostileCluster
  let token: string
  let door: string

  before(async () => {
    backend = await startFakeKubernetes()
    cluster = await startHostileCluster(backend)
    const kubeconfig = backend.kubeconfig(undefined, { server: cluster.server, caPem: cluster.caPem })
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'h04' }, spec: { kubeconfig } },
    })
    assert.equal(imported.state, 'ready')
    door = `/k8s/clusters/${imported.uid}`
    token = await freshToken()
  })
  after(async () => {
    await cluster?.close()
    await backend?.close()
  })

  const freshToken = async (): Promise<string> =>
    (
      await palisade.api.must('POST', '/v1/auth/authenticate', {
        body: { emailId: acme.adminEmail, password: goodPassword, org: 'acme' },
      })
    ).Authorization

  const bearer = () => ({ authorization: `Bearer ${token}` })
  const create = (name: string) =>
    palisade.api.call('POST', `${door}/api/v1/namespaces/default/configmaps`, {
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
      headers: bearer(),
    })
  const execLines = () => [
    `Authorization: Bearer ${token}`,
    ...['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  ]
  const openExec = async () => {
    const connection = await connectRaw(palisade)
    const text = requestText(`GET ${door}/api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true`, execLines())
    connection.write(text.replace('Connection: close', 'Connection: Upgrade'))
    return connection
  }
  const agreed =
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n'

  /** Ends the server as a power cut would, and starts it again. */
  async function crash(): Promise<void> {
    const ended = endOf(palisade)
    process.kill(palisade.pid, 'SIGKILL')
    await ended
    await palisade.restart()
    token = await freshToken()
    acme = { ...acme, admin: palisade.api.as({ token }) }
  }

  /** The entry with which a call began, and the one with which it ended, once both are in the log. */
  async function bothEntries(subresource: string | undefined): Promise<readonly [Line, Line]> {
    return until(
      'both entries of the call',
      async () => {
        const lines = linesOf(await exported())
        const intent = lines.findLast(
          (line) =>
            line.event === 'cluster.call' && line.details?.subresource === subresource && line.outcome === 'intended',
        )
        const end = lines.find((line) => line.intent !== undefined && line.intent === intent?.uid)
        return intent && end ? ([intent, end] as const) : undefined
      },
      { timeoutMs: 40_000, everyMs: 250 },
    )
  }

  const isCall = (target = '') => target.includes('/configmaps') || target.includes('/exec')
  const callsSeen = () => cluster.seen.filter(({ target }) => isCall(target)).length

  test('H04 what cannot be recorded is not done, and what was read is not told', async () => {
    cluster.onUpgrade = (_request, socket) => {
      socket.write(agreed)
      return true
    }
    cluster.onRequest = (request, response) => {
      response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
      response.end('{"kind":"Answer","canary":"of the cluster"}')
      return true
    }
    assert.equal((await create('recorded')).status, 201, 'the same calls work while they are recorded')
    const [, end] = await bothEntries(undefined)
    assert.equal(end.outcome, 'ended')
    const list = () => palisade.api.call('GET', `${door}/api/v1/namespaces/default/pods`, { headers: bearer() })
    assert.match((await list()).text, /canary/)

    await palisade.sql('revoke insert on audit_pending from palisade_app')
    cluster.forget()
    try {
      assert.ok((await create('unrecorded')).status >= 500)
      const exec = await openExec()
      await exec.waitFor(/^HTTP\/1\.1 5\d\d /)
      exec.destroy()
      assert.equal(callsSeen(), 0, 'nothing that changes or executes has reached the cluster')
      const read = await list()
      assert.ok(read.status >= 500)
      assert.doesNotMatch(read.text, /canary/)
    } finally {
      await palisade.sql('grant insert on audit_pending to palisade_app')
    }
    assert.equal((await create('again')).status, 201)
    cluster.onRequest = undefined
    cluster.onUpgrade = undefined
  })

  test('H04 killed after the cluster was asked: the intent is there, and its outcome is said to be unknown', async () => {
    cluster.forget()
    const asked = new Promise<void>((resolve) => {
      cluster.onRequest = (request) => {
        if (request.method !== 'POST' || !isCall(request.url)) return false
        resolve() // and it never answers
        return true
      }
    })
    const answer = create('in-the-dark').catch(() => 'broken off')
    await asked
    await crash()
    assert.equal(await answer, 'broken off')
    cluster.onRequest = undefined
    const [intent, end] = await bothEntries(undefined)
    assert.equal(intent.details?.verb, 'create')
    assert.deepEqual([end.event, end.outcome, end.request], ['cluster.call.ended', 'unknown', intent.request])
    assert.ok(end.index > intent.index)
    assert.equal(callsSeen(), 1, 'what may have happened is not done a second time')
  })

  test('H04 killed in the middle of an exec: begun is recorded, and so is that nobody knows how it ended', async () => {
    cluster.onUpgrade = (_request, socket) => {
      socket.write(agreed)
      socket.pipe(socket)
      return true
    }
    const exec = await openExec()
    await exec.waitFor(/101 Switching/)
    exec.write('\x82\x85\x00\x00\x00\x00hello')
    await exec.waitFor(/hello/)
    await crash()
    await exec.closed
    cluster.onUpgrade = undefined
    const [intent, end] = await bothEntries('exec')
    assert.deepEqual(intent.details?.command, ['sh'])
    assert.deepEqual([end.outcome, end.request], ['unknown', intent.request])
    const good = await verdictOn(await exported())
    assert.equal(good.code, 0, good.said)
  })

  test('H04 killed in the middle of an import: what may be on the cluster is in the log, begun and of unknown outcome', async () => {
    const importOf = (name: string) =>
      acme.admin.call('POST', '/v1/palisade/clusters', {
        project: acme.defaultProject,
        body: { metadata: { name }, spec: { kubeconfig: backend.kubeconfig() } },
      })
    const entriesOf = async (name: string) =>
      linesOf(await exported()).filter(({ event, resource }) => event === 'cluster.imported' && resource.name === name)

    let held = 0
    const making = new Promise<void>((resolve) => {
      backend.intercept = ({ method }) => {
        if (method !== 'PATCH' || ++held < 3) return undefined
        resolve() // some of it is made, and this one is never answered
        return 'silence'
      }
    })
    const answer = importOf('in-the-dark').catch(() => 'broken off')
    await making
    await crash()
    assert.equal(await answer, 'broken off')
    backend.intercept = undefined
    const [intent, end] = await until(
      'both entries of the import',
      async () => {
        const [first, second] = await entriesOf('in-the-dark')
        return first && second ? ([first, second] as const) : undefined
      },
      { timeoutMs: 40_000, everyMs: 250 },
    )
    assert.equal(intent.outcome, 'intended')
    assert.deepEqual(intent.details, { server: backend.server, bindings: 'install' })
    assert.deepEqual([end.outcome, end.intent, end.request], ['unknown', intent.uid, intent.request])
    const { items } = await acme.admin.must('GET', '/v1/dashboard/spectroclusters/metadata')
    assert.ok(!JSON.stringify(items).includes('in-the-dark'), 'there is no such cluster')

    // One that comes to its end names its intent there, and none is left open.
    const imported = await importOf('in-the-light')
    assert.equal(imported.status, 201, imported.text)
    const [began, done] = await until('the entries of the second import', async () => {
      const [begun] = linesOf(await exported()).filter(
        (line) => line.outcome === 'intended' && line.resource.name === 'in-the-light',
      )
      const ends = linesOf(await exported()).filter((line) => begun && line.intent === begun.uid)
      return begun && ends.length > 0 ? ([begun, ...ends] as const) : undefined
    })
    assert.deepEqual([began?.outcome, done?.outcome], ['intended', 'done'])
    assert.deepEqual(await palisade.sql('select entry_id from open_intents where tenant_id = $1', [acme.uid]), [])
    const good = await verdictOn(await exported())
    assert.equal(good.code, 0, good.said)
  })

  test('H04 an import that could not take back what it made says so, object by object', async () => {
    backend.intercept = ({ method }) => {
      if (method === 'DELETE') return status(403, 'no')
      // The third is not made: by then there is something to take back.
      return method === 'PATCH' && backend.objects.size >= 2 ? status(500, 'etcd is full') : undefined
    }
    backend.objects.clear()
    const answer = await acme.admin.call('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'left-behind' }, spec: { kubeconfig: backend.kubeconfig() } },
    })
    backend.intercept = undefined
    assert.equal(answer.status, 422, answer.text)
    const there = [...backend.objects.values()].map(
      ({ kind, metadata }) => `${kind} ${(metadata as { name: string }).name}`,
    )
    assert.equal(there.length, 2)
    const end = await until('the end of the import', async () =>
      linesOf(await exported()).find((line) => line.outcome === 'ended' && line.resource.name === 'left-behind'),
    )
    assert.equal(end.details?.reason, 'not all of it was taken back')
    const left = end.details?.left as { kind: string; name: string }[]
    const names = left.map(({ kind, name }) => `${kind} ${name}`)
    for (const one of there) assert.ok(names.includes(one), `${one} in ${names}`)
    assert.equal(names.length, 3, 'and the one of which nobody knows')
    backend.objects.clear()
  })

  test('H04 stopped in the middle of an exec: it is ended first, with bytes and reason', async () => {
    cluster.onUpgrade = (_request, socket) => {
      socket.write(agreed)
      socket.pipe(socket)
      return true
    }
    const exec = await openExec()
    await exec.waitFor(/101 Switching/)
    exec.write('\x82\x85\x00\x00\x00\x00hello')
    await exec.waitFor(/hello/)
    const ended = endOf(palisade)
    palisade.daemon.kill('SIGTERM')
    await ended
    await exec.closed
    cluster.onUpgrade = undefined
    await palisade.restart()
    token = await freshToken()
    acme = { ...acme, admin: palisade.api.as({ token }) }
    const [, end] = await bothEntries('exec')
    assert.equal(end.outcome, 'ended')
    assert.deepEqual([end.details?.reason, end.details?.bytesIn, end.details?.bytesOut], ['shutdown', 11, 11])
  })
})

describe('clocks', () => {
  test('H12 clocks that jump and differ order nothing; an entry from behind is flagged, and the proof holds', async () => {
    // More than that, and certificates would not be valid yet, in one direction or the other: a start refuses it.
    const jumpMs = 4 * 60_000
    const clock = fileURLToPath(new URL('./skewed-clock.ts', import.meta.url))
    const skewed = await startOpened({
      name: 'skewed',
      env: { NODE_OPTIONS: `--import=${clock}`, CLOCK_OFFSET_MS: '0' },
    })
    const restartWith = async (offsetMs: number) => {
      Object.assign(skewed.env, { CLOCK_OFFSET_MS: String(offsetMs) })
      await reborn(skewed)
    }
    try {
      const tenant = await createTenant(skewed, 'clocks')
      const { apiKey } = await tenant.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'clock' } } })
      const admin = skewed.api.as({ apiKey })
      const write = (name: string) => admin.must('POST', '/v1/projects', { body: { metadata: { name } } })
      await write('in time')
      await restartWith(jumpMs)
      await write('ahead')
      await restartWith(-jumpMs)
      await write('behind')
      await write('behind still')
      await restartWith(0)
      await write('in time again')

      const text = await exported(admin)
      const lines = linesOf(text)
      assert.deepEqual(
        lines.map(({ index }) => index),
        lines.map((_, i) => i),
      )
      const projects = lines.filter(({ event }) => event === 'project.created')
      const [inTime, ahead, behind] = projects
      assert.equal(projects.length, 5)
      assert.ok(inTime && ahead && behind)
      assert.ok(Date.parse(ahead.time) - Date.parse(inTime.time) > 0.9 * jumpMs)
      assert.ok(Date.parse(ahead.time) - Date.parse(behind.time) > 1.9 * jumpMs, 'the times contradict the order')
      const order = projects.map(({ index }) => index)
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
        'the order is that of the writing',
      )
      const flagged = lines.filter(({ details }) => details?.clockSkewMs !== undefined)
      assert.deepEqual(
        flagged.map(({ uid }) => uid),
        [behind.uid],
        'the first entry from behind says so',
      )
      assert.ok(Number(behind.details?.clockSkewMs) > 1.9 * jumpMs)

      keyText = (await admin.call('GET', '/v1/palisade/audit/key')).text.trim()
      const good = await verdictOn(text)
      assert.equal(good.code, 0, good.said)
    } finally {
      keyText = undefined
      await skewed.stop()
    }
  })
})
