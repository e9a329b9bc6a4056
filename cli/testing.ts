import type { CliEdges } from './edges.ts'

/** A world with nothing in it but what a test puts there: no environment, no terminal, a home that does not exist. */
export function testEdges(some: Partial<CliEdges>): CliEdges {
  return {
    open: (file) => {
      throw new Error(`opens ${file}`)
    },
    out: () => {},
    err: () => {},
    write: async (bytes) => {
      some.out?.(Buffer.from(bytes).toString('utf8'))
    },
    env: {},
    home: '/nonexistent',
    cwd: '/',
    now: () => new Date(),
    startedBy: 1,
    isTerminal: { in: false, out: false, err: false },
    ask: () => {
      throw new Error('asks, and there is no terminal')
    },
    runProgram: (program) => {
      throw new Error(`runs ${program}`)
    },
    browse: () => {
      throw new Error('opens a browser')
    },
    uninterrupted: (run) => run(),
    interrupted: () => new AbortController().signal,
    ...some,
  }
}
