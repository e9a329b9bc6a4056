import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { logOrigin, signCheckpoint } from './checkpoint.ts'
import { rootOf } from './frontier.ts'
import { leafHash, noPrevLeaf } from './hash.ts'
import { composeLine, destroyedLine, entryBody, exportHeader, maxLineBytes } from './line.ts'
import { noteSigner, signNote } from './note.ts'
import { type ExportVerdict, verifyExport, verifyExportBytes } from './verify-export.ts'

const origin = logOrigin({ host: 'palisade.example', tenantUid: 'system', generation: 1 })
const signer = noteSigner(origin, Buffer.alloc(32, 7))

/** The lines of a log of so many entries, as the sequencer would compose them; no header. */
function logLines(size: number): string[] {
  const lines: string[] = []
  let prev = noPrevLeaf
  for (let index = 0; index < size; index++) {
    // Time runs backwards and stands still: the order of a log is that of its indexes (threat H12).
    const time = `2026-01-01T00:00:0${9 - (index % 7)}Z`
    const body = entryBody({ time, event: 'role.created', name: `Ä${index}` }, Buffer.alloc(16, index))
    assert.ok(body.ok)
    const line = composeLine(index, prev, body.value)
    lines.push(line)
    prev = leafHash(line)
  }
  return lines
}

function headerFor(lines: readonly string[], key = signer): string {
  return exportHeader(signCheckpoint({ origin: key.name, size: lines.length, root: rootOf(lines.map(leafHash)) }, key))
}

/** The chain made good again from `from` on, as somebody would who rewrites history but has not the key. */
function rechain(lines: readonly string[], from: number): string[] {
  const rewritten = lines.slice(0, from)
  for (const line of lines.slice(from)) {
    const prev = rewritten.length === 0 ? noPrevLeaf : leafHash(rewritten[rewritten.length - 1]!)
    rewritten.push(line.replace(/"prev":"[^"]+"/, `"prev":"${prev.toString('base64')}"`))
  }
  return rewritten
}

async function* stream<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

const verify = (lines: readonly (string | Buffer)[], key = signer) => verifyExport(stream(lines), key)
const verifyText = (text: string | Buffer, pieceBytes = 65_536) => {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  )
  return verifyExportBytes(stream(pieces), signer)
}

/** What a verdict says, without its words. */
function gist(verdict: ExportVerdict): string {
  return verdict.ok ? 'ok' : [verdict.problem, verdict.firstBadIndex].filter((part) => part !== undefined).join(' ')
}

const size = 9
const lines = logLines(size)
const header = headerFor(lines)
const leaves = lines.map((line) => leafHash(line))
const destroyed = (...indexes: number[]) =>
  lines.map((line, i) => (indexes.includes(i) ? destroyedLine(i, leaves[i]!) : line))
const edited = (index: number, from: string | RegExp, to: string) =>
  lines.map((line, i) => (i === index ? line.replace(from, to) : line))
const base64 = (hash: Buffer) => hash.toString('base64')

test('a whole log verifies with origin, size, root and the number destroyed', async () => {
  const root = rootOf(leaves)
  assert.deepEqual(await verify([header, ...lines]), { ok: true, origin, size, root, destroyed: 0 })
  assert.deepEqual(await verify([header, ...destroyed(0, 3, 4, 8)]), { ok: true, origin, size, root, destroyed: 4 })
})

test('logs of every small size verify, the empty one too', async () => {
  for (let n = 0; n <= 17; n++) assert.equal(gist(await verify([headerFor(logLines(n)), ...logLines(n)])), 'ok')
})

// Threat H01: what somebody with the database can do to a log. `says` is the problem and the first bad index.
const other = leafHash('other')
const cases: { does: string; lines: readonly (string | Buffer)[]; says: string }[] = [
  { does: 'edits an entry', lines: edited(3, 'role', 'rule'), says: 'prev 3' },
  { does: 'edits the first entry', lines: edited(0, 'role', 'rule'), says: 'prev 0' },
  { does: 'edits the last entry', lines: edited(8, 'role', 'rule'), says: 'root' },
  {
    does: 'edits two entries',
    lines: edited(6, 'role', 'rule').with(2, lines[2]!.replace('role', 'rule')),
    says: 'prev 2',
  },
  { does: 'drops an entry', lines: lines.toSpliced(4, 1), says: 'index 4' },
  { does: 'drops the first entry', lines: lines.slice(1), says: 'index 0' },
  { does: 'drops the last entry', lines: lines.slice(0, -1), says: 'missing 8' },
  { does: 'drops the last three', lines: lines.slice(0, -3), says: 'missing 6' },
  { does: 'drops all', lines: [], says: 'missing 0' },
  { does: 'exchanges two', lines: lines.with(2, lines[5]!).with(5, lines[2]!), says: 'index 2' },
  { does: 'exchanges two neighbours', lines: lines.with(2, lines[3]!).with(3, lines[2]!), says: 'index 2' },
  { does: 'reverses all', lines: lines.toReversed(), says: 'index 0' },
  { does: 'doubles an entry', lines: lines.toSpliced(3, 0, lines[3]!), says: 'index 4' },
  { does: 'doubles the last', lines: [...lines, lines[8]!], says: 'extra 9' },
  { does: 'adds an entry', lines: logLines(10), says: 'extra 9' },
  { does: 'cuts the last line', lines: lines.with(8, lines[8]!.slice(0, -5)), says: 'entry 8' },
  { does: 'leaves an empty line', lines: lines.toSpliced(4, 0, ''), says: 'entry 4' },
  { does: 'leaves an empty line at the end', lines: [...lines, ''], says: 'extra 9' },
  { does: 'changes an index', lines: edited(4, '"index":4', '"index":5'), says: 'index 4' },
  { does: 'changes a prev', lines: edited(4, base64(leaves[3]!), base64(other)), says: 'prev 3' },
  { does: 'changes the first prev', lines: edited(0, base64(noPrevLeaf), base64(other)), says: 'prev 0' },
  {
    does: 'edits and mends the next prev',
    lines: rechain(edited(3, 'role', 'rule'), 0).toSpliced(5, 4, ...lines.slice(5)),
    says: 'prev 4',
  },
  { does: 'rewrites history from an entry on', lines: rechain(edited(3, 'role', 'rule'), 0), says: 'root' },
  {
    does: 'numbers anew what is left',
    lines: rechain(
      lines.toSpliced(4, 1).map((l, i) => l.replace(/\d+/, String(i))),
      0,
    ),
    says: 'missing 8',
  },
  // Another spelling of the same JSON is another entry.
  { does: 'converts line ends', lines: lines.map((line) => `${line}\r`), says: 'entry 0' },
  { does: 'puts a space behind an entry', lines: edited(8, /$/, ' '), says: 'entry 8' },
  { does: 'puts a space into the prefix', lines: edited(4, '"index":4', '"index": 4'), says: 'entry 4' },
  { does: 'writes an index in another way', lines: edited(4, '"index":4', '"index":4.0'), says: 'entry 4' },
  { does: 'writes an index with a zero', lines: edited(4, '"index":4', '"index":04'), says: 'entry 4' },
  { does: 'writes a name in another way', lines: edited(4, '"prev"', '"pr\\u0065v"'), says: 'entry 4' },
  {
    does: 'exchanges index and prev',
    lines: edited(4, /"index":4,("prev":"[^"]+"),/, '$1,"index":4,'),
    says: 'entry 4',
  },
  { does: 'writes base64 with loose last bits', lines: edited(0, 'AAA=', 'AAB='), says: 'entry 0' },
  { does: 'writes base64 without padding', lines: edited(4, '=",', '",'), says: 'entry 4' },
  {
    does: 'names the index again, in the last entry',
    lines: edited(8, '"event"', '"index":2,"event"'),
    says: 'entry 8',
  },
  { does: 'names the same index again', lines: edited(8, '"event"', '"index":8,"event"'), says: 'entry 8' },
  { does: 'names a prev again, escaped', lines: edited(8, '"event"', '"\\u0070rev":"","event"'), says: 'entry 8' },
  { does: 'leaves an entry without content', lines: edited(8, /=",.*/, '="}'), says: 'entry 8' },
  { does: 'leaves an entry with a loose comma', lines: edited(8, /=",.*/, '=",}'), says: 'entry 8' },
  { does: 'adds a second object', lines: edited(8, /$/, '{}'), says: 'entry 8' },
  {
    does: 'puts invalid UTF-8 into an entry',
    lines: [...lines.slice(0, 8), withByte(lines[8]!, 0xff)],
    says: 'entry 8',
  },
  { does: 'puts a control character into an entry', lines: edited(8, '"event"', '\t"event"'), says: 'entry 8' },
  { does: 'nests a line deeply', lines: edited(8, '"role.created"', '['.repeat(500_000)), says: 'entry 8' },
  { does: 'makes a line too long', lines: edited(3, 'role', 'x'.repeat(maxLineBytes)), says: 'entry 3' },
  // A destroyed entry's leaf stands for it in the chain.
  { does: 'destroys with another leaf', lines: destroyed(3).with(3, destroyedLine(3, other)), says: 'prev 3' },
  { does: 'destroys the last with another leaf', lines: destroyed(8).with(8, destroyedLine(8, other)), says: 'root' },
  { does: 'destroys under another index', lines: destroyed(3).with(3, destroyedLine(4, leaves[3]!)), says: 'index 3' },
  {
    does: 'edits before a destroyed entry',
    lines: destroyed(4).with(3, lines[3]!.replace('role', 'rule')),
    says: 'root',
  },
  {
    does: 'destroys and keeps something',
    lines: destroyed(3).with(3, destroyedLine(3, leaves[3]!).replace('}', ',"a":1}')),
    says: 'entry 3',
  },
  {
    does: 'destroys and adds a space',
    lines: destroyed(8).with(8, `${destroyedLine(8, leaves[8]!)} `),
    says: 'entry 8',
  },
]
for (const c of cases)
  test(`H01: whoever ${c.does} is found out: ${c.says}`, async () => {
    assert.notDeepEqual(c.lines, lines)
    const verdict = await verify([header, ...c.lines])
    assert.equal(gist(verdict), c.says)
    assert.ok(!verdict.ok && !/[^\x20-\x7e]/.test(verdict.message), 'one printable line')
    if (verdict.firstBadIndex === undefined) assert.match(verdict.message, /only the root differs/)
    else assert.ok(verdict.message.startsWith(`first bad index ${verdict.firstBadIndex}: `), verdict.message)
  })

test('where only the root differs it says so, and which entry no other vouches for', async () => {
  const verdict = await verify([header, ...edited(8, 'role', 'rule')])
  assert.ok(!verdict.ok)
  assert.match(verdict.message, /^only the root differs: .* the last entry \(index 8\)/)
})

test('an export whose line ends were converted is refused in words that help', async () => {
  const verdict = await verifyText([header, ...lines].map((line) => `${line}\r\n`).join(''))
  assert.equal(gist(verdict), 'entry 0')
  assert.match(verdict.ok ? '' : verdict.message, /line ends were converted/)
})

test('H01: no single byte of an export can change unnoticed, and the index named is by the rule', async () => {
  const text = Buffer.from([header, ...lines].map((line) => `${line}\n`).join(''))
  const headerBytes = Buffer.byteLength(header) + 1
  for (let at = 0; at < text.length; at++) {
    const tampered = Buffer.from(text)
    tampered[at]! ^= at % 2 === 0 ? 0x01 : 0x80
    const verdict = await verifyText(tampered)
    assert.equal(verdict.ok, false, `byte ${at}`)
    if (at < headerBytes) continue
    // The line that was changed and the place in it; a changed newline belongs to the line that it ended.
    const before = text.subarray(headerBytes, at).toString('latin1').split('\n')
    const index = before.length - 1
    const changed = tampered
      .subarray(at - before[index]!.length)
      .toString('latin1')
      .split('\n')[0]!
    const prevStillReads = /^\{"index":\d,"prev":"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=",/.test(changed)
    const inPrev = /^\{"index":\d,"prev":"[^"]*$/.test(before[index]!) && text[at] !== 0x22
    const expected = inPrev && prevStillReads ? Math.max(index - 1, 0) : index
    const named = gist(verdict) === 'root' ? index : verdict.ok || verdict.firstBadIndex
    assert.equal(named, expected, `byte ${at}: ${gist(verdict)}`)
    if (gist(verdict) === 'root') assert.equal(index, size - 1)
  }
})

/** The rule of the contract, written plainly over the whole export. */
function plainGist(found: readonly string[], expected: readonly string[]): string {
  for (let at = 0; at < found.length; at++) {
    if (at === expected.length) return `extra ${at}`
    const { index, prev } = JSON.parse(found[at]!) as { index: number; prev: string }
    if (index !== at) return `index ${at}`
    const before = at === 0 ? noPrevLeaf : leafHash(found[at - 1]!)
    if (prev !== base64(before)) return `prev ${Math.max(at - 1, 0)}`
  }
  if (found.length < expected.length) return `missing ${found.length}`
  return rootOf(found.map(leafHash)).equals(rootOf(expected.map(leafHash))) ? 'ok' : 'root'
}

const anyTampering = fc.array(
  fc.record({ what: fc.constantFrom('edit', 'drop', 'double', 'swap', 'rechain'), at: fc.nat(), with: fc.nat() }),
  { maxLength: 3 },
)

test('any mixture of edits, drops, doublings, exchanges and rewriting is judged as by the plain rule', () =>
  fc.assert(
    fc.asyncProperty(anyTampering, async (steps) => {
      let found = [...lines]
      for (const step of steps) {
        if (found.length === 0) break
        const at = step.at % found.length
        const to = step.with % found.length
        if (step.what === 'edit') found[at] = found[at]!.replace('created', 'deleted')
        if (step.what === 'drop') found.splice(at, 1)
        if (step.what === 'double') found.splice(to, 0, found[at]!)
        if (step.what === 'swap') [found[at], found[to]] = [found[to]!, found[at]!]
        if (step.what === 'rechain') found = rechain(found, at)
      }
      assert.equal(gist(await verify([header, ...found])), plainGist(found, lines))
    }),
  ))

const foreignSigner = noteSigner(origin, Buffer.alloc(32, 8))
const witness = noteSigner('witness.example', Buffer.alloc(32, 9))
const headerCases = [
  { does: 'nothing', lines: [], says: 'header' },
  { does: 'entries without a header', lines, says: 'header' },
  { does: 'something that is no JSON', lines: ['hello'], says: 'header' },
  { does: 'another format', lines: [header.replace('export/1', 'export/2'), ...lines], says: 'header' },
  { does: 'a header without a checkpoint', lines: ['{"palisade":"audit-export/1"}', ...lines], says: 'header' },
  { does: 'a byte order mark', lines: [`\ufeff${header}`, ...lines], says: 'header' },
  { does: 'a checkpoint that is no note', lines: [exportHeader('hello\n'), ...lines], says: 'checkpoint' },
  { does: 'a signed text that is no checkpoint', lines: [exportHeader(signNote('a\n', [signer]))], says: 'checkpoint' },
  { does: 'a checkpoint by another key', lines: [headerFor(lines, foreignSigner), ...lines], says: 'checkpoint' },
  {
    does: 'a checkpoint with another size',
    lines: [header.replace('\\n9\\n', '\\n8\\n'), ...lines],
    says: 'checkpoint',
  },
  { does: 'an older checkpoint with all entries', lines: [headerFor(lines.slice(0, 4)), ...lines], says: 'extra 4' },
  { does: 'a signed checkpoint of an empty log with a root', lines: [headerOfEmpty()], says: 'root' },
]
for (const c of headerCases)
  test(`an export of ${c.does} is refused: ${c.says}`, async () => assert.equal(gist(await verify(c.lines)), c.says))

test('a checkpoint that others signed too verifies', async () => {
  const text = `${origin}\n${size}\n${base64(rootOf(leaves))}\n`
  assert.equal(gist(await verify([exportHeader(signNote(text, [witness, signer])), ...lines])), 'ok')
})

test('text from the export is escaped in what is printed', async () => {
  const verdict = await verify(['{"palisade":"\\u001b[31m\\u202e","checkpoint":""}'])
  assert.ok(!verdict.ok)
  assert.match(verdict.message, /names the format "\\u001b\[31m\\u202e"/)
})

test('the bytes of a file give the same verdict in pieces of any size, with or without a last newline', async () => {
  const text = [header, ...destroyed(2)].join('\n')
  for (const piece of [1, 2, 3, 7, 64, 1000, 65_536])
    for (const whole of [text, `${text}\n`]) {
      const verdict = await verifyText(whole, piece)
      assert.ok(verdict.ok)
      assert.equal(verdict.destroyed, 1)
    }
  assert.equal(gist(await verifyText(`${text}\n\n`)), 'extra 9')
  assert.equal(gist(await verifyText('')), 'header')
})

test('a line without an end is given up at the bound, and reading stops at the first fault', async () => {
  let given = 0
  async function* endless(first: string) {
    yield Buffer.from(first)
    for (;;) {
      given += 1
      assert.ok(given <= 20, 'stops reading')
      yield Buffer.alloc(65_536, 'x')
    }
  }
  assert.equal(gist(await verifyExportBytes(endless(''), signer)), 'header')
  given = 0
  assert.equal(gist(await verifyExportBytes(endless(`${header}\n${lines[0]}\n`), signer)), 'entry 1')
  given = 0
  assert.equal(gist(await verifyExportBytes(endless(`${header}\n${lines[1]}\n`), signer)), 'index 0')
  assert.equal(given, 0)
})

test('what reading throws is passed on', async () => {
  async function* broken() {
    yield Buffer.from(`${header}\n`)
    throw new Error('disk gone')
  }
  await assert.rejects(verifyExportBytes(broken(), signer), /disk gone/)
})

/** The line with one byte in the middle of it replaced. */
function withByte(line: string, byte: number): Buffer {
  const bytes = Buffer.from(line)
  bytes[bytes.indexOf('role')] = byte
  return bytes
}

function headerOfEmpty(): string {
  return exportHeader(signCheckpoint({ origin, size: 0, root: leafHash('') }, signer))
}
