import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Secret } from '../core/seal/index.ts'
import { forget, keep, parseCredential } from './credentials.ts'
import { Failure } from './failure.ts'
import { makePrivateFolder, readPrivate, withLock, writeWhole } from './private-files.ts'
import { credentialFor } from './session.ts'
import { chooseServer, type Server } from './settings.ts'
import { testEdges } from './testing.ts'

describe('files of a person', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'palisade-files-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('are replaced whole: what breaks off half way leaves the old text and nothing beside it', async () => {
    const file = join(folder, 'whole')
    await writeWhole(file, 'old', 0o600)
    async function* broken() {
      yield Buffer.from('ne')
      throw new Error('the stream broke')
    }
    await assert.rejects(writeWhole(file, broken(), 0o600), /the stream broke/)
    assert.equal(await readFile(file, 'utf8'), 'old')
    assert.deepEqual(await readdir(folder), ['whole'])
    await writeWhole(file, 'new', 0o640)
    assert.deepEqual([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777], ['new', 0o640])
  })

  for (const mode of [0o604, 0o640, 0o660, 0o620])
    test(`with secrets are refused at mode ${mode.toString(8)}`, async () => {
      const file = join(folder, `mode-${mode}`)
      await writeFile(file, '{}')
      await chmod(file, mode)
      await assert.rejects(readPrivate(file), /can be read by others/)
    })

  test('with secrets go into no folder that others write in', async () => {
    const open = join(folder, 'open')
    await mkdir(open)
    await chmod(open, 0o777)
    await assert.rejects(makePrivateFolder(open), /others may write in/)
    const closed = join(folder, 'a', 'b')
    await makePrivateFolder(closed)
    assert.equal((await stat(closed)).mode & 0o777, 0o700)
  })

  test('are changed by one at a time, and a lock that stays is told', async () => {
    const file = join(folder, 'counter')
    await writeWhole(file, '0', 0o600)
    const add = () =>
      withLock(file, async () => writeWhole(file, String(Number(await readFile(file, 'utf8')) + 1), 0o600))
    await Promise.all(Array.from({ length: 8 }, add))
    assert.equal(await readFile(file, 'utf8'), '8')
    await writeFile(`${file}.lock`, '')
    const impatient = withLock(file, async () => assert.fail('ran under a foreign lock'), 100)
    await assert.rejects(
      impatient,
      (cause) => cause instanceof Failure && cause.hints.some((hint) => hint.includes('rm ')),
    )
    assert.equal(await readFile(file, 'utf8'), '8')
  })

  describe('settings and credentials', () => {
    const server = (url: string): Server => ({ url, caFile: undefined, caPem: undefined, isOfEnvironment: true })
    const [a, b] = [server('https://a.example'), server('https://b.example')]
    const key = (name: string) => ({ kind: 'apiKey' as const, secret: new Secret(`pak_${name}`) })
    const worldOf = (name: string, env = {}) => testEdges({ env, home: join(folder, name), cwd: folder })

    test('each server has its own credential, and the last sign-in is the one that is meant', async () => {
      const world = worldOf('two')
      await keep(a, key('a'), world)
      await keep(b, key('b'), world)
      assert.equal((await chooseServer({}, world)).url, b.url)
      assert.equal((await credentialFor(a, world)).secret.reveal(), 'pak_a')
      assert.equal(await forget(a, world), 'file')
      assert.equal(await forget(a, world), undefined)
      await assert.rejects(credentialFor(a, world), /not signed in at https:\/\/a\.example/)
      assert.equal((await credentialFor(b, world)).secret.reveal(), 'pak_b')
    })

    test('the option goes before the environment, and that before what is remembered', async () => {
      const world = worldOf('two', { PALISADE_URL: 'https://env.example', PALISADE_TOKEN: 'pak_env' })
      const fromEnv = await chooseServer({}, world)
      assert.deepEqual([fromEnv.url, fromEnv.isOfEnvironment], ['https://env.example', true])
      const fromOption = await chooseServer({ url: 'https://B.example/' }, world)
      assert.deepEqual([fromOption.url, fromOption.isOfEnvironment], [b.url, false])
      assert.equal((await credentialFor(fromOption, world)).secret.reveal(), 'pak_b')
    })

    test('a relative XDG_CONFIG_HOME is ignored, as its specification has it', async () => {
      const world = worldOf('xdg', { XDG_CONFIG_HOME: 'relative' })
      await keep(a, key('a'), world)
      assert.deepEqual(await readdir(join(folder, 'xdg', '.config', 'palisade')), [
        'config.json',
        'credentials.json',
        'locks',
      ])
    })

    for (const url of [
      'palisade.example',
      'http://a.example',
      'https://u:p@a.example',
      'https://a.example/x',
      'https://a.example?x',
    ])
      test(`${url} is no server`, () =>
        assert.rejects(
          chooseServer({ url }, worldOf('none')),
          (cause) => cause instanceof Failure && cause.exitCode === 2,
        ))

    test('files that somebody else wrote are refused, and not quoted', async () => {
      const world = worldOf('odd')
      await keep(a, key('a'), world)
      const config = join(world.home, '.config', 'palisade')
      for (const text of ['', '[]', '{"servers":{"x":1}}', '{"https://a.example":{}}', 'pak_secret'])
        for (const name of ['credentials.json', 'config.json']) {
          const file = join(config, name)
          const before = await readFile(file, 'utf8')
          await writeFile(file, text)
          const cause = await chooseServer({}, world)
            .then((server) => credentialFor(server, world))
            .then(
              () => undefined,
              (cause: unknown) => cause,
            )
          assert.ok(cause instanceof Failure, `${name} with ${text}: ${cause}`)
          assert.ok(!cause.message.includes('pak_'))
          await writeFile(file, before)
        }
    })

    test('what is neither key nor token is no credential', () => {
      for (const text of ['', 'pak_', 'pak_a b', 'password', 'a.b', 'a.b.c\nd', 'a.b.c d'])
        assert.equal(parseCredential(text), undefined, text)
      assert.equal(parseCredential(' pak_x_y \n')?.kind, 'apiKey')
      assert.equal(parseCredential('e-y.e_y.abc')?.kind, 'token')
    })
  })
})
