import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { after, test } from 'node:test'
import manifest from '../package.json' with { type: 'json' }
import { run } from './main.ts'
import { testEdges } from './testing.ts'

async function palisade(...args: string[]) {
  let out = ''
  let err = ''
  const open = () => assert.fail('opens nothing')
  const exitCode = await run(args, testEdges({ open, out: (text) => (out += text), err: (text) => (err += text) }))
  return { exitCode, out, err }
}

const key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const wrongUses = [
  { use: 'no command', args: [], says: /Usage: palisade/ },
  { use: 'half a command', args: ['audit'], says: /Usage: palisade audit/ },
  { use: 'an unknown command', args: ['audti'], says: /unknown command 'audti'[\s\S]*Did you mean audit\?/ },
  { use: 'an unknown option', args: ['audit', 'verify', 'f', '--key', key, '--jsno'], says: /unknown option '--jsno'/ },
  { use: 'no file', args: ['audit', 'verify', '--key', key], says: /missing required argument 'file'/ },
  { use: 'two files', args: ['audit', 'verify', 'f', 'g', '--key', key], says: /too many arguments/ },
  { use: 'no key', args: ['audit', 'verify', 'f'], says: /required option '--key <key>'/ },
  {
    use: 'the name of a key file',
    args: ['audit', 'verify', 'f', '--key', 'audit.key'],
    says: /not the name of a file/,
  },
  {
    use: 'a key with a typo',
    args: ['audit', 'verify', 'f', '--key', key.replace('ARpc', 'ARpd')],
    says: /a character was changed/,
  },
  {
    use: 'a key of another kind',
    args: ['audit', 'verify', 'f', '--key', key.replace('ARpc', 'Ahpc')],
    says: /not an Ed25519 key/,
  },
  ...assignments(),
]
for (const { use, args, says } of wrongUses)
  test(`wrong use ends with 2 and says what is wrong: ${use}`, async () => {
    const { exitCode, out, err } = await palisade(...args)
    assert.equal(exitCode, 2)
    assert.equal(out, '')
    assert.match(err, says)
  })

/** Nothing of these asks a server. */
function assignments() {
  const uid = '0123456789abcdef01234567'
  const give = ['assignment', 'create', '--user', 'u', '--role', 'r']
  const update = ['assignment', 'update', uid]
  return [
    { use: 'a role for nobody', args: ['assignment', 'create', '--role', 'r', '--for-good'], says: /--user or --team/ },
    {
      use: 'a role for two',
      args: [...give, '--team', 't', '--for-good'],
      says: /'--user.*cannot be used with.*'--team/,
    },
    { use: 'no role', args: ['assignment', 'create', '--user', 'u', '--for-good'], says: /required option '--role/ },
    { use: 'no end', args: give, says: /--ends-in, --ends-at or, without an end, --for-good/ },
    { use: 'two ends', args: [...give, '--ends-in', '8h', '--for-good'], says: /'--ends-in.*cannot be used/ },
    { use: 'a length without a unit', args: [...give, '--ends-in', '8'], says: /a length such as 45m, 8h or 30d/ },
    { use: 'an end that was', args: [...give, '--ends-at', '2001-01-01'], says: /in the past/ },
    { use: 'an end in no zone', args: [...give, '--ends-at', '2099-01-01T08:00'], says: /2030-01-31T18:00Z/ },
    {
      use: 'half a window',
      args: [...update, '--window', 'mon-fri 8-9'],
      says: /"mon-fri 08:00-18:00 Europe\/Berlin"/,
    },
    {
      use: 'no zone',
      args: [...update, '--window', 'mon 08:00-09:00 Mars/X'],
      says: /--window: Mars\/X is no time zone/,
    },
    { use: 'no such time', args: [...update, '--window', 'mon 08:00-28:00 UTC'], says: /--window: a time from 00:00/ },
    {
      use: 'a network and a half',
      args: [...update, '--network', '10.0.0.1/8'],
      says: /--network: 10\.0\.0\.1\/8 has bits/,
    },
    {
      use: 'a sign-in long ago',
      args: [...update, '--sign-in-within', '31d'],
      says: /--sign-in-within: at most 30 days/,
    },
    { use: 'no change', args: update, says: /nothing is named that changes/ },
    {
      use: 'no UID',
      args: ['assignment', 'delete', 'Viewer', '--yes'],
      says: /no UID of an assignment[\s\S]*list shows/,
    },
    { use: 'lists of two', args: ['assignment', 'list', '--team', 't', '-p', 'p'], says: /'--team.*cannot be used/ },
  ]
}

test('version and help are good use', async () => {
  assert.deepEqual(await palisade('--version'), { exitCode: 0, out: `${manifest.version}\n`, err: '' })
  for (const args of [['--help'], ['help'], ['audit', '--help'], ['audit', 'verify', '-h'], ['serve', '-h']]) {
    const { exitCode, out, err } = await palisade(...args)
    assert.deepEqual({ exitCode, err }, { exitCode: 0, err: '' })
    assert.match(out, /^Usage: palisade/)
  }
})

// The launcher itself, through links as npm makes them.
const folder = mkdtempSync(join(tmpdir(), 'palisade-cli-'))
after(() => rmSync(folder, { recursive: true }))
const launcher = resolve(import.meta.dirname, 'palisade')
const bin = join(folder, 'node_modules', '.bin')
mkdirSync(bin, { recursive: true })
symlinkSync(launcher, join(folder, 'absolute'))
symlinkSync(relative(bin, launcher), join(bin, 'relative'))
symlinkSync('node_modules/.bin/relative', join(folder, 'link to a link'))

for (const command of [launcher, join(folder, 'absolute'), join(bin, 'relative'), join(folder, 'link to a link')])
  test(`the launcher runs from anywhere as ${relative(folder, command)}`, () => {
    // CDPATH would send a careless `cd` elsewhere and print where.
    const { status, stdout, stderr } = spawnSync(command, ['--version'], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', CDPATH: '/' },
    })
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

test('the launcher passes arguments, standard input and the exit code on', () => {
  const args = ['audit', 'verify', '-', '--key', key]
  const { status, stdout, stderr } = spawnSync(launcher, args, { input: 'no export\n', encoding: 'utf8' })
  const expected = 'palisade: the first line is not the header of an audit export\n'
  assert.deepEqual({ status, stdout, stderr }, { status: 1, stdout: '', stderr: expected })
})
