import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A loopback TCP port that nobody listens on now.
 *
 * Taken from below the kernel's range for outgoing connections (32768 and up): a port from inside that range, as
 * `listen(0)` gives, can be taken by any outgoing connection before the program it was meant for has started.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(20_000, 32_000)
    if (await canListen(port)) return port
  }
  throw new Error('no free TCP port between 20000 and 32000 on 127.0.0.1')
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
