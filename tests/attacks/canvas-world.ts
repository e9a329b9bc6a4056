import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { buildApp } from '../../server/app.ts'
import { parseConfig } from '../../server/config.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { type Api, createApi } from '../support/api.ts'
import { startTestPostgres, withClient } from '../support/database.ts'
import { activate, administrator, goodPassword } from '../support/palisade.ts'
import { freePort } from '../support/ports.ts'
import { startTestIssuer, type TestIssuer } from '../support/test-issuer.ts'
import type { Sql } from './support.ts'

/** The whole server in this process, with an issuer of the test's own and browsers that remember cookies. */
export type CanvasWorld = Server & {
  readonly issuer: TestIssuer
  readonly sql: Sql
  readonly system: Api
  /** A user of the tenant, and how the issuer names them. */
  readonly ada: Person
  readonly bob: Person
  /** A second server on the same database, under the same name: its own port, though. */
  replica(): Promise<Server>
  /** A browser in which this person has signed in. */
  signedIn(person: Person, server?: Server): Promise<Browser>
  log(): string
  stop(): Promise<void>
}

export type Server = { readonly url: string; readonly port: number; readonly caPem: string; readonly api: Api }

export type Person = {
  readonly tenant: string
  readonly org: string
  readonly uid: string
  readonly email: string
  readonly account: string
  readonly project: string
}

export type Page = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // What a test expects of a body it says itself.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly body: any
  readonly url: string
  readonly setCookies: readonly string[]
}

export type Send = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** As much of a browser as cookies and redirects need. */
export type Browser = {
  /** By host, as `__Host-` cookies are kept. */
  readonly cookies: Map<string, string>
  /** One request. */
  send(url: string, options?: Send): Promise<Page>
  /** Follows redirects, at most ten. */
  open(url: string): Promise<Page>
  /** As a page of the console calls: with origin, and the token where something changes. */
  fetch(path: string, options?: Send): Promise<Page>
  csrf(): Promise<string>
}

export async function startCanvasWorld({
  consoleFolder,
}: {
  readonly consoleFolder?: string
} = {}): Promise<CanvasWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'palisade-canvas-'))
  const postgres = await startTestPostgres()
  const database = await postgres.create()
  const port = await freePort()
  const publicUrl = `https://localhost:${port}`
  const issuer = await startTestIssuer(publicUrl)
  const secret = randomBytes(32)
  const stops: (() => Promise<void>)[] = []
  let logged = ''

  async function start(name: string, at: number): Promise<Server> {
    const config = parseConfig(
      {
        PALISADE_DATA_DIR: join(folder, name),
        PALISADE_PORT: String(at),
        PALISADE_METRICS_PORT: String(await freePort()),
        PALISADE_PUBLIC_URL: publicUrl,
        PALISADE_ADMIN_EMAIL: administrator.email,
        PALISADE_ADMIN_PASSWORD: administrator.password,
      },
      { readFile: () => '', cwd: folder, now: new Date() },
    )
    if (!config.ok) throw new Error(config.error.join('\n'))
    const app = await buildApp({
      config: config.value,
      dataFolder: join(folder, name),
      database: { app: database.app, sequencer: database.sequencer, migrated: 0, embedded: undefined },
      rootSecret: Uint8Array.from(secret),
      logger: createLogger('info', (line) => {
        logged += line
      }),
      announce: () => {},
      openId: issuer.settings,
      consoleFolder: consoleFolder ?? join(folder, 'nothing'),
    })
    if (!app.ok) throw new Error(app.error)
    stops.push(() => app.value.stop(500))
    const listening = await app.value.listen()
    if (!listening.ok) throw new Error(listening.error)
    const caPem = await readFile(app.value.caFile ?? '', 'utf8')
    const url = `https://localhost:${at}`
    const api = createApi(url, caPem)
    stops.push(() => api.close())
    return { url, port: at, caPem, api }
  }

  async function stop(): Promise<void> {
    for (const one of stops.toReversed()) await one()
    await issuer.close()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }

  try {
    return await build()
  } catch (cause) {
    await stop()
    throw cause
  }

  async function build(): Promise<CanvasWorld> {
    const server = await start('one', port)
    const { api } = server
    const { Authorization } = await api.must('POST', '/v1/auth/syslogin', {
      body: { username: administrator.email, password: administrator.password },
    })
    const system = api.as({ token: Authorization })

    async function person(org: string): Promise<Person> {
      const email = `admin@${org}.test`
      const { uid: tenant } = await system.must('POST', '/v1/tenants', {
        body: { metadata: { name: org }, spec: { orgName: org, firstName: org, lastName: 'Admin', emailId: email } },
      })
      const user = await system.must('GET', `/v1/tenants/${tenant}/user`)
      await activate(api, user.status.activationLink)
      const admin = api.as({ token: await passwordToken(email, org) })
      const { items } = await admin.must('GET', '/v1/dashboard/projects/metadata')
      const { uid } = user.metadata
      return { tenant, org, uid, email, account: `${tenant}/${uid}`, project: items[0].metadata.uid }
    }

    const signIns = createApi(server.url.replace('localhost', '127.0.0.1'), server.caPem, '127.0.1.1')
    stops.push(() => signIns.close())
    const passwordToken = async (emailId: string, org: string): Promise<string> =>
      (await signIns.must('POST', '/v1/auth/authenticate', { body: { emailId, password: goodPassword, org } }))
        .Authorization

    const people = { ada: await person('ada'), bob: await person('bob') }
    issuer.mint = async (account, before) => {
      if (before !== undefined) return (await signIns.must('GET', `/v1/auth/refresh/${before}`)).Authorization
      const found = Object.values(people).find((one) => one.account === account)
      if (!found) throw new Error(`nobody is ${account}`)
      return passwordToken(found.email, found.org)
    }

    return {
      ...server,
      ...people,
      issuer,
      system,
      sql: <Row>(text: string, values: readonly unknown[] = []) =>
        // What the rows hold is the caller's to know.
        withClient(database.superuser, async (client) => (await client.query(text, [...values])).rows as Row[]),
      replica: async () => start(`replica-${stops.length}`, await freePort()),
      async signedIn(who, at = server) {
        issuer.account = who.account
        const browser = createBrowser(server, issuer, at)
        const page = await browser.open(`${publicUrl}/canvas/login`)
        if (!browser.cookies.has('__Host-palisade')) throw new Error(`not signed in: ${page.status} ${page.text}`)
        return browser
      },
      log: () => logged,
      stop,
    }
  }
}

let browsers = 0

/**
 * @param server whose name the browser knows
 * @param at where its requests really go: a load balancer in front of replicas does the same
 */
export function createBrowser(server: Server, issuer: TestIssuer, at: Server = server): Browser {
  const jars = new Map<string, Map<string, string>>()
  // Budgets are counted by network: each browser has an address of its own.
  const localAddress = `127.0.2.${1 + (browsers++ % 250)}`
  const connect = { ca: [server.caPem, issuer.caPem], family: 4 }
  const dispatcher = new Agent({ connect, localAddress, keepAliveTimeout: 1_000, connections: 64 })
  const jarOf = (url: URL) => {
    const jar = jars.get(url.origin) ?? new Map<string, string>()
    jars.set(url.origin, jar)
    return jar
  }
  const cookies = jarOf(new URL(server.url))

  async function send(address: string, { method = 'GET', headers = {}, body }: Send = {}): Promise<Page> {
    const url = new URL(address, server.url)
    const jar = jarOf(url)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const there = url.origin === server.url ? new URL(url.pathname + url.search, at.url) : url
    const answer = await request(there, {
      method: method as 'GET',
      dispatcher,
      headers: { host: url.host, ...(cookie === '' ? {} : { cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.body.text()
    const found = answer.headers['set-cookie']
    const setCookies = found === undefined ? [] : [found].flat()
    for (const line of setCookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /max-age=0/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    const isJson = String(answer.headers['content-type'] ?? '').includes('json')
    const parsed = isJson && text !== '' ? JSON.parse(text) : undefined
    return { status: answer.statusCode, headers: answer.headers, text, body: parsed, url: url.href, setCookies }
  }

  const browser: Browser = {
    cookies,
    send,
    async open(address) {
      let page = await send(address)
      for (let i = 0; i < 10 && page.status >= 300 && page.status < 400; i++)
        page = await send(new URL(String(page.headers.location), page.url).href)
      return page
    },
    async csrf() {
      return (await send('/canvas/session')).body.csrf
    },
    async fetch(path, options = {}) {
      const changes = options.method !== undefined && options.method !== 'GET'
      return send(path, {
        ...options,
        headers: {
          'sec-fetch-site': 'same-origin',
          ...(changes ? { origin: server.url, 'x-palisade-csrf': await browser.csrf() } : {}),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
      })
    },
  }
  return browser
}
