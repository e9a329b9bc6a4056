import type { ReadStream, WriteStream } from 'node:tty'
import { Failure } from './failure.ts'

const ctrlC = '\u0003'
const ctrlD = '\u0004'
const ctrlU = '\u0015'
const erasing = ['\u007f', '\b']

/**
 * Reads one line at a terminal. A secret is read with the terminal's echo off, which comes back however it ends. The
 * question goes to the standard error, so that a redirected output holds the answer of the command alone.
 */
export async function ask(
  input: ReadStream,
  output: WriteStream,
  question: string,
  { secret }: { readonly secret: boolean } = { secret: false },
): Promise<string> {
  const wasRaw = input.isRaw
  // Raw for plain answers too: one way to read, and the line shows what was taken. Before the question: whoever answers at
  // once, such as a password manager that types, would be shown.
  input.setRawMode(true)
  output.write(question)
  input.setEncoding('utf8')
  try {
    let line = ''
    for await (const text of input.iterator({ destroyOnReturn: false })) {
      for (const char of String(text)) {
        if (char === '\r' || char === '\n') return line
        if (char === ctrlC || (char === ctrlD && line === '')) throw new Failure('nothing was entered')
        if (char === ctrlU) line = erase(line, line.length)
        else if (erasing.includes(char)) line = erase(line, 1)
        else if (char >= ' ') {
          line += char
          if (!secret) output.write(char)
        }
      }
    }
    throw new Failure('nothing was entered')
  } finally {
    input.setRawMode(wasRaw)
    input.pause()
    output.write('\n')
  }

  function erase(line: string, count: number): string {
    const kept = [...line].slice(0, [...line].length - count)
    if (!secret) output.write('\b \b'.repeat([...line].length - kept.length))
    return kept.join('')
  }
}
