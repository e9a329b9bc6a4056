const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs to its end although a signal asks the process to end, which it then does. The second of a kind is obeyed at once:
 * whoever presses Ctrl-C twice means it.
 */
export async function uninterrupted<T>(run: () => Promise<T>): Promise<T> {
  const held = new Set<NodeJS.Signals>()
  const obey = (signal: NodeJS.Signals) => {
    for (const one of ending) process.off(one, hold)
    process.kill(process.pid, signal)
  }
  const hold = (signal: NodeJS.Signals) => {
    if (held.has(signal)) obey(signal)
    held.add(signal)
  }
  for (const one of ending) process.on(one, hold)
  try {
    return await run()
  } finally {
    for (const one of ending) process.off(one, hold)
    for (const one of held) obey(one)
  }
}
