import createClient, { type Middleware } from 'openapi-fetch'
import type { paths } from './schema.gen.ts'
import { currentSession, signInAgain } from './session.ts'

/** The API, as the server's own declarations describe it; every call goes through canvas, which adds the credential. */
export const api = createClient<paths>({ baseUrl: '/canvas/api' })

const unsafe = (method: string) => method !== 'GET' && method !== 'HEAD'

const throughCanvas: Middleware = {
  onRequest({ request }) {
    if (unsafe(request.method)) request.headers.set('x-palisade-csrf', currentSession().csrf)
    return request
  },
  onResponse({ response }) {
    if (response.status === 401) signInAgain()
  },
}
api.use(throughCanvas)

export type Scope = { readonly kind: string; readonly uid: string }

/** A refusal of the server, in either of its two envelopes. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  /** For the audit log and for who can help. */
  readonly requestId: string
  /** Of a denial: the right that was missing, and where. */
  readonly permission: string | undefined
  readonly scope: Scope | undefined
  /** Per field of what was sent. */
  readonly issues: readonly Issue[]
  /** Of what is in use: the first of those who hold it, and how many uses there are. */
  readonly uses: readonly Use[]
  readonly useCount: number

  constructor(response: Response, body: unknown) {
    const envelope = isRecord(body) ? body : {}
    const details = isRecord(envelope.details) ? envelope.details : envelope
    super(
      text(envelope.message) ??
        text(envelope.detail) ??
        text(envelope.title) ??
        `The server answered ${response.status}`,
    )
    this.name = 'Refused'
    this.status = response.status
    this.code = text(envelope.code) ?? String(response.status)
    this.requestId = text(envelope.ref) ?? text(envelope.request) ?? response.headers.get('x-request-id') ?? ''
    this.permission = text(details.permission)
    this.scope = isRecord(details.scope)
      ? { kind: text(details.scope.kind) ?? '', uid: text(details.scope.uid) ?? '' }
      : undefined
    this.issues = Array.isArray(details.issues) ? details.issues.filter(isIssue) : []
    this.uses = Array.isArray(details.uses) ? details.uses.flatMap(useOf) : []
    this.useCount = typeof details.count === 'number' ? details.count : this.uses.length
  }
}

export type Issue = { readonly in: string; readonly path: string; readonly problem: string }
const isIssue = (value: unknown): value is Issue =>
  isRecord(value) && typeof value.path === 'string' && typeof value.problem === 'string'

/** Who holds what was to be deleted: a role (`kind`, `uid`) or what acts through a filter (`user` or `team`). */
export type Use = {
  readonly kind: 'user' | 'team'
  readonly uid: string
  readonly project: string | undefined
  readonly workspace: string | undefined
}

function useOf(value: unknown): Use[] {
  if (!isRecord(value)) return []
  const where = { project: text(value.project), workspace: text(value.workspace) }
  const uid = text(value.uid)
  if ((value.kind === 'user' || value.kind === 'team') && uid !== undefined)
    return [{ kind: value.kind, uid, ...where }]
  const [user, team] = [text(value.user), text(value.team)]
  if (user !== undefined) return [{ kind: 'user', uid: user, ...where }]
  return team === undefined ? [] : [{ kind: 'team', uid: team, ...where }]
}

type Answer<T> = { readonly data?: T; readonly error?: unknown; readonly response: Response }

/** The body of a good answer; anything else throws `Refused`. */
export async function answer<T>(call: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await call
  if (!response.ok) throw new Refused(response, error)
  // A 204 has no body, and its caller asks for none.
  return data as NonNullable<T>
}

/** The header that selects a project; none selects the whole tenant. */
export const inProject = (project: string | undefined) =>
  project === undefined ? {} : { header: { ProjectUid: project } }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
