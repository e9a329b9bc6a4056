import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, UserUid } from '../../contract/ids.ts'
import { type PredefinedRole, predefinedRole } from '../../contract/roles.ts'
import * as wire from '../../contract/wire/administrators.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { type Administrator, readAdministrators } from './administrator-store.ts'
import type { PeoplePorts } from './ports.ts'
import { metadataAnswer } from './user-answers.ts'
import { isSelf } from './user-routes.ts'
import { countUsers, deleteUser, fullName, insertUser, updateUser } from './user-store.ts'

type Listed = Administrator & { readonly adminType: 'AccountAdmin' | 'OperationAdmin' }

/** The root administrator is not among them: nobody removes it, resets its password or makes another. */
const isListed = (one: Administrator): one is Listed => one.adminType !== 'root'

const roleOf: Readonly<Record<Listed['adminType'], PredefinedRole>> = {
  AccountAdmin: predefinedRole('Account Administrator'),
  OperationAdmin: predefinedRole('Operations Administrator'),
}

/** System administrators: who they are, made by those who may do all that they may. */
export function administratorEndpoints(ports: PeoplePorts): readonly Endpoint[] {
  const { keys, links } = ports

  async function load(tx: Tx, uid: string): Promise<Result<Listed, Refusal>> {
    // What is no UID may hold what no query takes.
    if (!UserUid.safeParse(uid).success) return err(refuse('not_found'))
    const [found] = (await readAdministrators(tx, await keys.of(tx.tenant), uid)).filter(isListed)
    return found ? ok(found) : err(refuse('not_found'))
  }

  async function findAdministrator({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
    if (tx.tenant !== systemTenant) return undefined
    const found = await load(tx, params.uid)
    if (!found.ok) return undefined
    return { kind: 'user', uid: found.value.person.uid, scope: { kind: 'system' } } satisfies Target
  }

  async function answer(
    { tx, access, principal }: { readonly tx: Tx; readonly access: RequestAccess; readonly principal: Principal },
    one: Listed,
  ): Promise<z.input<typeof wire.administrator>> {
    const { person, adminType, passwordSetAt } = one
    const awaited = person.state === 'pending' || person.passwordResetting
    // Who may read it could as well sign in as this person.
    const mayHave = awaited && access.allows('systemAdmin.update', inSystem) && access.coversUser(person.uid).ok
    const link = mayHave ? await links.show(tx, person.uid, principal) : ''
    const life = link === '' ? undefined : (await links.lives(tx, [person.uid])).get(person.uid)
    return {
      metadata: metadataAnswer(person, { tenant: tx.tenant }),
      spec: { firstName: person.firstName, lastName: person.lastName, emailId: person.email, adminType },
      status: {
        activation: { link, expiry: wireTime(life?.expiresAt) },
        lastPasswordUpdate: wireTime(passwordSetAt),
        lastSignIn: wireTime(person.lastSignInAt),
        state: person.state,
      },
    }
  }

  return [
    endpoint({
      route: 'GET /v1/system/admins',
      summary: 'Lists the system administrators beside the root',
      permission: { system: 'systemAdmin.list' },
      reply: { status: 200, body: wire.administrators },
      refusals: [],
      audit: 'refusals-only',
      async handle(c) {
        const { tx } = c
        const items = []
        for (const one of (await readAdministrators(tx, await keys.of(tx.tenant))).filter(isListed))
          items.push(await answer(c, one))
        return ok({ body: { items } })
      },
    }),
    endpoint({
      route: 'POST /v1/system/admins',
      summary:
        'Creates a system administrator, who activates the account with a link; nobody makes one who may do more',
      permission: { system: 'systemAdmin.create' },
      body: wire.newAdministrator,
      reply: { status: 201, body: uidReply },
      refusals: ['user_taken', 'exceeds_own_rights', 'resource_limit'],
      audit: 'user.created',
      changes: 'access',
      async handle({ tx, body: { metadata, spec }, access, now }) {
        const covered = access.coversRoles([{ roleUid: roleOf[spec.adminType].uid, scope: inSystem }])
        if (!covered.ok) return covered
        const room = await hasRoom(tx, 'systemadmin', () => countUsers(tx))
        if (!room.ok) return room
        const { emailId: email, firstName, lastName, adminType } = spec
        const inserted = await insertUser(
          tx,
          { sealer: await keys.of(tx.tenant), directoryIndex: keys.directoryIndex },
          {
            ...{ email, firstName, lastName, adminType, state: 'pending' },
            labels: metadata?.labels ?? {},
            annotations: clientAnnotations(metadata?.annotations ?? {}),
          },
          now,
        )
        if (!inserted.ok) return inserted
        const uid = inserted.value
        await links.create(tx, uid, 'activate')
        return ok({ body: { uid }, resource: { uid, name: fullName(spec) }, details: { adminType } })
      },
    }),
    endpoint({
      route: 'GET /v1/system/admins/{uid}',
      summary: 'Reads a system administrator',
      permission: { object: 'systemAdmin.get', find: findAdministrator, orOwn: isSelf },
      params: uidPath,
      reply: { status: 200, body: wire.administrator },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await load(c.tx, c.params.uid)
        return found.ok ? ok({ body: await answer(c, found.value) }) : found
      },
    }),
    endpoint({
      route: 'PATCH /v1/system/admins/{uid}/profile',
      summary: 'Changes the names of a system administrator',
      permission: { object: 'systemAdmin.update', find: findAdministrator, orOwn: isSelf },
      params: uidPath,
      body: wire.administratorProfile,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'user.updated',
      changes: 'access',
      async handle({ tx, params, body: { metadata, spec }, now }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const { person } = found.value
        const changes = {
          ...(spec.firstName ? { firstName: spec.firstName } : {}),
          ...(typeof spec.lastName === 'string' ? { lastName: spec.lastName } : {}),
          ...(metadata?.labels ? { labels: metadata.labels } : {}),
          ...(metadata?.annotations ? { annotations: clientAnnotations(metadata.annotations) } : {}),
        }
        const sealing = { sealer: await keys.of(tx.tenant), directoryIndex: keys.directoryIndex }
        const updated = await updateUser(tx, sealing, person.uid, changes, now)
        if (!updated.ok) return updated
        const resource = { uid: person.uid, name: fullName(person) }
        return ok({ body: undefined, resource, details: { changed: Object.keys(changes) } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/system/admins/{uid}',
      summary: 'Removes a system administrator with their sessions, API keys and links',
      permission: { object: 'systemAdmin.delete', find: findAdministrator },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'conflict'],
      audit: 'user.deleted',
      changes: 'access',
      async handle({ tx, params, principal }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const { person } = found.value
        if (person.uid === principal.user)
          return err(refuse('conflict', 'Nobody deletes themselves; ask another administrator'))
        await deleteUser(tx, person.uid)
        return ok({ body: undefined, resource: { uid: person.uid, name: fullName(person) } })
      },
    }),
    endpoint({
      route: 'GET /v1/system/users/me',
      summary: 'The system administrator who calls',
      permission: { signedIn: 'their own account' },
      reply: { status: 200, body: wire.systemMe },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, principal }) {
        const [own] = await readAdministrators(tx, await keys.of(tx.tenant), principal.user)
        if (!own) return err(refuse('not_found', 'This is for system administrators; yours is GET /v1/users/me'))
        const { person, adminType, passwordSetAt } = own
        return ok({
          body: {
            metadata: metadataAnswer(person, { tenant: tx.tenant }),
            spec: { adminType, emailId: person.email },
            status: {
              // The name of a system administrator is their address; nothing has been mailed to it to prove it.
              ...{ isEmailSet: true, isEmailVerified: false, isMfaEnabled: false },
              isPasswordReset: person.passwordResetting,
              lastLoginTime: wireTime(person.lastSignInAt),
              lastPasswordUpdateTime: wireTime(passwordSetAt),
            },
          },
        })
      },
    }),
  ]
}

const inSystem = { kind: 'system' } as const
