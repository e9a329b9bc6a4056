import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join, posix } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { DoorRequest, DoorResponse } from '../gateway/index.ts'
import { pageHeaders, plainPage } from './page.ts'

/** The console's own files, and its page at every path that is a page of the console. */
export type StaticFiles = {
  /** Whether this request is for them. Everything else is the API's to answer. */
  owns(request: DoorRequest): boolean
  request(request: DoorRequest, response: DoorResponse): void
}

type File = {
  readonly body: Buffer
  readonly zipped: Buffer | undefined
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
}

/** Where the certificate of the internal CA is. */
export const caFile = '/ca.crt'

/** What a console is made of. A file of any other kind is not served: a browser is told the type, and guesses none. */
const types: Readonly<Record<string, string>> = {
  // Not the type that makes a browser ask whether to trust it for every site.
  '.crt': 'application/x-pem-file',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}
/** Packed already. */
const packed = new Set(['.png', '.webp', '.woff2'])

/** What is no page of the console, whatever a browser asks for. */
const others = /^\/(?:v1|canvas|k8s|oidc|sign-in|hooks|assets|livez|readyz|metrics|openapi\.json)(?:\/|$)/

/**
 * Reads a folder once, whole, so that no path of a request ever becomes a path of the disk. Without a built console there is a page
 * that says so.
 *
 * @param folder what `npm run build:console` writes
 * @param caPem where clients trust our certificate by the internal CA alone: the CA's, which is public
 */
export async function createStaticFiles(folder: string, caPem?: string): Promise<StaticFiles> {
  const files = new Map(await readFolder(folder))
  files.delete(caFile)
  if (caPem !== undefined) files.set(caFile, await fileOf(caFile, Buffer.from(caPem)))
  const start = files.get('/index.html') ?? (await fileOf('/index.html', Buffer.from(notBuilt)))

  /** A page of the console's own: what a person opens in a browser, and no file. Which pages there are the console knows. */
  const isPage = (path: string, accept: string) =>
    path === '/' ||
    // Below `/t/` names of tenants stand, which may have a dot.
    (accept.includes('text/html') &&
      !others.test(path) &&
      (path.startsWith('/t/') || !posix.basename(path).includes('.')))

  return {
    owns({ method, url = '', headers }) {
      if (method !== 'GET' && method !== 'HEAD') return false
      const [path = ''] = url.split('?', 1)
      return path.startsWith('/assets/') || files.has(path) || isPage(path, headers.accept ?? '')
    },
    request(request, response) {
      const [path = ''] = (request.url ?? '').split('?', 1)
      const file = files.get(path) ?? (path.startsWith('/assets/') ? undefined : start)
      const out = response as ServerResponse // Both kinds of answer agree in what is used here; only their overloads differ.
      if (!file) {
        out.writeHead(404, { ...pageHeaders, 'content-type': types['.txt'], 'cache-control': 'no-store' })
        out.end(request.method === 'HEAD' ? undefined : 'There is no such file.\n')
        return
      }
      const { headers, etag } = file
      if (request.headers['if-none-match'] === etag) {
        out.writeHead(304, { ...headers, etag, vary: 'accept-encoding' })
        out.end()
        return
      }
      const zip = file.zipped !== undefined && takesGzip(request.headers['accept-encoding'])
      const body = zip && file.zipped ? file.zipped : file.body
      out.writeHead(200, {
        ...headers,
        etag,
        vary: 'accept-encoding',
        ...(zip ? { 'content-encoding': 'gzip' } : {}),
        'content-length': String(body.length),
      })
      out.end(request.method === 'HEAD' ? undefined : body)
    },
  }
}

async function readFolder(folder: string): Promise<ReadonlyMap<string, File>> {
  const files = new Map<string, File>()
  let found: Awaited<ReturnType<typeof entriesOf>>
  try {
    found = await entriesOf(folder)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return files
    throw cause
  }
  for (const entry of found) {
    // Links could lead out of the folder.
    if (!entry.isFile() || types[extname(entry.name)] === undefined) continue
    const file = join(entry.parentPath, entry.name)
    const path = `/${posix.relative(folder, file)}`
    files.set(path, await fileOf(path, await readFile(file)))
  }
  return files
}

const entriesOf = (folder: string) => readdir(folder, { recursive: true, withFileTypes: true })

const zip = promisify(gzip)

async function fileOf(path: string, body: Buffer): Promise<File> {
  const extension = extname(path)
  const isFingerprinted = path.startsWith('/assets/')
  const zipped = packed.has(extension) ? undefined : await zip(body, { level: 9 })
  return {
    body,
    zipped: zipped && zipped.length < body.length ? zipped : undefined,
    etag: `"${hash('sha256', body, 'base64url').slice(0, 27)}"`,
    headers: {
      ...pageHeaders,
      'content-type': types[extension] ?? 'application/octet-stream',
      // The build names files under assets/ after what is in them; the page that names those is asked for each time.
      'cache-control': isFingerprinted ? 'public, max-age=31536000, immutable' : 'no-cache',
    },
  }
}

const takesGzip = (header: string | string[] | undefined) =>
  /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(String(header ?? ''))

const notBuilt = plainPage(
  'The console is not built',
  'This server answers its API, and its console was not built: run “npm run build:console” where it was started from, and start it again.',
)
