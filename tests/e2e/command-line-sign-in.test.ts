import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { noBrowser, openPage, startBrowser } from '../console/browser.ts'
import { createBrowser } from '../support/browser.ts'
import { createAuthority } from '../support/certificates.ts'
import { type CommandLine, commandLine, fakeDesktop, type Running } from '../support/command-line.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'

// `palisade login` as people use it: the program as a process, its server, and a browser. With kubectl: command-line-session-kubectl.test.ts.

const preload = (name: string) => `--import=${fileURLToPath(new URL(name, import.meta.url))}`

describe('palisade login', () => {
  let family: ProcessFamily
  let palisade: Palisade
  let acme: Tenant
  let homes = 0

  before(async () => {
    family = await createProcessFamily('sign-in')
    palisade = await startPalisade({
      family,
      env: { NODE_OPTIONS: preload('./jumping-clock.ts'), CLOCK_OFFSET_FILE: join(family.folder, 'offset') },
    })
    acme = await createTenant(palisade, 'acme')
  })
  after(async () => {
    await palisade?.stop()
    await family?.stop()
  })

  const where = () => ['--url', palisade.url, '--ca-file', palisade.caFile]
  /** A person's machine with a desktop whose browser the test is. */
  async function machine() {
    const home = join(family.folder, `home-${++homes}`)
    await mkdir(home, { mode: 0o700 })
    const desktop = await fakeDesktop(home)
    const cli = commandLine(home, desktop.env)
    const credentials = join(home, '.config', 'palisade', 'credentials.json')
    return { home, cli, desktop, credentials }
  }
  type Machine = Awaited<ReturnType<typeof machine>>

  async function byBrowser({ cli, desktop }: Machine, email: string, env = {}) {
    const login = cli.start(['login', ...where()], env)
    const { browser, callback } = await signInIn(await desktop.opened(), email)
    await browser.close()
    const page = await fetch(callback)
    const { code, out, err } = await login.ended
    return { code, out, err, page: await page.text() }
  }

  /** Signs in on the pages. @returns where the browser is sent with its code */
  async function signInIn(address: string, email: string) {
    const browser = createBrowser(palisade.url, palisade.caPem)
    const form = await browser.open(address)
    const { url } = await browser.submit(form, { email, password: goodPassword, action: 'sign-in' })
    assert.equal(url.hostname, '127.0.0.1', 'the browser is sent back to the command line')
    return { browser, callback: url }
  }

  async function byDevice(login: Running, email: string) {
    const [, address = ''] = await login.told(/with the code: (\S+)/)
    const browser = createBrowser(palisade.url, palisade.caPem)
    const form = await browser.open(address)
    const [, code = ''] = /name="user_code"[^>]*value="([^"]+)"/.exec(form.text) ?? []
    assert.ok(login.err().includes(`\n  ${code}\n`), 'the code is shown for those who type it')
    const confirm = await browser.submit(form, { user_code: code })
    const signIn = await browser.submit(confirm, { confirm: 'yes' })
    await browser.submit(signIn, { email, password: goodPassword, action: 'sign-in' })
    await browser.close()
    return login.ended
  }

  const sessionsOf = async (uid: string) =>
    (await acme.admin.must('GET', `/v1/palisade/sessions?user=${uid}`)).items as readonly { uid: string }[]

  type Stored = { access: string; refresh: string; accessEndsAt: string }
  const stored = async ({ credentials }: Machine): Promise<Stored> =>
    JSON.parse(JSON.parse(await readFile(credentials, 'utf8'))[palisade.url])
  const changeStored = async (machine: Machine, change: Partial<Stored>) => {
    const text = JSON.stringify({ ...(await stored(machine)), ...change })
    await writeFile(machine.credentials, JSON.stringify({ [palisade.url]: text }), { mode: 0o600 })
  }
  const endAccess = (machine: Machine) => changeStored(machine, { accessEndsAt: new Date(0).toISOString() })

  async function jumpTo(ms: number): Promise<void> {
    await writeFile(join(family.folder, 'offset'), String(ms))
    process.kill(palisade.pid, 'SIGUSR2')
    await until(
      'the jump',
      async () => (await palisade.log()).includes(`the clock is wrong by ${ms} ms\n`) || undefined,
    )
  }

  const secrets = /eyJ|pak_|\bcode=/

  test('in a browser: an address to open, a page at the end, a session that is kept for its owner alone', async () => {
    const mine = await machine()
    const user = await createUser(palisade, acme, 'browser')
    const { code, out, err, page } = await byBrowser(mine, user.email)
    assert.deepEqual({ code, out }, { code: 0, out: '' }, err)
    assert.match(err, new RegExp(`^ {2}${palisade.url}/oidc/auth\\?`, 'm'), 'the address is printed')
    assert.match(err, /Signed in at .* as browser@acme\.test of acme; the session is kept in a file/)
    assert.doesNotMatch(err, secrets)
    assert.match(page, /You are signed in/)
    const shown = await mine.cli.must('whoami')
    assert.match(shown, /^user +browser@acme\.test$/m)
    assert.match(shown, /^credential +session from a file that only you can read$/m)
    const token = (await mine.cli.must('token')).trim()
    const me = await palisade.api.as({ token }).must('GET', '/v1/users/me')
    assert.equal(me.metadata.uid, user.uid)
    assert.equal((await sessionsOf(user.uid)).length, 2, 'the one of createUser, and this')
  })

  test('in Chromium, from the page that opens to the page at the end', { skip: noBrowser }, async () => {
    const mine = await machine()
    const login = mine.cli.start(['login', ...where()])
    const browser = await startBrowser()
    try {
      const { page, complaints } = await openPage(browser, { theme: 'light' })
      await page.goto(await mine.desktop.opened())
      await page.getByLabel('E-mail').fill(acme.adminEmail)
      await page.getByLabel('Password').fill(goodPassword)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
      assert.equal(await page.evaluate('getComputedStyle(document.body).maxWidth'), '416px', 'its style is let in')
      assert.deepEqual(complaints, [])
      const { code, err } = await login.ended
      assert.equal(code, 0, err)
    } finally {
      await browser.close()
    }
    assert.match(await mine.cli.must('whoami'), /^user +admin@acme\.test$/m)
  })

  test('by a code where there is no browser, and where one asks for it', async () => {
    const user = await createUser(palisade, acme, 'device')
    const mine = await machine()
    const bare = commandLine(mine.home, { DISPLAY: '' })
    for (const login of [bare.start(['login', ...where()]), mine.cli.start(['login', '--device', ...where()])]) {
      const { code, err } = await byDevice(login, user.email)
      assert.equal(code, 0, err)
      assert.match(err, /Signed in at .* as device@acme\.test/)
      assert.doesNotMatch(err, secrets)
    }
    assert.match(await mine.cli.must('whoami'), /^user +device@acme\.test$/m)
    assert.equal((await sessionsOf(user.uid)).length, 2, 'the second sign-in ended the session of the first')
  })

  test('a device that is refused is told, and is not signed in', async () => {
    const mine = await machine()
    const login = mine.cli.start(['login', '--device', ...where()])
    const [, address = ''] = await login.told(/with the code: (\S+)/)
    const browser = createBrowser(palisade.url, palisade.caPem, '127.0.0.5')
    const form = await browser.open(address)
    const [, code = ''] = /name="user_code"[^>]*value="([^"]+)"/.exec(form.text) ?? []
    await browser.submit(await browser.submit(form, { user_code: code }), { abort: 'yes' })
    await browser.close()
    const ended = await login.ended
    assert.equal(ended.code, 1)
    assert.match(ended.err, /^palisade: the sign-in was refused in the browser; nobody was signed in$/m)
    assert.match((await mine.cli(['whoami', ...where()])).err, /not signed in/)
  })

  describe('what goes wrong in the browser', () => {
    test('a callback with another state changes nothing; the right one still signs in', async () => {
      const mine = await machine()
      const login = mine.cli.start(['login', ...where()])
      const { browser, callback } = await signInIn(await mine.desktop.opened(), acme.adminEmail)
      await browser.close()
      for (const change of ['', 'x']) {
        const forged = new URL(callback)
        forged.searchParams.set('state', change)
        const answer = await fetch(forged)
        assert.equal(answer.status, 400)
        assert.match(await answer.text(), /not the sign-in that was begun here/)
      }
      assert.equal((await fetch(new URL('/', callback))).status, 404)
      assert.equal((await fetch(callback)).status, 200)
      assert.equal((await login.ended).code, 0)
    })

    test('a code of somebody else’s sign-in is not taken', async () => {
      const [mine, theirs] = [await machine(), await machine()]
      const login = mine.cli.start(['login', ...where()])
      const other = theirs.cli.start(['login', ...where()])
      const { browser, callback } = await signInIn(await theirs.desktop.opened(), acme.adminEmail)
      await browser.close()
      const own = new URL(await mine.desktop.opened())
      const planted = new URL(own.searchParams.get('redirect_uri') ?? '')
      planted.searchParams.set('code', callback.searchParams.get('code') ?? '')
      planted.searchParams.set('iss', callback.searchParams.get('iss') ?? '')
      planted.searchParams.set('state', own.searchParams.get('state') ?? '')
      assert.match(await (await fetch(planted)).text(), /You are not signed in/)
      const { code, err } = await login.ended
      assert.equal(code, 1)
      assert.match(err, /takes this sign-in no more; nobody was signed in/)
      other.child.kill('SIGKILL')
      await other.ended
    })

    test('who presses Cancel is not signed in, and both sides say so', async () => {
      const mine = await machine()
      const login = mine.cli.start(['login', ...where()])
      const browser = createBrowser(palisade.url, palisade.caPem)
      const form = await browser.open(await mine.desktop.opened())
      const { url } = await browser.submit(form, { action: 'cancel' })
      await browser.close()
      assert.equal(url.searchParams.get('error'), 'access_denied')
      assert.match(await (await fetch(url)).text(), /You are not signed in/)
      const { code, err } = await login.ended
      assert.deepEqual(
        [code, err.trimEnd().split('\n').at(-1)],
        [1, 'palisade: the sign-in was refused in the browser; nobody was signed in'],
      )
    })

    test('Ctrl-C ends the wait, and nothing is left of it', async () => {
      const mine = await machine()
      for (const how of [[], ['--device']]) {
        const login = mine.cli.start(['login', ...how, ...where()])
        await login.told(/https:/)
        login.child.kill('SIGINT')
        const { code, err } = await login.ended
        assert.equal(code, 1)
        assert.match(err, /^palisade: interrupted$/m)
      }
      assert.match((await mine.cli(['whoami', ...where()])).err, /not signed in/)
    })

    test('a port that is taken, and one that is named', async () => {
      const mine = await machine()
      const taken = createServer()
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
      const { port } = taken.address() as AddressInfo
      const login = ['login', '--port', String(port), ...where()]
      const { code, err } = await mine.cli(login)
      assert.equal(code, 1)
      assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\)[\\s\\S]*--port`))
      await new Promise((resolve) => taken.close(resolve))
      // A far machine without a desktop, reached through a tunnel from this port.
      const far = mine.cli.start(login, { DISPLAY: '' })
      const [address = ''] = await far.told(/https:\S+/)
      assert.equal(new URL(address).searchParams.get('redirect_uri'), `http://127.0.0.1:${port}/callback`)
      far.child.kill('SIGINT')
      await far.ended
    })
  })

  describe('what goes wrong before', () => {
    test('another authority, another address, no issuer: nothing is opened and it is said why', async () => {
      const mine = await machine()
      const wrongCa = join(mine.home, 'wrong.crt')
      await writeFile(wrongCa, (await createAuthority('somebody else')).certPem)
      const untrusted = await mine.cli(['login', '--url', palisade.url, '--ca-file', wrongCa])
      assert.equal(untrusted.code, 1)
      assert.match(untrusted.err, /not issued by the authority in .*wrong\.crt[\s\S]*--ca-file/)

      const otherName = `https://127.0.0.1:${palisade.port}`
      const misnamed = await mine.cli(['login', '--url', otherName, '--ca-file', palisade.caFile])
      assert.equal(misnamed.code, 1)
      assert.match(misnamed.err, new RegExp(`calls itself ${palisade.url}\\n`))

      const away = await mine.cli(['login', '--url', 'https://localhost:1'])
      assert.match(away.err, /does not answer \(ECONNREFUSED\)/)
      for (const { err } of [untrusted, misnamed, away]) assert.doesNotMatch(err, /in your browser/)
    })

    test('a place where nothing can be kept: before anybody signs in', async () => {
      const mine = await machine()
      await mkdir(join(mine.home, '.config', 'palisade'), { recursive: true })
      await writeFile(mine.credentials, '{}')
      await chmod(mine.credentials, 0o644)
      const { code, err } = await mine.cli(['login', ...where()])
      assert.equal(code, 1)
      assert.match(err, /can be read by others/)
      assert.doesNotMatch(err, /in your browser/)
    })

    test('a clock that is wrong by a day signs in all the same', async () => {
      for (const offset of [-86_400_000, 86_400_000]) {
        const mine = await machine()
        const env = { NODE_OPTIONS: preload('../attacks/skewed-clock.ts'), CLOCK_OFFSET_MS: String(offset) }
        const { code, err } = await byBrowser(mine, acme.adminEmail, env)
        assert.equal(code, 0, err)
        assert.equal((await mine.cli(['whoami'], { env })).code, 0)
        const { accessEndsAt } = await stored(mine)
        const lasts = Date.parse(accessEndsAt) - Date.now() - offset
        assert.ok(lasts > 10 * 60_000 && lasts < 15.5 * 60_000, `${lasts} ms`)
        // Set right meanwhile, or on another machine.
        assert.equal((await mine.cli(['whoami'])).code, 0)
      }
    })
  })

  describe('a session goes on', () => {
    test('when its access token has ended at the server, whatever the clock here says', async () => {
      const mine = await machine()
      await byBrowser(mine, acme.adminEmail)
      const before = await stored(mine)
      await jumpTo(16 * 60_000)
      try {
        const old = await palisade.api.as({ token: before.access }).call('GET', '/v1/users/me')
        assert.equal(old.status, 401, 'it has ended')
        const { code, err } = await mine.cli(['whoami'])
        assert.deepEqual([code, err], [0, ''])
        assert.notEqual((await stored(mine)).refresh, before.refresh)
      } finally {
        await jumpTo(0)
      }
      // What was issued in what is now the future is refused, and renewed as well.
      assert.equal((await mine.cli(['whoami'])).code, 0)
    })

    test('when many processes find it ended at the same moment: one renews it, all go on with that', async () => {
      const mine = await machine()
      const user = await createUser(palisade, acme, 'many')
      await byBrowser(mine, user.email)
      for (let round = 0; round < 2; round++) {
        await endAccess(mine)
        const all = await Promise.all(Array.from({ length: 14 }, () => mine.cli(['token'])))
        assert.deepEqual(
          all.map(({ code, err }) => ({ code, err })),
          all.map(() => ({ code: 0, err: '' })),
        )
        assert.equal(new Set(all.map(({ out }) => out)).size, 1, 'one new token')
      }
      // The same where the server is the first to notice.
      await changeStored(mine, { access: 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA' })
      const all = await Promise.all(Array.from({ length: 8 }, () => mine.cli(['whoami'])))
      assert.deepEqual(new Set(all.map(({ code }) => code)), new Set([0]), all.map(({ err }) => err).join(''))
      const { items } = await acme.admin.must('GET', '/v1/audits?limit=50')
      const renewed = items.filter((one: object) => /many@acme\.test.*Session extended/.test(JSON.stringify(one)))
      assert.equal(renewed.length, 3)
    })

    test('and a command that takes long is renewed on its way', async () => {
      const mine = await machine()
      await byBrowser(mine, acme.adminEmail)
      const tail = mine.cli.start(['audit', 'tail', '-f', '-n', '1', '-o', 'json'])
      await until('the first entry', () => tail.out() !== '' || undefined)
      await jumpTo(16 * 60_000)
      try {
        const admin = await palisade.signIn(acme.adminEmail, goodPassword, 'acme')
        await admin.must('POST', '/v1/teams', { body: { metadata: { name: 'followed' } } })
        await until('the new entry', () => tail.out().includes('followed') || undefined)
      } finally {
        await jumpTo(0)
      }
      tail.child.kill('SIGINT')
      assert.equal((await tail.ended).code, 0)
    })
  })

  describe('a session ends', () => {
    test('by logout, at the server too, and nothing of it is left here', async () => {
      const mine = await machine()
      await byBrowser(mine, acme.adminEmail)
      const { access } = await stored(mine)
      const { code, err } = await mine.cli(['logout'])
      assert.equal(code, 0)
      assert.match(err, /Signed out at .* The session has ended/)
      assert.equal((await palisade.api.as({ token: access }).call('GET', '/v1/users/me')).status, 401)
      assert.doesNotMatch(await readFile(mine.credentials, 'utf8'), secrets)
      assert.match((await mine.cli(['whoami'])).err, /not signed in at .*\n +palisade login --url/)
    })

    test('elsewhere: every command says so, and a new sign-in goes on', async () => {
      const mine = await machine()
      const user = await createUser(palisade, acme, 'elsewhere')
      await byBrowser(mine, user.email)
      for (const { uid } of await sessionsOf(user.uid)) await acme.admin.must('DELETE', `/v1/palisade/sessions/${uid}`)
      for (const args of [['whoami'], ['token', '--cluster', '0123456789abcdef01234567'], ['project', 'list']]) {
        const { code, out, err } = await mine.cli(args)
        assert.deepEqual([code, out], [1, ''])
        assert.match(err, /^palisade: the session at https:\S+ has ended\n[\s\S]*palisade login --url/)
      }
      assert.equal((await byBrowser(mine, user.email)).code, 0)
      assert.equal((await mine.cli(['whoami'])).code, 0)
    })

    test('when somebody else uses what was copied: both are out', async () => {
      const mine = await machine()
      await byBrowser(mine, acme.adminEmail)
      const thief = await machine()
      await mkdir(join(thief.home, '.config', 'palisade'), { recursive: true, mode: 0o700 })
      for (const name of ['config.json', 'credentials.json']) {
        const text = await readFile(join(mine.home, '.config', 'palisade', name), 'utf8')
        await writeFile(join(thief.home, '.config', 'palisade', name), text, { mode: 0o600 })
      }
      for (const one of [mine, thief]) await endAccess(one)
      assert.equal((await thief.cli(['whoami'])).code, 0)
      assert.match((await mine.cli(['whoami'])).err, /session at .* has ended/)
      assert.match((await thief.cli(['whoami'])).err, /session at .* has ended/)
    })

    test('here at least, where the server cannot be reached', async () => {
      const mine = await machine()
      await byBrowser(mine, acme.adminEmail)
      const config = join(mine.home, '.config', 'palisade', 'config.json')
      const away = 'https://localhost:1'
      for (const file of [config, mine.credentials])
        await writeFile(file, (await readFile(file, 'utf8')).replaceAll(palisade.url, away), { mode: 0o600 })
      const { code, err } = await mine.cli(['logout', '--url', away])
      assert.equal(code, 1)
      assert.match(err, /is removed, but the session was not ended: .*ECONNREFUSED/)
      assert.doesNotMatch(await readFile(mine.credentials, 'utf8'), secrets)
    })
  })

  test('what another sign-in replaces is ended, unless it is the same session of one browser', async () => {
    const mine = await machine()
    const user = await createUser(palisade, acme, 'twice')
    const first = mine.cli.start(['login', ...where()])
    const { browser, callback } = await signInIn(await mine.desktop.opened(), user.email)
    await fetch(callback)
    assert.equal((await first.ended).code, 0)
    const count = (await sessionsOf(user.uid)).length

    const again = mine.cli.start(['login', ...where()])
    const asked = await browser.open(await mine.desktop.opened())
    const { url } = await browser.submit(asked, { action: 'continue' })
    await fetch(url)
    assert.equal((await again.ended).code, 0)
    await browser.close()
    assert.equal((await mine.cli(['whoami'])).code, 0, 'let into the same session, which goes on')
    assert.equal((await sessionsOf(user.uid)).length, count)

    const { apiKey } = await user.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'mine' } } })
    assert.equal((await mine.cli(['login', '--api-key'], { input: apiKey })).code, 0)
    assert.equal((await sessionsOf(user.uid)).length, count - 1, 'the key came in its place')
    const back = await byBrowser(mine, user.email)
    assert.match(back.err, /API key that was kept here stays valid/)
  })

  test('the keyring holds the session where there is one', async () => {
    const mine = await machine()
    const user = await createUser(palisade, acme, 'keyring')
    const ring = await keyring(mine.home)
    const login = mine.cli.start(['login', ...where()], ring)
    const { browser, callback } = await signInIn(await mine.desktop.opened(), user.email)
    await browser.close()
    await fetch(callback)
    const { code, err } = await login.ended
    assert.equal(code, 0, err)
    assert.match(err, /the session is kept in the keyring/)
    assert.equal(await readFile(mine.credentials, 'utf8').catch(() => 'none'), 'none')
    await jumpTo(16 * 60_000)
    try {
      const all = await Promise.all(Array.from({ length: 6 }, () => mine.cli(['whoami'], { env: ring })))
      assert.deepEqual(new Set(all.map((one) => one.code)), new Set([0]), all.map((one) => one.err).join(''))
    } finally {
      await jumpTo(0)
    }
    assert.equal((await mine.cli(['logout'], { env: ring })).code, 0)
  })

  /** Speaks as secret-tool does: the secret through the standard input, attributes as arguments. */
  async function keyring(home: string): Promise<Record<string, string>> {
    const programs = join(home, 'desktop')
    await writeFile(
      join(programs, 'secret-tool'),
      `#!/bin/sh
verb=$1; shift; [ "$verb" = store ] && shift 2
file="$HOME/keyring-$(echo "$*" | cksum | cut -d' ' -f1)"
case $verb in store) cat > "$file.new"; mv "$file.new" "$file" ;; lookup) cat "$file" ;; clear) rm "$file" ;; esac
`,
      { mode: 0o755 },
    )
    return { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' }
  }

  test('no token is in what commands write, but for palisade token', async () => {
    const mine = await machine()
    const written: string[] = []
    const { out, err } = await byBrowser(mine, acme.adminEmail)
    written.push(out, err)
    const { access, refresh } = await stored(mine)
    await endAccess(mine)
    const run = async (cli: CommandLine, ...args: string[]) => {
      const ran = await cli(args)
      written.push(ran.out, ran.err)
    }
    await run(mine.cli, 'whoami', '-o', 'json')
    await run(mine.cli, 'whoami')
    await run(mine.cli, 'login', '--help')
    await run(mine.cli, 'logout')
    await run(mine.cli, 'logout')
    for (const text of written) {
      assert.doesNotMatch(text, /eyJ/)
      for (const secret of [access, refresh]) assert.ok(!text.includes(secret))
    }
  })
})
