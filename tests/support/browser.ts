import { Agent, request } from 'undici'

/** A page, or where the browser was sent that is not the server's. */
export type Page = {
  readonly url: URL
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

type Cookie = { readonly name: string; readonly value: string; readonly path: string }
/** `planted`: for a whole domain, and so another cookie than one of the same name that the server set for itself. */
type Kept = Cookie & { readonly planted: boolean }

/** A browser without JavaScript: it keeps cookies, follows redirects, and sends the forms that it is shown. */
export type Browser = {
  open(url: string | URL): Promise<Page>
  /** Sends the form of the page that has this field or button, with what it holds and these values. */
  submit(page: Page, values: Readonly<Record<string, string>>): Promise<Page>
  /** Sends a form as it is given, from the page at `origin`. */
  post(
    url: string | URL,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Page>
  cookies(): readonly Cookie[]
  /**
   * Keeps a cookie that a neighbouring domain set for all of them (`Domain=`), as browsers do: with whatever path, and never under a name
   * with `__Host-` (RFC 6265bis §4.1.3.2).
   */
  plant(cookie: Cookie): void
  close(): Promise<void>
}

export function createBrowser(origin: string, caPem: string, from?: string): Browser {
  const dispatcher = new Agent({ connect: { ca: caPem }, ...(from === undefined ? {} : { localAddress: from }) })
  let jar: Kept[] = []

  async function send(
    method: 'GET' | 'POST',
    target: URL,
    body?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    const cookie = jar
      .filter(
        ({ path }) => target.pathname === path || target.pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
      )
      // RFC 6265 §5.4: those of longer paths first.
      .toSorted((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    const answer = await request(target, {
      ...{ dispatcher, method },
      headers: {
        accept: 'text/html',
        'user-agent': 'test browser',
        ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', origin }),
        ...more,
      },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) keep(line)
    const page = { url: target, status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
    const { location } = answer.headers
    if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== 'string') return page
    const next = new URL(location, target)
    return next.origin === origin ? send('GET', next) : { ...page, url: next }
  }

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split(/;\s*/)
    const at = pair.indexOf('=')
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
    const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/'
    const has = (attribute: RegExp) => attributes.some((one) => attribute.test(one))
    if (isOfHost(name) && (path !== '/' || !has(/^secure$/i) || has(/^domain=/i))) return
    const isGone = value === '' || has(/^expires=Thu, 01 Jan 1970/i)
    put({ name, value, path, planted: false }, isGone)
  }

  function put(cookie: Kept, isGone: boolean): void {
    const { name, path, planted } = cookie
    jar = jar.filter((one) => one.name !== name || one.path !== path || one.planted !== planted)
    if (!isGone) jar.push(cookie)
  }

  return {
    open: (url) => send('GET', new URL(url, origin)),
    submit(page, values) {
      const forms = [...page.text.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)]
      const wanted = Object.keys(values)
      const form = forms.find(([, , inner]) => wanted.every((name) => inner?.includes(`name="${name}"`)))
      if (!form) throw new Error(`no form has ${wanted.join(', ')} in: ${page.text}`)
      const action = /action="([^"]*)"/.exec(form[1] ?? '')?.[1]
      const hidden = [...(form[2] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)]
      const fields = { ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])), ...values }
      return send('POST', new URL(action ?? '', page.url), new URLSearchParams(fields).toString())
    },
    post: (url, form, headers) => send('POST', new URL(url, origin), new URLSearchParams(form).toString(), headers),
    cookies: () => jar,
    plant(cookie) {
      if (!isOfHost(cookie.name)) put({ ...cookie, planted: true }, false)
    },
    close: () => dispatcher.close(),
  }
}

const isOfHost = (name: string) => /^__Host-/i.test(name)
