import { refuse } from '../../contract/errors.ts'
import { UserUid } from '../../contract/ids.ts'
import { clientAnnotations, isReservedAnnotation } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import { listQuery } from '../../contract/wire/list-filters.ts'
import { selectPage, sorted, textMatcher } from '../../contract/wire/list-select.ts'
import * as wire from '../../contract/wire/users.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { standingRolesOf, standingRolesOfUsers } from '../access/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { DirectoryEntry } from './directory.ts'
import { applyPatch, type Json } from './json-patch.ts'
import type { PeoplePorts } from './ports.ts'
import { permissionsOnUsers, userAnswer, userSummaries } from './user-answers.ts'
import { fullName, type Person, readUser, readUsers, userExists } from './user-store.ts'
import { changeUser, createUser, removeUser, type UserChanges } from './users.ts'

/** The user that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function findUser({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
  const uid = UserUid.safeParse(params.uid)
  if (!uid.success || !(await userExists(tx, uid.data))) return undefined
  return { kind: 'user', uid: uid.data, scope: { kind: 'tenant' } } satisfies Target
}

export const isSelf = ({
  target,
  principal,
}: {
  readonly target: Target
  readonly principal: { readonly user: string }
}) => target.uid === principal.user

/** Users: create, list, search, read, change, remove. */
export function userEndpoints(ports: PeoplePorts): readonly Endpoint[] {
  const { keys, links, directory } = ports

  /** A user that `find` found in the same transaction; only a row removed by a concurrent call is not there any more. */
  async function load(tx: Tx, uid: string) {
    const person = await readUser(tx, await keys.of(tx.tenant), UserUid.parse(uid))
    return person ? ok(person) : err(refuse('not_found'))
  }

  /**
   * The link by which the person sets a password, the first or a new one, for who could give this person's rights anyway and
   * may change users; for anybody else nothing.
   */
  async function linkFor(
    { tx, access, principal }: { readonly tx: Tx; readonly access: RequestAccess; readonly principal: Principal },
    person: Person,
  ): Promise<string> {
    const awaited = person.state === 'pending' || person.passwordResetting
    if (!awaited || !access.allows('user.update', { kind: 'tenant' })) return ''
    return access.coversUser(person.uid).ok ? links.show(tx, person.uid, principal) : ''
  }

  return [
    endpoint({
      route: 'POST /v1/users',
      summary: 'Creates a user, who activates the account with a link',
      permission: { tenant: 'user.create' },
      body: wire.newUser,
      reply: { status: 201, body: uidReply },
      refusals: ['user_taken', 'not_found', 'exceeds_own_rights', 'resource_limit'],
      audit: 'user.created',
      changes: 'access',
      async handle(c) {
        const created = await createUser(ports, c, c.body)
        if (!created.ok) return created
        const { uid, details } = created.value
        return ok({ body: { uid }, resource: { uid, name: fullName(c.body.spec) }, details })
      },
    }),
    endpoint({
      route: 'GET /v1/users',
      summary: 'Lists the users of the tenant',
      permission: { tenant: 'user.list' },
      query: listQuery,
      reply: { status: 200, body: wire.userList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, query, access }) {
        const page = selectPage(await directory.of(tx), query, columns)
        if (!page.ok) return err(refuse('invalid', page.error))
        const uids = page.value.items.map(({ uid }) => uid)
        const people = await readUsers(tx, await keys.of(tx.tenant), uids)
        const roles = Map.groupBy(await standingRolesOfUsers(tx, uids), ({ subject }) =>
          'user' in subject ? subject.user : undefined,
        )
        const seen = { tenant: tx.tenant, permissions: permissionsOnUsers(access) }
        const items = people.map((person) => userAnswer(person, roles.get(person.uid) ?? [], seen))
        return ok({ body: { items, listmeta: page.value.listmeta } })
      },
    }),
    endpoint({
      route: 'POST /v1/users/summary',
      summary: 'Searches the users of the tenant by name and e-mail',
      permission: { tenant: 'user.list' },
      body: wire.usersFilter,
      reply: { status: 200, body: wire.userSummaries },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, body, access }) {
        const emailMatches = textMatcher(body?.filter?.emailId)
        const nameMatches = textMatcher(body?.filter?.name)
        const found = (await directory.of(tx)).filter(({ email, name }) => emailMatches(email) && nameMatches(name))
        const order = body?.sort.length ? body.sort : [{ path: 'name', descending: false }]
        const uids = sorted(found, order, summaryColumns).map(({ uid }) => uid)
        const people = await readUsers(tx, await keys.of(tx.tenant), uids)
        return ok({
          body: await userSummaries(tx, people, { tenant: tx.tenant, permissions: permissionsOnUsers(access) }),
        })
      },
    }),
    endpoint({
      route: 'GET /v1/users/meta',
      summary: 'Lists the users of the tenant by uid, name and e-mail',
      permission: { tenant: 'user.list' },
      reply: { status: 200, body: wire.userMetas },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx }) {
        const people = sorted(await directory.of(tx), [{ path: 'name', descending: false }], summaryColumns)
        return ok({ body: { items: people.map(({ uid, name, email }) => ({ uid, name, emailId: email })) } })
      },
    }),
    endpoint({
      route: 'GET /v1/users/{uid}',
      summary: 'Reads one user',
      permission: { object: 'user.get', find: findUser, orOwn: isSelf },
      params: uidPath,
      reply: { status: 200, body: wire.user },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const { tx, params, access } = c
        const person = await load(tx, params.uid)
        if (!person.ok) return person
        const roles = await standingRolesOf(tx, { user: person.value.uid })
        const seen = { tenant: tx.tenant, permissions: permissionsOnUsers(access) }
        return ok({ body: userAnswer(person.value, roles, seen, await linkFor(c, person.value)) })
      },
    }),
    endpoint({
      route: 'PUT /v1/users/{uid}',
      summary: 'Changes a user; what is not sent stays',
      permission: { object: 'user.update', find: findUser, orOwn: isSelf },
      params: uidPath,
      body: wire.userUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'user_taken', 'exceeds_own_rights', 'conflict', 'resource_limit'],
      audit: 'user.updated',
      changes: 'access',
      async handle(c) {
        const person = await load(c.tx, c.params.uid)
        if (!person.ok) return person
        const { metadata, spec } = c.body
        const changes: UserChanges = {
          ...(spec.emailId ? { email: spec.emailId } : {}),
          ...(typeof spec.firstName === 'string' ? { firstName: spec.firstName } : {}),
          ...(typeof spec.lastName === 'string' ? { lastName: spec.lastName } : {}),
          ...(metadata?.labels ? { labels: metadata.labels } : {}),
          ...(metadata?.annotations ? { annotations: clientAnnotations(metadata.annotations) } : {}),
          ...(spec.roles ? { roles: spec.roles } : {}),
        }
        const changed = await changeUser(ports, c, person.value, changes, c.access.allows('user.update', inTenant))
        if (!changed.ok) return changed
        return ok({ body: undefined, resource: resourceOf(person.value), details: changed.value })
      },
    }),
    endpoint({
      route: 'PATCH /v1/users/{uid}',
      summary: 'Patches a user (RFC 6902): names, e-mail, isActive, loginMode, labels, annotations',
      permission: { object: 'user.update', find: findUser, orOwn: isSelf },
      params: uidPath,
      body: wire.jsonPatch,
      reply: { status: 204 },
      refusals: ['not_found', 'user_taken', 'exceeds_own_rights', 'conflict', 'resource_limit'],
      audit: 'user.updated',
      changes: 'access',
      async handle(c) {
        const person = await load(c.tx, c.params.uid)
        if (!person.ok) return person
        const patched = applyPatch(patchableUser(person.value), c.body, isPatchable)
        if (!patched.ok) return err(refuse('invalid', patched.error))
        const changes = parsePatched(patched.value)
        if (!changes.ok) return err(refuse('invalid', changes.error))
        const mayUpdate = c.access.allows('user.update', inTenant)
        const changed = await changeUser(ports, c, person.value, changes.value, mayUpdate)
        if (!changed.ok) return changed
        return ok({ body: undefined, resource: resourceOf(person.value), details: changed.value })
      },
    }),
    endpoint({
      route: 'DELETE /v1/users/{uid}',
      summary: 'Removes a user with their sessions, API keys, links, team memberships and roles',
      permission: { object: 'user.delete', find: findUser },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'conflict'],
      audit: 'user.deleted',
      changes: 'access',
      async handle(c) {
        const person = await load(c.tx, c.params.uid)
        if (!person.ok) return person
        const removed = await removeUser(c, person.value.uid)
        return removed.ok ? ok({ body: undefined, resource: resourceOf(person.value) }) : removed
      },
    }),
    endpoint({
      route: 'PATCH /v1/users/{uid}/status/loginMode',
      summary: 'Chooses where a user lands after signing in',
      permission: { object: 'user.update', find: findUser, orOwn: isSelf },
      params: uidPath,
      body: wire.loginModeUpdate,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'user.updated',
      async handle(c) {
        const person = await load(c.tx, c.params.uid)
        if (!person.ok) return person
        const { loginMode } = c.body
        const changed = await changeUser(
          ports,
          c,
          person.value,
          { loginMode },
          c.access.allows('user.update', inTenant),
        )
        if (!changed.ok) return changed
        return ok({ body: undefined, resource: resourceOf(person.value), details: changed.value })
      },
    }),
  ]
}

const inTenant = { kind: 'tenant' } as const

const resourceOf = (person: Person) => ({ uid: person.uid, name: fullName(person) })

const columns = {
  'metadata.name': { text: ({ name }: DirectoryEntry) => name, folded: ({ nameKey }: DirectoryEntry) => nameKey },
  'metadata.uid': ({ uid }: DirectoryEntry) => uid,
  'spec.emailId': { text: ({ email }: DirectoryEntry) => email, folded: ({ emailKey }: DirectoryEntry) => emailKey },
  'metadata.creationTimestamp': ({ createdAt }: DirectoryEntry) => createdAt.getTime(),
}
const summaryColumns = { name: columns['metadata.name'], creationTimestamp: columns['metadata.creationTimestamp'] }

function patchableUser(person: Person): Json {
  return {
    metadata: { labels: { ...person.labels }, annotations: { ...person.annotations } },
    spec: { emailId: person.email, firstName: person.firstName, lastName: person.lastName },
    status: { isActive: person.state === 'active', loginMode: person.loginMode },
  }
}

function isPatchable([part, member, key, ...more]: readonly string[]): boolean {
  if (more.length > 0 || member === undefined) return false
  if (part === 'metadata' && member === 'labels') return true
  if (part === 'metadata' && member === 'annotations') return key === undefined || !isReservedAnnotation(key)
  if (key !== undefined) return false
  return part === 'spec'
    ? ['emailId', 'firstName', 'lastName'].includes(member)
    : part === 'status' && ['isActive', 'loginMode'].includes(member)
}

function parsePatched(document: Json): Result<UserChanges, string> {
  const parsed = wire.patchedUser.safeParse(document)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return err(`/${issue?.path.join('/')}: ${issue?.message}`)
  }
  const { metadata, spec, status } = parsed.data
  return ok({
    email: spec.emailId,
    firstName: spec.firstName,
    lastName: spec.lastName,
    labels: metadata.labels,
    annotations: clientAnnotations(metadata.annotations),
    isActive: status.isActive,
    loginMode: status.loginMode,
  })
}
