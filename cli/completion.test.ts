import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Command } from 'commander'
import { completionScript, type Shell } from './completion.ts'
import { run } from './main.ts'
import { testEdges } from './testing.ts'

const script = async (shell: Shell) => {
  let out = ''
  assert.equal(await run(['completion', shell], testEdges({ out: (text) => (out += text) })), 0)
  return out
}

/** Each shell's own way to say what it would offer for a line. */
const shells: readonly {
  readonly shell: Shell
  readonly ask: (
    script: string,
    words: readonly string[],
  ) => { readonly args: readonly string[]; readonly input: string }
}[] = [
  {
    shell: 'bash',
    ask: (script, words) => ({
      args: ['--norc', '--noprofile', '-s'],
      input: `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})\nCOMP_CWORD=${words.length - 1}\n_palisade\nprintf '%s\\n' "\${COMPREPLY[@]}"\n`,
    }),
  },
  {
    shell: 'zsh',
    // What the completion system is handed: the system itself runs inside the line editor alone.
    ask: (script, words) => ({
      args: ['-f', '-s'],
      input: `compdef() {}\n_files() {}\n_describe() { local -a list=("\${(@P)4}"); print -l -- "\${(@)list%%:*}" }\n${script}\nwords=(${words.map((word) => `'${word}'`).join(' ')})\nCURRENT=${words.length}\n_palisade\n`,
    }),
  },
  {
    shell: 'fish',
    // As an argument: fish takes no script from a socket, which is what Node gives a child as its standard input.
    ask: (script, words) => ({
      args: ['--no-config', '-c', `${script}\ncomplete -C '${words.join(' ')}' | string replace -r '\\t.*' ''\n`],
      input: '',
    }),
  },
]

const cases = [
  { words: ['palisade', ''], offers: ['login', 'cluster', 'why'], not: ['import', 'verify'] },
  { words: ['palisade', 'cluster', ''], offers: ['import', 'list', 'yaml'], not: ['login', 'export'] },
  { words: ['palisade', 'role', ''], offers: ['create', 'clone', 'delete'], not: ['import'] },
  { words: ['palisade', 'role', 'create', 'x', '--'], offers: ['--scope', '--permission'], not: ['--project'] },
  { words: ['palisade', 'assignment', ''], offers: ['list', 'create', 'update', 'delete'], not: ['clone', 'login'] },
  {
    words: ['palisade', 'assignment', 'update', 'x', '--'],
    ...{ offers: ['--ends-in', '--for-good', '--window', '--no-window'], not: ['--user', '--role'] },
  },
  { words: ['palisade', 'audit', 'ex'], offers: ['export'], not: ['verify', 'login'] },
  { words: ['palisade', 'cluster', 'import', 'file', '--'], offers: ['--project', '--url', '--label'], not: ['list'] },
  // A name that is a command's, where no command can stand.
  { words: ['palisade', 'team', 'get', 'cluster', '--'], offers: ['--output'], not: ['--project', 'import'] },
]

for (const { shell, ask } of shells) {
  const isThere = spawnSync(shell, ['--version']).error === undefined
  test(`${shell} completes commands and options`, { skip: isThere ? false : `there is no ${shell}` }, async () => {
    const text = await script(shell)
    for (const { words, offers, not } of cases) {
      const { args, input } = ask(text, words)
      const { stdout, stderr, status } = spawnSync(shell, args, { input, encoding: 'utf8', timeout: 20_000 })
      assert.equal(status, 0, stderr)
      const last = words.at(-1) ?? ''
      const offered = stdout.split('\n').filter((word) => word.startsWith(last))
      for (const word of offers)
        assert.ok(offered.includes(word), `${words.join(' ')}: no ${word} in ${stdout}${stderr}`)
      for (const word of not) assert.ok(!offered.includes(word), `${words.join(' ')}: ${word} in ${stdout}`)
    }
  })
}

test('a description with quotes stays one word', () => {
  const program = new Command('palisade')
  program.command('say').description(`what's "$(said)"`)
  for (const shell of ['zsh', 'fish'] as const)
    assert.ok(completionScript(shell, program).includes(`what'\\''s "$(said)"'`), shell)
})
