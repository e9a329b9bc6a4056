import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  composeLine,
  entryBody,
  exportHeader,
  leafHash,
  noPrevLeaf,
  noteSigner,
  rootOf,
  signCheckpoint,
  verifierKeyText,
} from '../core/ledger/index.ts'
import { run } from './main.ts'
import { testEdges } from './testing.ts'

const origin = 'palisade.example/audit/system/1'
const signer = noteSigner(origin, Buffer.alloc(32, 7))
const key = verifierKeyText(signer)

const lines: string[] = []
for (let index = 0; index < 5; index++) {
  const body = entryBody({ event: 'role.created' }, Buffer.alloc(16, index))
  assert.ok(body.ok)
  const line = composeLine(index, index === 0 ? noPrevLeaf : leafHash(lines[index - 1]!), body.value)
  lines.push(line)
}
const root = rootOf(lines.map((line) => leafHash(line)))
const header = exportHeader(signCheckpoint({ origin, size: lines.length, root }, signer))
const files: Record<string, string> = {
  good: `${[header, ...lines].join('\n')}\n`,
  edited: `${[header, ...lines.with(2, lines[2]!.replace('role', 'rule'))].join('\n')}\n`,
  cut: `${[header, ...lines.slice(0, 3)].join('\n')}\n`,
}

/** Runs the command line on the files above; `-` reads the good one. */
async function palisade(...args: string[]) {
  let out = ''
  let err = ''
  async function* open(file: string) {
    const text = files[file === '-' ? 'good' : file]
    if (text === undefined)
      throw Object.assign(new Error(`ENOENT: no such file or directory, open '${file}'`), {
        code: 'ENOENT',
        syscall: 'open',
      })
    yield Buffer.from(text)
  }
  const exitCode = await run(args, testEdges({ open, out: (text) => (out += text), err: (text) => (err += text) }))
  return { exitCode, out, err }
}

const ok = `ok: 5 entries, root ${root.toString('base64')}, 0 destroyed, origin ${origin}\n`
const otherKey = verifierKeyText(noteSigner(origin, Buffer.alloc(32, 8)))

const cases = [
  { does: 'proves a good export', args: ['good', '--key', key], exitCode: 0, out: ok, err: '' },
  { does: 'reads the standard input', args: ['-', '--key', key], exitCode: 0, out: ok, err: '' },
  { does: 'takes a key with a line end', args: ['good', '--key', `${key}\n`], exitCode: 0, out: ok, err: '' },
  {
    does: 'names the first bad index in one line',
    args: ['edited', '--key', key],
    exitCode: 1,
    out: '',
    err: 'palisade: first bad index 2: its hash is not the one that the next line (index 3) has in "prev"\n',
  },
  {
    does: 'names the first missing index',
    args: ['cut', '--key', key],
    exitCode: 1,
    out: '',
    err: 'palisade: first bad index 3: the checkpoint has 5 entries, and the export ends after 3\n',
  },
  {
    does: 'refuses another key',
    args: ['good', '--key', otherKey],
    exitCode: 1,
    out: '',
    err: `palisade: the checkpoint is not signed by this key (key "${origin}")\n`,
  },
  {
    does: 'fails on a file that is not there',
    args: ['nowhere', '--key', key],
    exitCode: 1,
    out: '',
    err: "palisade: cannot read the export: ENOENT: no such file or directory, open 'nowhere'\n",
  },
]
for (const { does, args, ...expected } of cases)
  test(`audit verify ${does}`, async () => assert.deepEqual(await palisade('audit', 'verify', ...args), expected))

test('audit verify --json prints the verdict as JSON, good or bad', async () => {
  const good = await palisade('audit', 'verify', 'good', '--json', '--key', key)
  assert.equal(good.exitCode, 0)
  assert.deepEqual(JSON.parse(good.out), { ok: true, origin, size: 5, root: root.toString('base64'), destroyed: 0 })
  const bad = await palisade('audit', 'verify', 'edited', '--json', '--key', key)
  assert.equal(bad.exitCode, 1)
  const { message, ...verdict } = JSON.parse(bad.out) as { message: string }
  assert.deepEqual(verdict, { ok: false, problem: 'prev', firstBadIndex: 2 })
  assert.equal(bad.err, `palisade: ${message}\n`)
  const unreadable = await palisade('audit', 'verify', 'nowhere', '--json', '--key', key)
  assert.equal(unreadable.exitCode, 1)
  assert.equal((JSON.parse(unreadable.out) as { problem: string }).problem, 'unreadable')
})

test('what is a bug, and no unreadable file, is not swallowed', async () => {
  async function* open(): AsyncGenerator<Uint8Array> {
    yield* []
    throw new TypeError('a bug')
  }
  const ignore = () => {}
  await assert.rejects(
    run(['audit', 'verify', 'x', '--key', key], testEdges({ open, out: ignore, err: ignore })),
    TypeError,
  )
})
