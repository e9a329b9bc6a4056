import { createHash } from 'node:crypto'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Failure, isFileError } from './failure.ts'
import { interrupted } from './transport.ts'

export type Callback<T> = {
  /** Port of 127.0.0.1; 0: any free one. */
  readonly port: number
  /** Told where the browser is to come back to. @returns the state it has to bring, and what finishes the sign-in */
  readonly begin: (redirectUri: string) => Promise<{ readonly state: string; readonly finish: (at: URL) => Promise<T> }>
  readonly signal: AbortSignal
  readonly patienceMs: number
}

/**
 * Waits on the loopback address for the browser to come back with a code, finishes with it, and says so in the browser.
 * Whatever comes with another state is not of this sign-in: it is refused and changes nothing, since any page and any
 * program of the machine can send it.
 *
 * @see RFC 8252 §7.3
 */
export async function receiveCallback<T>({ port, begin, signal, patienceMs }: Callback<T>): Promise<T> {
  const server = createServer()
  await listen(server, port)
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { state, finish } = await begin(`${origin}/callback`)
    const { at, response } = await comeBack({ server, origin, state, signal, patienceMs })
    try {
      const value = await finish(at)
      await answer(response, 200, 'You are signed in', 'You can close this page and go back to your terminal.')
      return value
    } catch (cause) {
      await answer(response, 400, 'You are not signed in', 'Your terminal says why. You can close this page.')
      throw cause
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** The one request that brings the state; all others, before and after it, are turned away. */
function comeBack({
  server,
  origin,
  state,
  signal,
  patienceMs,
}: {
  readonly server: HttpServer
  readonly origin: string
  readonly state: string
} & Pick<Callback<unknown>, 'signal' | 'patienceMs'>) {
  return new Promise<{ readonly at: URL; readonly response: ServerResponse }>((resolve, reject) => {
    let isOver = false
    const over = (settle: () => void) => {
      isOver = true
      clearTimeout(late)
      signal.removeEventListener('abort', stop)
      settle()
    }
    const late = setTimeout(() => over(() => reject(tooLate())), patienceMs)
    const stop = () => over(() => reject(interrupted()))
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const at = URL.parse(request.url ?? '', origin)
      // A page elsewhere whose name was made to lead here says its own name.
      const isHere = `http://${request.headers.host}` === origin && at?.origin === origin
      if (!isHere || at.pathname !== '/callback')
        void answer(response, 404, 'There is nothing here', 'Go back to your terminal.')
      else if (request.method !== 'GET') void answer(response, 405, 'This did not work', 'Go back to your terminal.')
      else if (isOver || at.searchParams.get('state') !== state)
        void answer(
          response,
          400,
          'This is not the sign-in that was begun here',
          'Nothing was done with it. Go back to your terminal, and open the address that it shows.',
        )
      else over(() => resolve({ at, response }))
    })
  })
}

const tooLate = () =>
  new Failure('nobody signed in in the browser in time', {
    hints: ['palisade login begins anew; palisade login --device works with a browser on any other machine.'],
  })

function listen(server: HttpServer, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        isFileError(cause)
          ? new Failure(`cannot listen on 127.0.0.1:${port} (${cause.code})`, {
              hints: ['Another program may have the port. Without --port a free one is taken.'],
            })
          : cause,
      ),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
}

const style =
  ':root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:20vh auto;padding:0 1rem}'
const policy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

/**
 * A page that loads nothing; what is said is fixed. The address with the code in it goes nowhere else.
 *
 * @returns once the page is with the browser, or the browser is gone
 */
async function answer(response: ServerResponse, status: number, title: string, text: string): Promise<void> {
  // A browser that is gone closes before, or breaks what is written: either way there is nobody to tell.
  const gone = new Promise<void>((resolve) => {
    if (response.closed) resolve()
    else response.once('close', resolve).once('error', () => resolve())
  })
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Palisade</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>
</main>
</body>
</html>
`)
  await gone
}
