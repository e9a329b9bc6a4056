import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Api, createApi } from './api.ts'
import { freePort } from './ports.ts'
import { createProcessFamily, type Daemon, type ProcessFamily } from './processes.ts'
import { until } from './until.ts'

/** A server of the test's own: the program itself, as a process, on loopback with a data folder in a temporary place. */
export type Palisade = {
  readonly url: string
  readonly port: number
  readonly caPem: string
  readonly caFile: string
  readonly dataFolder: string
  /** Nobody; `as` makes callers of it. */
  readonly api: Api
  /** Signed in as the first system administrator. */
  readonly system: Api
  readonly administrator: { readonly email: string; readonly password: string }
  readonly pid: number
  readonly daemon: Daemon
  readonly env: Readonly<Record<string, string>>
  /** Everything the server wrote, for searches. */
  log(): Promise<string>
  /** Starts it again on the same folder after it ended; answers the time to readiness in milliseconds. */
  restart(): Promise<number>
  signIn(email: string, password: string, org?: string): Promise<Api>
  stop(): Promise<void>
}

export type PalisadeOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Shares folders and end with other programs of the test. */
  readonly family?: ProcessFamily
  readonly name?: string
}

const node = process.execPath
const program = fileURLToPath(new URL('../../server/main.ts', import.meta.url))

export const administrator = { email: 'root@palisade.test', password: 'Correct-Horse-42-Staple' }

/** Starts a server and signs its administrator in. */
export async function startPalisade({ env = {}, family, name = 'palisade' }: PalisadeOptions = {}): Promise<Palisade> {
  const own = family ?? (await createProcessFamily(name))
  try {
    const dataFolder = env.PALISADE_DATA_DIR ?? join(own.folder, `${name}-data`)
    const port = env.PALISADE_PORT === undefined ? await freePort() : Number(env.PALISADE_PORT)
    const whole: Record<string, string> = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: own.folder,
      PALISADE_DATA_DIR: dataFolder,
      PALISADE_PORT: String(port),
      PALISADE_METRICS_PORT: String(await freePort()),
      PALISADE_ADMIN_EMAIL: administrator.email,
      PALISADE_ADMIN_PASSWORD: administrator.password,
      ...env,
    }
    const url = `https://localhost:${port}`
    const caFile = join(dataFolder, 'pki', 'ca.crt')
    let starts = 0
    let daemon: Daemon
    const start = async () => {
      const startedAt = performance.now()
      daemon = await own.start(`${name}-${++starts}`, node, [program], { env: whole, stopSignal: 'SIGTERM' })
      await until(
        'the server to be ready',
        async () => {
          await daemon.assertRunning()
          return isReady(url, caFile)
        },
        { timeoutMs: 60_000, everyMs: 25 },
      )
      return performance.now() - startedAt
    }
    await start()
    const caPem = await readFile(caFile, 'utf8')
    const api = createApi(url, caPem)
    const signIn = async (email: string, password: string, org?: string) => {
      const body = { emailId: email, password, ...(org === undefined ? {} : { org }) }
      return api.as({ token: (await api.must('POST', '/v1/auth/authenticate', { body })).Authorization })
    }
    const { Authorization } = await api.must('POST', '/v1/auth/syslogin', {
      body: { username: administrator.email, password: administrator.password },
    })
    return {
      url,
      port,
      caPem,
      caFile,
      dataFolder,
      api,
      system: api.as({ token: Authorization }),
      administrator,
      get pid() {
        return daemon.pid
      },
      get daemon() {
        return daemon
      },
      env: whole,
      async log() {
        const files = Array.from({ length: starts }, (_, i) => join(own.folder, `${name}-${i + 1}.log`))
        return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('')
      },
      restart: start,
      signIn,
      async stop() {
        await api.close()
        if (family) daemon.kill('SIGTERM')
        else await own.stop()
      },
    }
  } catch (cause) {
    if (!family) await own.stop()
    throw cause
  }
}

async function isReady(url: string, caFile: string): Promise<true | undefined> {
  let client: ReturnType<typeof createApi> | undefined
  try {
    client = createApi(url, await readFile(caFile, 'utf8'))
    return (await client.call('GET', '/readyz')).status === 200 ? true : undefined
  } catch {
    return undefined // not there yet
  } finally {
    await client?.close()
  }
}

/** A tenant with its administrator signed in. */
export type Tenant = {
  readonly uid: string
  readonly org: string
  readonly admin: Api
  readonly adminUid: string
  readonly adminEmail: string
  readonly defaultProject: string
}

export const goodPassword = 'A-good-Passw0rd-here'

/** A tenant is born as the system administrator does it: created, its first user's link opened, a password set. */
export async function createTenant(palisade: Palisade, org: string): Promise<Tenant> {
  const adminEmail = `admin@${org}.test`
  const { uid } = await palisade.system.must('POST', '/v1/tenants', {
    body: { metadata: { name: org }, spec: { orgName: org, firstName: 'Ada', lastName: 'Admin', emailId: adminEmail } },
  })
  const user = await palisade.system.must('GET', `/v1/tenants/${uid}/user`)
  await activate(palisade.api, user.status.activationLink)
  const admin = await palisade.signIn(adminEmail, goodPassword, org)
  const { items } = await admin.must('GET', '/v1/dashboard/projects/metadata')
  return { uid, org, admin, adminUid: user.metadata.uid, adminEmail, defaultProject: items[0].metadata.uid }
}

/** Opens an activation link as the person would and sets the password. */
export async function activate(api: Api, link: string, password = goodPassword): Promise<void> {
  const token = new URL(link).pathname.split('/').at(-1)
  await api.must('PATCH', `/v1/auth/password/${token}/activate`, { body: { password } })
}

/** A user with a password, signed in. */
export async function createUser(
  palisade: Palisade,
  tenant: Tenant,
  name: string,
  called: { readonly firstName: string; readonly lastName: string } = { firstName: name, lastName: 'Test' },
): Promise<{ readonly uid: string; readonly email: string; readonly api: Api }> {
  const email = `${name}@${tenant.org}.test`
  const { uid } = await tenant.admin.must('POST', '/v1/users', {
    body: { metadata: { name }, spec: { emailId: email, ...called } },
  })
  const user = await tenant.admin.must('GET', `/v1/users/${uid}`)
  await activate(palisade.api, user.status.activationLink)
  return { uid, email, api: await palisade.signIn(email, goodPassword, tenant.org) }
}
