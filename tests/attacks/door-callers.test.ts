import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { bearer, type DoorWorld, marker, pods, startDoorWorld, websocketKey } from './door-world.ts'
import { valuesOf } from './hostile-cluster.ts'
import { sendHttp2 } from './raw-http2.ts'
import { connectRaw, requestText, sendRaw } from './support.ts'

// Threats A01–A06, A09 and A19: who calls, at the Kubernetes door of the real program. The cluster behind it notes what it is
// told.

let world: DoorWorld
before(async () => {
  world = await startDoorWorld()
})
after(() => world?.stop())
beforeEach(() => world.reset())

describe('who calls', () => {
  const impersonating = [
    `Impersonate-User: ${marker}`,
    'Impersonate-Group: system:masters',
    `Impersonate-Uid: ${marker}`,
    `Impersonate-Extra-Scopes: ${marker}`,
    `Impersonate-Extra-palisade.dev%2Femail: ${marker}`,
  ]

  test('A01 nobody says for whom they act, and the cluster reads our words alone', async () => {
    for (const who of [world.viewer, world.admin])
      for (const line of impersonating)
        for (const lines of [[line], [...impersonating], [line, line]]) {
          const { status, body } = await world.get(who, pods, lines)
          assert.equal(status, 403, line)
          assert.match(body, /acting as somebody else/)
        }
    world.assertNotAsked('nothing of it reached the cluster')

    assert.equal((await world.get(world.viewer, pods)).status, 200)
    world.assertOurs(world.cluster.seen[0], world.viewer)
    assert.deepEqual(valuesOf(world.cluster.seen.at(0), 'impersonate-group'), ['palisade:level:view'])
    // What other servers in front of an API server are believed (--requestheader-*), and proxies behind one.
    const believed = [
      'X-Remote-User',
      'X-Remote-Group',
      'X-Remote-Extra-Scopes',
      'X-Forwarded-User',
      'X-Auth-Request-User',
    ]
    world.cluster.forget()
    assert.equal(
      (
        await world.get(
          world.viewer,
          pods,
          believed.map((name) => `${name}: ${marker}`),
        )
      ).status,
      200,
    )
    world.assertOurs(world.cluster.seen[0], world.viewer)
    const upgrade = await connectRaw(world.palisade)
    upgrade.write(
      world.websocketText(
        world.editor,
        `${pods}/web/exec?command=sh`,
        believed.map((name) => `${name}: ${marker}`),
      ),
    )
    await upgrade.waitFor(/101 Switching/)
    upgrade.destroy()
    world.assertOurs(world.cluster.seen[1], world.editor)
  })

  test('A02 no line can be had removed that says who calls', async () => {
    const wanted = [
      'Impersonate-User',
      'impersonate-group',
      'Impersonate-Uid',
      'Impersonate-Extra-palisade.dev%2Femail',
    ]
    for (const name of [...wanted, 'Authorization', 'Host', 'Content-Length', 'X-Remote-User', 'impersonate_user'])
      for (const value of [name, `close, ${name}`, `${name}, close`, `keep-alive, , ${name.toLowerCase()}`]) {
        const text = requestText(`GET ${world.door}${pods}`, [bearer(world.admin)]).replace(
          'Connection: close',
          `Connection: ${value}`,
        )
        const connection = await connectRaw(world.palisade)
        connection.write(text)
        assert.equal((await connection.waitFor(/^HTTP\/1\.1 (\d{3})/))[1], '400', value)
        connection.destroy()
      }
    const twoLines = requestText(`GET ${world.door}${pods}`, [bearer(world.admin), 'Connection: Impersonate-User'])
    assert.equal((await sendRaw(world.palisade, twoLines)).status, 400)
    world.assertNotAsked()
    // A line that may be named is dropped, and ours stay.
    assert.equal(
      (await world.get(world.admin, pods, ['Connection: X-Something', `X-Something: ${marker}`])).status,
      200,
    )
    world.assertOurs(world.cluster.seen[0], world.admin)
  })

  test('A03 no other spelling of a line gets through, over HTTP/1.1 or HTTP/2', async () => {
    const refused: Record<string, string> = {
      'an underscore': `Impersonate_User: ${marker}`,
      'underscores alone': `impersonate_group: system:masters`,
      'mixed case': `iMPERSONATE-uSER: ${marker}`,
      'a blank before the colon': `Impersonate-User : ${marker}`,
      'a tab before the colon': `Impersonate-User\t: ${marker}`,
      'a blank in front': ` Impersonate-User: ${marker}`,
      'a folded line': `X-Fold: a\r\n Impersonate-User: ${marker}`,
      'a line folded with a tab': `X-Fold: a\r\n\tImpersonate-User: ${marker}`,
      'a NUL in the name': `Impersonate-User\0: ${marker}`,
      'a NUL in the value': `X-Nul: a\0b\r\nX-Other: ${marker}`,
      'a bare line feed': `X-Break: a\nImpersonate-User: ${marker}`,
      'a bare carriage return': `X-Break: a\rImpersonate-User: ${marker}`,
      'no name': `: ${marker}`,
      'a name that is none': `Impersonate User: ${marker}`,
      'a name in quotes': `"Impersonate-User": ${marker}`,
      'a name beyond ASCII': `Impersonate\xadUser: ${marker}`,
      'a percent sign': `Impersonate-Extra-a%2Fb: ${marker}`,
      'two lines': `Impersonate-User: ${marker}\r\nImpersonate-User: system:admin`,
    }
    for (const [what, line] of Object.entries(refused)) {
      const { status } = await world.get(world.admin, pods, [line])
      assert.ok(status === 400 || status === 403, `${what}: ${status}`)
    }

    const request = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', 'localhost'],
      [':path', `${world.door}${pods}`],
      ['authorization', `Bearer ${world.admin.token}`],
    ] as const
    const over2: Record<string, readonly (readonly [string, string])[]> = {
      'a line of HTTP/2': [...request, ['impersonate-user', marker]],
      'an upper-case name': [...request, ['Impersonate-User', marker]],
      'an underscore': [...request, ['impersonate_user', marker]],
      'a pseudo-header of that name': [...request, [':impersonate-user', marker]],
      'a pseudo-header behind lines': [...request, ['x-a', 'b'], [':path', `${world.door}/api/v1/secrets`]],
      'two paths': [...request.slice(0, 4), [':path', `${world.door}/api/v1/secrets`], ...request.slice(4)],
      'a line break in a value': [...request, ['user-agent', `a\r\nimpersonate-user: ${marker}`]],
      'a line feed in a value': [...request, ['accept', `a\nimpersonate-user: ${marker}`]],
      'a line break in a name': [...request, [`x-break: a\r\nimpersonate-user`, marker]],
      'a NUL in a value': [...request, ['user-agent', `a\0${marker}`]],
      'a blank at the end of a name': [...request, ['impersonate-user ', marker]],
      'a connection line': [...request, ['connection', 'impersonate-user']],
    }
    world.assertNotAsked('nothing of it reached the cluster')
    for (const [what, lines] of Object.entries(over2)) {
      const answer = await sendHttp2(world.palisade, lines)
      if (answer === 'refused' || !answer.ok) continue
      // HTTP/2's own parser drops a line that is malformed; what is left has to be the plain request.
      assert.equal(world.cluster.seen.at(-1)?.target, pods, what)
      world.assertOurs(world.cluster.seen.at(-1), world.admin)
    }
    for (const what of ['a line of HTTP/2', 'an underscore']) {
      world.cluster.forget()
      assert.deepEqual(await sendHttp2(world.palisade, over2[what] ?? []), { ok: false }, what)
      world.assertNotAsked(what)
    }

    assert.deepEqual(await sendHttp2(world.palisade, request), { ok: true }, 'the same request without it is answered')
    world.assertOurs(world.cluster.seen[0], world.admin)
  })

  test('A04 A06 a name stays one value, byte for byte, and no name becomes a group of the cluster', async () => {
    const member = await world.caller('member', 'Cluster Viewer')
    const names = ['dev,system:masters', 'dev%2Csystem:masters', 'a; b="c"', 'Größe ☂', 'palisade:level:admin']
    const made = new Map<string, string>()
    for (const name of names) {
      const { uid } = await world.acme.admin.must('POST', '/v1/teams', {
        body: { metadata: { name }, spec: { users: [member.uid] } },
      })
      made.set(name, uid)
    }
    assert.equal((await world.get(member, pods)).status, 200)
    const [request] = world.cluster.seen
    world.assertOurs(request, member)
    assert.ok(request)
    const groups = valuesOf(request, 'impersonate-group').filter((group) => !group.startsWith('palisade:level:'))
    assert.deepEqual(
      groups.toSorted(),
      [...made.values()].map((uid) => `palisade:team:${world.acme.uid}:${uid}`).toSorted(),
    )
    const passed = valuesOf(request, 'impersonate-extra-palisade.dev%2Fteam')
    assert.deepEqual(passed.map((text) => Buffer.from(text, 'latin1').toString()).toSorted(), names.toSorted())
    assert.deepEqual(
      valuesOf(request, 'impersonate-group').filter((group) => group.startsWith('palisade:level:')),
      ['palisade:level:view'],
    )

    // Where a name is given: line breaks and Kubernetes’ own names are refused.
    const refused = [
      ...[
        'system:masters',
        'System:Masters',
        ' system:masters',
        'system:node:x',
        'system:serviceaccount:kube-system:y',
      ],
      ...['ｓｙｓｔｅｍ:masters', 'system：masters', 'a\nsystem:masters', 'a\r\nImpersonate-Group: x', 'a\0b', ''],
    ]
    for (const name of refused) {
      const answer = await world.acme.admin.call('POST', '/v1/teams', { body: { metadata: { name } } })
      assert.equal(answer.status, 400, JSON.stringify(name))
    }
    // And again at the door, for one that came past it.
    const [plain] = made.values()
    await world.palisade.sql(`update teams set name = 'system:masters' where team_id = $1`, [plain])
    await world.acme.admin.must('PUT', `/v1/users/${member.uid}`, { body: { spec: { lastName: 'Changed' } } })
    world.cluster.forget()
    await world.get(member, pods)
    for (const seen of world.cluster.seen)
      for (const group of valuesOf(seen, 'impersonate-group')) assert.doesNotMatch(group, /system:/)
  })

  test('A05 no groups give no line; more than can be passed on are refused, never cut off', async () => {
    assert.equal((await world.get(world.viewer, pods)).status, 200)
    assert.ok(world.cluster.seen[0])
    for (const name of ['impersonate-group', 'impersonate-extra-palisade.dev%2Fteam'])
      assert.ok(!valuesOf(world.cluster.seen[0], name).includes(''), `no empty ${name}`)
    assert.deepEqual(valuesOf(world.cluster.seen[0], 'impersonate-extra-palisade.dev%2Fteam'), [])

    const joiner = await world.caller('joiner', 'Cluster Viewer')
    const join = async (count: number) => {
      await world.palisade.sql(
        `insert into teams (tenant_id, team_id, name, name_key, created_at, updated_at)
         select $1, lpad(to_hex(i), 24, '0'), 't' || i, 'many ' || i, now(), now() from generate_series(1, $2::int) i
         on conflict do nothing`,
        [world.acme.uid, count],
      )
      await world.palisade.sql(
        `insert into team_members (tenant_id, team_id, user_id)
         select $1, lpad(to_hex(i), 24, '0'), $3 from generate_series(1, $2::int) i on conflict do nothing`,
        [world.acme.uid, count, joiner.uid],
      )
      // A change through the API, which makes the server look.
      await world.acme.admin.must('PUT', `/v1/users/${joiner.uid}`, { body: { spec: { lastName: `In ${count}` } } })
    }
    await join(400)
    world.cluster.forget()
    assert.equal((await world.get(joiner, pods)).status, 200)
    assert.ok(world.cluster.seen[0])
    assert.equal(valuesOf(world.cluster.seen[0], 'impersonate-group').length, 401, 'all of them')
    await join(5_000)
    world.cluster.forget()
    const { status, body } = await world.get(joiner, pods)
    assert.equal(status, 403)
    assert.match(body, /5001 groups, at most 500/)
    world.assertNotAsked()
  })

  test('A09 a credential of the cluster is none here, and a refused one leads nowhere', async () => {
    const [accountToken = ''] = world.backend.tokens
    const { token } = world.viewer
    const wrong = [accountToken, 'admin-token', `${token.slice(0, -2)}xx`, token.split('.').slice(0, 2).join('.')]
    for (const credential of wrong)
      for (const path of [
        pods,
        '/version',
        '/api',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        '/openid/v1/jwks',
      ])
        for (const scheme of ['Bearer', 'Basic', 'Token']) {
          const text = requestText(`GET ${world.door}${path}`, [`Authorization: ${scheme} ${credential}`])
          assert.equal((await sendRaw(world.palisade, text)).status, 401, `${scheme} at ${path}`)
        }
    assert.equal((await sendRaw(world.palisade, requestText(`GET ${world.door}/version`))).status, 401, 'nobody at all')
    const smuggled = Buffer.from(accountToken).toString('base64url')
    const socket = await sendRaw(
      world.palisade,
      requestText(`GET ${world.door}${pods}/web/exec?command=sh`, [
        ...['Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${websocketKey}`],
        `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${smuggled}, v5.channel.k8s.io`,
      ]).replace('Connection: close', 'Connection: Upgrade'),
    )
    assert.equal(socket.status, 401)
    world.assertNotAsked('the cluster was asked nothing, not even whose token it is')
    assert.equal((await world.get(world.viewer, pods)).status, 200, 'who is known is let through')

    // A kubeconfig’s token is for this door alone, and ends with the session that it was issued in.
    const session = world.palisade.api.as({ token: await world.signIn(world.viewer.email) })
    const { text } = await session.call('GET', `/v1/spectroclusters/${world.door.split('/').at(-1)}/assets/kubeconfig`)
    const issued = /token: (\S+)/.exec(text)?.[1] ?? ''
    assert.equal((await world.get({ ...world.viewer, token: issued }, pods)).status, 200)
    for (const form of [issued, `Bearer ${issued}`])
      assert.equal((await world.palisade.api.as({ token: form }).call('GET', '/v1/users/me')).status, 401)
    assert.equal((await world.palisade.api.call('GET', `/v1/auth/refresh/${issued}`)).status, 401)
    await session.must('POST', '/v1/palisade/logout')
    assert.equal((await world.get({ ...world.viewer, token: issued }, pods)).status, 401)
  })

  test('A19 nothing is answered from memory: every call is the caller’s own, asked and recorded anew', async () => {
    world.cluster.onRequest = (request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        etag: '"one"',
        'cache-control': 'public, max-age=3600',
      })
      response.end(JSON.stringify({ user: request.headers['impersonate-user'] }))
      return true
    }
    const paths = [pods, '/version', '/openapi/v2', '/apis/authentication.k8s.io/v1/selfsubjectreviews']
    for (const path of paths) {
      const rounds = [world.viewer, world.editor, world.viewer, world.admin, world.editor, world.viewer]
      const answers = await Promise.all(rounds.map((who) => world.get(who, path)))
      for (const [i, who] of rounds.entries()) {
        const { body, head } = answers[i] ?? { body: '', head: '' }
        assert.ok(body.includes(`palisade:${world.acme.uid}:${who.uid}`), `${path}: ${body}`)
        assert.match(head, /\r\ncache-control: no-cache, private\r\n/i)
        assert.doesNotMatch(head, /max-age|public/)
      }
      const asked = world.cluster.seen.filter(({ target }) => target === path)
      assert.equal(asked.length, rounds.length, `${path} was asked each time`)
    }
    world.cluster.forget()
    await world.get(world.editor, pods, ['If-None-Match: "one"'])
    assert.deepEqual(
      valuesOf(world.cluster.seen.at(0), 'if-none-match'),
      ['"one"'],
      'what is fresh is the cluster’s to say',
    )
    for (const who of [world.viewer, world.editor, world.admin]) {
      const expected = paths.length * { [world.viewer.uid]: 3, [world.editor.uid]: 2, [world.admin.uid]: 1 }[who.uid]!
      const { items } = await world.acme.admin.must('GET', `/v1/audits?limit=0&userUid=${who.uid}`)
      const recorded = items.filter(
        (item: { metadata: { name: string }; spec: { contentMsg: string } }) =>
          item.metadata.name === 'cluster.call' &&
          /version|openapi|selfsubjectreviews|"pods"/.test(item.spec.contentMsg),
      )
      assert.ok(recorded.length >= expected, `${recorded.length} of ${expected} calls are in the log`)
    }
  })
})
