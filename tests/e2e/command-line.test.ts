import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { type CommandLine, commandLine, palisadeProgram } from '../support/command-line.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'

// The command line as a process, against a server of the test's own. What takes a cluster: command-line-kubectl.test.ts.

describe('the command line', () => {
  let family: ProcessFamily
  let palisade: Palisade
  let acme: Tenant
  let home: string
  let key: string
  /** Signed in as acme's administrator. */
  let cli: CommandLine
  let homes = 0

  const newHome = async () => {
    const folder = join(family.folder, `home-${++homes}`)
    await mkdir(folder, { mode: 0o700 })
    return folder
  }
  const where = () => ['--url', palisade.url, '--ca-file', palisade.caFile]
  const newKey = async (name: string) => {
    const { apiKey, uid } = await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name } } })
    return { apiKey: apiKey as string, uid: uid as string }
  }

  before(async () => {
    family = await createProcessFamily('command-line')
    palisade = await startPalisade({ family })
    acme = await createTenant(palisade, 'acme')
    key = (await newKey('mine')).apiKey
    home = await newHome()
    cli = commandLine(home)
  })
  after(async () => {
    await palisade?.stop()
    await family?.stop()
  })

  describe('signing in', () => {
    test('without a server, a credential or a known authority it says what to do', async () => {
      const stranger = commandLine(await newHome())
      const noServer = await stranger(['whoami'])
      assert.equal(noServer.code, 2)
      assert.match(noServer.err, /no server is named[\s\S]*--url/)

      const noCredential = await stranger(['whoami', ...where()])
      assert.equal(noCredential.code, 1)
      assert.match(noCredential.err, /not signed in at https:\/\/localhost[\s\S]*palisade login --url/)

      const unknown = await stranger(['whoami', '--url', palisade.url], { env: { PALISADE_TOKEN: key } })
      assert.equal(unknown.code, 1)
      assert.match(unknown.err, /authority that is not known here[\s\S]*--ca-file/)
      assert.doesNotMatch(unknown.err, /pak_/)
    })

    test('NODE_TLS_REJECT_UNAUTHORIZED=0 does not make it trust anybody', async () => {
      const env = { PALISADE_TOKEN: key, NODE_TLS_REJECT_UNAUTHORIZED: '0' }
      const { code, err } = await commandLine(await newHome())(['whoami', '--url', palisade.url], { env })
      assert.equal(code, 1)
      assert.match(err, /authority that is not known here/)
    })

    test('a server that is not there, http, and a port without TLS', async () => {
      const stranger = commandLine(await newHome(), { PALISADE_TOKEN: key })
      const away = await stranger(['whoami', '--url', 'https://localhost:1'])
      assert.equal(away.code, 1)
      assert.match(away.err, /does not answer \(ECONNREFUSED\)/)
      const open = await stranger(['whoami', '--url', 'http://localhost:8443'])
      assert.equal(open.code, 2)
      assert.match(open.err, /not https/)
      const metrics = await stranger(['whoami', '--url', `https://localhost:${palisade.env.PALISADE_METRICS_PORT}`])
      assert.equal(metrics.code, 1)
      assert.match(metrics.err, /does not speak TLS|does not answer/)
    })

    test('login reads the key from the standard input, tries it, and keeps it for its owner alone', async () => {
      const { code, out, err } = await cli(['login', '--api-key', ...where()], { input: `${key}\n` })
      assert.deepEqual({ code, out }, { code: 0, out: '' }, err)
      assert.match(err, /Signed in at .* as admin@acme\.test of acme/)
      assert.doesNotMatch(err, /pak_/)
      const folder = join(home, '.config', 'palisade')
      assert.equal((await stat(folder)).mode & 0o777, 0o700)
      assert.equal((await stat(join(folder, 'credentials.json'))).mode & 0o777, 0o600)
      assert.deepEqual((await readdir(folder)).toSorted(), ['config.json', 'credentials.json', 'locks'])
      assert.doesNotMatch(await readFile(join(folder, 'config.json'), 'utf8'), /pak_/)
    })

    test('then server, trust and credential are remembered', async () => {
      const shown = await cli.must('whoami')
      assert.match(shown, /^user +admin@acme\.test$/m)
      assert.match(shown, /^organisation +acme$/m)
      const { user, server, credential } = JSON.parse(await cli.must('whoami', '-o', 'json'))
      assert.equal(user.metadata.uid, acme.adminUid)
      assert.equal(server, palisade.url)
      assert.deepEqual(credential, { kind: 'apiKey', from: 'file' })
    })

    test('a key that is none, and one that is not valid, are not kept', async () => {
      const other = await newHome()
      const none = await commandLine(other)(['login', '--api-key', ...where()], { input: 'a password' })
      assert.equal(none.code, 2)
      assert.doesNotMatch(none.err, /a password/)
      const ended = await newKey('ended')
      await acme.admin.must('DELETE', `/v1/apiKeys/${ended.uid}`)
      const refused = await commandLine(other)(['login', '--api-key', ...where()], { input: ended.apiKey })
      assert.equal(refused.code, 1)
      assert.match(refused.err, /API key is not valid/)
      assert.deepEqual(await readdir(other), [])
    })

    test('a credentials file that others may read is refused', async () => {
      const file = join(home, '.config', 'palisade', 'credentials.json')
      await chmod(file, 0o640)
      const { code, err } = await cli(['whoami'])
      assert.equal(code, 1)
      assert.match(err, /can be read by others[\s\S]*chmod 600/)
      await chmod(file, 0o600)
      await cli.must('whoami')
    })

    test('PALISADE_TOKEN goes before, as a key or as a token, and only to its own server', async () => {
      const dev = await createUser(palisade, acme, 'envy')
      const { Authorization: token } = await palisade.api.must('POST', '/v1/auth/authenticate', {
        body: { emailId: dev.email, password: 'A-good-Passw0rd-here', org: 'acme' },
      })
      const env = { PALISADE_TOKEN: token as string }
      const asDev = JSON.parse((await cli(['whoami', '-o', 'json'], { env })).out)
      assert.equal(asDev.user.spec.emailId, dev.email)
      const elsewhere = { ...env, PALISADE_URL: 'https://elsewhere.example' }
      const stored = JSON.parse((await cli(['whoami', '-o', 'json', '--url', palisade.url], { env: elsewhere })).out)
      assert.equal(stored.user.spec.emailId, acme.adminEmail)
      assert.equal((await cli(['token'], { env })).out, `${token}\n`)
      // Signing out ends the session itself.
      assert.equal((await cli(['logout'], { env })).code, 0) // forgets the stored key, see below
      const ended = await cli(['logout'], { env })
      assert.deepEqual([ended.code, /session has ended/.test(ended.err)], [0, true], ended.err)
      const late = await cli(['whoami'], { env })
      assert.equal(late.code, 1)
      assert.match(late.err, /PALISADE_TOKEN is not accepted/)
    })

    test('logout forgets the key; another login brings it back', async () => {
      const { code, err } = await cli(['whoami'])
      assert.equal(code, 1)
      assert.match(err, /not signed in/)
      assert.doesNotMatch(await readFile(join(home, '.config', 'palisade', 'credentials.json'), 'utf8'), /pak_/)
      assert.equal((await cli(['logout'])).code, 1)
      assert.equal((await cli(['login', '--api-key'], { input: key })).code, 0)
    })

    test('at a terminal the key is not shown while it is typed', async () => {
      const folder = await newHome()
      const command = `${palisadeProgram} login --api-key --url ${palisade.url} --ca-file ${palisade.caFile}`
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: { PATH: process.env.PATH ?? '', HOME: folder },
        timeout: 30_000,
      })
      let screen = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (!screen.includes('API key for') && (screen + text).includes('API key for'))
          child.stdin.write(`${key}x\x7f\r`)
        screen += text
      })
      const [code] = await once(child, 'close')
      assert.equal(code, 0, screen)
      assert.match(screen, /Signed in at/)
      assert.doesNotMatch(screen, /pak_/)
    })

    test('the keyring is used where there is one, and nothing then lies in a file', async () => {
      const folder = await newHome()
      const programs = join(folder, 'bin')
      await mkdir(programs)
      // Speaks as secret-tool does: the secret through the standard input, attributes as arguments.
      await writeFile(
        join(programs, 'secret-tool'),
        `#!/bin/sh
verb=$1; shift; [ "$verb" = store ] && shift 2
file="$HOME/keyring-$(echo "$*" | cksum | cut -d' ' -f1)"
case $verb in store) cat > "$file" ;; lookup) cat "$file" ;; clear) rm "$file" ;; esac
`,
        { mode: 0o755 },
      )
      const desktop = commandLine(folder, {
        PATH: `${programs}:${process.env.PATH}`,
        DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent',
      })
      const { code, err } = await desktop(['login', '--api-key', ...where()], { input: key })
      assert.equal(code, 0, err)
      assert.match(err, /kept in the keyring/)
      assert.deepEqual(await readdir(join(folder, '.config', 'palisade')), ['config.json', 'locks'])
      assert.deepEqual(JSON.parse(await desktop.must('whoami', '-o', 'json')).credential, {
        kind: 'apiKey',
        from: 'keyring',
      })
      assert.equal((await desktop(['logout'])).code, 0)
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.startsWith('keyring-')),
        [],
      )
    })
  })

  describe('objects', () => {
    test('are made, listed, read by name and by UID, and removed after their name was confirmed', async () => {
      const made = await cli(['user', 'create', 'dan@acme.test', '--first-name', 'Dan', '--last-name', 'Dev'])
      assert.equal(made.code, 0, made.err)
      assert.match(made.out, /^https:\/\/\S+\/plk_\S+\n$/)
      const teamUid = (await cli.must('team', 'create', 'devs', '--user', 'dan@acme.test')).trim()
      assert.match(teamUid, /^[0-9a-f]{24}$/)
      const projectUid = (
        await cli.must('project', 'create', 'payments', '--team', 'devs=Cluster Viewer', '--label', 'env=prod')
      ).trim()
      const project = JSON.parse(await cli.must('project', 'get', 'Payments', '-o', 'json'))
      assert.equal(project.metadata.uid, projectUid)
      assert.deepEqual(project.metadata.labels, { env: 'prod' })
      assert.equal(project.spec.teams[0].teamId, teamUid)
      assert.match(await cli.must('team', 'list'), new RegExp(`^devs +${teamUid} +1 `, 'm'))
      assert.match(await cli.must('role', 'get', 'cluster viewer'), /^gives +.*cluster\.get/m)

      const noAnswer = await cli(['project', 'delete', 'payments'])
      assert.equal(noAnswer.code, 2)
      assert.match(noAnswer.err, /--yes/)
      const gone = await cli(['project', 'delete', 'payments', '--yes'])
      assert.equal(gone.code, 0, gone.err)
      const missing = await cli(['project', 'get', 'payments'])
      assert.equal(missing.code, 1)
      assert.match(missing.err, /there is no project named "payments"[\s\S]*palisade project list/)
    })

    test('a role of one’s own is made, copied and deleted; it gives what it says', async () => {
      const give = ['--permission', 'project.get', '--permission', 'team.list']
      const uid = (await cli.must('role', 'create', 'reader', '--scope', 'tenant', ...give)).trim()
      const made = JSON.parse(await cli.must('role', 'get', 'Reader', '-o', 'json'))
      assert.deepEqual([made.metadata.uid, made.spec.scope, made.spec.type], [uid, 'tenant', 'user'])
      assert.deepEqual(made.spec.permissions.toSorted(), ['project.get', 'team.list'])

      const person = await createUser(palisade, acme, 'role-reader')
      const { apiKey } = await person.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'reads' } } })
      const env = { PALISADE_TOKEN: apiKey as string }
      assert.equal((await cli(['team', 'list'], { env })).code, 1)
      await cli.must('team', 'create', 'readers', '--user', person.email, '--role', 'reader')
      assert.equal((await cli(['team', 'list'], { env })).code, 0)

      const copy = (await cli.must('role', 'clone', 'cluster viewer', 'watcher')).trim()
      const copied = JSON.parse(await cli.must('role', 'get', copy, '-o', 'json'))
      const viewer = predefinedRole('Cluster Viewer')
      assert.deepEqual([copied.metadata.name, copied.spec.scope], ['watcher', viewer.scope])
      assert.deepEqual(copied.spec.permissions.toSorted(), [...viewer.permissions].toSorted())

      const held = await cli(['role', 'delete', 'reader', '--yes'])
      assert.equal(held.code, 1)
      assert.match(held.err, /is held by 1 users or teams/)
      await cli.must('team', 'delete', 'readers', '--yes')
      assert.equal((await cli(['role', 'delete', 'reader', '--yes'])).code, 0)
      assert.equal((await cli(['role', 'delete', 'watcher'])).code, 2, 'asks for the name first')
      assert.equal((await cli(['role', 'delete', 'watcher', '--yes'])).code, 0)
      const predefined = await cli(['role', 'delete', 'cluster viewer', '--yes'])
      assert.equal(predefined.code, 1)
      assert.match(predefined.err, /predefined/)
      const unknown = await cli(['role', 'create', 'x', '--scope', 'project', '--permission', 'cluster.fly'])
      assert.equal(unknown.code, 1)
      assert.match(unknown.err, /cluster\.fly/)
    })

    test('a list never holds links that set a password', async () => {
      assert.doesNotMatch(await cli.must('user', 'list', '-o', 'json'), /plk_/)
      assert.match(await cli.must('user', 'get', 'dan@acme.test'), /plk_/)
    })

    test('lists go on to their end', async () => {
      for (let i = 0; i < 60; i++)
        await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: `team ${i}` } } })
      const teams = JSON.parse(await cli.must('team', 'list', '-o', 'json'))
      assert.equal(teams.length, 61)
    })

    test('an API key is made, used, and ended', async () => {
      const value = (await cli.must('key', 'create', 'ci', '--expires', '12h')).trim()
      const ci = commandLine(await newHome(), {
        PALISADE_TOKEN: value,
        PALISADE_URL: palisade.url,
        PALISADE_CA_FILE: palisade.caFile,
      })
      assert.match(await ci.must('whoami'), /API key from PALISADE_TOKEN/)
      const shown = await ci(['token'])
      assert.equal(shown.code, 2)
      assert.doesNotMatch(shown.out + shown.err, /pak_/)
      assert.equal((await cli(['key', 'delete', 'ci', '--yes'])).code, 0)
      const { code, err } = await ci(['whoami'])
      assert.equal(code, 1)
      assert.match(err, /PALISADE_TOKEN is not accepted/)
    })

    test('a key for another says on what it rests, and is listed as refused once its maker holds too little', async () => {
      const robot = await createUser(palisade, acme, 'robot')
      const maker = await createUser(palisade, acme, 'maker', { firstName: 'Mia', lastName: 'Maker' })
      const give = (user: string, roles: readonly string[]) =>
        acme.admin.must('PUT', `/v1/users/${user}/roles`, { body: { roles } })
      await give(robot.uid, [predefinedRole('Tenant Viewer').uid])
      await give(maker.uid, [predefinedRole('Tenant Admin').uid])
      const { apiKey } = await maker.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'makers own' } } })
      const own = await cli(['key', 'create', 'own', '--user', acme.adminEmail])
      assert.doesNotMatch(own.err, /is refused/)
      const made = await cli(['key', 'create', 'robots', '--user', robot.email], { env: { PALISADE_TOKEN: apiKey } })
      assert.equal(made.code, 0, made.err)
      assert.match(made.err, /refused from when you may not do all that its owner may/)
      assert.match(await cli.must('key', 'list'), /^robots +[0-9a-f]{24} +robot Test +active /m)
      await give(maker.uid, [])
      const says = /refused: Mia Maker, who made it, holds too little/
      const listed = (await cli.must('key', 'list')).split('\n')
      assert.match(listed.find((line) => line.startsWith('robots')) ?? '', says)
      assert.match(listed.find((line) => line.startsWith('makers own')) ?? '', / active /)
      assert.match(await cli.must('key', 'get', 'robots'), says)
      await acme.admin.must('DELETE', `/v1/users/${maker.uid}`)
      assert.match(await cli.must('key', 'get', 'robots'), /refused: who made it was removed/)
      for (const name of ['own', 'robots']) await cli.must('key', 'delete', name, '--yes')
    })

    test('the system administrator makes tenants', async () => {
      const { apiKey } = await palisade.system.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'root' } } })
      const root = commandLine(await newHome(), {
        PALISADE_TOKEN: apiKey,
        PALISADE_URL: palisade.url,
        PALISADE_CA_FILE: palisade.caFile,
      })
      const made = await root.must('tenant', 'create', 'globex', '--email', 'eve@globex.test', '--first-name', 'Eve')
      assert.match(made, /plk_/)
      assert.match(await root.must('tenant', 'list'), /^globex +[0-9a-f]{24} /m)
    })

    test('wrong use ends with 2', async () => {
      for (const args of [
        ['user', 'create', 'x@acme.test'],
        ['key', 'create', 'x', '--expires', 'soon'],
        ['key', 'create', 'x', '--expires', '2001-01-01'],
        ['team', 'list', '--output', 'yaml'],
        ['project', 'create', 'x', '--team', 'devs'],
        ['role', 'create', 'x', '--scope', 'project'],
        ['role', 'create', 'x', '--scope', 'system', '--permission', 'cluster.get'],
        ['why', 'not an id'],
        ['login', '--device', '--api-key'],
        ['login', '--port', '0'],
        ['completion', 'tcsh'],
      ])
        assert.equal((await cli(args)).code, 2, args.join(' '))
    })
  })

  describe('refusals and the log', () => {
    test('a 403 names permission and request; why tells the administrator the rest', async () => {
      const dev = await createUser(palisade, acme, 'dev')
      const { apiKey } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'dev' } } })
      const refused = await cli(['team', 'list'], { env: { PALISADE_TOKEN: apiKey } })
      assert.equal(refused.code, 1)
      assert.match(refused.err, /This needs team\.list in tenant/)
      const [, requestId = ''] = /palisade why (\S+)/.exec(refused.err) ?? []
      const why = await cli.must('why', requestId)
      assert.match(why, new RegExp(`^who +${dev.email} \\(${dev.uid}\\)$`, 'm'))
      assert.match(why, /^needed +team\.list$/m)
      assert.match(why, new RegExp(`^in scope +tenant ${acme.uid}$`, 'm'))
      assert.match(why, /^outcome +refused$/m)
      const [entry] = JSON.parse(await cli.must('why', requestId, '-o', 'json'))
      assert.equal(entry.metadata.annotations.request, requestId)
      const unknown = await cli(['why', '0123456789abcdef01234567'])
      assert.equal(unknown.code, 1)
      assert.match(unknown.err, /the log has no entry of request/)
    })

    test('who-can names everybody who may, and by which roles', async () => {
      const dev = await createUser(palisade, acme, 'viewer')
      const { uid } = await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'who-can' } } })
      await acme.admin.must('PUT', `/v1/users/${dev.uid}/projects`, {
        body: { projects: [{ projectUid: uid, roles: [predefinedRole('Cluster Viewer').uid] }] },
      })
      const table = await cli.must('who-can', 'cluster.get', '--project', 'who-can')
      assert.match(table, /^USER +ROLE +VIA +GIVEN IN +ON/)
      assert.match(table, /Cluster Viewer +own +project who-can +everything/)
      assert.match(table, /Tenant Admin +own +tenant +everything/)
      const people = JSON.parse(await cli.must('who-can', 'cluster.get', '-p', uid, '-o', 'json'))
      assert.ok(people.some((one: { user: { uid: string } }) => one.user.uid === dev.uid))
      const both = await cli(['who-can', 'cluster.get', '-p', 'a', '-c', 'b'])
      assert.equal(both.code, 2)
    })

    test('a role is asked for, seen by who may decide, and given from the approval on', async () => {
      const dev = await createUser(palisade, acme, 'asker')
      await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'night shift' } } })
      const { apiKey } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'asks' } } })
      const asker = (...args: string[]) =>
        cli(args, { env: { PALISADE_TOKEN: apiKey, PALISADE_URL: palisade.url, PALISADE_CA_FILE: palisade.caFile } })
      const asked = await asker(
        'request',
        'project viewer',
        '-p',
        'Night Shift',
        '--for',
        '90m',
        '--reason',
        'INC-4711',
      )
      assert.equal(asked.code, 0, asked.err)
      const uid = asked.out.trim()
      assert.match(
        await cli.must('requests', '--waiting'),
        new RegExp(`^${uid} .*Project Viewer +project night shift +1 h 30 min +open .*INC-4711$`, 'm'),
      )
      const own = await asker('approve', uid)
      assert.deepEqual([own.code, /Somebody else decides/.test(own.err)], [1, true], own.err)
      const approved = await cli(['approve', uid, '--note', 'good luck'])
      assert.match(approved.err, /^approved: it is held until \d{4}-/)
      assert.match((await asker('requests')).out, new RegExp(`^${uid} +you .*approved`, 'm'))
      assert.match(
        await cli.must('who-can', 'project.get', '-p', 'night shift'),
        /Project Viewer +own +project night shift +everything +\d{4}-/,
      )
      const late = await asker('withdraw', uid)
      assert.equal(late.code, 1)
      const second = (await asker('request', 'Project Viewer', '--for', '1h', '--reason', 'more')).out.trim()
      assert.equal((await asker('withdraw', second)).code, 0)
      const wrong = await asker('request', 'Project Viewer', '--for', 'long', '--reason', 'x')
      assert.equal(wrong.code, 2)
    })

    test('a role is given with an end and conditions, listed, changed one by one, and taken', async () => {
      const dev = await createUser(palisade, acme, 'assigned')
      await cli.must('project', 'create', 'shop')
      await cli.must('team', 'create', 'oncall', '--user', dev.email)
      const who = ['--role', 'project viewer', '--project', 'Shop']
      const only = ['--network', '10.0.0.0/8', '--network', '2001:db8::/32', '--sign-in-within', '15m']
      const window = ['--window', 'mon-fri 08:00-18:00 Europe/Berlin']
      const made = await cli([
        ...['assignment', 'create', '--user', dev.email, ...who, '--ends-in', '8h', ...only, ...window],
      ])
      assert.equal(made.code, 0, made.err)
      const uid = made.out.trim()
      assert.match(made.err, /^Given until \d{4}-.*Z, only Mon to Fri from 08:00 to 18:00 \(Europe\/Berlin\), from 10/)
      const read = async () => JSON.parse(await cli.must('assignment', 'get', uid, '-o', 'json'))
      const timeWindow = {
        ...{ timeZone: 'Europe/Berlin', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
        ...{ from: '08:00', to: '18:00' },
      }
      const networks = ['10.0.0.0/8', '2001:db8::/32']
      const first = await read()
      assert.deepEqual(first.conditions, { timeWindow, networks, signInWithinSeconds: 900 })
      assert.ok(Math.abs(Date.parse(first.endsAt) - Date.now() - 8 * 3_600_000) < 120_000, first.endsAt)
      assert.match(await cli.must('assignment', 'get', uid), /^in +project shop$/m)

      // Each condition by itself: what is not named stays.
      const moved = await cli(['assignment', 'update', uid, '--ends-at', '2099-01-31', '--no-window'])
      assert.equal(moved.code, 0, moved.err)
      assert.match(
        moved.err,
        /^Project Viewer of assigned Test in project shop: held until 2099-01-31 00:00:00Z, only from 10/,
      )
      assert.deepEqual((await read()).conditions, { networks, signInWithinSeconds: 900 })
      await cli.must('assignment', 'update', uid, '--network', '192.0.2.0/24', '--no-sign-in-within')
      const second = await read()
      assert.deepEqual([second.endsAt, second.conditions], ['2099-01-31T00:00:00.000Z', { networks: ['192.0.2.0/24'] }])
      const lifted = JSON.parse(await cli.must('assignment', 'update', uid, '--no-network', '--for-good', '-o', 'json'))
      assert.deepEqual([lifted.endsAt, lifted.conditions], [null, null])

      const team = JSON.parse(
        await cli.must('assignment', 'create', '--team', 'oncall', ...who, '--for-good', ...window, '-o', 'json'),
      )
      const table = await cli.must('assignment', 'list', '-p', 'shop')
      assert.match(table, /^UID +WHO +ROLE +IN +UNTIL +ONLY\n/)
      assert.match(table, new RegExp(`^${uid} +assigned Test +Project Viewer +project shop$`, 'm'))
      assert.match(table, new RegExp(`^${team.uid} +team oncall +Project Viewer +project shop +Mon to Fri`, 'm'))
      for (const whose of [['--user', dev.email], ['--team', 'oncall'], []]) {
        const items = JSON.parse(await cli.must('assignment', 'list', ...whose, '-o', 'json'))
        const uids = items.map((one: { uid: string }) => one.uid)
        assert.deepEqual([uids.includes(uid), uids.includes(team.uid)], [whose[0] === '--user', whose.length > 0])
      }

      const unsure = await cli(['assignment', 'delete', uid])
      assert.deepEqual(
        [unsure.code, /Project Viewer of assigned Test[\s\S]*--yes/.test(unsure.err)],
        [2, true],
        unsure.err,
      )
      const taken = await cli(['assignment', 'delete', uid, '--yes'])
      assert.equal(taken.err, 'Taken: Project Viewer of assigned Test in project shop.\n')
      assert.equal((await cli(['assignment', 'get', uid])).code, 1)
      assert.equal((await cli(['assignment', 'delete', team.uid, '-y', '-o', 'json'])).out.includes(team.uid), true)
    })

    test('what-if says who would gain and lose what by another role', async () => {
      const dev = await createUser(palisade, acme, 'what-if')
      const spec = { scope: 'tenant', type: 'user', permissions: ['project.get', 'project.list'] }
      const { uid } = await acme.admin.must('POST', '/v1/roles', { body: { metadata: { name: 'What If' }, spec } })
      await acme.admin.must('PUT', `/v1/users/${dev.uid}/roles`, { body: { roles: [uid] } })
      const change = ['what-if', 'what if', '--add', 'team.get', '--remove', 'project.list']
      const table = await cli.must(...change)
      assert.match(table, /^USER +WHERE +GAINS +LOSES\nwhat-if Test +tenant +team.get +project.list\n/)
      assert.match(table, /\n\d+ recorded requests of these people since .*; none would go otherwise\n$/)
      const { users, replay } = JSON.parse(await cli.must(...change, '--days', '0', '-o', 'json'))
      assert.deepEqual([users[0].user.uid, replay], [dev.uid, null])
      assert.equal((await cli(['what-if', 'what if'])).code, 2)
      assert.equal((await cli([...change, '--days', '31'])).code, 2)
    })

    test('an allowed change says which assignment allowed it', async () => {
      const answer = await acme.admin.call('POST', '/v1/teams', { body: { metadata: { name: 'allowed' } } })
      assert.match(await cli.must('why', String(answer.headers['x-request-id'])), /^allowed by +\S+/m)
    })

    test('the log is exported whole, proved, and an earlier export is not overwritten', async () => {
      await cli.must('audit', 'export', 'audit.jsonl')
      assert.equal((await stat(join(home, 'audit.jsonl'))).mode & 0o777, 0o600)
      const key = (await cli.must('audit', 'key')).trim()
      assert.match(await cli.must('audit', 'verify', 'audit.jsonl', '--key', key), /^ok: \d+ entries/)
      const again = await cli(['audit', 'export', 'audit.jsonl'])
      assert.equal(again.code, 1)
      assert.match(again.err, /is there already/)
      const piped = await cli(['audit', 'verify', '-', '--key', key], { input: await cli.must('audit', 'export') })
      assert.equal(piped.code, 0, piped.err)
    })

    test('tail shows the last entries, oldest first, and follows', async () => {
      const shown = (await cli.must('audit', 'tail', '-n', '3', '-o', 'json')).trim().split('\n')
      const indexes = shown.map((line) => Number(JSON.parse(line).metadata.annotations.index))
      assert.equal(indexes.length, 3)
      assert.deepEqual(
        indexes,
        indexes.toSorted((a, b) => a - b),
      )

      const child = spawn(palisadeProgram, ['audit', 'tail', '-f', '-n', '1'], {
        env: { PATH: process.env.PATH ?? '', HOME: home },
        timeout: 30_000,
        killSignal: 'SIGKILL',
      })
      let printed = ''
      let isMade = false
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text
        if (!isMade) {
          isMade = true
          void acme.admin.call('POST', '/v1/teams', { body: { metadata: { name: 'followed' } } })
        }
        if (printed.includes('followed')) child.kill('SIGINT')
      })
      const [code] = await once(child, 'close')
      assert.equal(code, 0, printed)
      assert.match(printed, /done +team\.created +admin@acme\.test +team followed/)
    })
  })
})
