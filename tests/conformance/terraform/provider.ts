import type { Api, ApiAnswer } from '../../support/api.ts'

/** What the selected scope is: of one client that all resources share, as the provider does it. */
export type Context = 'tenant' | 'project'

/** Whether a call goes through the client's context, and so carries `ProjectUid` while a project is selected. */
export type Via = 'in context' | 'without context'

/** An answer other than 2xx: the provider looks at `code` alone. */
export class ProviderError extends Error {
  readonly status: number
  readonly code: string

  constructor(call: string, { status, body, text }: ApiAnswer) {
    super(`${call} was answered ${status}: ${text}`)
    this.status = status
    this.code = String(body?.code ?? '')
  }
}

/**
 * The published Terraform provider, as far as a server can tell: the calls, headers and bodies of its Go client, in its order.
 * One client is shared by everything that runs at once, so that its selected project changes under calls that are under way.
 */
export class Provider {
  readonly projectUid: string
  readonly #api: Api
  #project: string | undefined

  constructor(api: Api, projectUid: string) {
    this.#api = api
    this.projectUid = projectUid
  }

  /** Starts as the provider does: no sign-in, one look-up of the project by its exact name. */
  static async configure(api: Api, projectName = 'Default'): Promise<Provider> {
    const { items } = await api.must('GET', '/v1/dashboard/projects/metadata')
    const found = items.find((one: { metadata: { name: string } }) => one.metadata.name === projectName)
    if (!found) throw new Error(`project '${projectName}' not found`)
    return new Provider(api, found.metadata.uid)
  }

  select(context: Context): void {
    this.#project = context === 'tenant' ? undefined : this.projectUid
  }

  /**
   * @param body as Go's structures: absent lists are written as null, and metadata carries its zero times (`metadata`)
   * @returns the body of a success. The client that this stands on throws where the status is not the declared one.
   * @throws ProviderError
   */
  async call(via: Via, method: string, path: string, body?: unknown): Promise<ApiAnswer['body']> {
    const answer = await this.#api.call(method, path, {
      ...(body === undefined ? {} : { body }),
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        // Go writes names of headers its own way.
        ...(via === 'in context' && this.#project !== undefined ? { Projectuid: this.#project } : {}),
      },
    })
    if (answer.status > 299) throw new ProviderError(`${method} ${path}`, answer)
    return answer.body
  }

  /** A file: asked for as bytes, read as text. */
  async file(path: string): Promise<string> {
    const headers = { accept: 'application/octet-stream', ...(this.#project ? { Projectuid: this.#project } : {}) }
    const answer = await this.#api.call('GET', path, { headers })
    if (answer.status > 299) throw new ProviderError(`GET ${path}`, answer)
    return answer.text
  }

  /** The tenant that settings are of, asked anew by each of them. */
  async tenantUid(): Promise<string> {
    return (await this.call('in context', 'GET', '/v1/users/info')).tenantUid
  }
}

const never = '0001-01-01T00:00:00.000Z'

/** Metadata as Go's client always writes it, with the times of an object that has none. */
export const metadata = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  name,
  creationTimestamp: never,
  deletionTimestamp: never,
  lastModifiedTimestamp: never,
  ...more,
})

/** `undefined` where the object is gone: the provider knows that by the code of the refusal, and by nothing else. */
export async function unlessGone<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (cause) {
    if (cause instanceof ProviderError && cause.code === 'ResourceNotFound') return undefined
    throw cause
  }
}

/** An item of a list by its exact name; none and two are mistakes, as they are to the data sources. */
export function oneNamed<T extends { readonly metadata: { readonly name: string } }>(
  items: readonly T[],
  name: string,
): T {
  const found = items.filter((one) => one.metadata.name === name)
  const [only] = found
  if (!only || found.length > 1) throw new Error(`${found.length} are called ${name}`)
  return only
}

export const uidsOf = (items: readonly { readonly uid: string }[] | null | undefined) =>
  (items ?? []).map(({ uid }) => uid).toSorted()

/** As Go's client writes an object: members that are false, zero or empty text are left out, save those that are pointers. */
export const sparse = (members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== false && value !== 0 && value !== ''))
